//! What is inside a fact, by kind and version.
//!
//! The names and shapes here are what is stored. A shape that was ever stored stays readable: to change one, add a new
//! version, teach [`upcast`] to lift the old one, and freeze a sample of it in `samples/`. Seats are stored by label,
//! so that a fact can be read without its chart.

use std::borrow::Cow;

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::plan::{Row, Section};
use fullhouse_domain::{Chart, Currency, Event, Money, Plan, ReservationId, SeatIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fact::{FactKind, NewFact, StoredFact};
use crate::time::Instant;

pub mod people;
pub mod room;

pub use room::WaitingRoomData;

/// Why a stored fact can't be read.
#[derive(Debug, thiserror::Error)]
#[error("fact {log_position} ({kind} version {version}) can't be read: {reason}")]
pub struct UnreadableFact {
    /// Which fact.
    pub log_position: u64,
    /// What kind.
    pub kind: &'static str,
    /// The version of its data.
    pub version: u16,
    /// What is wrong.
    pub reason: String,
}

/// `show_scheduled`, version 3. Version 1 had no rings, version 2 no rules of a waiting room but its limit.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the members are those of fullhouse_domain::Plan, documented there")]
pub struct ShowScheduled {
    pub title: String,
    pub description: String,
    pub starts_at: Instant,
    pub on_sale_at: Option<Instant>,
    pub hold_seconds: u32,
    pub max_seats_per_reservation: u32,
    pub waiting_room: Option<WaitingRoomData>,
    pub sections: Vec<SectionData>,
}

/// See [`Section`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct SectionData {
    pub name: String,
    pub ring: Option<u32>,
    pub price: MoneyData,
    pub rows: Vec<RowData>,
}

/// See [`Money`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct MoneyData {
    pub amount: i64,
    pub currency: String,
}

/// See [`Row`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct RowData {
    pub name: String,
    pub seats: u32,
}

/// The label of a seat, read where it stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label<'a>(#[serde(borrow)] Cow<'a, str>);

impl Label<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `seats_held`, version 1. The holder is the subject of the envelope.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct SeatsHeld<'a> {
    #[serde(borrow)]
    pub reservation_id: Cow<'a, str>,
    #[serde(borrow)]
    #[schemars(with = "Vec<String>")]
    pub seats: Vec<Label<'a>>,
    pub expires_at: Instant,
}

/// `seats_reserved`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct SeatsReserved<'a> {
    #[serde(borrow)]
    pub reservation_id: Cow<'a, str>,
    #[serde(borrow)]
    #[schemars(with = "Vec<String>")]
    pub seats: Vec<Label<'a>>,
    #[serde(borrow)]
    pub payment_reference: Cow<'a, str>,
}

/// `hold_released` and `hold_expired`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "documented in the domain")]
pub struct HoldEnded<'a> {
    #[serde(borrow)]
    pub reservation_id: Cow<'a, str>,
    #[serde(borrow)]
    #[schemars(with = "Vec<String>")]
    pub seats: Vec<Label<'a>>,
}

/// The version that is written today.
pub const fn current_version(kind: FactKind) -> u16 {
    match kind {
        FactKind::ShowScheduled => 3,
        FactKind::SeatsHeld
        | FactKind::SeatsReserved
        | FactKind::HoldReleased
        | FactKind::HoldExpired
        | FactKind::RoomChanged
        | FactKind::LineDrawn
        | FactKind::RoomOpened
        | FactKind::RoomMoved
        | FactKind::RoomClosed
        | FactKind::PersonForgotten => 1,
    }
}

/// Lifts data by one version. Nothing, when there is no such older version.
pub fn upcast(kind: FactKind, version: u16, mut data: Value) -> Option<Value> {
    match (kind, version) {
        (FactKind::ShowScheduled, 1) => {
            for section in data.get_mut("sections")?.as_array_mut()? {
                section.as_object_mut()?.insert("ring".into(), Value::Null);
            }
            Some(data)
        }
        (FactKind::ShowScheduled, 2) => {
            if let Some(room) = data.get_mut("waiting_room")?.as_object_mut() {
                // No release that wrote version 2 ran a waiting room: the usual times are as good as any.
                let max_active = u32::try_from(room.get("max_active")?.as_u64()?).ok()?;
                let usual = serde_json::to_value(WaitingRoomData::from(WaitingRoom::of(max_active))).ok()?;
                *room = usual.as_object()?.clone();
            }
            Some(data)
        }
        _ => None,
    }
}

/// The fact that an event is stored as. Events that name seats need the chart that labels them.
pub fn encode(event: &Event, chart: Option<&Chart>) -> NewFact {
    let labels = || {
        let chart = chart.expect("a show has a chart before anything happens to its seats");
        event.seats().iter().map(|&seat| Label(chart.label(seat).into())).collect()
    };
    let (kind, data) = match event {
        Event::ShowScheduled(plan) => (FactKind::ShowScheduled, to_json(&ShowScheduled::from_plan(plan))),
        Event::SeatsHeld { reservation, expires_at, .. } => {
            let data = SeatsHeld { reservation_id: reservation.as_str().into(), seats: labels(), expires_at: Instant(*expires_at) };
            (FactKind::SeatsHeld, to_json(&data))
        }
        Event::SeatsReserved { reservation, payment_reference, .. } => {
            let (reservation_id, payment_reference) = (reservation.as_str().into(), payment_reference.as_str().into());
            (FactKind::SeatsReserved, to_json(&SeatsReserved { reservation_id, seats: labels(), payment_reference }))
        }
        Event::HoldReleased { reservation, .. } => {
            (FactKind::HoldReleased, to_json(&HoldEnded { reservation_id: reservation.as_str().into(), seats: labels() }))
        }
        Event::HoldExpired { reservation, .. } => {
            (FactKind::HoldExpired, to_json(&HoldEnded { reservation_id: reservation.as_str().into(), seats: labels() }))
        }
        Event::Room(event) => room::encode(event),
    };
    NewFact { kind, version: current_version(kind), data, touches: event.touches().to_vec() }
}

fn to_json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("text, numbers and lists always serialize")
}

/// The event of a show that a stored fact tells of, whatever version it was written in. A fact that is about no show tells of none
/// ([`StoredFact::is_of_a_show`]).
pub fn decode(fact: &StoredFact) -> Result<Event, UnreadableFact> {
    decode_with_labels(fact).map(|(event, _)| event)
}

/// The same, with the labels of the seats that the fact names, one for each seat of the event. Whether they are the seats' own is not
/// checked: that needs the chart.
pub fn decode_with_labels(fact: &StoredFact) -> Result<(Event, Vec<Label<'_>>), UnreadableFact> {
    let unreadable =
        |reason: String| UnreadableFact { log_position: fact.log_position, kind: fact.kind.as_str(), version: fact.version, reason };
    if fact.version == current_version(fact.kind) {
        return decode_current(fact).map_err(unreadable);
    }
    // Only shows were ever scheduled otherwise than today, and those name no labels.
    let decoded = upcast_to_current(fact).and_then(|data| decode_scheduled(fact.kind, &data));
    decoded.map(|event| (event, Vec::new())).map_err(unreadable)
}

/// Whether a fact is about this reservation, whatever version it was written in.
pub fn names_reservation(fact: &StoredFact, reservation_id: &str) -> bool {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default)]
        reservation_id: Cow<'a, str>,
    }
    serde_json::from_str::<Named<'_>>(&fact.data).is_ok_and(|named| named.reservation_id == reservation_id)
}

/// What a fact's data says about a reservation, whatever its kind and version.
#[derive(Debug, Default, Deserialize)]
pub struct Said {
    /// Which reservation.
    pub reservation_id: Option<String>,
    /// The labels of its seats.
    #[serde(default)]
    pub seats: Vec<String>,
    /// The end of its hold.
    pub expires_at: Option<Instant>,
    /// How its payment is known elsewhere.
    pub payment_reference: Option<String>,
}

impl Said {
    /// What this fact says; nothing, when it can't be read.
    pub fn of(fact: &StoredFact) -> Self {
        serde_json::from_str(&fact.data).unwrap_or_default()
    }
}

/// The labels of the seats that a fact names, whatever version it was written in; none, when it can't be read.
pub fn seat_labels(fact: &StoredFact) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        seats: Vec<String>,
    }
    serde_json::from_str::<Named>(&fact.data).ok().map(|named| named.seats)
}

fn upcast_to_current(fact: &StoredFact) -> Result<String, String> {
    let current = current_version(fact.kind);
    if fact.version > current {
        return Err(format!("it was written by a newer release; this one reads up to version {current}"));
    }
    let mut data: Value = serde_json::from_str(&fact.data).map_err(|error| error.to_string())?;
    for version in fact.version..current {
        data = upcast(fact.kind, version, data).ok_or_else(|| format!("version {version} can't be lifted to {}", version + 1))?;
    }
    Ok(data.to_string())
}

fn decode_scheduled(kind: FactKind, data: &str) -> Result<Event, String> {
    match kind {
        FactKind::ShowScheduled => Ok(Event::ShowScheduled(Box::new(from_json::<ShowScheduled>(data)?.into_plan()?))),
        other => Err(format!("there is only one version of `{}`", other.as_str())),
    }
}

fn decode_current(fact: &StoredFact) -> Result<(Event, Vec<Label<'_>>), String> {
    let (seats, data) = (fact.touches.clone(), fact.data.as_str());
    Ok(match fact.kind {
        FactKind::ShowScheduled => (decode_scheduled(fact.kind, data)?, Vec::new()),
        FactKind::SeatsHeld => {
            let SeatsHeld { reservation_id, seats: labels, expires_at } = from_json(data)?;
            let subject = fact.subject.clone().ok_or("a hold has no subject")?;
            let (reservation, seats) = (reservation_id_of(&reservation_id)?, counted(seats, &labels)?);
            (Event::SeatsHeld { reservation, subject, seats, expires_at: expires_at.0 }, labels)
        }
        FactKind::SeatsReserved => {
            let SeatsReserved { reservation_id, seats: labels, payment_reference } = from_json(data)?;
            let (reservation, seats) = (reservation_id_of(&reservation_id)?, counted(seats, &labels)?);
            (Event::SeatsReserved { reservation, seats, payment_reference: payment_reference.into_owned() }, labels)
        }
        FactKind::HoldReleased => {
            let HoldEnded { reservation_id, seats: labels } = from_json(data)?;
            (Event::HoldReleased { reservation: reservation_id_of(&reservation_id)?, seats: counted(seats, &labels)? }, labels)
        }
        FactKind::HoldExpired => {
            let HoldEnded { reservation_id, seats: labels } = from_json(data)?;
            (Event::HoldExpired { reservation: reservation_id_of(&reservation_id)?, seats: counted(seats, &labels)? }, labels)
        }
        FactKind::RoomChanged | FactKind::LineDrawn | FactKind::RoomOpened | FactKind::RoomMoved | FactKind::RoomClosed => {
            (Event::Room(room::decode(fact.kind, data)?), Vec::new())
        }
        FactKind::PersonForgotten => return Err("it is about no show".into()),
    })
}

fn from_json<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

fn reservation_id_of(text: &str) -> Result<ReservationId, String> {
    ReservationId::parse(text).ok_or_else(|| format!("`{text}` is not a reservation id"))
}

/// The labels are what people read, the numbers what is folded; `verify` compares them one by one with the chart.
fn counted(touches: Vec<SeatIndex>, labels: &[Label<'_>]) -> Result<Vec<SeatIndex>, String> {
    if touches.len() == labels.len() { Ok(touches) } else { Err("it touches other seats than it names".into()) }
}

impl ShowScheduled {
    /// The stored form of a plan.
    pub fn from_plan(plan: &Plan) -> Self {
        Self {
            title: plan.title.clone(),
            description: plan.description.clone(),
            starts_at: Instant(plan.starts_at),
            on_sale_at: plan.on_sale_at.map(Instant),
            hold_seconds: plan.hold_seconds,
            max_seats_per_reservation: plan.max_seats_per_reservation,
            waiting_room: plan.waiting_room.map(WaitingRoomData::from),
            sections: plan.sections.iter().map(SectionData::from_section).collect(),
        }
    }

    fn into_plan(self) -> Result<Plan, String> {
        Ok(Plan {
            title: self.title,
            description: self.description,
            starts_at: self.starts_at.0,
            on_sale_at: self.on_sale_at.map(|instant| instant.0),
            hold_seconds: self.hold_seconds,
            max_seats_per_reservation: self.max_seats_per_reservation,
            waiting_room: self.waiting_room.map(WaitingRoomData::into_room).transpose()?,
            sections: self.sections.into_iter().map(SectionData::into_section).collect::<Result<_, _>>()?,
        })
    }
}

impl SectionData {
    fn from_section(section: &Section) -> Self {
        Self {
            name: section.name.clone(),
            ring: section.ring,
            price: MoneyData { amount: section.price.amount, currency: section.price.currency.as_str().into() },
            rows: section.rows.iter().map(|row| RowData { name: row.name.clone(), seats: row.seats }).collect(),
        }
    }

    fn into_section(self) -> Result<Section, String> {
        let currency = Currency::parse(&self.price.currency).ok_or_else(|| format!("`{}` is not a currency", self.price.currency))?;
        Ok(Section {
            name: self.name,
            ring: self.ring,
            price: Money { amount: self.price.amount, currency },
            rows: self.rows.into_iter().map(|row| Row { name: row.name, seats: row.seats }).collect(),
        })
    }
}

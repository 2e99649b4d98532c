//! Bodies of requests and answers.

use std::time::Duration;

use fullhouse_domain::plan::{NAME_CHARACTERS_MAX, Row, Section, WaitingRoom};
use fullhouse_domain::show::Reservation;
use fullhouse_domain::{Chart, Currency, Money, Plan, ReservationStatus, SeatIndex, SeatStatus, Show, ShowId, Timestamp, Wanted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::object::{object, objects, optional_object};
use crate::problem::{Code, Problem};
use crate::queue::{QueueSummaryBody, WaitingRoomBody};
use crate::time::Instant;

/// The largest body of `POST /events`, in bytes.
pub const SHOW_BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest body of any other request, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// The longest label of a seat, in characters: two names, a number of up to four digits, and what joins them.
const LABEL_CHARACTERS_MAX: usize = 2 * NAME_CHARACTERS_MAX + 6;
/// The longest payment reference, in characters.
pub const PAYMENT_REFERENCE_CHARACTERS_MAX: usize = 255;

/// An amount of money in minor units, with its ISO 4217 code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyBody {
    /// Minor units, such as cents.
    #[schema(example = 4500)]
    pub amount: i64,
    /// Three capital letters.
    #[schema(example = "EUR")]
    pub currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency.as_str().into() }
    }
}

/// The body of `POST /events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleShowBody {
    /// What people read on the poster.
    #[schema(example = "Hamlet")]
    pub title: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// When the show begins.
    #[schema(value_type = String, format = DateTime, example = "2027-01-31T19:30:00Z")]
    pub starts_at: Instant,
    /// Before this no seat can be held; absent or null: on sale at once.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub on_sale_at: Option<Instant>,
    /// How long seats are held, in seconds.
    #[serde(default = "default_hold_seconds")]
    #[schema(minimum = 1, maximum = 604800, default = 600)]
    pub hold_seconds: u32,
    /// How many seats one reservation may have.
    #[serde(default = "default_max_seats")]
    #[schema(minimum = 1, maximum = 50, default = 10)]
    pub max_seats_per_reservation: u32,
    /// A limit of shoppers at a time.
    #[serde(default, deserialize_with = "optional_object")]
    pub waiting_room: Option<WaitingRoomBody>,
    /// The hall, from the stage outwards. Up to 100,000 seats.
    #[serde(deserialize_with = "objects")]
    pub sections: Vec<SectionBody>,
}

fn default_hold_seconds() -> u32 {
    600
}

fn default_max_seats() -> u32 {
    10
}

/// A part of the hall whose seats have one price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionBody {
    /// Unique within the show.
    #[schema(example = "Stalls")]
    pub name: String,
    /// Sections of one ring stand side by side around the stage. Absent or null: behind the section before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<u32>,
    /// Of each of its seats.
    #[serde(deserialize_with = "object")]
    pub price: MoneyBody,
    /// From the stage outwards.
    #[serde(deserialize_with = "objects")]
    pub rows: Vec<RowBody>,
}

/// One row of seats, numbered from 1.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowBody {
    /// Unique within its section.
    #[schema(example = "A")]
    pub name: String,
    /// How many.
    #[schema(minimum = 1, maximum = 1000, example = 20)]
    pub seats: u32,
}

impl ScheduleShowBody {
    /// The plan that this body describes. What makes a plan faulty is decided by the domain; only what it can't express
    /// is refused here.
    pub fn into_plan(self) -> Result<Plan, Problem> {
        let sections = self.sections.into_iter().enumerate().map(|(at, section)| section.into_section(at)).collect::<Result<_, _>>()?;
        Ok(Plan {
            title: self.title,
            description: self.description,
            starts_at: self.starts_at.0,
            on_sale_at: self.on_sale_at.map(|instant| instant.0),
            hold_seconds: self.hold_seconds,
            max_seats_per_reservation: self.max_seats_per_reservation,
            waiting_room: self.waiting_room.map(WaitingRoom::from),
            sections,
        })
    }
}

impl SectionBody {
    fn into_section(self, at: usize) -> Result<Section, Problem> {
        let currency = Currency::parse(&self.price.currency).ok_or_else(|| {
            Problem::new(
                Code::UnprocessableContent,
                format!("sections[{at}].price.currency: `{}` is not three capital letters such as EUR.", self.price.currency),
            )
        })?;
        Ok(Section {
            name: self.name,
            ring: self.ring,
            price: Money { amount: self.price.amount, currency },
            rows: self.rows.into_iter().map(|row| Row { name: row.name, seats: row.seats }).collect(),
        })
    }
}

/// A show.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShowBody {
    /// Its name in paths.
    pub event_id: String,
    /// What people read on the poster.
    pub title: String,
    /// Free text.
    pub description: String,
    /// When the show begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Instant,
    /// Before this no seat can be held.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub on_sale_at: Option<Instant>,
    /// How long seats are held, in seconds.
    pub hold_seconds: u32,
    /// How many seats one reservation may have.
    pub max_seats_per_reservation: u32,
    /// A limit of shoppers at a time.
    pub waiting_room: Option<WaitingRoomBody>,
    /// The hall.
    pub sections: Vec<SectionBody>,
}

impl ShowBody {
    /// A show as planned.
    pub fn new(show: &ShowId, plan: &Plan) -> Self {
        Self {
            event_id: show.to_string(),
            title: plan.title.clone(),
            description: plan.description.clone(),
            starts_at: Instant(plan.starts_at),
            on_sale_at: plan.on_sale_at.map(Instant),
            hold_seconds: plan.hold_seconds,
            max_seats_per_reservation: plan.max_seats_per_reservation,
            waiting_room: plan.waiting_room.map(WaitingRoomBody::from),
            sections: plan
                .sections
                .iter()
                .map(|section| SectionBody {
                    name: section.name.clone(),
                    ring: section.ring,
                    price: section.price.into(),
                    rows: section.rows.iter().map(|row| RowBody { name: row.name.clone(), seats: row.seats }).collect(),
                })
                .collect(),
        }
    }
}

/// A show and how many of its seats are free.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShowWithCountsBody {
    /// The show.
    #[serde(flatten)]
    pub show: ShowBody,
    /// The position that the counts are true at.
    pub position: u64,
    /// Seats by status.
    pub counts: Counts,
}

/// A page of shows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShowsBody {
    /// In the order in which they were scheduled.
    pub events: Vec<ShowWithCountsBody>,
    /// Send this as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// How many seats have which status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Anybody may hold them.
    pub available: u32,
    /// Held for somebody.
    pub pending: u32,
    /// Sold.
    pub reserved: u32,
}

impl Counts {
    /// Those of a show.
    pub fn of_show(show: &Show) -> Self {
        let (available, pending) = (show.available(), show.pending());
        Self { available, pending, reserved: show.chart().seats() - available - pending }
    }

    /// The counter of a status.
    pub fn of(&mut self, status: SeatStatus) -> &mut u32 {
        match status {
            SeatStatus::Available => &mut self.available,
            SeatStatus::Pending => &mut self.pending,
            SeatStatus::Reserved => &mut self.reserved,
        }
    }
}

/// The layout of a show. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChartBody {
    /// Whose it is.
    pub event_id: String,
    /// The unit of x and y: `cm`.
    pub unit: String,
    /// Where the stage is drawn.
    pub stage: StageBody,
    /// In chart order.
    pub seats: Vec<ChartSeatBody>,
}

/// A rectangle for the stage.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StageBody {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// To the right.
    pub width: i32,
    /// Towards the hall.
    pub height: i32,
}

/// One seat of the layout.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChartSeatBody {
    /// Its label.
    #[schema(example = "Stalls-A-1")]
    pub seat: String,
    /// Its section.
    pub section: String,
    /// Its row.
    pub row: String,
    /// Its number in the row.
    pub number: u32,
    /// What it costs.
    pub price: MoneyBody,
    /// Centimetres to the right of the middle of the stage.
    pub x: i32,
    /// Centimetres away from the stage.
    pub y: i32,
}

impl ChartBody {
    /// The layout of a show.
    pub fn new(show: &ShowId, chart: &Chart) -> Self {
        let stage = chart.stage();
        Self {
            event_id: show.to_string(),
            unit: "cm".into(),
            stage: StageBody { x: stage.x, y: stage.y, width: stage.width, height: stage.height },
            seats: (0..chart.seats())
                .map(|seat| {
                    let (row, number) = chart.row_and_number(seat);
                    let (x, y) = chart.place(seat);
                    let section = chart.section_of(seat);
                    ChartSeatBody {
                        seat: chart.label(seat),
                        section: section.name.clone(),
                        row: row.into(),
                        number,
                        price: section.price.into(),
                        x,
                        y,
                    }
                })
                .collect(),
        }
    }
}

/// The seats of a show and their status.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeatsBody {
    /// Whose they are.
    pub event_id: String,
    /// The position that this is true at.
    pub position: u64,
    /// Seats by status.
    pub counts: Counts,
    /// In chart order.
    pub seats: Vec<SeatBody>,
    /// The waiting room, if the show has one. Seats are held with a pass of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueSummaryBody>,
}

/// One seat.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeatBody {
    /// Its label.
    pub seat: String,
    /// Its section.
    pub section: String,
    /// Its row.
    pub row: String,
    /// Its number in the row.
    pub number: u32,
    /// What it costs.
    pub price: MoneyBody,
    /// `available`, `pending` or `reserved`.
    #[schema(example = "available")]
    pub status: String,
}

impl SeatsBody {
    /// The map of a show, given every seat's status in chart order.
    pub fn new(show: &ShowId, chart: &Chart, position: u64, counts: Counts, statuses: &[SeatStatus]) -> Self {
        let seats = (0..chart.seats())
            .zip(statuses)
            .map(|(seat, status)| {
                let (row, number) = chart.row_and_number(seat);
                let section = chart.section_of(seat);
                SeatBody {
                    seat: chart.label(seat),
                    section: section.name.clone(),
                    row: row.into(),
                    number,
                    price: section.price.into(),
                    status: status.as_str().into(),
                }
            })
            .collect();
        Self { event_id: show.to_string(), position, counts, seats, queue: None }
    }
}

/// The same in one letter per seat: `a`vailable, `p`ending, `r`eserved, in chart order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CompactSeatsBody {
    /// The position that this is true at.
    pub position: u64,
    /// Seats by status.
    pub counts: Counts,
    /// One letter per seat.
    #[schema(example = "aaprr")]
    pub statuses: String,
    /// The waiting room, if the show has one; not in the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueSummaryBody>,
}

/// One letter for each status, in the order given.
pub fn statuses_text(statuses: &[SeatStatus]) -> String {
    let letter = |status: &SeatStatus| match status {
        SeatStatus::Available => 'a',
        SeatStatus::Pending => 'p',
        SeatStatus::Reserved => 'r',
    };
    statuses.iter().map(letter).collect()
}

/// The body of `POST /reserve`: either `seats` or `best_available`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// Of which show.
    pub event_id: String,
    /// These seats, by label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<Vec<String>>,
    /// Or the best ones, side by side, chosen by the server.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_object")]
    pub best_available: Option<BestAvailableBody>,
}

/// How many seats, and where.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BestAvailableBody {
    /// How many.
    #[schema(minimum = 1, example = 2)]
    pub count: u32,
    /// Only in this section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
}

impl ReserveBody {
    /// Which seats are wanted.
    pub fn wanted(&self) -> Result<Wanted, Problem> {
        // A refusal is kept for its key, with the labels in it. What no chart can have is refused before anything is kept.
        let labels = self.seats.iter().flatten().map(|label| (label, LABEL_CHARACTERS_MAX));
        let section = self.best_available.iter().flat_map(|best| &best.section).map(|section| (section, NAME_CHARACTERS_MAX));
        if let Some((_, max)) = labels.chain(section).find(|(name, max)| name.chars().count() > *max) {
            return Err(Problem::new(Code::UnprocessableContent, format!("A name is longer than {max} characters; none in a hall is.")));
        }
        match (&self.seats, &self.best_available) {
            (Some(seats), None) => Ok(Wanted::Seats(seats.clone())),
            (None, Some(best)) => Ok(Wanted::BestAvailable { count: best.count, section: best.section.clone() }),
            (None, None) => Err(Problem::new(Code::NoSeats, "Send either `seats` or `best_available`.")),
            (Some(_), Some(_)) => Err(Problem::new(Code::UnprocessableContent, "Send either `seats` or `best_available`, not both.")),
        }
    }
}

/// The body of `POST /reserve/{id}/checkout`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckoutBody {
    /// How the payment is known to whoever took it: 1 to 255 characters, and nothing personal.
    #[schema(min_length = 1, max_length = 255)]
    pub payment_reference: String,
}

impl CheckoutBody {
    /// The reference, when it is one.
    pub fn checked(self) -> Result<String, Problem> {
        let characters = self.payment_reference.chars().count();
        if (1..=PAYMENT_REFERENCE_CHARACTERS_MAX).contains(&characters) && !self.payment_reference.chars().any(char::is_control) {
            return Ok(self.payment_reference);
        }
        let detail = format!("payment_reference must have 1 to {PAYMENT_REFERENCE_CHARACTERS_MAX} characters, and no control character.");
        Err(Problem::new(Code::UnprocessableContent, detail))
    }
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReservationBody {
    /// Its name in paths.
    pub reservation_id: String,
    /// Of which show.
    pub event_id: String,
    /// `pending`, then exactly one of `reserved`, `released`, `expired`.
    #[schema(example = "pending")]
    pub status: String,
    /// Its seats, with what each costs.
    pub seats: Vec<PricedSeatBody>,
    /// What they cost together.
    pub total: MoneyBody,
    /// The end of the hold.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
    /// Whole seconds until then; 0 when the hold is over.
    pub expires_in_seconds: u64,
    /// The position that gave it this status.
    pub position: u64,
    /// How its payment is known, once it is checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<String>,
}

/// A seat of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricedSeatBody {
    /// Its label.
    pub seat: String,
    /// What it costs.
    pub price: MoneyBody,
}

impl ReservationBody {
    /// A reservation as it stands at `now`.
    pub fn new(reservation: &Reservation, chart: &Chart, now: Timestamp) -> Self {
        let left = match reservation.status {
            ReservationStatus::Pending => now.until(reservation.expires_at),
            ReservationStatus::Reserved | ReservationStatus::Released | ReservationStatus::Expired => Duration::ZERO,
        };
        Self {
            reservation_id: reservation.id.to_string(),
            event_id: reservation.id.show().to_string(),
            status: reservation_status(reservation.status).into(),
            seats: priced(chart, &reservation.seats),
            total: chart.total(&reservation.seats).into(),
            expires_at: Instant(reservation.expires_at),
            expires_in_seconds: left.as_secs(),
            position: reservation.position,
            payment_reference: reservation.payment_reference.as_deref().map(str::to_owned),
        }
    }
}

fn priced(chart: &Chart, seats: &[SeatIndex]) -> Vec<PricedSeatBody> {
    seats.iter().map(|&seat| PricedSeatBody { seat: chart.label(seat), price: chart.price(seat).into() }).collect()
}

/// The word on the wire.
pub const fn reservation_status(status: ReservationStatus) -> &'static str {
    match status {
        ReservationStatus::Pending => "pending",
        ReservationStatus::Reserved => "reserved",
        ReservationStatus::Released => "released",
        ReservationStatus::Expired => "expired",
    }
}

/// A guest's token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionBody {
    /// For `Authorization: Bearer`.
    pub token: String,
    /// Who the token says you are.
    pub subject: String,
    /// When it stops working.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

/// One fact of the history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FactBody {
    /// Its place in the log.
    pub log_position: u64,
    /// Whose fact it is.
    pub event_id: String,
    /// Its place in its show's history.
    pub position: u64,
    /// `show_scheduled`, `seats_held`, `seats_reserved`, `hold_released` or `hold_expired`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of `data`.
    pub version: u16,
    /// By the clock of the log.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// The command that caused it.
    pub command_id: String,
    /// Who sent that command; null for a timer, and for the end of a hold that somebody else's command found to be over.
    pub subject: Option<String>,
    /// By kind and version; see the JSON Schemas.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// A page of facts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FactsBody {
    /// In order.
    pub facts: Vec<FactBody>,
    /// Send this as `after` for the next page; null when there was nothing more.
    pub next: Option<u64>,
}

/// What `/readyz` says.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadinessBody {
    /// `ready` or `not-ready`.
    pub status: String,
    /// What is missing; nothing when ready.
    pub missing: Vec<String>,
    /// What somebody must look at, though requests are served: sealing, when the log is not what was signed.
    pub troubles: Vec<String>,
}

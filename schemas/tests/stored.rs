//! What was ever stored stays readable: one frozen sample of every version, and the JSON Schema of what is written today.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::PathBuf;

use fullhouse_domain::plan::{Row, Section, WaitingRoom};
use fullhouse_domain::{
    Candidate, Chart, Currency, Event, Money, Plan, ROOM, ReservationId, RoomEvent, ShowId, Subject, Timestamp, TurnEnd,
};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::facts::people::{self, PersonForgotten};
use fullhouse_schemas::facts::room::{LineDrawn, RoomChanged, RoomClosed, RoomMoved, RoomOpened};
use fullhouse_schemas::facts::{HoldEnded, SeatsHeld, SeatsReserved, ShowScheduled, current_version, decode, encode};
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{CommandId, StoredFact};

fn path(folder: &str, kind: FactKind, version: u16, ending: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{}.v{version}.{ending}", kind.as_str()))
}

fn instant(text: &str) -> Timestamp {
    Instant::parse(text).unwrap().0
}

fn reservation() -> ReservationId {
    ReservationId::of_show(&ShowId::parse("local-7k2m").unwrap(), "x9").unwrap()
}

fn seed_sha256() -> [u8; 32] {
    fullhouse_schemas::draw::seed_sha256(&[9; 32])
}

fn plan(ring: Option<u32>, waiting_room: Option<WaitingRoom>) -> Plan {
    Plan {
        title: "Hamlet".into(),
        description: "A tragedy.".into(),
        starts_at: instant("2027-01-31T19:30:00Z"),
        on_sale_at: Some(instant("2026-12-01T09:00:00Z")),
        hold_seconds: 600,
        max_seats_per_reservation: 10,
        waiting_room,
        sections: vec![Section {
            name: "Stalls".into(),
            ring,
            price: Money { amount: 4_500, currency: Currency::parse("EUR").unwrap() },
            rows: vec![Row { name: "A".into(), seats: 3 }],
        }],
    }
}

/// What each frozen sample says.
fn meaning(kind: FactKind, version: u16) -> Event {
    let (reservation, seats) = (reservation(), vec![0, 1]);
    match (kind, version) {
        (FactKind::ShowScheduled, 1) => Event::ShowScheduled(Box::new(plan(None, None))),
        (FactKind::ShowScheduled, 2) => Event::ShowScheduled(Box::new(plan(Some(1), None))),
        (FactKind::ShowScheduled, 3) => {
            let room = WaitingRoom { seed_sha256: Some(seed_sha256()), idle_seconds: 240, ..WaitingRoom::of(500) };
            Event::ShowScheduled(Box::new(plan(Some(1), Some(room))))
        }
        (FactKind::RoomChanged, 1) => Event::Room(RoomEvent::Changed { max_active: 300, is_paused: true }),
        (FactKind::LineDrawn, 1) => Event::Room(RoomEvent::LineDrawn { members: vec![[1; 16], [0xab; 16]] }),
        (FactKind::RoomOpened, 1) => Event::Room(RoomEvent::Opened { seed: Some([9; 32]), last_entry: 3 }),
        (FactKind::RoomMoved, 1) => Event::Room(RoomEvent::Moved {
            admitted: vec![Candidate { number: 7, subject: Subject::parse("ann").unwrap() }],
            taken_up: vec![5, 6],
            ended: vec![(1, TurnEnd::NotTakenUp), (2, TurnEnd::Idle), (3, TurnEnd::SessionOver), (4, TurnEnd::Left)],
        }),
        (FactKind::RoomClosed, 1) => Event::Room(RoomEvent::Closed),
        (FactKind::SeatsHeld, 1) => {
            Event::SeatsHeld { reservation, subject: Subject::parse("ann").unwrap(), seats, expires_at: instant("2026-12-01T09:10:00.5Z") }
        }
        (FactKind::SeatsReserved, 1) => Event::SeatsReserved { reservation, seats, payment_reference: "pay-1".into() },
        (FactKind::HoldReleased, 1) => Event::HoldReleased { reservation, seats },
        (FactKind::HoldExpired, 1) => Event::HoldExpired { reservation, seats },
        (FactKind::PersonForgotten, _) => unreachable!("it is no event of a show"),
        unknown => panic!("say what a sample of {unknown:?} means"),
    }
}

fn stored(kind: FactKind, version: u16, data: &str) -> StoredFact {
    let touches = match kind {
        FactKind::ShowScheduled | FactKind::PersonForgotten => vec![],
        FactKind::SeatsHeld | FactKind::SeatsReserved | FactKind::HoldReleased | FactKind::HoldExpired => vec![0, 1],
        FactKind::RoomChanged | FactKind::LineDrawn | FactKind::RoomOpened | FactKind::RoomMoved | FactKind::RoomClosed => vec![ROOM],
    };
    StoredFact {
        log_position: 2,
        show: ShowId::parse("local-7k2m").unwrap(),
        position: 2,
        kind,
        version,
        recorded_at: instant("2026-12-01T09:00:00.5Z"),
        command_id: CommandId([7; 16]),
        subject: Subject::parse("ann"),
        data: data.into(),
        touches,
    }
}

/// Those that tell of an event of a show.
fn kinds_of_shows() -> impl Iterator<Item = FactKind> {
    FactKind::ALL.into_iter().filter(|kind| stored(*kind, 1, "{}").is_of_a_show())
}

#[test]
fn every_version_that_was_ever_stored_is_still_read() {
    for kind in kinds_of_shows() {
        for version in 1..=current_version(kind) {
            let path = path("samples", kind, version, "json");
            let sample = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
            assert_eq!(decode(&stored(kind, version, sample.trim())).unwrap(), meaning(kind, version), "{}", path.display());
        }
    }
}

#[test]
fn what_is_written_today_is_the_sample_of_the_newest_version() {
    let chart = Chart::new(&plan(Some(1), None));
    for kind in kinds_of_shows() {
        let version = current_version(kind);
        let written = encode(&meaning(kind, version), Some(&chart));
        let sample = std::fs::read_to_string(path("samples", kind, version, "json")).unwrap();
        assert_eq!(
            (written.kind, written.version, written.data.as_str()),
            (kind, version, sample.trim()),
            "a stored shape never changes: add a version"
        );
    }
}

#[test]
fn a_forgotten_person_is_named_by_nothing_but_the_subject() {
    let ann = Subject::parse("ann").unwrap();
    let sample = std::fs::read_to_string(path("samples", FactKind::PersonForgotten, 1, "json")).unwrap();
    assert_eq!(people::forgotten(&ann).data, sample.trim());
    let fact = stored(FactKind::PersonForgotten, 1, sample.trim());
    assert_eq!(people::forgotten_by(&fact).unwrap(), ann);
    decode(&fact).unwrap_err();
    people::forgotten_by(&StoredFact { version: 2, ..fact.clone() }).unwrap_err();
    people::forgotten_by(&StoredFact { kind: FactKind::SeatsHeld, ..fact }).unwrap_err();
}

#[test]
fn what_a_newer_release_wrote_is_refused_and_not_skipped() {
    let sample = std::fs::read_to_string(path("samples", FactKind::ShowScheduled, 3, "json")).unwrap();
    let error = decode(&stored(FactKind::ShowScheduled, 4, &sample)).unwrap_err().to_string();
    assert!(error.contains("newer release"), "{error}");
    assert_eq!(FactKind::parse("seats_painted"), None);
    let error = decode(&stored(FactKind::HoldReleased, 1, r#"{"reservation_id":"local-7k2m.x9","seats":["a","b"],"why":"?"}"#))
        .unwrap_err()
        .to_string();
    assert!(error.contains("unknown field `why`"), "{error}");
}

#[test]
fn the_canonical_bytes_and_their_hash_are_what_they_were() {
    let sample = std::fs::read_to_string(path("samples", FactKind::HoldReleased, 1, "json")).unwrap();
    let fact = stored(FactKind::HoldReleased, 1, sample.trim());
    let expected = concat!(
        r#"{"log_position":2,"event_id":"local-7k2m","position":2,"type":"hold_released","version":1,"recorded_at":"2026-12-01T09:00:00.5Z","#,
        r#""command_id":"07070707070707070707070707070707","subject":"ann","#,
        r#""data":{"reservation_id":"local-7k2m.x9","seats":["Stalls-A-1","Stalls-A-2"]}}"#
    );
    assert_eq!(String::from_utf8(fact.canonical_bytes()).unwrap(), expected);
    let hash: String = fact.row_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    // `(printf '%s' "$canonical"; printf '\0\0\0\0\1\0\0\0') | sha256sum`
    assert_eq!(hash, include_str!("../samples/hold_released.v1.sha256").trim());
}

#[test]
fn the_json_schemas_that_are_checked_in_are_those_that_the_code_generates() {
    for kind in FactKind::ALL {
        let version = current_version(kind);
        let schema = match kind {
            FactKind::ShowScheduled => schemars::schema_for!(ShowScheduled),
            FactKind::SeatsHeld => schemars::schema_for!(SeatsHeld),
            FactKind::SeatsReserved => schemars::schema_for!(SeatsReserved),
            FactKind::HoldReleased | FactKind::HoldExpired => schemars::schema_for!(HoldEnded),
            FactKind::RoomChanged => schemars::schema_for!(RoomChanged),
            FactKind::LineDrawn => schemars::schema_for!(LineDrawn),
            FactKind::RoomOpened => schemars::schema_for!(RoomOpened),
            FactKind::RoomMoved => schemars::schema_for!(RoomMoved),
            FactKind::RoomClosed => schemars::schema_for!(RoomClosed),
            FactKind::PersonForgotten => schemars::schema_for!(PersonForgotten),
        };
        let generated = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        let path = path("facts", kind, version, "schema.json");
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(checked_in == generated, "{} is out of date: run the tests with UPDATE_SCHEMAS=1 and look at what changed", path.display());
    }
}

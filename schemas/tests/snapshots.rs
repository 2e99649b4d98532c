//! A snapshot's bytes say what was written, or nothing at all; and they do not change without a new version.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

use std::path::Path;

use fullhouse_domain::plan::WaitingRoom;
use fullhouse_domain::{
    Candidate, Event, Plan, Reservation, ReservationId, ReservationStatus, RoomEvent, RoomSnapshot, Show, ShowId, ShowSnapshot, Subject,
    Timestamp, Turn, TurnEnd, testing,
};
use fullhouse_schemas::hex;
use fullhouse_schemas::snapshot::{UnreadableSnapshot, VERSION, decode, encode};
use sha2::{Digest, Sha256};

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn reservation(suffix: &str, status: ReservationStatus) -> Reservation {
    Reservation {
        id: ReservationId::of_show(&ShowId::parse("local-7k2m").unwrap(), suffix).unwrap(),
        subject: subject("ann"),
        seats: [7, 80_000].into(),
        status,
        expires_at: at(600),
        changed_at: at(9),
        position: 12,
        payment_reference: (status == ReservationStatus::Reserved).then(|| "pay-1".into()),
    }
}

fn room() -> RoomSnapshot {
    let turn =
        |number, is_taken_up| Turn { subject: subject("bob"), number, admitted_at: at(1), is_taken_up, ends_at: at(61), active_at: at(2) };
    RoomSnapshot {
        max_active: 500,
        is_paused: false,
        is_open: true,
        is_closed: false,
        serving: 66,
        used: vec![u64::MAX, 0b111],
        turns: vec![turn(65, true), turn(66, false)],
        drawn: vec![[1; 16], [0xab; 16]],
        seed: Some([9; 32]),
        last_entry: 3,
        outcomes: 0b101,
        outcomes_known: 3,
        admitted: 66,
        ended: 64,
        marks: vec![(at(1), 0), (at(8), 64)],
    }
}

/// What the frozen sample says.
fn snapshot() -> ShowSnapshot {
    let reservations = vec![
        reservation("a", ReservationStatus::Pending),
        reservation("b", ReservationStatus::Reserved),
        reservation("c", ReservationStatus::Released),
        reservation("d", ReservationStatus::Expired),
    ];
    ShowSnapshot { position: 300, recorded_at: at(10), reservations, room: Some(room()) }
}

#[test]
fn what_is_written_today_is_the_sample_of_this_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/show_snapshot.v{VERSION}.hex"));
    let sample = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(hex::encode(&encode(&snapshot())), sample.trim(), "a stored shape never changes: raise the version");
}

/// A history in which everything happens that a fold knows of, waiting room included.
fn history() -> Vec<Event> {
    let waiting_room = WaitingRoom { max_active: 2, take_up_seconds: 60, idle_seconds: 120, session_seconds: 900, seed_sha256: None };
    let plan = Plan { waiting_room: Some(waiting_room), on_sale_at: Some(at(1)), ..testing::plan(&[10]) };
    let id = |suffix: &str| ReservationId::of_show(&ShowId::parse("local-7k2m").unwrap(), suffix).unwrap();
    let person = |number: u64| Candidate { number, subject: subject(&format!("person-{number}")) };
    let moved = |admitted: &[u64], taken_up: &[u64], ended: &[(u64, TurnEnd)]| {
        let admitted = admitted.iter().map(|&number| person(number)).collect();
        Event::Room(RoomEvent::Moved { admitted, taken_up: taken_up.to_vec(), ended: ended.to_vec() })
    };
    let held = |suffix: &str, number, seats: &[u32], expires_at| Event::SeatsHeld {
        reservation: id(suffix),
        subject: person(number).subject,
        seats: seats.to_vec(),
        expires_at: at(expires_at),
    };
    vec![
        Event::ShowScheduled(Box::new(plan)),
        Event::Room(RoomEvent::LineDrawn { members: vec![[2; 16], [1; 16]] }),
        Event::Room(RoomEvent::Opened { seed: Some([7; 32]), last_entry: 2 }),
        moved(&[1, 2], &[], &[]),
        moved(&[], &[1, 2], &[]),
        held("a", 1, &[0, 1], 600),
        held("b", 2, &[4], 600),
        Event::SeatsReserved { reservation: id("a"), seats: vec![0, 1], payment_reference: "pay-1".into() },
        Event::HoldReleased { reservation: id("b"), seats: vec![4] },
        held("c", 2, &[4, 5], 10),
        Event::HoldExpired { reservation: id("c"), seats: vec![4, 5] },
        Event::Room(RoomEvent::Changed { max_active: 1, is_paused: true }),
        Event::Room(RoomEvent::Changed { max_active: 3, is_paused: false }),
        moved(&[3, 4], &[], &[]),
        moved(&[], &[3], &[(2, TurnEnd::Left), (4, TurnEnd::NotTakenUp)]),
        held("d", 3, &[9], 700),
    ]
}

#[test]
fn a_fold_that_comes_to_something_else_has_another_version() {
    let history = history();
    let mut show = Show::schedule(&history[0], at(0)).unwrap();
    for (second, event) in (1..).zip(&history[1..]) {
        show.evolve(event, at(second)).unwrap();
    }
    let digest = hex::encode(&Sha256::digest(encode(&show.snapshot())));
    assert_eq!(
        (VERSION, digest.as_str()),
        (1, "fc03e40fbea9201a3efc6ff333dd5ceb7d6a585bf12f556623880ce7f34f2e05"),
        "servers go on from snapshots of the fold before: raise the version"
    );
}

#[test]
fn what_was_written_is_read() {
    let without_room = ShowSnapshot { room: None, ..snapshot() };
    let scheduled = ShowSnapshot { position: 1, reservations: vec![], ..without_room.clone() };
    for written in [snapshot(), without_room, scheduled] {
        assert_eq!(decode(&encode(&written)), Ok(written));
    }
}

#[test]
fn what_was_cut_off_or_changed_is_not_read() {
    let bytes = encode(&snapshot());
    for length in 0..bytes.len() {
        decode(&bytes[..length]).unwrap_err();
    }
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        decode(&changed).unwrap_err();
    }
    decode(&[bytes.as_slice(), &[0]].concat()).unwrap_err();
    let newer = [(VERSION + 1).to_le_bytes().as_slice(), &bytes[2..]].concat();
    assert_eq!(decode(&newer), Err(UnreadableSnapshot::OtherVersion(VERSION + 1)));
}

/// Whoever can write a checksum can write anything.
#[test]
fn what_says_nothing_that_can_be_is_not_read_whatever_its_checksum() {
    let written = encode(&snapshot());
    let members = &written[34..];
    assert_eq!(decode(&sealed(members)), Ok(snapshot()));
    for length in 0..members.len() {
        assert_eq!(decode(&sealed(&members[..length])), Err(UnreadableSnapshot::Malformed));
    }
    for byte in 0..members.len() {
        let mut changed = members.to_vec();
        changed[byte] = 0xff;
        // It may say something else that can be; it must not panic, nor ask for all memory there is.
        let _ = decode(&sealed(&changed));
    }
}

fn sealed(members: &[u8]) -> Vec<u8> {
    [VERSION.to_le_bytes().as_slice(), &Sha256::digest(members), members].concat()
}

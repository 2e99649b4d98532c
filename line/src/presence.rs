//! Who is there. A line holds everybody who ever joined; when a turn comes, only somebody who is there can take it.
//!
//! Somebody is there while a stream of his is open, and for a while after each time that he asked. Every server knows its
//! own callers only, and reports them; see [`fullhouse_schemas::room_messages::RoomReport`]. Nothing here is kept for good:
//! whoever is forgotten is there again with his next request.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fullhouse_domain::{ShowId, Subject};
use fullhouse_schemas::room_messages::{PersonData, Plain, RoomReport};

/// Gauge: people who wait for their turn at this server, or have been let in a moment ago.
pub const PRESENT: &str = "fullhouse_queue_people_present";

/// The most people that one report names. More are let in with the next one.
const REPORTED_MAX: usize = 500;

/// Who has asked where he stands is taken to be there for so long after. Whoever asks less often is passed over, and is first in
/// line for a moment each time that he asks.
const ASKING_LASTS: Duration = Duration::from_secs(10);
/// The same for who has only joined: until a browser has opened its stream.
const JOINING_LASTS: Duration = Duration::from_secs(3);

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// To be let in.
    Turn,
    /// To shop: he was let in.
    Shop,
}

/// The people who are there, at this server.
#[derive(Debug)]
pub struct Presence {
    server: u64,
    rooms: Mutex<HashMap<ShowId, BTreeMap<u64, Person>>>,
}

#[derive(Debug)]
struct Person {
    subject: Subject,
    wants: Wants,
    streams: u32,
    /// Without a stream.
    there_until: Instant,
}

/// Somebody with an open stream. Dropping it says that the stream has ended.
#[derive(Debug)]
pub struct Attendance {
    presence: Arc<Presence>,
    show: ShowId,
    number: u64,
}

impl Presence {
    /// Nobody yet. `server` tells this server from the others.
    pub fn new(server: u64) -> Self {
        Self { server, rooms: Mutex::default() }
    }

    /// Somebody has joined, and has to wait.
    pub fn joined(&self, show: &ShowId, number: u64, subject: &Subject) {
        let mut rooms = self.rooms();
        let person = person(&mut rooms, show, number, subject);
        person.there_until = person.there_until.max(Instant::now() + JOINING_LASTS);
    }

    /// Somebody has asked where he stands.
    pub fn asked(&self, show: &ShowId, number: u64, subject: &Subject, wants: Wants) {
        let mut rooms = self.rooms();
        let person = person(&mut rooms, show, number, subject);
        (person.wants, person.there_until) = (wants, Instant::now() + ASKING_LASTS);
    }

    /// Somebody has opened a stream.
    pub fn attend(self: &Arc<Self>, show: &ShowId, number: u64, subject: &Subject) -> Attendance {
        let mut rooms = self.rooms();
        let person = person(&mut rooms, show, number, subject);
        person.streams += 1;
        Attendance { presence: self.clone(), show: show.clone(), number }
    }

    /// Nothing more is to be reported of a number: its turn is taken up, or over.
    pub fn forget(&self, show: &ShowId, number: u64) {
        if let Some(people) = self.rooms().get_mut(show)
            && let Some(person) = people.get_mut(&number)
        {
            // Streams that are open still count themselves out when they end.
            person.wants = Wants::Shop;
            if person.streams == 0 {
                people.remove(&number);
            }
        }
    }

    /// The shows that somebody is there for. Whoever has gone away is forgotten.
    pub fn shows(&self) -> Vec<ShowId> {
        let now = Instant::now();
        let mut rooms = self.rooms();
        for people in rooms.values_mut() {
            people.retain(|_, person| person.streams > 0 || now < person.there_until);
        }
        rooms.retain(|_, people| !people.is_empty());
        metrics::gauge!(PRESENT).set(rooms.values().map(BTreeMap::len).sum::<usize>() as f64);
        rooms.keys().cloned().collect()
    }

    /// Who is there for a show. `is_waiting` and `is_let_in` say what is known of a number: people who are neither are not named.
    pub fn report(&self, show: &ShowId, is_waiting: impl Fn(u64) -> bool, is_let_in: impl Fn(u64) -> bool) -> RoomReport {
        let rooms = self.rooms();
        let people = || rooms.get(show).into_iter().flatten();
        let mut waiting = people().filter(|(number, person)| person.wants == Wants::Turn && is_waiting(**number));
        let named = |(number, person): (&u64, &Person)| PersonData { number: *number, subject: Plain(person.subject.clone()) };
        let first: Vec<PersonData> = waiting.by_ref().take(REPORTED_MAX).map(named).collect();
        let let_in = people().filter(|(number, person)| person.wants == Wants::Shop && is_let_in(**number));
        let let_in = let_in.take(REPORTED_MAX).map(|(number, _)| *number).collect();
        RoomReport { server: self.server, show: Plain(show.clone()), is_whole: waiting.next().is_none(), waiting: first, let_in }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<ShowId, BTreeMap<u64, Person>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn person<'a>(rooms: &'a mut HashMap<ShowId, BTreeMap<u64, Person>>, show: &ShowId, number: u64, subject: &Subject) -> &'a mut Person {
    let people = rooms.entry(show.clone()).or_default();
    people.entry(number).or_insert_with(|| Person { subject: subject.clone(), wants: Wants::Turn, streams: 0, there_until: Instant::now() })
}

impl Attendance {
    /// The number that it is for.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What he is there for now.
    pub fn wants(&self, wants: Wants) {
        if let Some(person) = self.presence.rooms().get_mut(&self.show).and_then(|people| people.get_mut(&self.number)) {
            person.wants = wants;
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if let Some(person) = self.presence.rooms().get_mut(&self.show).and_then(|people| people.get_mut(&self.number)) {
            person.streams = person.streams.saturating_sub(1);
            // A reload, or a train in a tunnel, is not the end.
            person.there_until = Instant::now() + ASKING_LASTS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show() -> ShowId {
        ShowId::parse("local-a").expect("plain")
    }

    fn subject(number: u64) -> Subject {
        Subject::parse(&format!("p{number}")).expect("visible")
    }

    fn named(presence: &Presence, used: &[u64]) -> (Vec<u64>, Vec<u64>, bool) {
        presence.shows();
        let report = presence.report(&show(), |number| !used.contains(&number), |number| used.contains(&number));
        (report.waiting.iter().map(|person| person.number).collect(), report.let_in.clone(), report.is_whole)
    }

    /// Time passes.
    fn all_were_here_long_ago(presence: &Presence) {
        for person in presence.rooms().values_mut().flat_map(BTreeMap::values_mut) {
            person.there_until = Instant::now();
        }
    }

    #[test]
    fn the_lowest_numbers_are_reported_and_those_who_were_let_in() {
        let presence = Presence::new(1);
        for number in (1..=600).rev() {
            presence.joined(&show(), number, &subject(number));
        }
        presence.asked(&show(), 1, &subject(1), Wants::Shop);
        let (waiting, let_in, is_whole) = named(&presence, &[1, 2]);
        assert_eq!((waiting.len(), waiting[0], let_in, is_whole), (500, 3, vec![1], false), "2 does not know yet that he was let in");
        presence.forget(&show(), 1);
        assert_eq!(named(&presence, &[1, 2]).1, Vec::<u64>::new());
    }

    #[test]
    fn whoever_asked_is_there_for_a_while_and_whoever_has_a_stream_as_long_as_that() {
        let presence = Arc::new(Presence::new(1));
        presence.asked(&show(), 1, &subject(1), Wants::Turn);
        presence.joined(&show(), 3, &subject(3));
        let (first, second) = (presence.attend(&show(), 2, &subject(2)), presence.attend(&show(), 2, &subject(2)));
        assert_eq!(named(&presence, &[]).0, [1, 2, 3]);
        all_were_here_long_ago(&presence);
        assert_eq!(named(&presence, &[]).0, [2]);
        drop(first);
        all_were_here_long_ago(&presence);
        assert_eq!(named(&presence, &[]).0, [2]);
        second.wants(Wants::Shop);
        assert_eq!(named(&presence, &[2]), (vec![], vec![2], true));
        drop(second);
        assert_eq!(named(&presence, &[2]).1, [2], "he may be reloading");
        all_were_here_long_ago(&presence);
        assert!(presence.shows().is_empty() && presence.rooms().is_empty(), "nothing is kept");
    }
}

//! The waiting room of a show: who may hold seats now, and who is next.
//!
//! People stand in a line, each with a number, which is kept elsewhere: a person who waits costs nothing here. The room
//! knows which number was let in last, and the turns of those who are in. Whoever has a turn may hold seats; the limit of the
//! room is on the turns that run. What time does to a turn is computed from the events when somebody asks, so a room that
//! nobody tends lets nobody stay too long.
//!
//! How many turns run can grow only through [`RoomEvent::Moved`]. Decisions about the room need to be compared with room
//! events alone: whatever else happens to the show, a sale or a hold, can only make more room.
//!
//! * [`Room`]: the state, folded from the events
//! * `admission`: the decisions
//! * `place`: what can be told to somebody who stands in the line
//! * `pace`: how fast the line moves
//! * `numbers`: a set of numbers
//! * `snapshot`: the state, to be kept and taken up again

mod admission;
mod numbers;
mod pace;
mod place;
mod snapshot;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::event::Event;
use crate::id::{ReservationId, Subject};
use crate::plan::{Plan, WaitingRoom};
use crate::time::Timestamp;

pub use admission::Candidate;
pub(crate) use admission::{admit, change, leave, open, take_place};
use numbers::Numbers;
pub use pace::Estimate;
use pace::Pace;
pub use place::{InLine, Place};
pub use snapshot::RoomSnapshot;

/// A person in a draw, by a hash that says nothing about him to others.
pub type MemberHash = [u8; 16];
/// How many ended holds the room looks back at.
const OUTCOMES_MAX: u32 = 64;

/// Something that happened to the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// The organizer or the operator set it otherwise.
    Changed {
        /// How many may shop at a time from now on.
        max_active: u32,
        /// Whether anybody is let in.
        is_paused: bool,
    },
    /// The next people of the drawn order. A long order is told in several events.
    LineDrawn {
        /// In the order in which they will be served.
        members: Vec<MemberHash>,
    },
    /// The sale has begun: from now on people are let in. Those that were drawn have the numbers from 1 on.
    Opened {
        /// What the order was drawn with. Nothing, when the show has published no hash of one.
        seed: Option<[u8; 32]>,
        /// The last number that was given before the draw. Later ones are served in their own order, after the drawn ones.
        last_entry: u64,
    },
    /// Turns began and ended.
    Moved {
        /// Those who were let in, in the order of their numbers.
        admitted: Vec<Candidate>,
        /// Numbers of those who have shown that they are there.
        taken_up: Vec<u64>,
        /// Numbers whose turn, or whose place in the line, is over.
        ended: Vec<(u64, TurnEnd)>,
    },
    /// Every seat is sold: the line is sent home.
    Closed,
}

/// Why a turn is over. A turn also ends, without an event of its own, when its holder checks out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TurnEnd {
    /// He did not show himself in time.
    NotTakenUp,
    /// He held nothing for too long.
    Idle,
    /// His time was over.
    SessionOver,
    /// He left, in his turn or before.
    Left,
}

/// One person's time to shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub subject: Subject,
    /// His number in the line.
    pub number: u64,
    /// When he was let in.
    pub admitted_at: Timestamp,
    /// Whether he has shown that he is there.
    pub is_taken_up: bool,
    /// From this instant on he may not hold seats.
    pub ends_at: Timestamp,
    /// The last sign of him in the log.
    pub active_at: Timestamp,
}

/// A history of the room that can't have come from the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomBreach {
    /// The show has no waiting room.
    NoRoom,
    /// More people were let in than the room allows.
    TooManyActive,
    /// Somebody was let in before the sale, after its end, or twice under one number.
    AdmittedWrongly(u64),
    /// Somebody held seats without a turn.
    HeldWithoutTurn(ReservationId),
    /// The room was opened twice, or the order drawn after it was opened.
    OpenedTwice,
}

/// The fold of one room's events, and of what its shoppers did.
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    rules: WaitingRoom,
    on_sale_at: Option<Timestamp>,
    is_paused: bool,
    is_open: bool,
    is_closed: bool,
    serving: u64,
    /// Numbers that were let in or have left.
    used: Numbers,
    turns: HashMap<u64, Turn>,
    number_of: HashMap<Subject, u64>,
    /// The turns by their end.
    ends: BTreeSet<(Timestamp, u64)>,
    /// Whose the open holds are, and how many each has.
    holders: HashMap<ReservationId, Subject>,
    open_holds: HashMap<Subject, u32>,
    drawn: Vec<MemberHash>,
    number_drawn: HashMap<MemberHash, u64>,
    seed: Option<[u8; 32]>,
    last_entry: u64,
    /// How the latest holds ended, the newest in the lowest bit: 1 when nobody bought.
    outcomes: u64,
    outcomes_known: u32,
    admitted: u64,
    /// How many turns have ended.
    ended: u64,
    pace: Pace,
}

impl Room {
    /// The room of a show that was just scheduled; nothing, when it has none.
    pub fn of_plan(plan: &Plan, scheduled_at: Timestamp) -> Option<Self> {
        let rules = plan.waiting_room?;
        Some(Self {
            rules,
            on_sale_at: plan.on_sale_at,
            is_paused: false,
            // A sale that has begun before has nobody to draw an order of.
            is_open: plan.on_sale_at.is_none_or(|on_sale_at| on_sale_at <= scheduled_at),
            is_closed: false,
            serving: 0,
            used: Numbers::default(),
            turns: HashMap::new(),
            number_of: HashMap::new(),
            ends: BTreeSet::new(),
            holders: HashMap::new(),
            open_holds: HashMap::new(),
            drawn: Vec::new(),
            number_drawn: HashMap::new(),
            seed: None,
            last_entry: 0,
            outcomes: 0,
            outcomes_known: 0,
            admitted: 0,
            ended: 0,
            pace: Pace::default(),
        })
    }

    /// Takes the show's next event into account. An error leaves the state unusable: the history is broken.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) -> Result<(), RoomBreach> {
        match event {
            Event::ShowScheduled(_) => Ok(()),
            Event::SeatsHeld { reservation, subject, .. } => self.held(reservation, subject, at),
            Event::SeatsReserved { reservation, .. } => {
                self.note_outcome(false);
                if let Some(subject) = self.hold_ended(reservation, at) {
                    self.end_turn_of(&subject, at);
                }
                Ok(())
            }
            Event::HoldReleased { reservation, .. } => {
                self.hold_ended(reservation, at);
                Ok(())
            }
            Event::HoldExpired { reservation, .. } => {
                self.note_outcome(true);
                self.hold_ended(reservation, at);
                Ok(())
            }
            Event::Room(event) => self.evolve_room(event, at),
        }
    }

    fn evolve_room(&mut self, event: &RoomEvent, at: Timestamp) -> Result<(), RoomBreach> {
        match event {
            RoomEvent::Changed { max_active, is_paused } => {
                self.rules.max_active = *max_active;
                self.is_paused = *is_paused;
            }
            RoomEvent::LineDrawn { members } => {
                if self.is_open {
                    return Err(RoomBreach::OpenedTwice);
                }
                for member in members {
                    self.drawn.push(*member);
                    self.number_drawn.insert(*member, self.drawn.len() as u64);
                }
            }
            RoomEvent::Opened { seed, last_entry } => {
                if self.is_open {
                    return Err(RoomBreach::OpenedTwice);
                }
                self.is_open = true;
                self.seed = *seed;
                self.last_entry = *last_entry;
                // Those who left before the draw have left no gap in the line.
                (self.drawn.len() as u64 + 1..=*last_entry).for_each(|number| self.used.insert(number));
            }
            RoomEvent::Moved { admitted, taken_up, ended } => self.moved(admitted, taken_up, ended, at)?,
            RoomEvent::Closed => self.is_closed = true,
        }
        Ok(())
    }

    fn moved(&mut self, admitted: &[Candidate], taken_up: &[u64], ended: &[(u64, TurnEnd)], at: Timestamp) -> Result<(), RoomBreach> {
        for (number, _) in ended {
            self.used.insert(*number);
            self.end_turn(*number, at);
        }
        for candidate in admitted {
            if !self.is_open || self.is_closed || self.used.contains(candidate.number) || self.number_of.contains_key(&candidate.subject) {
                return Err(RoomBreach::AdmittedWrongly(candidate.number));
            }
            self.begin_turn(candidate, at);
        }
        for number in taken_up {
            self.take_up(*number, at);
        }
        if !admitted.is_empty() {
            if self.ended == 0 {
                // From now on turns may end.
                self.pace.note(at, 0);
            }
            if self.active(at) > self.rules.max_active {
                return Err(RoomBreach::TooManyActive);
            }
        }
        Ok(())
    }

    fn begin_turn(&mut self, candidate: &Candidate, at: Timestamp) {
        let Candidate { number, subject } = candidate.clone();
        self.used.insert(number);
        self.admitted += 1;
        self.serving = self.serving.max(number);
        let ends_at = at + Duration::from_secs(self.rules.take_up_seconds.into());
        self.ends.insert((ends_at, number));
        self.number_of.insert(subject.clone(), number);
        let turn = Turn { subject, number, admitted_at: at, is_taken_up: false, ends_at, active_at: at };
        self.turns.insert(number, turn);
    }

    fn take_up(&mut self, number: u64, at: Timestamp) {
        let Some(turn) = self.turns.get_mut(&number).filter(|turn| !turn.is_taken_up) else { return };
        self.ends.remove(&(turn.ends_at, number));
        turn.is_taken_up = true;
        turn.active_at = at;
        turn.ends_at = turn.admitted_at + Duration::from_secs(self.rules.session_seconds.into());
        self.ends.insert((turn.ends_at, number));
    }

    fn end_turn(&mut self, number: u64, at: Timestamp) {
        if let Some(turn) = self.turns.remove(&number) {
            self.ends.remove(&(turn.ends_at, number));
            self.number_of.remove(&turn.subject);
            self.ended += 1;
            self.pace.note(at, self.ended);
        }
    }

    fn end_turn_of(&mut self, subject: &Subject, at: Timestamp) {
        if let Some(number) = self.number_of.get(subject).copied() {
            self.end_turn(number, at);
        }
    }

    fn held(&mut self, reservation: &ReservationId, subject: &Subject, at: Timestamp) -> Result<(), RoomBreach> {
        self.holders.insert(reservation.clone(), subject.clone());
        *self.open_holds.entry(subject.clone()).or_default() += 1;
        let turn = self.turn_of_mut(subject).filter(|turn| at < turn.ends_at);
        let turn = turn.ok_or_else(|| RoomBreach::HeldWithoutTurn(reservation.clone()))?;
        turn.active_at = at;
        Ok(())
    }

    /// Whose hold it was.
    fn hold_ended(&mut self, reservation: &ReservationId, at: Timestamp) -> Option<Subject> {
        let subject = self.holders.remove(reservation)?;
        if let Some(count) = self.open_holds.get_mut(&subject) {
            *count -= 1;
            if *count == 0 {
                self.open_holds.remove(&subject);
            }
        }
        if let Some(turn) = self.turn_of_mut(&subject) {
            turn.active_at = at;
        }
        Some(subject)
    }

    fn note_outcome(&mut self, nobody_bought: bool) {
        self.outcomes = self.outcomes << 1 | u64::from(nobody_bought);
        self.outcomes_known = (self.outcomes_known + 1).min(OUTCOMES_MAX);
    }

    fn turn_of_mut(&mut self, subject: &Subject) -> Option<&mut Turn> {
        self.turns.get_mut(self.number_of.get(subject)?)
    }

    /// The turn of a person, if it runs at `now`.
    pub fn turn_of(&self, subject: &Subject, now: Timestamp) -> Option<&Turn> {
        self.turns.get(self.number_of.get(subject)?).filter(|turn| now < turn.ends_at)
    }

    /// Whether somebody was let in under this number and has not shown himself.
    pub fn is_let_in(&self, number: u64) -> bool {
        self.turns.get(&number).is_some_and(|turn| !turn.is_taken_up)
    }

    /// How many turns run at `now`.
    pub fn active(&self, now: Timestamp) -> u32 {
        let lapsed = self.ends.range(..=(now, u64::MAX)).count();
        (self.ends.len() - lapsed) as u32
    }

    /// The rules as they are now.
    pub fn rules(&self) -> &WaitingRoom {
        &self.rules
    }

    /// Whether nobody is let in for the moment.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether the sale has begun.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether everything is sold and the line was sent home.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The highest number that was let in.
    pub fn serving(&self) -> u64 {
        self.serving
    }

    /// How many people were let in, ever.
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    /// Those who were drawn, in their order.
    pub fn drawn(&self) -> &[MemberHash] {
        &self.drawn
    }

    /// What the order was drawn with, once it was.
    pub fn seed(&self) -> Option<[u8; 32]> {
        self.seed
    }

    /// When the sale begins and the order is drawn, if that is still to come.
    pub fn draws_at(&self) -> Option<Timestamp> {
        self.on_sale_at.filter(|_| !self.is_open)
    }

    /// How many more people could come in at `now`, if there are seats.
    pub fn slots_at(&self, now: Timestamp) -> u32 {
        self.slots(now, 0)
    }

    /// The same when so many of the turns that run are being ended.
    fn slots(&self, now: Timestamp, ending: u32) -> u32 {
        let lets_in = self.is_open && !self.is_paused && !self.is_closed;
        if lets_in { self.pace_limit().saturating_sub(self.active(now) - ending) } else { 0 }
    }

    /// How many people the room lets in at a time: fewer when holds time out rather than sell, since a seat that waits for its
    /// hold to end is no seat to choose. When none of the latest 64 holds was bought, half as many as it may; in between, in
    /// proportion.
    pub fn pace_limit(&self) -> u32 {
        let max = self.rules.max_active;
        if self.outcomes_known < OUTCOMES_MAX {
            return max;
        }
        let slowed = u64::from(max) * u64::from(self.outcomes.count_ones()) / u64::from(2 * OUTCOMES_MAX);
        (max - slowed as u32).max(1)
    }
}

//! The decisions about a room.

use std::collections::HashSet;
use std::time::Duration;

use super::{InLine, MemberHash, Room, RoomEvent, Turn, TurnEnd};
use crate::event::Event;
use crate::id::Subject;
use crate::planted::{Bug, is_planted};
use crate::refusal::Refusal;
use crate::show::Show;
use crate::time::Timestamp;

/// The most people of a drawn order that one event tells of.
const DRAWN_MEMBERS_MAX: usize = 2_000;

/// Somebody who is there and waits for his turn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// His number.
    pub number: u64,
    /// Who.
    pub subject: Subject,
}

fn room_of(show: &Show) -> Result<&Room, Refusal> {
    show.room().ok_or(Refusal::NoWaitingRoom)
}

/// Begins the sale with the drawn order; nothing happens when it has begun.
pub(crate) fn open(
    show: &Show,
    members: &[MemberHash],
    seed: Option<[u8; 32]>,
    last_entry: u64,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let room = room_of(show)?;
    if room.is_open {
        return Ok(vec![]);
    }
    if let Some(on_sale_at) = room.on_sale_at.filter(|&on_sale_at| now < on_sale_at) {
        return Err(Refusal::NotYetOnSale(on_sale_at));
    }
    let drawn = members.chunks(DRAWN_MEMBERS_MAX).map(|members| RoomEvent::LineDrawn { members: members.to_vec() });
    Ok(drawn.chain([RoomEvent::Opened { seed, last_entry }]).map(Event::Room).collect())
}

/// Ends the turns whose time is over, notes who has shown himself, and lets in as many of the candidates as there is room for, the
/// lowest numbers first.
pub(crate) fn admit(show: &Show, candidates: &[Candidate], taken_up: &[u64], now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let room = room_of(show)?;
    if show.is_sold_out() && !room.is_closed && room.is_open {
        return Ok(vec![Event::Room(RoomEvent::Closed)]);
    }
    let ended = room.ended_by(now);
    let running = |number: &u64| room.turns.get(number).is_some_and(|turn| now < turn.ends_at && !turn.is_taken_up);
    // Who has held something has taken up his turn, whether anybody has seen him or not.
    let shopping = room.turns.values().filter(|turn| room.has_holds(turn)).map(|turn| turn.number);
    let mut taken_up: Vec<u64> = taken_up.iter().copied().chain(shopping).filter(running).collect();
    taken_up.sort_unstable();
    taken_up.dedup();
    let idle = ended.iter().filter(|(_, why)| *why == TurnEnd::Idle).count() as u32;
    // Nobody is let in to seats that are not there.
    let slots = if show.available() > 0 { room.slots(now, idle) } else { 0 };
    let ended_numbers: HashSet<u64> = ended.iter().map(|(number, _)| *number).collect();
    let admitted = room.choose(candidates, slots, &ended_numbers);
    if admitted.is_empty() && taken_up.is_empty() && ended.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![Event::Room(RoomEvent::Moved { admitted, taken_up, ended })])
}

/// Lets somebody in who has just come, if nobody is before him and there is room. That he stays is known only when he is seen again.
pub(crate) fn take_place(show: &Show, who: &InLine, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let room = room_of(show)?;
    let Some(candidate) = room.candidate(who) else { return Ok(vec![]) };
    let moved = |admitted, taken_up| Ok(vec![Event::Room(RoomEvent::Moved { admitted, taken_up, ended: vec![] })]);
    if let Some(turn) = room.turn_of(&candidate.subject, now) {
        return if turn.number == candidate.number && !turn.is_taken_up { moved(vec![], vec![turn.number]) } else { Ok(vec![]) };
    }
    let is_next = candidate.number <= room.serving + 1 + room.used.count_between(room.serving, candidate.number);
    // A turn of his that has lapsed must be ended first, which the next admission does.
    if !is_next
        || !room.is_waiting(candidate.number)
        || room.number_of.contains_key(&candidate.subject)
        || show.available() == 0
        || room.slots_at(now) == 0
    {
        return Ok(vec![]);
    }
    moved(vec![candidate], vec![])
}

/// Gives up a turn, or a place in the line.
pub(crate) fn leave(show: &Show, who: &InLine) -> Result<Vec<Event>, Refusal> {
    let room = room_of(show)?;
    // Before the draw it is enough that the line forgets him.
    let Some(candidate) = room.candidate(who) else { return Ok(vec![]) };
    let is_another = room.turns.get(&candidate.number).is_some_and(|turn| turn.subject != candidate.subject);
    let is_over = room.used.contains(candidate.number) && !room.turns.contains_key(&candidate.number);
    if is_another || is_over {
        return Ok(vec![]);
    }
    Ok(vec![Event::Room(RoomEvent::Moved { admitted: vec![], taken_up: vec![], ended: vec![(candidate.number, TurnEnd::Left)] })])
}

/// Sets the limit, or pauses, or resumes.
pub(crate) fn change(show: &Show, max_active: Option<u32>, is_paused: Option<bool>) -> Result<Vec<Event>, Refusal> {
    let room = room_of(show)?;
    let max_active = max_active.unwrap_or(room.rules.max_active);
    let is_paused = is_paused.unwrap_or(room.is_paused);
    if (max_active, is_paused) == (room.rules.max_active, room.is_paused) {
        return Ok(vec![]);
    }
    let faults = crate::plan::max_active_faults(max_active);
    if !faults.is_empty() {
        return Err(Refusal::FaultyPlan(faults));
    }
    Ok(vec![Event::Room(RoomEvent::Changed { max_active, is_paused })])
}

impl Room {
    /// Somebody as a candidate; nothing, before the order is drawn.
    fn candidate(&self, who: &InLine) -> Option<Candidate> {
        Some(Candidate { number: self.number(who)?, subject: who.subject.clone() })
    }

    /// Whether something is to be told that no candidate and no shopper would bring about: a turn that is over, the end of the sale.
    pub fn is_due(&self, is_sold_out: bool, now: Timestamp) -> bool {
        // Who holds something has taken up his turn, though nobody may have seen him.
        let is_shopping = |turn: &Turn| !turn.is_taken_up && self.has_holds(turn);
        self.is_open && (is_sold_out && !self.is_closed || self.turns.values().any(is_shopping) || !self.ended_by(now).is_empty())
    }

    /// Whether the subject may hold seats at `now` with the pass of this number.
    pub(crate) fn check_pass(&self, subject: &Subject, pass: Option<u64>, now: Timestamp) -> Result<(), Refusal> {
        if is_planted(Bug::SkipPass) {
            return Ok(());
        }
        let turn = self.turn_of(subject, now);
        if turn.is_some_and(|turn| pass == Some(turn.number)) { Ok(()) } else { Err(Refusal::PassRequired) }
    }

    /// Turns that are over at `now` though no event has said so.
    fn ended_by(&self, now: Timestamp) -> Vec<(u64, TurnEnd)> {
        let idle = Duration::from_secs(self.rules.idle_seconds.into());
        let why = |turn: &Turn| match () {
            () if turn.ends_at <= now && turn.is_taken_up => Some(TurnEnd::SessionOver),
            // Somebody who holds seats has shown himself.
            () if turn.ends_at <= now && self.has_holds(turn) => Some(TurnEnd::SessionOver),
            () if turn.ends_at <= now => Some(TurnEnd::NotTakenUp),
            () if turn.is_taken_up && !self.has_holds(turn) && turn.active_at + idle <= now => Some(TurnEnd::Idle),
            () => None,
        };
        let mut ended: Vec<(u64, TurnEnd)> = self.turns.values().filter_map(|turn| Some((turn.number, why(turn)?))).collect();
        ended.sort_unstable_by_key(|(number, _)| *number);
        ended
    }

    fn has_holds(&self, turn: &Turn) -> bool {
        self.open_holds.contains_key(&turn.subject)
    }

    fn choose(&self, candidates: &[Candidate], slots: u32, ended: &HashSet<u64>) -> Vec<Candidate> {
        // One turn at a time for everybody; one that ends with this event stands before those that begin.
        let is_in = |subject: &Subject| self.number_of.get(subject).is_some_and(|number| !ended.contains(number));
        let mut waiting: Vec<&Candidate> =
            candidates.iter().filter(|candidate| self.is_waiting(candidate.number) && !is_in(&candidate.subject)).collect();
        waiting.sort();
        let (mut numbers, mut people) = (ended.clone(), HashSet::new());
        let chosen = waiting.into_iter().filter(|candidate| numbers.insert(candidate.number) && people.insert(&candidate.subject));
        chosen.take(slots as usize).cloned().collect()
    }
}

//! A room as it was at a position, as a part of its show's snapshot.

use std::collections::HashMap;
use std::time::Duration;

use super::{MemberHash, Numbers, OUTCOMES_MAX, Pace, Room, Turn};
use crate::plan::WaitingRoom;
use crate::show::Reservation;
use crate::time::Timestamp;

/// What a room's events have come to. What the plan says for good is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSnapshot {
    /// How many may shop at a time.
    pub max_active: u32,
    /// Whether nobody is let in for the moment.
    pub is_paused: bool,
    /// Whether the sale has begun.
    pub is_open: bool,
    /// Whether everything is sold and the line was sent home.
    pub is_closed: bool,
    /// The highest number that was let in.
    pub serving: u64,
    /// Numbers that were let in or have left: number n is bit n % 64 of word n / 64.
    pub used: Vec<u64>,
    /// The turns that have not ended, by their numbers.
    pub turns: Vec<Turn>,
    /// Those who were drawn, in their order.
    pub drawn: Vec<MemberHash>,
    /// What the order was drawn with.
    pub seed: Option<[u8; 32]>,
    /// The last number that was given before the draw.
    pub last_entry: u64,
    /// How the latest holds ended, the newest in the lowest bit: 1 when nobody bought.
    pub outcomes: u64,
    /// How many of these bits mean something.
    pub outcomes_known: u32,
    /// How many people were let in, ever.
    pub admitted: u64,
    /// How many turns have ended.
    pub ended: u64,
    /// How many had ended at the instants from which the line's pace is told.
    pub marks: Vec<(Timestamp, u64)>,
}

impl Room {
    /// The state as it is, to be kept.
    pub(crate) fn snapshot(&self) -> RoomSnapshot {
        let mut turns: Vec<Turn> = self.turns.values().cloned().collect();
        turns.sort_unstable_by_key(|turn| turn.number);
        RoomSnapshot {
            max_active: self.rules.max_active,
            is_paused: self.is_paused,
            is_open: self.is_open,
            is_closed: self.is_closed,
            serving: self.serving,
            used: self.used.words().to_vec(),
            turns,
            drawn: self.drawn.clone(),
            seed: self.seed,
            last_entry: self.last_entry,
            outcomes: self.outcomes,
            outcomes_known: self.outcomes_known,
            admitted: self.admitted,
            ended: self.ended,
            marks: self.pace.marks().collect(),
        }
    }

    /// The room that was planned with these rules, as it was when the snapshot was taken. Nothing, when no history can have come to it.
    pub(crate) fn restore<'a>(
        planned: WaitingRoom,
        on_sale_at: Option<Timestamp>,
        snapshot: RoomSnapshot,
        open_holds: impl Iterator<Item = &'a Reservation>,
    ) -> Option<Self> {
        let rules = WaitingRoom { max_active: snapshot.max_active, ..planned };
        let used = Numbers::of_words(snapshot.used);
        let is_sound = snapshot.serving <= used.highest()
            && snapshot.ended.checked_add(snapshot.turns.len() as u64) == Some(snapshot.admitted)
            && snapshot.admitted <= used.count()
            && snapshot.outcomes_known <= OUTCOMES_MAX
            && snapshot.turns.is_sorted_by(|one, next| one.number < next.number)
            && snapshot.turns.iter().all(|turn| turn.number <= snapshot.serving && used.contains(turn.number) && turn.keeps_to(&rules))
            && snapshot.marks.is_sorted_by(|one, next| one.0 <= next.0 && one.1 <= next.1)
            && snapshot.marks.last().is_none_or(|(_, ended)| *ended <= snapshot.ended);
        let number_of: HashMap<_, _> = snapshot.turns.iter().map(|turn| (turn.subject.clone(), turn.number)).collect();
        if !is_sound || number_of.len() != snapshot.turns.len() {
            return None;
        }
        let holders: HashMap<_, _> = open_holds.map(|hold| (hold.id.clone(), hold.subject.clone())).collect();
        let mut counted = HashMap::new();
        holders.values().for_each(|subject| *counted.entry(subject.clone()).or_default() += 1);
        Some(Self {
            rules,
            on_sale_at,
            is_paused: snapshot.is_paused,
            is_open: snapshot.is_open,
            is_closed: snapshot.is_closed,
            serving: snapshot.serving,
            used,
            number_of,
            ends: snapshot.turns.iter().map(|turn| (turn.ends_at, turn.number)).collect(),
            turns: snapshot.turns.into_iter().map(|turn| (turn.number, turn)).collect(),
            holders,
            open_holds: counted,
            number_drawn: snapshot.drawn.iter().copied().zip(1..).collect(),
            drawn: snapshot.drawn,
            seed: snapshot.seed,
            last_entry: snapshot.last_entry,
            outcomes: snapshot.outcomes,
            outcomes_known: snapshot.outcomes_known,
            admitted: snapshot.admitted,
            ended: snapshot.ended,
            pace: Pace::of_marks(snapshot.marks),
        })
    }
}

impl Turn {
    /// Whether it ends when the rules say.
    fn keeps_to(&self, rules: &WaitingRoom) -> bool {
        let seconds = if self.is_taken_up { rules.session_seconds } else { rules.take_up_seconds };
        self.ends_at == self.admitted_at + Duration::from_secs(seconds.into())
    }
}

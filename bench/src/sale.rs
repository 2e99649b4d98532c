//! The path of a hold through the program, from the command to the row that is written and the state that is folded. There is no clock and no
//! chance in it, so that it takes the same instructions each time.

use std::hint::black_box;
use std::time::Duration;

use fullhouse_domain::{Command, Event, Show, Timestamp, Wanted, decide};
use fullhouse_schemas::facts::encode;
use fullhouse_schemas::{CommandId, NewFact, StoredFact};

use crate::hall;

const ROWS: u32 = 100;
const ROW_SEATS: u32 = 1_000;
/// How many holds of two seats the hall has room for.
pub const HOLDS_MAX: u32 = ROWS * ROW_SEATS / 2;
/// As long as the ones that servers make.
const WORD: &str = "0123456789abcdef";

/// A show that sells.
pub struct Sale {
    /// As far as it has been sold.
    pub show: Show,
    now: Timestamp,
}

impl Default for Sale {
    fn default() -> Self {
        Self { show: hall::empty(ROWS, ROW_SEATS), now: Timestamp::from_micros(1_900_000_000_000_000) }
    }
}

impl Sale {
    /// The hold of the pair with this number, by labels, as it comes out of a request.
    pub fn command(number: u32) -> Command {
        let (row, first) = (number * 2 / ROW_SEATS % ROWS, number * 2 % ROW_SEATS + 1);
        let labels = vec![format!("S-{row}-{first}"), format!("S-{row}-{}", first + 1)];
        hall::hold(hall::reservation(&format!("{WORD}{number:04x}")), Wanted::Seats(labels))
    }

    /// What is decided about it.
    pub fn decide(&self, command: &Command) -> Vec<Event> {
        decide(&self.show, command, self.now).expect("nobody has these seats")
    }

    /// What of it is stored.
    pub fn encode(&self, event: &Event) -> NewFact {
        encode(event, Some(self.show.chart()))
    }

    /// The row that the log would write.
    pub fn row(&self, fact: NewFact) -> StoredFact {
        let position = self.show.position() + 1;
        let mut command_id = [0xbe; 16];
        command_id[..8].copy_from_slice(&position.to_be_bytes());
        StoredFact {
            log_position: position,
            show: hall::show_id(),
            position,
            kind: fact.kind,
            version: fact.version,
            recorded_at: self.now,
            command_id: CommandId(command_id),
            subject: Some(hall::ann()),
            data: fact.data,
            touches: fact.touches,
        }
    }

    /// The whole path; or without the hash of the row, which is most of it where the processor has no instructions for that.
    pub fn hold(&mut self, number: u32, is_hashed: bool) {
        let command = black_box(Self::command(number));
        for event in self.decide(&command) {
            let row = self.row(self.encode(&event));
            black_box(row.canonical_bytes());
            if is_hashed {
                black_box(row.row_hash());
            }
            self.show.evolve(&event, self.now).expect("a decision never breaks a promise");
        }
        self.now = self.now + Duration::from_micros(1);
    }
}

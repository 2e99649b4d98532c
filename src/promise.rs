//! What is promised, as reports name it. The README says what each promise is, and where it is tried.

use serde::{Serialize, Serializer};

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// No seat has two owners.
    OneOwner,
    /// What was acknowledged stays, and a command takes effect once.
    Once,
    /// Answers are true.
    TrueAnswers,
    /// Holds end when they should.
    HoldsEndOnTime,
    /// Views are the fold of the log.
    Views,
    /// The same for the views in Redis.
    RedisViews,
    /// The same for the snapshots that command servers go on from.
    Snapshots,
    /// Whoever is forgotten is known no more.
    Forgetting,
    /// History is what it was.
    History,
}

impl Promise {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Promise::OneOwner => "P1",
            Promise::Once => "P2",
            Promise::TrueAnswers => "P3",
            Promise::HoldsEndOnTime => "P4",
            Promise::Views | Promise::RedisViews | Promise::Snapshots => "P5",
            Promise::Forgetting => "forget",
            Promise::History => "P8",
        }
    }
}

impl Serialize for Promise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

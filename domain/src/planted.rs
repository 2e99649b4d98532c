//! Bugs that are planted to see whether the tests find them. Without the feature `planted-bugs`, which no release has,
//! there are none.

/// What may be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A command is answered before its facts are committed.
    AnswerBeforeCommit,
    /// The ids of commands are not remembered.
    ForgetCommandIds,
    /// The facts that a decision has not seen are not compared with its seats.
    SkipWindowCheck,
    /// A hold counts as ended two seconds before its end when somebody else wants its seats.
    ExpireEarly,
    /// The live view leaves out a fact now and then.
    SkipFacts,
    /// The views in Redis are moved on without being changed.
    LeaveRedisBehind,
    /// Time is the process's own, not the database's.
    OwnClock,
    /// Whoever has no pass may hold seats in spite of the waiting room.
    SkipPass,
}

/// Whether a bug is planted.
#[cfg(not(feature = "planted-bugs"))]
pub const fn is_planted(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
mod planting {
    use super::Bug;
    use std::sync::OnceLock;

    static PLANTED: OnceLock<Bug> = OnceLock::new();

    impl Bug {
        /// The bug of this name, as it stands in the code.
        pub fn parse(name: &str) -> Option<Self> {
            use Bug::{
                AnswerBeforeCommit, ExpireEarly, ForgetCommandIds, LeaveRedisBehind, OwnClock, SkipFacts, SkipPass, SkipWindowCheck,
            };
            let all = [AnswerBeforeCommit, ForgetCommandIds, SkipWindowCheck, ExpireEarly, SkipFacts, LeaveRedisBehind, OwnClock, SkipPass];
            all.into_iter().find(|bug| format!("{bug:?}") == name)
        }
    }

    /// Plants a bug in this process, for good.
    pub fn plant(bug: Bug) {
        let _ = PLANTED.set(bug);
    }

    /// Whether a bug is planted.
    pub fn is_planted(bug: Bug) -> bool {
        PLANTED.get() == Some(&bug)
    }
}

#[cfg(feature = "planted-bugs")]
pub use planting::{is_planted, plant};

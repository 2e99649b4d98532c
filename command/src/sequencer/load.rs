//! Reading a show's history.

use fullhouse_domain::{Show, ShowId};
use fullhouse_eventstore::{Log, LogError};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::{UnreadableFact, decode};

/// How many facts are read at a time.
const READ_FACTS: usize = 4_096;

/// A history that has been read: nothing, when there is no such show.
pub(super) struct Loaded {
    pub id: ShowId,
    pub result: Result<Option<Box<Show>>, LoadError>,
}

/// Why a history can't be folded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Fact(#[from] UnreadableFact),
    #[error("the history of {show} breaks the rules at position {position}: {breach:?}; examine it with `fullhouse verify`")]
    Breach { show: ShowId, position: u64, breach: fullhouse_domain::show::Breach },
}

impl LoadError {
    /// Whether the history may be sound, and only can't be had now.
    pub fn is_passing(&self) -> bool {
        matches!(self, LoadError::Log(LogError::Store { .. }))
    }
}

/// Folds a show's facts from where `show` stands to the end.
pub(super) async fn read_on(log: &Log, id: &ShowId, mut show: Option<Box<Show>>) -> Result<Option<Box<Show>>, LoadError> {
    loop {
        let after = show.as_ref().map_or(0, |show| show.position());
        let facts = log.read_show(id, after, READ_FACTS).await?;
        // A stream of something else has a name like a show's, but there is no such show.
        if facts.first().is_some_and(|fact| !fact.is_of_a_show()) {
            return Ok(None);
        }
        for fact in &facts {
            show = Some(fold(show, fact)?);
        }
        if facts.len() < READ_FACTS {
            return Ok(show);
        }
    }
}

/// Folds a show's next fact.
pub(super) fn fold(show: Option<Box<Show>>, fact: &StoredFact) -> Result<Box<Show>, LoadError> {
    let event = decode(fact)?;
    let breached = |breach| LoadError::Breach { show: fact.show.clone(), position: fact.position, breach };
    match show {
        None => Show::schedule(&event, fact.recorded_at).map(Box::new).map_err(breached),
        Some(mut show) => {
            show.evolve(&event, fact.recorded_at).map_err(breached)?;
            Ok(show)
        }
    }
}

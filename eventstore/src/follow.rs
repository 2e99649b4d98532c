//! Reading on as facts arrive.

use std::ops::Deref;
use std::sync::Arc;

use fullhouse_schemas::StoredFact;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::LogError;
use crate::log::Log;

/// How many facts are read from the store at a time when a follower is far behind.
const READ_FACTS: usize = 2_000;

/// A reader that waits at the end of the log for more.
#[derive(Debug)]
pub struct Follower {
    log: Log,
    head: watch::Receiver<u64>,
    after: u64,
    /// What stands after a position, being read meanwhile, when the follower is far behind.
    ahead: Option<Ahead>,
}

#[derive(Debug)]
struct Ahead {
    after: u64,
    facts: JoinHandle<Result<Vec<StoredFact>, LogError>>,
}

/// Consecutive facts, shared by all who follow.
#[derive(Debug, Clone)]
pub struct Following {
    facts: Arc<Vec<StoredFact>>,
    skip: usize,
}

impl Following {
    /// The facts from the one at index `skip` on.
    pub(crate) fn new(facts: Arc<Vec<StoredFact>>, skip: usize) -> Self {
        Self { facts, skip }
    }
}

impl Deref for Following {
    type Target = [StoredFact];

    fn deref(&self) -> &[StoredFact] {
        &self.facts[self.skip..]
    }
}

impl Follower {
    pub(crate) fn new(log: Log, after: u64) -> Self {
        let head = log.watch_head();
        Self { log, head, after, ahead: None }
    }

    /// Waits until there are next facts. Dropping the future loses nothing.
    pub async fn wait(&mut self) -> Result<(), LogError> {
        let after = self.after;
        self.head.wait_for(|&head| head > after).await.map(|_| ()).map_err(|_closed| LogError::Closed)
    }

    /// The next facts: at least one, each right after the one before. Waits when there is none yet.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Following, LogError> {
        let after = self.after;
        self.head.wait_for(|&head| head > after).await.map_err(|_closed| LogError::Closed)?;
        let facts = match self.log.recent(after) {
            Some(facts) => facts,
            None => Following::new(Arc::new(self.read(after).await?), 0),
        };
        let first = facts.first().map_or(0, |fact| fact.log_position);
        if first != after + 1 {
            return Err(LogError::Damaged { log_position: after + 1, what: format!("the next fact that can be read is at {first}") });
        }
        self.after = after + facts.len() as u64;
        Ok(facts)
    }

    /// Reads from the store, and begins to read what comes next: whoever folds a long log has the reader work beside him.
    async fn read(&mut self, after: u64) -> Result<Vec<StoredFact>, LogError> {
        let mut facts = Vec::new();
        if let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.after == after) {
            // It stays where it is until it is read, for callers that stop waiting.
            let read = (&mut ahead.facts).await;
            // A read that failed is made again by the next call, not asked for twice.
            self.ahead = None;
            facts = read.map_err(|_panicked| LogError::Closed)??;
        }
        self.ahead = None;
        // What was read ahead may have been read before anything stood there.
        if facts.is_empty() {
            facts = self.log.read_log(after, READ_FACTS).await?;
        }
        if facts.len() == READ_FACTS {
            let (log, next) = (self.log.clone(), after + READ_FACTS as u64);
            self.ahead = Some(Ahead { after: next, facts: tokio::spawn(async move { log.read_log(next, READ_FACTS).await }) });
        }
        Ok(facts)
    }
}

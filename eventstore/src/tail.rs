//! The newest facts, kept in memory so that followers need not read back what was just written.

use std::collections::VecDeque;
use std::sync::Arc;

use fullhouse_schemas::StoredFact;

use crate::follow::Following;

/// About a second of the highest load that was measured, and some megabytes.
const TAIL_FACTS_MAX: usize = 32_768;

/// Batches of facts, oldest first, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    batches: VecDeque<Arc<Vec<StoredFact>>>,
    facts: usize,
}

impl Tail {
    /// Adds a batch that follows right after the last one.
    pub(crate) fn push(&mut self, batch: Vec<StoredFact>) {
        if batch.is_empty() {
            return;
        }
        self.facts += batch.len();
        self.batches.push_back(Arc::new(batch));
        while self.facts > TAIL_FACTS_MAX && self.batches.len() > 1 {
            self.facts -= self.batches.pop_front().map_or(0, |batch| batch.len());
        }
    }

    /// The facts right after this position, to the end of the batch that they are in.
    pub(crate) fn after(&self, log_position: u64) -> Option<Following> {
        let first_of = |batch: &Arc<Vec<StoredFact>>| batch.first().map_or(u64::MAX, |fact| fact.log_position);
        let after = self.batches.partition_point(|batch| first_of(batch) <= log_position + 1);
        let batch = self.batches.get(after.checked_sub(1)?)?;
        let skip = (log_position + 1 - first_of(batch)) as usize;
        (skip < batch.len()).then(|| Following::new(batch.clone(), skip))
    }
}

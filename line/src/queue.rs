//! The calls that wait for the writer, and the way back to those who made them.

use std::time::Instant;

use fullhouse_domain::{ShowId, Subject};
use tokio::sync::{mpsc, oneshot};

use crate::error::LineError;
use crate::settle::{Request, Wish};

/// Histogram: joins in a batch.
pub const BATCH_JOINS: &str = "fullhouse_line_batch_joins";
/// Histogram: from a join's arrival to its number, in seconds.
pub const JOIN_SECONDS: &str = "fullhouse_line_join_seconds";
/// Counter: joins that were answered with a number, new or not.
pub const JOINS: &str = "fullhouse_line_joins_total";

/// How many calls may wait. At the rates measured this is some seconds of work; more would only wait longer.
const WAITING_MAX: usize = 65_536;
/// How many calls one transaction may carry, so that other processes get their turn.
pub(crate) const BATCH_MAX: usize = 4_096;

/// A request, and the one who waits for what becomes of it.
#[derive(Debug)]
pub(crate) struct Call {
    pub request: Request,
    answer: oneshot::Sender<Result<u64, LineError>>,
    pub arrived: Instant,
}

/// The way to the writer. Clones lead to the same one, which ends when the last of them is gone and nothing waits.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    calls: mpsc::Sender<Call>,
}

impl Queue {
    /// A queue, and what its writer takes calls from.
    pub fn new() -> (Self, mpsc::Receiver<Call>) {
        let (calls, waiting) = mpsc::channel(WAITING_MAX);
        (Self { calls }, waiting)
    }

    pub async fn join(&self, show: &ShowId, subject: &Subject, instead_of: Option<u64>) -> Result<u64, LineError> {
        self.ask(show, subject, Wish::Join { instead_of }).await
    }

    pub async fn leave(&self, show: &ShowId, subject: &Subject, number: u64) -> Result<(), LineError> {
        self.ask(show, subject, Wish::Leave { number }).await.map(|_named| ())
    }

    async fn ask(&self, show: &ShowId, subject: &Subject, wish: Wish) -> Result<u64, LineError> {
        let request = Request { show: show.clone(), subject: subject.clone(), wish };
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(Call { request, answer, arrived: Instant::now() }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => LineError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => LineError::Closed,
        })?;
        answered.await.map_err(|_closed| LineError::Closed)?
    }
}

/// Tells the callers of a batch what became of it, and empties it.
pub(crate) fn answer(batch: &mut Vec<Call>, outcome: Result<Vec<u64>, LineError>) {
    match outcome {
        Ok(numbers) => {
            count(batch);
            for (call, number) in batch.drain(..).zip(numbers) {
                // The one who asked may have gone; what was committed stays committed.
                let _ = call.answer.send(Ok(number));
            }
        }
        Err(error) => {
            for call in batch.drain(..) {
                let _ = call.answer.send(Err(error.clone()));
            }
        }
    }
}

fn count(batch: &[Call]) {
    let seconds = metrics::histogram!(JOIN_SECONDS);
    let mut joins = 0_u32;
    for call in batch.iter().filter(|call| matches!(call.request.wish, Wish::Join { .. })) {
        seconds.record(call.arrived.elapsed().as_secs_f64());
        joins += 1;
    }
    metrics::histogram!(BATCH_JOINS).record(f64::from(joins));
    metrics::counter!(JOINS).increment(u64::from(joins));
}

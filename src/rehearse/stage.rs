//! What all buyers of a rehearsal share, and how each of them asks for something.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use fullhouse_schemas::http::ShowBody;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::{Board, Step};
use super::client::{Answer, Client, Request};
use super::hall::{Hall, Picture};
use super::lag::Lags;
use super::mind::Habits;
use super::record::Record;
use super::report::Breach;
use crate::promise::Promise;

/// Breaches that are told. More of them say nothing new; how many double sales there were is counted apart.
const BREACHES_MAX: usize = 100;
/// Whoever was put off comes again after what he was told, and up to half of that later, so that not all come at once.
const JITTER: f64 = 0.5;

/// One rehearsal.
#[derive(Debug)]
pub struct Stage {
    pub client: Client,
    /// As many as there may be requests under way.
    pub places: Semaphore,
    pub show: ShowBody,
    pub hall: Hall,
    pub habits: Habits,
    pub board: Board,
    pub lags: Lags,
    /// Everybody stops here.
    pub deadline: Instant,
    /// All streams.
    pub streams: TaskTracker,
    /// Tells them to end.
    pub closing: CancellationToken,
    /// The position that the shared picture shows.
    pub shown: watch::Sender<u64>,
    pub picture: RwLock<Picture>,
    pub record: Mutex<Record>,
    pub breaches: Mutex<Vec<Breach>>,
}

/// The rehearsal is over.
#[derive(Debug, Clone, Copy)]
pub struct OutOfTime;

impl Stage {
    pub fn picture(&self) -> RwLockReadGuard<'_, Picture> {
        self.picture.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn picture_mut(&self) -> RwLockWriteGuard<'_, Picture> {
        self.picture.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A promise is broken.
    pub fn breach(&self, promise: Promise, what: String) {
        let mut breaches = self.breaches.lock().unwrap_or_else(PoisonError::into_inner);
        if breaches.len() < BREACHES_MAX {
            breaches.push(Breach { promise, what });
        }
    }

    /// Sends what was meant to be sent at an instant, until there is an answer that is one, and measures how long that took. The future is on the
    /// heap, so that a buyer who waits costs only what he needs for waiting.
    pub fn ask<'a>(&'a self, step: Step, intended: Instant, request: Request<'a>) -> BoxFuture<'a, Result<Answer, OutOfTime>> {
        async move {
            self.board.offered(intended);
            let answer = self.settle(&request, self.deadline).await?;
            self.board.served(step, intended);
            match answer.status {
                200..300 => {}
                400..500 => self.board.refused(answer.code()),
                _ => self.board.error(format!("{} on {}", answer.code(), step.as_str())),
            }
            Ok(answer)
        }
        .boxed()
    }

    /// Sends a request again and again, as the contract wants it, until it is answered with something other than "later".
    pub async fn settle(&self, request: &Request<'_>, until: Instant) -> Result<Answer, OutOfTime> {
        loop {
            let wait = {
                let entering = tokio::time::timeout_at(until.into(), self.places.acquire());
                let Ok(Ok(_place)) = entering.await else { return Err(OutOfTime) };
                // On the heap too: whoever waits for a connection needs no room for what is done with it.
                match self.client.send(request).boxed().await {
                    Ok(answer) if !answer.is_put_off() => return Ok(answer),
                    Ok(answer) => {
                        self.board.put_off(format!("{} {}", answer.status, answer.code()));
                        answer.retry_after
                    }
                    Err(trouble) => {
                        self.board.error(trouble.as_str().into());
                        Duration::from_secs(1)
                    }
                }
            };
            sleep_until(Instant::now() + wait.mul_f64(1.0 + JITTER * rand::random::<f64>()), until).await?;
        }
    }
}

/// Sleeps, but not beyond the end.
pub async fn sleep_until(instant: Instant, end: Instant) -> Result<(), OutOfTime> {
    tokio::time::sleep_until(instant.min(end).into()).await;
    if instant < end { Ok(()) } else { Err(OutOfTime) }
}

//! One buyer, from his arrival to his end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Method;
use fullhouse_schemas::http::SessionBody;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::board::{Ending, Step};
use super::client::{Answer, Request};
use super::mind::Mind;
use super::purchase::Attempt;
use super::stage::{OutOfTime, Stage, sleep_until};
use super::watcher::{Viewer, watch};

/// So often somebody stands in line again whose turn has ended before he held anything.
const TURNS_MAX: u32 = 3;

/// Somebody who shops.
pub struct Buyer {
    pub stage: Arc<Stage>,
    pub number: u32,
    pub mind: Mind,
    /// When the next request is meant to be sent.
    pub due: Instant,
    pub token: Box<str>,
    pub ticket: Option<Box<str>>,
    pub pass: Option<Box<str>>,
    /// His stream has news of his place.
    pub called: Option<Arc<Notify>>,
    /// Commands so far, which name their keys.
    pub commands: u32,
    pub is_in_line: bool,
}

/// Why somebody can't go on.
#[derive(Debug)]
pub enum Stop {
    OutOfTime,
    /// An answer that nobody should get; it has been counted.
    Failed,
}

impl From<OutOfTime> for Stop {
    fn from(_: OutOfTime) -> Self {
        Stop::OutOfTime
    }
}

/// Lets the buyer of this number shop, who arrives at an instant.
pub async fn shop(stage: Arc<Stage>, number: u32, arrival: Instant) -> Ending {
    let mind = Mind::of(number, &stage.habits);
    let mut buyer = Buyer {
        stage,
        number,
        mind,
        due: arrival,
        token: "".into(),
        ticket: None,
        pass: None,
        called: None,
        commands: 0,
        is_in_line: false,
    };
    match buyer.shop().await {
        Ok(ending) => ending,
        Err(Stop::OutOfTime) if buyer.is_in_line => Ending::StillWaiting,
        Err(Stop::OutOfTime) => Ending::Unfinished,
        Err(Stop::Failed) => Ending::Failed,
    }
}

impl Buyer {
    async fn shop(&mut self) -> Result<Ending, Stop> {
        self.open_session().await?;
        let has_room = self.stage.show.waiting_room.is_some();
        if !has_room {
            self.open_stream();
        }
        for _ in 0..TURNS_MAX {
            if has_room && !self.wait_for_turn().await? {
                return Ok(Ending::FoundNoSeats);
            }
            match self.hold().await? {
                Attempt::Holds(id, held) => return self.decide(id, &held).await,
                Attempt::Ended(ending) => {
                    self.leave().await?;
                    return Ok(ending);
                }
                Attempt::TurnOver if has_room => self.pass = None,
                Attempt::TurnOver => return self.unexpected("pass-required without a waiting room"),
            }
        }
        Ok(Ending::LostTurn)
    }

    /// Gets a guest's token.
    async fn open_session(&mut self) -> Result<(), Stop> {
        let request = Request { method: Method::POST, path: "/session", ..Request::default() };
        let answer = self.stage.ask(Step::Session, self.due, request).await?;
        self.due = Instant::now();
        if answer.status != 201 {
            return self.unexpected(&format!("{} on session", answer.code()));
        }
        let session: SessionBody = self.read(&answer)?;
        self.token = session.token.into();
        Ok(())
    }

    /// Opens a live stream, if he is one of those who do.
    pub fn open_stream(&mut self) {
        if self.mind.watches && self.called.is_none() {
            let called = Arc::new(Notify::new());
            self.called = Some(called.clone());
            let viewer = Viewer::Buyer { token: self.token.clone(), ticket: self.ticket.clone(), called };
            self.stage.streams.spawn(watch(self.stage.clone(), viewer));
        }
    }

    /// A command under a key, with the pass if there is one.
    pub async fn command(&mut self, step: Step, path: &str, key: &str, body: Bytes) -> Result<Answer, Stop> {
        let mut headers = vec![("idempotency-key", key)];
        headers.extend(self.pass.as_deref().map(|pass| ("queue-pass", pass)));
        let request = Request { method: Method::POST, path, token: Some(&self.token), headers, body };
        let answer = self.stage.ask(step, self.due, request).await?;
        self.due = Instant::now();
        Ok(answer)
    }

    /// Any other request with his token.
    pub async fn ask(&mut self, step: Step, method: Method, path: &str, headers: Vec<(&'static str, &str)>) -> Result<Answer, Stop> {
        let request = Request { method, path, token: Some(&self.token), headers, body: Bytes::new() };
        let answer = self.stage.ask(step, self.due, request).await?;
        self.due = Instant::now();
        Ok(answer)
    }

    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Stop> {
        serde_json::from_slice(&answer.body).or_else(|_| self.unexpected("an answer that is not what the contract says"))
    }

    /// From now on he waits for so long, and what he does next is meant for then.
    pub async fn pause(&mut self, time: Duration) -> Result<(), Stop> {
        self.due = Instant::now() + time;
        Ok(sleep_until(self.due, self.stage.deadline).await?)
    }

    pub fn unexpected<T>(&self, what: &str) -> Result<T, Stop> {
        self.stage.board.error(format!("unexpected: {what}"));
        Err(Stop::Failed)
    }

    pub fn next_key(&mut self) -> String {
        self.commands += 1;
        format!("rehearsal-{}-{}", self.number, self.commands)
    }
}

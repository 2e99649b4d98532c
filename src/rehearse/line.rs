//! A buyer in front of a show with a waiting room.

use std::time::{Duration, Instant};

use axum::http::Method;
use fullhouse_schemas::queue::QueueBody;

use super::board::{Present, Step};
use super::buyer::{Buyer, Stop};
use super::lag::clock;
use super::stage::sleep_until;

/// Whoever may be called soon asks this often: a server takes somebody who has asked to be there for 10 s.
const ASKS_SOON: Duration = Duration::from_secs(3);
/// Whoever has many before him asks this often.
const ASKS_LATER: Duration = Duration::from_secs(30);
/// Whoever has fewer before him than so many rooms full may be called soon, when the line itself can't say.
const ROOMS_AHEAD_SOON: u64 = 4;
/// How much the pauses of different people differ.
const JITTER: f64 = 0.2;

impl Buyer {
    /// Joins, and waits until he is let in. Whether he is; else everything is sold.
    pub async fn wait_for_turn(&mut self) -> Result<bool, Stop> {
        let stage = self.stage.clone();
        let _in_line = Present::in_count(&stage.board.in_line);
        self.is_in_line = true;
        let path = format!("/events/{}/queue", stage.show.event_id);
        let mut told = self.stand(&path, true).await?;
        let is_let_in = loop {
            match told.state.as_str() {
                "admitted" if told.pass.is_some() => break true,
                "sold_out" => break false,
                "over" => {
                    self.pause(ASKS_SOON).await?;
                    told = self.stand(&path, true).await?;
                }
                "waiting" => {
                    self.wait(&told).await?;
                    told = self.stand(&path, false).await?;
                }
                other => return self.unexpected(&format!("state {other} in the line")),
            }
        };
        self.pass = told.pass.map(Into::into);
        self.is_in_line = false;
        Ok(is_let_in)
    }

    /// Joins, or asks where he stands.
    async fn stand(&mut self, path: &str, joins: bool) -> Result<QueueBody, Stop> {
        let answer = match self.ticket.clone().filter(|_| !joins) {
            None => self.ask(Step::Join, Method::POST, path, vec![]).await?,
            Some(ticket) => self.ask(Step::Place, Method::GET, path, vec![("queue-ticket", &*ticket)]).await?,
        };
        if answer.status != 200 {
            return self.unexpected(&format!("{} in the line", answer.code()));
        }
        let told: QueueBody = self.read(&answer)?;
        if let Some(ticket) = told.ticket.as_deref().filter(|_| joins) {
            self.ticket = Some(ticket.into());
            self.open_stream();
        }
        Ok(told)
    }

    /// Waits until it is time to ask again, or until his stream says that something has happened.
    async fn wait(&mut self, told: &QueueBody) -> Result<(), Stop> {
        let max_active = self.stage.show.waiting_room.as_ref().map_or(1, |room| room.max_active);
        let pause = asks_after(told, max_active).mul_f64(1.0 + JITTER * (rand::random::<f64>() - 0.5));
        self.due = Instant::now() + pause;
        match self.called.clone() {
            None => sleep_until(self.due, self.stage.deadline).await?,
            Some(called) => tokio::select! {
                slept = sleep_until(self.due, self.stage.deadline) => slept?,
                () = called.notified() => self.due = Instant::now(),
            },
        }
        Ok(())
    }

    /// Goes away in order, if he stood in a line.
    pub async fn leave(&mut self) -> Result<(), Stop> {
        let Some(ticket) = self.ticket.clone() else { return Ok(()) };
        let path = format!("/events/{}/queue", self.stage.show.event_id);
        let answer = match self.ask(Step::Leave, Method::DELETE, &path, vec![("queue-ticket", &*ticket)]).await {
            // What he has done before stands.
            Err(Stop::OutOfTime) => return Ok(()),
            answer => answer?,
        };
        if answer.is_success() { Ok(()) } else { self.unexpected(&format!("{} on leaving the line", answer.code())) }
    }
}

/// How long somebody waits before he asks again: a quarter of what he was told to expect, within bounds.
fn asks_after(told: &QueueBody, max_active: u32) -> Duration {
    match (told.estimated_wait_seconds, told.ahead) {
        (Some(seconds), _) => Duration::from_secs(seconds / 4).clamp(ASKS_SOON, ASKS_LATER),
        (None, Some(ahead)) if ahead > ROOMS_AHEAD_SOON * u64::from(max_active) => ASKS_LATER,
        (None, None) => {
            let draws_in = told.draws_at.map_or(0, |instant| instant.0.as_micros() - clock());
            Duration::from_micros(draws_in.try_into().unwrap_or(0)).clamp(ASKS_SOON, ASKS_LATER)
        }
        _ => ASKS_SOON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_be_called_soon_asks_more_often() {
        let told = |rest: &str| -> QueueBody {
            let text = format!(r#"{{"serving":1,"state":"waiting","seats_left":9,"is_paused":false,"estimated_wait_range":null,{rest}}}"#);
            serde_json::from_str(&text).expect("a place")
        };
        let seconds = |rest: &str| asks_after(&told(rest), 10).as_secs();
        assert_eq!(seconds(r#""number":2,"ahead":0,"estimated_wait_seconds":4"#), 3);
        assert_eq!(seconds(r#""number":900,"ahead":90,"estimated_wait_seconds":40"#), 10);
        assert_eq!(seconds(r#""number":900,"ahead":900,"estimated_wait_seconds":4000"#), 30);
        assert_eq!(seconds(r#""number":900,"ahead":41,"estimated_wait_seconds":null"#), 30);
        assert_eq!(seconds(r#""number":900,"ahead":40,"estimated_wait_seconds":null"#), 3);
        assert_eq!(seconds(r#""number":null,"ahead":null,"estimated_wait_seconds":null,"draws_at":"2100-01-01T00:00:00Z""#), 30);
    }
}

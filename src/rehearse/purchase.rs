//! A buyer who chooses seats, holds them, and ends it as he means to.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Method;
use fullhouse_schemas::http::{BestAvailableBody, CheckoutBody, ReservationBody, ReserveBody};

use super::board::{Ending, Present, Step};
use super::buyer::{Buyer, Stop};
use super::choice::choose;
use super::client::Answer;
use super::hall::Seat;
use super::lag::clock;
use super::mind::{Intent, dice, exponential};
use super::record::{Hold, HoldId, Sale};
use crate::promise::Promise;

/// So often others may be faster before somebody gives up.
const TRIES_MAX: u32 = 5;
/// The mean time until somebody who was told that seats are taken has picked others, in seconds.
const RETHINK_SECONDS: f64 = 1.0;
/// Between two looks at a sale that should have opened.
const OPENING_PAUSE: Duration = Duration::from_secs(1);

/// What a person may come to have.
pub enum Attempt {
    Holds(HoldId, ReservationBody),
    Ended(Ending),
    /// His turn in the waiting room is over.
    TurnOver,
}

impl Buyer {
    /// Holds seats, or finds that there are none for him.
    pub async fn hold(&mut self) -> Result<Attempt, Stop> {
        let mut party = self.mind.party;
        let mut tries = 0;
        loop {
            let Some((wanted, seats)) = self.wish(&mut party) else { return Ok(Attempt::Ended(Ending::FoundNoSeats)) };
            let path = "/reserve";
            let key = self.next_key();
            let body = json(&wanted);
            let answer = self.command(Step::Hold, path, &key, body.clone()).await?;
            let problem = answer.problem();
            match (answer.status, problem.code.as_str()) {
                (201, _) => {
                    let held: ReservationBody = self.read(&answer)?;
                    let id = self.note(&held, seats.as_deref())?;
                    self.repeat(path, &key, body, &answer).await?;
                    return Ok(Attempt::Holds(id, held));
                }
                (409, "seats-taken") => {
                    tries += 1;
                    if tries == TRIES_MAX {
                        return Ok(Attempt::Ended(Ending::GaveUp));
                    }
                    let seconds = exponential(&mut self.dice(), RETHINK_SECONDS);
                    self.pause(Duration::from_secs_f64(seconds)).await?;
                }
                (409, "no-adjacent-seats") if party > 1 => party -= 1,
                (409, "no-adjacent-seats") => return Ok(Attempt::Ended(Ending::FoundNoSeats)),
                (409, "not-yet-on-sale") => {
                    let opens = problem.on_sale_at.map_or(0, |instant| instant.0.as_micros() - clock());
                    self.pause(Duration::from_micros(opens.try_into().unwrap_or(0)).max(OPENING_PAUSE)).await?;
                }
                (403, "pass-required") => return Ok(Attempt::TurnOver),
                _ => return self.unexpected(&format!("{} on hold", answer.code())),
            }
        }
    }

    /// What he asks for, and the seats if he has pointed at them. A party that finds no room side by side gets smaller.
    fn wish(&self, party: &mut u32) -> Option<(ReserveBody, Option<Vec<Seat>>)> {
        let event_id = self.stage.show.event_id.clone();
        if self.mind.takes_best_available {
            let best = BestAvailableBody { count: *party, section: None };
            return Some((ReserveBody { event_id, seats: None, best_available: Some(best) }, None));
        }
        let mut dice = self.dice();
        let picture = self.stage.picture();
        let hall = &self.stage.hall;
        let (size, seats) = (1..=*party).rev().find_map(|size| Some((size, choose(hall, &picture, size, &mut dice)?)))?;
        *party = size;
        let labels = seats.iter().map(|&seat| hall.label(seat).to_owned()).collect();
        Some((ReserveBody { event_id, seats: Some(labels), best_available: None }, Some(seats)))
    }

    /// Writes down what he holds.
    fn note(&self, held: &ReservationBody, asked: Option<&[Seat]>) -> Result<HoldId, Stop> {
        let now = Instant::now();
        let mut seats: Vec<Seat> = held.seats.iter().filter_map(|seat| self.stage.hall.seat(&seat.seat)).collect();
        seats.sort_unstable();
        if seats.len() != held.seats.len() || asked.is_some_and(|asked| asked != seats) {
            self.stage.breach(Promise::TrueAnswers, format!("{} has other seats than those asked for", held.reservation_id));
        }
        let expires_at = held.expires_at.0.as_micros();
        let decided_at = expires_at - i64::from(self.stage.show.hold_seconds) * 1_000_000;
        self.stage.lags.told(held.position, now, Some(decided_at));
        Ok(self.stage.record().held(Hold {
            reservation: held.reservation_id.as_str().into(),
            seats: seats.into(),
            position: held.position,
            decided_at,
            expires_at,
            acknowledged: now,
            release_sent: None,
            sold: None,
        }))
    }

    /// Dithers, and then does what he means to do.
    pub async fn decide(&mut self, id: HoldId, held: &ReservationBody) -> Result<Ending, Stop> {
        let stage = self.stage.clone();
        let _holding = Present::in_count(&stage.board.holding);
        self.pause(self.mind.dither).await?;
        match self.mind.intent {
            Intent::CheckOut => self.check_out(id, held).await,
            Intent::Release => self.release(id, held).await,
            Intent::WalkAway => Ok(Ending::WalkedAway),
        }
    }

    async fn check_out(&mut self, id: HoldId, held: &ReservationBody) -> Result<Ending, Stop> {
        let path = format!("/reserve/{}/checkout", held.reservation_id);
        let key = self.next_key();
        let body = json(&CheckoutBody { payment_reference: format!("rehearsal-{}", self.number) });
        let answer = self.command(Step::Checkout, &path, &key, body.clone()).await?;
        match answer.status {
            200 => {
                let sold: ReservationBody = self.read(&answer)?;
                if sold.status != "reserved" || sold.seats != held.seats {
                    let what = format!("{} was checked out as {} with other seats or another status", held.reservation_id, sold.status);
                    self.stage.breach(Promise::TrueAnswers, what);
                }
                self.stage.lags.told(sold.position, Instant::now(), None);
                self.stage.record().sold(id, Sale { position: sold.position, token: self.token.clone() });
                self.repeat(&path, &key, body, &answer).await?;
                Ok(Ending::Bought)
            }
            410 => Ok(Ending::TooLate),
            _ => self.unexpected(&format!("{} on checkout", answer.code())),
        }
    }

    async fn release(&mut self, id: HoldId, held: &ReservationBody) -> Result<Ending, Stop> {
        let path = format!("/reserve/{}", held.reservation_id);
        self.stage.record().releases(id, Instant::now());
        let answer = self.ask(Step::Release, Method::DELETE, &path, vec![]).await?;
        match answer.status {
            204 => {
                self.leave().await?;
                Ok(Ending::Released)
            }
            410 => Ok(Ending::TooLate),
            _ => self.unexpected(&format!("{} on release", answer.code())),
        }
    }

    /// Sends once more what was answered, if he is one of those who do. The answer must be the same, byte for byte.
    async fn repeat(&mut self, path: &str, key: &str, body: Bytes, first: &Answer) -> Result<(), Stop> {
        if !self.mind.repeats {
            return Ok(());
        }
        let again = match self.command(Step::Repetition, path, key, body).await {
            // What he has done before stands.
            Err(Stop::OutOfTime) => return Ok(()),
            again => again?,
        };
        // A server that breaks has not answered; what it says then is counted as an error.
        if again.status < 500 && (again.status, &again.body) != (first.status, &first.body) {
            let [first, again] = [first, &again].map(|answer| format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
            self.stage
                .breach(Promise::Once, format!("POST {path} was answered with {first}, and under the same Idempotency-Key with {again}"));
        }
        Ok(())
    }

    fn dice(&self) -> rand::rngs::StdRng {
        dice(self.stage.habits.seed, self.number, self.commands + 1)
    }
}

fn json(body: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(body).expect("text and numbers always serialize").into()
}

//! What is looked at when everybody has gone: whether what buyers were told is so.

use std::time::{Duration, Instant};

use axum::http::Method;
use fullhouse_schemas::http::{CompactSeatsBody, ReservationBody};
use futures::StreamExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;

use super::client::Request;
use super::hall::{SOLD, Seat};
use super::record::{Clash, Hold, Wrong};
use super::stage::Stage;
use crate::promise::Promise;

/// Sales that are read again.
const SALES_READ_AGAIN_MAX: usize = 2_000;
/// So many of them at a time.
const READERS: usize = 32;
/// How long the stream may take to show what was acknowledged last, and the server to answer all that is asked here.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was looked at.
#[derive(Debug, Default)]
pub struct Audit {
    pub double_sales: u64,
    pub overlapping_holds: u64,
    pub sales_read_again: u64,
    pub map_compared_at: Option<u64>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<String>,
}

/// Looks at everything; each breach goes to the stage.
pub async fn audit(stage: &Stage) -> Audit {
    let mut audit = Audit::default();
    compare_records(stage, &mut audit);
    compare_map(stage, &mut audit).await;
    read_sales_again(stage, &mut audit).await;
    audit
}

fn compare_records(stage: &Stage, audit: &mut Audit) {
    for Clash { wrong, seat, earlier, later } in stage.record().clashes() {
        let what = match wrong {
            Wrong::SoldTwice => "was sold twice",
            Wrong::HeldThoughSold => "was held again after it was sold",
            Wrong::HeldTwice => "was held twice at a time",
        };
        match wrong {
            Wrong::SoldTwice => audit.double_sales += 1,
            Wrong::HeldThoughSold | Wrong::HeldTwice => audit.overlapping_holds += 1,
        }
        let (first, second) = (&earlier.reservation, &later.reservation);
        let (from, then) = (earlier.position, later.position);
        let label = stage.hall.label(seat);
        stage.breach(Promise::OneOwner, format!("{label} {what}: {first}, held at position {from}, and {second}, held at position {then}"));
    }
}

/// The picture that the stream has painted must be the map of the position that it names.
async fn compare_map(stage: &Stage, audit: &mut Audit) {
    let newest = stage.record().newest_position();
    let mut shown = stage.shown.subscribe();
    let caught_up = tokio::time::timeout(PATIENCE, shown.wait_for(|position| *position >= newest)).await.is_ok();
    if !caught_up {
        let position = stage.picture().position();
        audit.unchecked.push(format!("the stream shows position {position}; {newest} was acknowledged {} s ago", PATIENCE.as_secs()));
    }
    let (position, statuses) = {
        let picture = stage.picture();
        (picture.position(), picture.statuses().to_vec())
    };
    show_sales(stage, position, &statuses);
    let path = format!("/events/{}/seats?format=compact&position={position}", stage.show.event_id);
    let request = Request { path: &path, ..Request::default() };
    let answer = stage.settle(&request, Instant::now() + PATIENCE).await.ok().filter(super::client::Answer::is_success);
    let Some(map) = answer.and_then(|answer| serde_json::from_slice::<CompactSeatsBody>(&answer.body).ok()) else {
        return audit.unchecked.push(format!("the map as it was at position {position} can't be had"));
    };
    audit.map_compared_at = Some(position);
    let wrong: Vec<&str> = (0..)
        .zip(map.statuses.bytes().zip(&statuses))
        .filter(|(_, (told, shown))| told != *shown)
        .map(|(seat, _)| stage.hall.label(seat))
        .collect();
    if !wrong.is_empty() || map.statuses.len() != statuses.len() {
        let some = wrong[..wrong.len().min(5)].join(", ");
        stage.breach(
            Promise::Views,
            format!("at position {position} the stream shows {} seats otherwise than the map: {some}", wrong.len()),
        );
    }
}

/// What was sold up to a position must be shown as sold. The server's own map of that position may have the same fault as its stream; buyers' papers
/// don't.
fn show_sales(stage: &Stage, position: u64, statuses: &[u8]) {
    let record = stage.record();
    let sold = record.holds().iter().filter(|hold| hold.sold.as_ref().is_some_and(|sale| sale.position <= position));
    let is_shown = |seat: &Seat| statuses.get(*seat as usize) == Some(&SOLD);
    for (hold, seat) in sold.flat_map(|hold| hold.seats.iter().filter(|seat| !is_shown(seat)).map(move |seat| (hold, *seat))) {
        let label = stage.hall.label(seat);
        stage.breach(
            Promise::Views,
            format!("{label} of {} is sold, and the stream does not show it at position {position}", hold.reservation),
        );
    }
}

/// What was sold must still be sold.
async fn read_sales_again(stage: &Stage, audit: &mut Audit) {
    let sales: Vec<Hold> = {
        let record = stage.record();
        let sold = record.holds().iter().filter(|hold| hold.sold.is_some());
        sold.sample(&mut StdRng::seed_from_u64(stage.habits.seed), SALES_READ_AGAIN_MAX).into_iter().cloned().collect()
    };
    let until = Instant::now() + PATIENCE;
    let read = futures::stream::iter(&sales).map(|sale| is_still_sold(stage, sale, until)).buffer_unordered(READERS);
    let (read, unread): (Vec<bool>, Vec<bool>) = read.collect::<Vec<bool>>().await.into_iter().partition(|is_read| *is_read);
    audit.sales_read_again = read.len() as u64;
    if !unread.is_empty() {
        audit.unchecked.push(format!("{} of {} sales could not be read again", unread.len(), sales.len()));
    }
}

/// Whether there was an answer; one that is wrong is a breach.
async fn is_still_sold(stage: &Stage, hold: &Hold, until: Instant) -> bool {
    let path = format!("/reserve/{}", hold.reservation);
    let token = hold.sold.as_ref().map(|sale| &*sale.token);
    let request = Request { method: Method::GET, path: &path, token, ..Request::default() };
    let Ok(answer) = stage.settle(&request, until).await else { return false };
    if !matches!(answer.status, 200 | 404 | 410) {
        return false;
    }
    let body: Option<ReservationBody> = serde_json::from_slice(&answer.body).ok();
    let is_right = body.is_some_and(|body| {
        let mut seats: Vec<u32> = body.seats.iter().filter_map(|seat| stage.hall.seat(&seat.seat)).collect();
        seats.sort_unstable();
        body.status == "reserved" && *seats == *hold.seats
    });
    if !is_right {
        let told = String::from_utf8_lossy(&answer.body);
        stage.breach(Promise::Once, format!("{} was acknowledged as sold, and is now {} {told}", hold.reservation, answer.status));
    }
    true
}

//! The relay to the seat views in memory, and to the timers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use fullhouse_domain::Event;
use fullhouse_domain::planted::{Bug, is_planted};
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_views::{LiveShow, LiveViews};
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::timers::Timers;
use crate::{Decoded, ProjectionError, next_facts};

/// Gauge: the log position that the seat views in memory have reached.
pub const LOG_POSITION: &str = "fullhouse_live_views_log_position";
/// Histogram: from a fact's recording to its being in the seat view, in seconds, for the oldest fact of each batch.
pub const LAG_SECONDS: &str = "fullhouse_live_views_lag_seconds";

/// Keeps the views, and the timers if there are any, at the head of the log until `stop`.
pub async fn run(log: Log, views: Arc<LiveViews>, timers: Option<Arc<Timers>>, health: Health, stop: CancellationToken) {
    health.watch("the live seat view", &stop, follow(&log, &views, timers.as_deref(), &health)).await;
}

async fn follow(log: &Log, views: &LiveViews, timers: Option<&Timers>, health: &Health) -> Result<Infallible, ProjectionError> {
    let began = Instant::now();
    let head_at_start = log.head();
    let mut caught_up = head_at_start == 0;
    let mut follower = log.follow(0);
    loop {
        let facts = next_facts(&mut follower, health).await?;
        apply(views, timers, &facts)?;
        let (Some(first), Some(last)) = (facts.first(), facts.last()) else { continue };
        views.reached(last.log_position);
        metrics::gauge!(LOG_POSITION).set(last.log_position as f64);
        if caught_up {
            metrics::histogram!(LAG_SECONDS).record(first.recorded_at.until(log.now()).as_secs_f64());
        } else if last.log_position >= head_at_start {
            caught_up = true;
            tracing::info!(facts = last.log_position, seconds = began.elapsed().as_secs_f64(), "the live seat views are built");
        }
    }
}

/// Applies consecutive facts; those of one show that stand together are applied together.
fn apply(views: &LiveViews, timers: Option<&Timers>, facts: &[StoredFact]) -> Result<(), ProjectionError> {
    let of_shows = facts.chunk_by(|one, next| one.show == next.show).filter(|facts| facts[0].is_of_a_show());
    for of_one_show in of_shows {
        let mut decoded = of_one_show.iter().map(Decoded::new).collect::<Result<Vec<_>, _>>()?;
        if is_planted(Bug::SkipFacts) {
            skip_facts(&mut decoded);
        }
        let mut rest = decoded.as_slice();
        let show = match rest {
            [Decoded { fact, event: Event::ShowScheduled(plan) }, following @ ..] if fact.position == 1 => {
                rest = following;
                views.add(fact.show.clone(), (**plan).clone(), fact.log_position, fact.recorded_at)
            }
            _ => known_show(views, &of_one_show[0])?,
        };
        show.apply(rest.iter().map(|decoded| (decoded.fact.position, decoded.recorded_at(), &decoded.event)))
            .map_err(|what| ProjectionError::Contradiction { show: show.id().to_string(), what: what.to_string() })?;
        if let Some(timers) = timers {
            rest.iter().for_each(|decoded| timers.apply(&decoded.event));
        }
    }
    if let Some(timers) = timers {
        timers.announce();
    }
    Ok(())
}

/// The bug of that name: now and then, seats that a fact has changed are left as they are.
fn skip_facts(decoded: &mut [Decoded<'_>]) {
    for Decoded { fact, event } in decoded.iter_mut().filter(|decoded| decoded.fact.position.is_multiple_of(17)) {
        if let Event::SeatsHeld { seats, .. } = event {
            tracing::debug!(position = fact.position, "skipped");
            seats.clear();
        }
    }
}

fn known_show(views: &LiveViews, fact: &StoredFact) -> Result<Arc<LiveShow>, ProjectionError> {
    views.show(&fact.show).ok_or_else(|| ProjectionError::Contradiction {
        show: fact.show.to_string(),
        what: format!("log position {} tells of a show that was never scheduled", fact.log_position),
    })
}

//! The example event.

mod hall;
mod shoppers;

use anyhow::{Context, anyhow};
use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, Outcome, Sequencer};
use fullhouse_domain::{ShowId, Subject};
use fullhouse_views::LiveViews;

pub use shoppers::start_shoppers;

/// The first event there is; a new example, when there is none.
pub async fn schedule_if_empty(sequencer: &Sequencer, views: &LiveViews, cluster: &str) -> anyhow::Result<ShowId> {
    if let Some((_, show)) = views.shows_after(0, 1).first() {
        return Ok(show.id().clone());
    }
    let show = ShowId::parse(&format!("{cluster}-{:016x}", rand::random::<u64>())).context("the cluster's name can't begin an id")?;
    let action = Action::Schedule(Box::new(hall::plan()));
    let submission = Submission::of_server(show, Subject::parse("demo"), "demo", action);
    match sequencer.submit(submission).await {
        Ok(Outcome::Scheduled(scheduled)) => Ok(scheduled.show),
        other => Err(anyhow!("the example event could not be scheduled: {other:?}")),
    }
}

//! The example event.

mod hall;
mod shoppers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, Outcome};
use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::Log;
use fullhouse_views::LiveShow;

use crate::serve::{Commands, Queries};

pub use shoppers::start_shoppers;

/// How long the views may take to show an event that was just scheduled.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who schedules the example event, by which it is known again.
const ORGANIZER: &str = "demo";

/// Whether this is the example event.
async fn is_example(log: &Log, show: &LiveShow) -> anyhow::Result<bool> {
    let first = log.read_show(show.id(), 0, 1).await?;
    Ok(first.first().and_then(|fact| fact.subject.as_ref()).is_some_and(|subject| subject.as_str() == ORGANIZER))
}

/// The first event there is; a new example, when there is none.
pub async fn schedule_if_empty(log: &Log, commands: &Commands, queries: &Queries) -> anyhow::Result<Arc<LiveShow>> {
    if queries.views.shows_after(0, 1).is_empty() {
        schedule(commands).await?;
        queries.views.reach(log.newest_head(PATIENCE).await?, PATIENCE).await;
    }
    let first = queries.views.shows_after(0, 1).pop();
    first.map(|(_, show)| show).ok_or_else(|| anyhow!("the example event was scheduled, but the views don't show it"))
}

async fn schedule(commands: &Commands) -> anyhow::Result<()> {
    let id = format!("{}-{:016x}", commands.state.cluster, rand::random::<u64>());
    let show = ShowId::parse(&id).context("the cluster's name can't begin an id")?;
    let action = Action::Schedule(Box::new(hall::plan()));
    let submission = Submission::of_server(show, Subject::parse(ORGANIZER), "demo", action);
    match commands.sequencer.submit(submission).await {
        Ok(Outcome::Scheduled(_)) => Ok(()),
        other => Err(anyhow!("the example event could not be scheduled: {other:?}")),
    }
}

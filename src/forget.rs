//! `fullhouse forget`: cuts the link between a subject and a person, for good.

use anyhow::{Context, bail};
use fullhouse_eventstore::postgres::Access;
use fullhouse_people::{Forgotten, People};
use fullhouse_schemas::time::Instant;

use crate::cli::ForgetSettings;
use crate::store;

/// Forgets who a subject is, and says where the log tells so.
pub fn main(settings: &ForgetSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    let forgotten = runtime.block_on(forget(settings))?;
    let Forgotten { subject, forgotten_at, log_position } = &forgotten;
    crate::print_result(&format!("{subject} was forgotten at {}; log position {log_position} says so.\n", Instant(*forgotten_at)))
}

async fn forget(settings: &ForgetSettings) -> anyhow::Result<Forgotten> {
    let ForgetSettings { subject, data, database_url, cluster } = settings;
    if database_url.is_none() && !data.exists() {
        bail!("there is no folder {}", data.display());
    }
    let hint = || format!("a running server forgets with `DELETE /people/{subject}` (role: operator)");
    let log = store::open(data, database_url.as_deref(), Access::Append).await.with_context(hint)?;
    let store = store::open_people(data, database_url.as_deref(), Access::Append).await?;
    let people = store.and_then(|store| People::new(log, store, cluster)).context("the people can't be opened")?;
    people.forget(subject, None).await?.with_context(|| format!("nobody is noted under `{subject}`; nothing was done"))
}

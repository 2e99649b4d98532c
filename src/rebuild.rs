//! `fullhouse rebuild`

use anyhow::Context;
use fullhouse_eventstore::postgres::Access;
use fullhouse_projector::sql;

use crate::cli::{RebuildSettings, RebuiltView};
use crate::progress::Progress;
use crate::store;

/// Builds a view anew and tells what was wrong with the one before.
pub fn main(settings: &RebuildSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    match settings.view {
        RebuiltView::Sql => runtime.block_on(sql_views(&settings.database_url)),
    }
}

async fn sql_views(url: &str) -> anyhow::Result<()> {
    let log = store::open_database(url, Access::Read).await?;
    let progress = Progress::new(log.head(), "folded");
    let rebuilt = sql::postgres::rebuild(&log, url, |position| progress.tell(position)).await;
    progress.finish();
    let rebuilt = rebuilt.context("the SQL views can't be built anew; those in use are as they were")?;
    let mut text = format!("The SQL views were built anew up to log position {}.\n", rebuilt.log_position);
    match rebuilt.differences.as_slice() {
        [] => text.push_str("They are as they were before.\n"),
        found => found.iter().for_each(|(table, rows)| text.push_str(&format!("{rows} rows of {table} were wrong or missing before.\n"))),
    }
    crate::print_result(&text)
}

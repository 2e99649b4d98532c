//! Tables for people who query with SQL: in a SQLite file, or in a schema of the log's PostgreSQL database.
//!
//! Facts are folded into `changes`, which are written in one transaction together with the log position that they lead
//! to. What the views say is therefore always the fold of the log up to the position that they name.
//!
//! * `fold`, `changes`: from facts to changed rows, pure
//! * [`sqlite`], [`postgres`]: writing them

mod changes;
mod fold;
pub mod postgres;
pub mod sqlite;

use std::time::Duration;

pub use sqlite::file::{FILE_NAME, open_to_read};

/// Gauge: the log position that the SQL views have reached.
pub const LOG_POSITION: &str = "fullhouse_sql_views_log_position";
/// Histogram: how long writing a batch of changes took, in seconds.
pub const WRITE_SECONDS: &str = "fullhouse_sql_views_write_seconds";

/// Counter: how often the SQL views could not be written.
pub const FAILURES: &str = "fullhouse_sql_views_failures_total";

/// The pause before views that could not be written are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How many facts are folded into one transaction when the views are far behind.
const FACTS_PER_TRANSACTION_MAX: usize = 20_000;
/// The views pause so long between two transactions. Many changes of a busy moment then fall together, and the lag stays
/// well below the second that is promised.
const PAUSE: Duration = Duration::from_millis(100);

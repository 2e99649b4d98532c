//! One connection for what is asked seldom.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::connect::{connect_to, failed, timely};
use crate::error::LogError;

/// How long an answer may take before the connection is given up.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Work that is under way.
pub type Working<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A connection that is made when it is needed, and kept. Clones share it; work is done one after another.
#[derive(Debug, Clone)]
pub struct SingleConnection {
    url: Arc<str>,
    schema: &'static str,
    kept: Arc<Mutex<Option<PgConnection>>>,
}

impl SingleConnection {
    /// To this database; names without a schema mean this one.
    pub fn new(url: &str, schema: &'static str) -> Self {
        Self { url: url.into(), schema, kept: Arc::default() }
    }

    /// Works on it, in a task of its own: whoever stops waiting must not leave a half-read answer on a connection. One that was
    /// idle may have been lost long ago, which is no reason to fail; so the work may be done twice.
    pub async fn with<T: Send + 'static, E: From<LogError> + Send + 'static>(
        &self,
        doing: &'static str,
        work: impl for<'a> Fn(&'a mut PgConnection) -> Working<'a, T, E> + Send + Sync + 'static,
    ) -> Result<T, E> {
        let Self { url, schema, kept } = self.clone();
        let working = tokio::spawn(async move {
            let mut kept = kept.lock().await;
            if let Some(connection) = kept.take()
                && let Ok(done) = work_on(connection, doing, &work, &mut kept).await
            {
                return Ok(done);
            }
            work_on(connect_to(&url, schema).await?, doing, &work, &mut kept).await
        });
        working.await.map_err(|_panicked| LogError::Closed)?
    }
}

/// Works, and keeps the connection if it answers.
async fn work_on<T, E: From<LogError>>(
    mut connection: PgConnection,
    doing: &'static str,
    work: &impl for<'a> Fn(&'a mut PgConnection) -> Working<'a, T, E>,
    kept: &mut Option<PgConnection>,
) -> Result<T, E> {
    let done = timely(ANSWER_MAX, work(&mut connection), |silent| failed(doing)(silent).into()).await?;
    *kept = Some(connection);
    Ok(done)
}

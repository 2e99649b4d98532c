//! The line in one SQLite file: write-ahead log, `synchronous=FULL`, a thread that writes, separate readers.
//!
//! Whatever a batch depends on is read within its transaction. So several processes on one file would be as right as one.

mod file;
mod read;
mod write;

use std::path::Path;
use std::sync::Arc;

use fullhouse_domain::{ShowId, Subject};

use crate::error::LineError;
use crate::queue::Queue;
use file::FILE;
use read::Readers;

/// A line in a file. Clones share it; the file is closed when the last one is gone.
#[derive(Debug, Clone)]
pub struct SqliteLine {
    queue: Queue,
    readers: Arc<Readers>,
}

impl SqliteLine {
    /// Opens the line in a folder, and makes it if there is none. A file that is not a line of this release is refused.
    pub fn open(folder: &Path) -> Result<Self, LineError> {
        let connection = FILE.open_for_writing(folder)?;
        let (queue, waiting) = Queue::new();
        std::thread::Builder::new()
            .name("line-writer".into())
            .spawn(move || write::run(connection, waiting))
            .map_err(|error| LineError::Unusable { what: format!("the thread that writes can't be started: {error}") })?;
        Ok(Self { queue, readers: Arc::new(Readers::new(FILE.path(folder))) })
    }

    pub(crate) async fn join(&self, show: &ShowId, subject: &Subject, instead_of: Option<u64>) -> Result<u64, LineError> {
        self.queue.join(show, subject, instead_of).await
    }

    pub(crate) async fn leave(&self, show: &ShowId, subject: &Subject, number: u64) -> Result<(), LineError> {
        self.queue.leave(show, subject, number).await
    }

    pub(crate) async fn members(&self, show: &ShowId, after: u64, limit: usize) -> Result<Vec<(u64, Subject)>, LineError> {
        let show = show.clone();
        self.read(move |readers| readers.members(&show, after, limit)).await
    }

    pub(crate) async fn last_number(&self, show: &ShowId) -> Result<u64, LineError> {
        let show = show.clone();
        self.read(move |readers| readers.last_number(&show)).await
    }

    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Readers) -> Result<T, LineError> + Send + 'static) -> Result<T, LineError> {
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || read(&readers)).await.map_err(|_panicked| LineError::Closed)?
    }
}

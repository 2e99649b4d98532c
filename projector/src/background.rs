//! Work that yields to commands: what nobody waits for.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::sync::oneshot;

/// Kinds of such work. Each has a thread of its own, so that none waits for another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Background {
    /// Writing the SQL views in a folder.
    SqlViews,
    /// Hashing facts for the seal.
    Hashing,
    /// Folding long histories to snapshots.
    Snapshots,
}

/// The niceness of these threads. On a machine that is all taken it gets about a tenth of what another thread gets
/// (`sched_prio_to_weight` in the Linux scheduler: 110 to 1024); on any other machine, all that it wants.
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Does a piece of work on the thread of its kind; pieces are done one after another. A panic goes on in the caller.
pub(crate) async fn in_background<T: Send + 'static>(kind: Background, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (answer, answered) = oneshot::channel();
    let caught = move || {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The one who asked may have gone.
        let _ = answer.send(done);
    };
    thread(kind).send(Box::new(caught)).expect("the thread lives as long as the process");
    match answered.await.expect("each piece of work is answered") {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}

fn thread(kind: Background) -> &'static Sender<Work> {
    static SQL_VIEWS: OnceLock<Sender<Work>> = OnceLock::new();
    static HASHING: OnceLock<Sender<Work>> = OnceLock::new();
    static SNAPSHOTS: OnceLock<Sender<Work>> = OnceLock::new();
    match kind {
        Background::SqlViews => SQL_VIEWS.get_or_init(|| start("sql-views")),
        Background::Hashing => HASHING.get_or_init(|| start("hashing")),
        Background::Snapshots => SNAPSHOTS.get_or_init(|| start("snapshots")),
    }
}

/// From now on the thread that calls this yields to those of commands.
pub(crate) fn yield_to_commands() {
    // Where that is not allowed, the work is done all the same.
    if let Err(error) = setpriority_process(Some(gettid()), NICENESS) {
        tracing::warn!("projections run with the priority of everything else: {error}");
    }
}

fn start(name: &str) -> Sender<Work> {
    let (sender, works) = channel::<Work>();
    let run = move || {
        yield_to_commands();
        works.into_iter().for_each(|work| work());
    };
    std::thread::Builder::new().name(name.into()).spawn(run).expect("a thread can be started");
    sender
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn work_is_done_by_a_thread_that_yields_and_a_panic_in_it_ends_nothing_else() {
        let panicked = tokio::spawn(in_background(Background::Hashing, || panic!("on purpose"))).await;
        assert!(panicked.unwrap_err().is_panic());
        let niceness = in_background(Background::Hashing, || getpriority_process(Some(gettid()))).await;
        assert_eq!(niceness, Ok(NICENESS));
    }
}

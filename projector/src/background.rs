//! Work that yields to commands: folding and hashing what nobody waits for.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::sync::oneshot;

/// The niceness of the thread. On a machine that is all taken it gets about a tenth of what another thread gets
/// (`sched_prio_to_weight` in the Linux scheduler: 110 to 1024); on any other machine, all that it wants.
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Does a piece of work on the one thread that is for that; pieces are done one after another. A panic goes on in the caller.
pub(crate) async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (answer, answered) = oneshot::channel();
    let caught = move || {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // The one who asked may have gone.
        let _ = answer.send(done);
    };
    thread().send(Box::new(caught)).expect("the thread lives as long as the process");
    match answered.await.expect("each piece of work is answered") {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}

fn thread() -> &'static Sender<Work> {
    static THREAD: OnceLock<Sender<Work>> = OnceLock::new();
    THREAD.get_or_init(|| {
        let (sender, works) = channel::<Work>();
        let run = move || {
            // Where that is not allowed, the work is done all the same.
            if let Err(error) = setpriority_process(Some(gettid()), NICENESS) {
                tracing::warn!("projections run with the priority of everything else: {error}");
            }
            works.into_iter().for_each(|work| work());
        };
        std::thread::Builder::new().name("projections".into()).spawn(run).expect("a thread can be started");
        sender
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn work_is_done_by_a_thread_that_yields_and_a_panic_in_it_ends_nothing_else() {
        let panicked = tokio::spawn(in_background(|| panic!("on purpose"))).await;
        assert!(panicked.unwrap_err().is_panic());
        let niceness = in_background(|| getpriority_process(Some(gettid()))).await;
        assert_eq!(niceness, Ok(NICENESS));
    }
}

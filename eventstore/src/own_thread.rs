//! Tasks that must not wait behind thousands of others.
//!
//! A runtime that is shared with every connection runs what is ready in turn: with 10,000 busy connections a task waits for all of them
//! each time that it is woken. What the whole process waits for gets a thread of its own, and with it its share of the processor.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Runs a task to its end on a thread of this name, with a runtime of its own. Whoever awaits the handle learns of a panic, as with any
/// task. Must be called within a runtime.
pub fn run_on_own_thread(name: &str, task: impl Future<Output = ()> + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name(name.into()).spawn(move || {
        runtime.block_on(task);
        // The one who waited may have gone.
        let _ = ended.send(());
    })?;
    Ok(tokio::spawn(async move { end.await.expect("the task ends without a panic") }))
}

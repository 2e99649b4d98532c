//! A server process that dies with the test.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to be there.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Killed when it goes out of scope, and by the kernel when the test program ends without that.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command under `setpriv`, so that it dies with this program. `user` runs it, when this is root.
    ///
    /// The kernel watches the thread that starts a process, so a thread is kept for it.
    pub fn start(program: &str, arguments: Vec<String>, user: Option<&str>) -> Self {
        let mut command = Command::new("setpriv");
        if let Some(user) = user.filter(|_| is_root()) {
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
        }
        command.args(["--pdeathsig", "KILL", program]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, started) = mpsc::channel();
        let program = program.to_owned();
        std::thread::spawn(move || {
            let child = command.spawn();
            let _ = sender.send(child);
            loop {
                std::thread::park();
            }
        });
        let child = started.recv().expect("the thread answers").unwrap_or_else(|error| panic!("{program} can't be started: {error}"));
        Self { child }
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until a port takes connections. Fails when the process has ended before.
    pub fn wait_for_port(&mut self, name: &str, port: u16) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{name} has ended with {status}: is it installed?");
            }
            assert!(began.elapsed() < PATIENCE, "{name} does not answer on port {port}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Whether this program may do anything.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

//! Redis and NATS.

use std::path::Path;

use crate::process::{Process, free_port};

/// A Redis server with a folder of its own.
pub struct Redis {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

/// A NATS server with JetStream, and a folder of its own.
pub struct Nats {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "it starts a process")]
    pub fn new() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        Self { process: Self::start(port, folder.path()), port, folder }
    }

    fn start(port: u16, folder: &Path) -> Process {
        let arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"];
        let mut arguments: Vec<String> = arguments.iter().map(|&argument| argument.into()).collect();
        arguments.push(folder.display().to_string());
        let mut process = Process::start("redis-server", arguments, None);
        process.wait_for_port("redis-server", port);
        process
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills it; what it knew is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, empty.
    pub fn restart(&mut self) {
        self.process = Self::start(self.port, self.folder.path());
    }
}

impl Nats {
    /// An empty one.
    #[allow(clippy::new_without_default, reason = "it starts a process")]
    pub fn new() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        Self { process: Self::start(port, folder.path()), port, folder }
    }

    fn start(port: u16, folder: &Path) -> Process {
        let arguments = ["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd", &folder.display().to_string()];
        let mut process = Process::start("nats-server", arguments.iter().map(|&argument| argument.into()).collect(), None);
        process.wait_for_port("nats-server", port);
        process
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, without what it had on disk.
    pub fn restart_empty(&mut self) {
        self.folder = tempfile::tempdir().expect("a temporary folder");
        self.restart();
    }

    /// Starts it again, with what it has on disk.
    pub fn restart(&mut self) {
        self.process = Self::start(self.port, self.folder.path());
    }
}

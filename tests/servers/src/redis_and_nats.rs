//! Redis and NATS.

use std::path::Path;

use crate::process::{Process, free_port};

/// A Redis server with a folder of its own.
pub struct Redis {
    process: Process,
    port: u16,
    folder: tempfile::TempDir,
    keeps: &'static [&'static str],
}

/// Keeps nothing: what it knew is gone with it.
const IN_MEMORY: &[&str] = &["--appendonly", "no"];
/// Syncs every change to disk before it answers.
const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];

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
        Self::that(IN_MEMORY)
    }

    /// An empty one that answers when a change is on disk.
    pub fn durable() -> Self {
        Self::that(DURABLE)
    }

    fn that(keeps: &'static [&'static str]) -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        Self { process: Self::start(port, folder.path(), keeps), port, folder, keeps }
    }

    fn start(port: u16, folder: &Path, keeps: &[&str]) -> Process {
        let (port_text, folder) = (port.to_string(), folder.display().to_string());
        let arguments = ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--dir", &folder];
        let arguments = arguments.iter().chain(keeps).map(|&argument| argument.into()).collect();
        let mut process = Process::start("redis-server", arguments, None);
        process.wait_for_port("redis-server", port);
        process
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, with what it has on disk.
    pub fn restart(&mut self) {
        self.process = Self::start(self.port, self.folder.path(), self.keeps);
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

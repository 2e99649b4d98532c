//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::process::{PATIENCE, Process, free_port, is_root};

/// One server for all tests of a program; each has a database of its own in it.
static SHARED: Mutex<Option<Server>> = Mutex::new(None);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// An empty database.
#[derive(Debug, Clone)]
pub struct Database {
    port: u16,
    name: String,
}

struct Server {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        if is_root() {
            run("chown", &["postgres", folder.path().to_str().expect("plain")]);
        }
        let initdb = program("initdb");
        let mut command = as_postgres(&initdb);
        command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"]).arg(&data);
        succeeded(command.output().expect("initdb runs"));
        let port = free_port();
        let sockets = format!("unix_socket_directories={}", folder.path().display());
        let settings = [&format!("port={port}"), "listen_addresses=127.0.0.1", &sockets, "max_connections=300"];
        let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
        arguments.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
        let mut process = Process::start(program("postgres").to_str().expect("plain"), arguments, Some("postgres"));
        process.wait_for_port("PostgreSQL", port);
        let server = Self { port, _process: process, _folder: folder };
        server.wait_until_ready();
        server
    }

    /// It refuses connections for a moment after its port is open.
    fn wait_until_ready(&self) {
        let began = std::time::Instant::now();
        while !psql(self.port, "postgres", "SELECT 1").status.success() {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL is not ready");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// A new, empty database.
pub fn database() -> Database {
    Database::create(shared().get_or_insert_with(Server::start).port, "")
}

/// Ends the server and removes its folder, for programs that have no test runner to clean up behind.
pub fn end_databases() {
    shared().take();
}

fn shared() -> MutexGuard<'static, Option<Server>> {
    SHARED.lock().expect("no test has failed to start it")
}

impl Database {
    fn create(port: u16, options: &str) -> Self {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        succeeded(psql(port, "postgres", &format!("CREATE DATABASE {name} {options}")));
        Self { port, name }
    }

    /// Another database with the same content. Nobody may be connected to this one meanwhile.
    pub fn copy(&self) -> Self {
        Self::create(self.port, &format!("TEMPLATE {} STRATEGY FILE_COPY", self.name))
    }

    /// Removes it, whoever is connected.
    pub fn remove(self) {
        succeeded(psql(self.port, "postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name)));
    }

    /// The port of its server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the owner of everything.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// As another user.
    pub fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// Runs SQL as the owner, and fails when it fails; returns what it printed, without decoration.
    pub fn run(&self, sql: &str) -> String {
        let output = psql(self.port, &self.name, sql);
        String::from_utf8(succeeded(output).stdout).expect("text").trim().to_owned()
    }

    /// A login that is a member of this group of rights, and of nothing else.
    pub fn login(&self, group: &str) -> String {
        let user = format!("{group}_{}", self.name);
        if self.run(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{user}'")) == "0" {
            self.run(&format!("CREATE ROLE {user} LOGIN IN ROLE {group}"));
        }
        self.url_of(&user)
    }
}

fn psql(port: u16, database: &str, sql: &str) -> Output {
    let port = port.to_string();
    let arguments = ["-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-d", database, "-c", sql];
    Command::new("psql").args(arguments).output().expect("psql is installed")
}

fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}

/// Debian keeps the server's programs out of the path.
fn program(name: &str) -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let found = debian.map(|version| version.path().join("bin").join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| name.into())
}

fn run(program: &str, arguments: &[&str]) {
    succeeded(Command::new(program).args(arguments).output().expect("it runs"));
}

fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

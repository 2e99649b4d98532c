//! A server process with a data folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use fullhouse_test_servers::Database;
pub use fullhouse_test_servers::free_port;
use serde_json::Value;

use super::{PATIENCE, Person};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fullhouse");

/// Runs the program to its end.
pub fn fullhouse(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

/// The program, with an environment in which nothing of Fullhouse is set.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FULLHOUSE_")) {
        command.env_remove(name);
    }
    command
}

/// A running server. It is killed when it goes out of scope; its data stays as long as the folder does.
pub struct Server {
    child: Child,
    pub url: String,
    pub data: PathBuf,
    /// What it printed, up to and with the line that says where it listens.
    pub log: mpsc::Receiver<String>,
    options: Vec<String>,
    /// Where its log is, as options; nothing, when it is in the folder.
    store: Vec<String>,
    folder: Option<tempfile::TempDir>,
}

/// Which store the servers of the tests use: files, unless this names PostgreSQL.
const STORE: &str = "FULLHOUSE_TEST_STORE";

/// Options that name an empty store.
fn empty_store() -> Vec<String> {
    match std::env::var(STORE).as_deref() {
        Err(_) | Ok("files") => Vec::new(),
        Ok("postgres") => vec!["--database-url".into(), prepared_database().url()],
        Ok(other) => panic!("{STORE} must be files or postgres, not {other}"),
    }
}

/// A database with empty tables.
pub fn prepared_database() -> Database {
    let database = fullhouse_test_servers::database();
    let output = fullhouse(&["migrate", "--database-url", &database.url()]);
    assert!(output.status.success(), "{output:?}");
    database
}

impl Server {
    /// A server on a database, with a data folder of its own, once it is ready.
    pub fn start_on_database(url: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::start_on(folder.path(), vec!["--database-url".into(), url.into()], "127.0.0.1:0", options);
        server.folder = Some(folder);
        server
    }

    /// A server on a database that signs and believes the same tokens as another one.
    pub fn start_sharing_keys(with: &Server, url: &str, options: &[&str]) -> Self {
        Self::start_on(&with.data, vec!["--database-url".into(), url.into()], "127.0.0.1:0", options)
    }

    /// A server with an empty store, once it is ready.
    pub fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::start_on(folder.path(), empty_store(), "127.0.0.1:0", options);
        server.folder = Some(folder);
        server
    }

    /// Another server on the same store, once it is ready.
    pub fn start_beside(&self, options: &[&str]) -> Self {
        assert!(!self.store.is_empty(), "a folder has one server");
        Self::start_on(&self.data, self.store.clone(), "127.0.0.1:0", options)
    }

    /// A server on a folder and at an address, once it is ready.
    pub fn start_in(data: &Path, listen: &str, options: &[&str]) -> Self {
        Self::start_on(data, Vec::new(), listen, options)
    }

    /// A server with an empty store, and with a bug.
    pub fn start_with_bug(bug: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(super::planted::program_with_bugs());
        command.env("FULLHOUSE_PLANTED_BUG", bug);
        let mut server = Self::start_by(command, folder.path(), empty_store(), "127.0.0.1:0", &[]);
        server.folder = Some(folder);
        server
    }

    /// A server on a database whose system clock is off by so much, with the keys of another one or with its own; and with a
    /// bug, if one is named.
    pub fn start_faked(url: &str, offset: &str, with: Option<&Server>, bug: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = with.map_or(folder.path(), |with| &with.data).to_owned();
        let mut command = match bug {
            None => program(),
            Some(bug) => {
                let mut command = Command::new(super::planted::program_with_bugs());
                command.env("FULLHOUSE_PLANTED_BUG", bug);
                command
            }
        };
        // Timers run by a clock that nobody can set, and that is not faked.
        command.env("LD_PRELOAD", faketime()).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let mut server = Self::start_by(command, &data, vec!["--database-url".into(), url.into()], "127.0.0.1:0", &[]);
        server.folder = Some(folder);
        server
    }

    fn start_on(data: &Path, store: Vec<String>, listen: &str, options: &[&str]) -> Self {
        Self::start_by(program(), data, store, listen, options)
    }

    fn start_by(mut command: Command, data: &Path, store: Vec<String>, listen: &str, options: &[&str]) -> Self {
        command.args(["serve", "--listen", listen, "--data"]).arg(data).args(&store).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (log_sender, log) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(log_sender.send(line))));
        let (ready_sender, ready) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(ready_sender.send(line))));
        let url = match ready.recv_timeout(PATIENCE) {
            Ok(line) => line.strip_prefix("Fullhouse listens on ").expect("it says where it listens").to_owned(),
            Err(_) => panic!("the server did not get ready: {:?}", log.try_iter().collect::<Vec<_>>()),
        };
        let options = options.iter().map(|&option| option.into()).collect();
        Self { child, url, data: data.into(), log, options, store, folder: None }
    }

    /// Kills it as a power cut would, without a chance to say good-bye.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// A new process on the same folder, at the same address.
    pub fn restart(&mut self) {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let mut next = Self::start_on(&self.data, self.store.clone(), self.url.trim_start_matches("http://"), &options);
        next.folder = self.folder.take();
        *self = next;
    }

    /// Asks it to stop, and waits until it has; returns its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().expect("it ends").code()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} could not be sent");
    }

    /// Memory that it has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }

    /// Somebody with a token of this role.
    pub fn person(&self, role: &str, subject: &str) -> Person {
        let data = self.data.to_str().unwrap();
        let output = fullhouse(&["token", "--data", data, "--role", role, "--subject", subject]);
        assert!(output.status.success(), "{output:?}");
        Person::with_token(&self.url, String::from_utf8(output.stdout).unwrap().trim())
    }

    /// A guest.
    pub async fn guest(&self) -> Person {
        Person::guest(&self.url).await
    }

    /// Schedules a show and returns its id.
    pub async fn schedule(&self, plan: &Value) -> String {
        let answer = self.person("organizer", "olga").post("/events", plan).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["event_id"].as_str().unwrap().into()
    }

    /// Runs a subcommand on the same log.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut all = arguments.to_vec();
        all.extend(["--data", self.data.to_str().unwrap()]);
        all.extend(self.store.iter().map(String::as_str));
        fullhouse(&all)
    }

    /// Replays the log with `fullhouse verify`; returns its report when all is as promised.
    pub fn verify(&self) -> Value {
        let output = self.run(&["verify", "--json"]);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The library that fakes the system's clock.
fn faketime() -> PathBuf {
    let folders =
        std::fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok).map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    folders.into_iter().find(|path| path.exists()).expect("the package faketime is installed")
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

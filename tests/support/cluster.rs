//! A whole cluster on this machine, by `deploy/local/cluster`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::Person;
use super::server::{PROGRAM, fullhouse};

/// The ports of one cluster lie within so many.
const PORTS: u16 = 100;

/// A running cluster. It is stopped and its data deleted when it goes out of scope.
pub struct Cluster {
    folder: tempfile::TempDir,
    program: PathBuf,
    variables: Vec<(String, String)>,
    settings: HashMap<String, String>,
}

impl Cluster {
    /// A cluster of the program under test, or of the one that `FULLHOUSE_TEST_PROGRAM` names: a long run must not be
    /// disturbed by the next build.
    pub fn up() -> Self {
        let program = std::env::var("FULLHOUSE_TEST_PROGRAM").unwrap_or_else(|_| PROGRAM.into());
        Self::up_with(Path::new(&program), &[])
    }

    /// A cluster of another program, and with variables in the environment of its servers.
    pub fn up_with(program: &Path, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        // Load comes from one address here, and from few people.
        let limits = ["FULLHOUSE_RATE_PER_ADDRESS", "FULLHOUSE_RATE_PER_SUBJECT"].map(|name| (name.to_owned(), "1000000".to_owned()));
        let variables = variables.chain(limits).collect();
        let mut cluster = Self { folder, program: program.into(), variables, settings: HashMap::new() };
        let port = free_ports();
        cluster.succeed(&["up", "--base-port", &port.to_string(), "--program", cluster.program.to_str().unwrap()]);
        let assignments = cluster.succeed(&["env"]);
        cluster.settings =
            assignments.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect();
        cluster
    }

    /// Runs a subcommand of the script to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/local/cluster");
        let mut command = Command::new(script);
        command.args(arguments).arg("--dir").arg(self.folder.path().join("cluster"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.output().expect("the script runs")
    }

    /// The same; fails when it fails.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "cluster {arguments:?}: {said}{complained}");
        said.into_owned()
    }

    /// One of the settings that `cluster env` prints.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// The gateway.
    pub fn url(&self) -> &str {
        self.setting("FULLHOUSE_URL")
    }

    /// Somebody with a token of this role, at the gateway.
    pub fn person(&self, role: &str, subject: &str) -> Person {
        let output = fullhouse(&["token", "--data", self.setting("DATA"), "--role", role, "--subject", subject]);
        assert!(output.status.success(), "{output:?}");
        Person::with_token(self.url(), String::from_utf8(output.stdout).unwrap().trim())
    }

    /// What the first PostgreSQL answers to its superuser, in one line.
    pub fn sql(&self, sql: &str) -> String {
        let output = Command::new("psql").args([self.setting("POSTGRES_1_URL"), "-AtXc", sql]).output().expect("psql is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().into()
    }

    /// Copies the logs of all processes to where they outlive the test; returns where.
    pub fn keep(&self) -> String {
        let copy = std::env::temp_dir().join(format!("fullhouse-cluster-{}", std::process::id()));
        let copied = Command::new("cp").arg("-r").arg(self.folder.path().join("cluster/log")).arg(&copy).status();
        assert!(copied.is_ok_and(|status| status.success()), "the logs can't be kept");
        copy.display().to_string()
    }

    /// Replays the log with `fullhouse verify`, and compares all views; returns its report when all is as promised.
    pub fn verify(&self) -> Result<Value, String> {
        let (database, redis) = (self.setting("FULLHOUSE_DATABASE_URL"), self.setting("REDIS_1_URL"));
        let output = fullhouse(&["verify", "--json", "--database-url", database, "--redis-url", redis]);
        if !output.status.success() {
            return Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)));
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let output = self.run(&["down", "--remove"]);
        if !output.status.success() {
            eprintln!("the cluster could not be stopped: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A stretch of ports below those that the system hands out, not used by another cluster of these tests.
fn free_ports() -> u16 {
    let first = 20_000 + (std::process::id() % 100) as u16 * PORTS;
    (0..100).map(|step| first + step % 100 * PORTS % 10_000).find(|&port| is_free(port)).expect("there are free ports")
}

fn is_free(first: u16) -> bool {
    (first..first + PORTS).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
}

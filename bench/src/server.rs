//! Server processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::http::Connection;

/// A process that is killed when it goes out of scope.
pub struct Process {
    child: Child,
    pub address: String,
}

impl Process {
    /// Starts a server on a folder; returns it with the time that it took to be ready.
    pub fn start(program: &Path, data: &Path, options: &[&str]) -> anyhow::Result<(Self, Duration)> {
        let began = Instant::now();
        let mut child = dying_with_us(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            // The log is written as anybody's server would write it, to nowhere.
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} can't be started; build it with `cargo build --release`", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("it has a stdout")?).lines();
        let first = lines.next().context("the server has ended")??;
        let took = began.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.strip_prefix("Fullhouse listens on http://").context("it says where it listens")?.to_owned();
        Ok((Self { child, address }, took))
    }

    /// Starts a server of this program: the bare echo or a baseline.
    pub async fn of_our_own(arguments: &[&str]) -> anyhow::Result<Self> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = dying_with_us(&std::env::current_exe()?).args(arguments).arg(&address).spawn()?;
        let mut process = Self { child, address };
        while Connection::open(&process.address, None).await.is_err() {
            ensure!(process.child.try_wait()?.is_none(), "`{}` has ended", arguments.join(" "));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(process)
    }

    /// Memory in use, in bytes.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("there is a VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
    }

    /// Processor time spent so far, in seconds.
    pub fn processor_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field may have spaces; it ends with the last parenthesis. Times are fields 14 and 15, in 1/100 s.
        let fields: Vec<&str> = stat.rsplit(')').next().context("there is a name")?.split_whitespace().collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }

    /// Waits until the seat view and the SQL views have reached a log position: what was done before the load is not a part of it.
    pub async fn settle(&self, log_position: u64) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(600);
        let began = Instant::now();
        let mut connection = Connection::open(&self.address, None).await?;
        loop {
            let answer = connection.send("GET", "/metrics", b"").await?;
            let metrics = std::str::from_utf8(answer.body)?;
            let reached = |metric: &str| gauge(metrics, metric).is_some_and(|reached| reached >= log_position as f64);
            if reached("fullhouse_live_views_log_position") && reached("fullhouse_sql_views_log_position") {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the views have not reached log position {log_position}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A new guest's token.
    pub async fn guest(&self) -> anyhow::Result<String> {
        let mut connection = Connection::open(&self.address, None).await?;
        let answer = connection.send("POST", "/session", b"").await?;
        let body: Value = serde_json::from_slice(answer.body)?;
        Ok(body["token"].as_str().context("there is a token")?.to_owned())
    }

    /// A token of this role, by the key in the server's folder.
    pub fn token(program: &Path, data: &Path, role: &str) -> anyhow::Result<String> {
        let token = Command::new(program).args(["token", "--role", role, "--subject", "bench", "--data"]).arg(data).output()?;
        Ok(String::from_utf8(token.stdout)?.trim().to_owned())
    }

    /// Schedules a show of one section `S` and returns its id.
    pub async fn schedule(&self, program: &Path, data: &Path, rows: usize, row_seats: usize) -> anyhow::Result<String> {
        self.schedule_with(program, data, rows, row_seats, &json!({})).await
    }

    /// The same with more members.
    pub async fn schedule_with(&self, program: &Path, data: &Path, rows: usize, row_seats: usize, more: &Value) -> anyhow::Result<String> {
        let token = Self::token(program, data, "organizer")?;
        let rows: Vec<Value> = (0..rows).map(|row| json!({ "name": row.to_string(), "seats": row_seats })).collect();
        let mut plan = json!({
            "title": "Bench", "starts_at": "2030-01-31T19:30:00Z",
            "sections": [{ "name": "S", "price": { "amount": 4500, "currency": "EUR" }, "rows": rows }],
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            plan[name] = value.clone();
        }
        let mut connection = Connection::open(&self.address, Some(token)).await?;
        let answer = connection.send("POST", "/events", plan.to_string().as_bytes()).await?;
        ensure!(answer.status == 201, "{}", String::from_utf8_lossy(answer.body));
        let body: Value = serde_json::from_slice(answer.body)?;
        Ok(body["event_id"].as_str().context("there is an id")?.to_owned())
    }
}

/// What a gauge without labels stands at.
fn gauge(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// A command that the kernel kills when this program ends, however it ends. It watches the thread that starts it, which is the main one.
fn dying_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

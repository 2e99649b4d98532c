//! What is loaded: a serving process with shows that have enough seats, and whatever stands behind it.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use fullhouse_test_servers::{Database, Redis};
use tempfile::TempDir;

use crate::baselines::{Kept, postgres};
use crate::load::Measured;
use crate::server::Process;

/// Rows of a measured show; with [`ROW_SEATS`] as many seats as a show may have.
pub const ROWS: usize = 100;
pub const ROW_SEATS: usize = 1_000;
/// Pairs of neighbours in a show.
pub const PAIRS: usize = ROWS * ROW_SEATS / 2;
/// Enough seats that nobody runs out of them.
pub const SHOWS: usize = 8;
/// Headers of a guest's request are as long as this everywhere.
const TOKEN_LENGTH: usize = 260;

/// A server under load. The process ends first, then what it stands on is removed.
pub struct Target {
    pub process: Process,
    pub shows: Vec<String>,
    /// Whether it gives out tokens; else whoever asks is believed.
    has_sessions: bool,
    _data: Option<TempDir>,
    _database: Option<Temporary>,
    by_hand: Option<Temporary>,
    redis: Option<Redis>,
}

/// A database that is removed when it goes out of scope.
struct Temporary(Option<Database>);

impl Drop for Temporary {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Database::remove);
    }
}

impl Target {
    /// The bare echo.
    pub async fn echo() -> anyhow::Result<Self> {
        Ok(Self::without_sessions(Process::of_our_own(&["echo"]).await?))
    }

    /// Fullhouse with everything embedded; or on the database that the environment names.
    pub async fn embedded(program: &Path) -> anyhow::Result<Self> {
        Self::fullhouse(program, &[]).await
    }

    /// Fullhouse on PostgreSQL: one process that does everything.
    pub async fn on_postgres(program: &Path) -> anyhow::Result<Self> {
        let database = fullhouse_test_servers::database();
        let url = database.url();
        let migrated = Command::new(program).args(["migrate", "--database-url", &url]).output()?;
        ensure!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let target = Self::fullhouse(program, &["--role", "all", "--database-url", &url]).await?;
        settle(&database);
        Ok(Self { _database: Some(Temporary(Some(database))), ..target })
    }

    /// The same on a store that takes so many seconds for each batch of facts: what it can do is little, and many times as much can be
    /// offered on one machine.
    pub async fn on_slow_postgres(program: &Path, seconds: f64) -> anyhow::Result<Self> {
        let target = Self::on_postgres(program).await?;
        if let Some(Temporary(Some(database))) = &target._database {
            database.run(&format!(
                "CREATE FUNCTION bench_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
                 CREATE TRIGGER bench_waits BEFORE INSERT ON fullhouse.facts FOR EACH STATEMENT EXECUTE FUNCTION bench_wait()"
            ));
        }
        Ok(target)
    }

    async fn fullhouse(program: &Path, options: &[&str]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let (process, _) = Process::start(program, data.path(), options)?;
        let mut shows = Vec::new();
        for _ in 0..SHOWS {
            shows.push(process.schedule(program, data.path(), ROWS, ROW_SEATS).await?);
        }
        process.settle(SHOWS as u64).await?;
        Ok(Self { process, shows, has_sessions: true, _data: Some(data), _database: None, by_hand: None, redis: None })
    }

    /// A table of seats that somebody wrote by hand, copied from a filled one.
    pub async fn by_hand(seats: &Database, kept: Kept, pool: usize) -> anyhow::Result<Self> {
        let database = seats.copy();
        settle(&database);
        let process = Process::of_our_own(&["baseline", kept.name(), "--store", &database.url(), "--pool", &pool.to_string()]).await?;
        Ok(Self { by_hand: Some(Temporary(Some(database))), ..Self::without_sessions(process) })
    }

    /// Scripts in Redis.
    pub async fn in_redis(pool: usize) -> anyhow::Result<Self> {
        let redis = Redis::durable();
        let process = Process::of_our_own(&["baseline", Kept::Script.name(), "--store", &redis.url(), "--pool", &pool.to_string()]).await?;
        Ok(Self { redis: Some(redis), ..Self::without_sessions(process) })
    }

    fn without_sessions(process: Process) -> Self {
        let shows = (1..=SHOWS).map(postgres::show_name).collect();
        Self { process, shows, has_sessions: false, _data: None, _database: None, by_hand: None, redis: None }
    }

    /// Whether a baseline has kept what it acknowledged: else it would be fast for nothing. Fullhouse's own promises have their tests.
    pub async fn check(&self, measured: &Measured) -> anyhow::Result<()> {
        let (reservations, seats) = match (&self.by_hand, &self.redis) {
            (Some(Temporary(Some(database))), _) => postgres::count(database)?,
            (_, Some(redis)) => crate::baselines::redis::count(&redis.url()).await?,
            _ => return Ok(()),
        };
        let acknowledged = measured.latency.len();
        ensure!(reservations >= acknowledged, "{reservations} of {acknowledged} acknowledged holds are there");
        ensure!(seats == 2 * reservations, "{reservations} holds of two seats have {seats} seats");
        Ok(())
    }

    /// A guest's token; where nobody checks it, his name, padded to the length of a token.
    pub async fn token(&self, number: usize) -> anyhow::Result<String> {
        if self.has_sessions { self.process.guest().await } else { Ok(format!("{:.>TOKEN_LENGTH$}", format!("guest-{number}"))) }
    }
}

/// Whatever was written so far is on disk for good, so that nobody pays for those before him.
fn settle(database: &Database) {
    database.run("CHECKPOINT");
}

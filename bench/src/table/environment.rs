//! What the figures were measured with. A store that does not sync stops the run: its figures would say nothing.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use fullhouse_eventstore::sqlite;
use fullhouse_test_servers::Redis;

use crate::commands::median;
use crate::server::Process;

/// Settings of PostgreSQL, and what they must be, if durability hangs on them.
const POSTGRES: [(&str, Option<&str>); 8] = [
    ("server_version", None),
    ("fsync", Some("on")),
    ("synchronous_commit", Some("on")),
    ("full_page_writes", Some("on")),
    ("wal_level", None),
    ("wal_sync_method", None),
    ("shared_buffers", None),
    ("max_wal_size", None),
];
/// `FULL`, as SQLite numbers it.
const SYNCHRONOUS_FULL: i64 = 2;
/// File systems whose content is gone with the machine.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
const SYNCS: usize = 200;

/// Prints the machine and the settings of each store.
pub fn check_and_print(program: &Path) -> anyhow::Result<()> {
    println!("## Settings\n");
    machine()?;
    println!("- Fullhouse: {} of {}; this program: commit {}", output(program, &["--version"])?, program.display(), commit()?);
    println!("- compiler: {}", output(Path::new("rustc"), &["--version"]).unwrap_or_else(|_| "not installed".into()));
    disk()?;
    embedded(program)?;
    postgres()?;
    redis()
}

fn machine() -> anyhow::Result<()> {
    let processors = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).map(|rest| rest.trim_start_matches(['\t', ' ', ':']));
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes: f64 = memory.split_whitespace().nth(1).context("MemTotal is the first line")?.parse()?;
    let cores = std::thread::available_parallelism()?;
    println!("- machine: {cores} cores, {}, {:.1} GiB of memory", model.unwrap_or("of unknown make"), kilobytes / 1024.0 / 1024.0);
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!("- kernel: {}; load before the run: {}", std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(), load.trim());
    Ok(())
}

fn commit() -> anyhow::Result<String> {
    let git = |arguments: &[&str]| output(Path::new("git"), arguments);
    let Ok(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return Ok("unknown".into()) };
    let is_changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(format!("{commit}{}", if is_changed { ", with changes" } else { "" }))
}

/// Everything is kept below the folder for temporary files.
fn disk() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let kind = output(Path::new("stat"), &["--file-system", "--format=%T", &folder.path().display().to_string()])?;
    ensure!(!IN_MEMORY.contains(&kind.as_str()), "{} is {kind}: set TMPDIR to a folder on a disk", std::env::temp_dir().display());
    let file = std::fs::File::create(folder.path().join("synced"))?;
    let mut milliseconds = Vec::new();
    for block in 0..SYNCS {
        std::os::unix::fs::FileExt::write_all_at(&file, &[1; 4_096], block as u64 * 4_096)?;
        let began = Instant::now();
        file.sync_data()?;
        milliseconds.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    println!("- disk: {kind}; writing and syncing 4 KiB takes {:.2} ms (median of {SYNCS})", median(&mut milliseconds));
    Ok(())
}

fn embedded(program: &Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    // The server makes the file; the same code that it opens it with is asked how.
    let _process = Process::start(program, data.path(), &[])?;
    let (journal_mode, synchronous) = sqlite::durability(data.path())?;
    ensure!(journal_mode == "wal" && synchronous >= SYNCHRONOUS_FULL, "SQLite: journal_mode {journal_mode}, synchronous {synchronous}");
    println!(
        "- SQLite: journal_mode={journal_mode} (kept in the file), synchronous={synchronous} (FULL; set by the code that opens the log to write)"
    );
    Ok(())
}

fn postgres() -> anyhow::Result<()> {
    let database = fullhouse_test_servers::database();
    let mut told = Vec::new();
    for (name, wanted) in POSTGRES {
        let found = database.run(&format!("SHOW {name}"));
        ensure!(wanted.is_none_or(|wanted| wanted == found), "PostgreSQL has {name} = {found}: what it acknowledges is not durable");
        told.push(format!("{name}={found}"));
    }
    println!("- PostgreSQL: {}", told.join(", "));
    database.remove();
    Ok(())
}

fn redis() -> anyhow::Result<()> {
    let redis = Redis::durable();
    let mut connection = ::redis::Client::open(redis.url())?.get_connection()?;
    let mut told = Vec::new();
    for (name, wanted) in [("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")] {
        let found: Vec<String> = ::redis::cmd("CONFIG").arg("GET").arg(name).query(&mut connection)?;
        let found = found.get(1).context("Redis has no such setting")?;
        ensure!(found == wanted, "Redis has {name} = {found}: what it acknowledges is not durable");
        told.push(format!("{name}={found}"));
    }
    let about: String = ::redis::cmd("INFO").arg("server").query(&mut connection)?;
    let version = about.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("unknown");
    println!("- Redis: redis_version={version}, {}", told.join(", "));
    Ok(())
}

fn output(program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("{} can't be started", program.display()))?;
    ensure!(output.status.success(), "{} {}: {}", program.display(), arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

//! How many joins per second each store takes: `cargo run --release -p fullhouse-line --example joins`. PostgreSQL has to be
//! installed; a server is started for the measurement, in the folder for temporary files like the SQLite file. Every caller joins again as soon as he has his answer, each time as
//! somebody new.
#![allow(clippy::expect_used, reason = "a measurement that can't go on should say where")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fullhouse_domain::{ShowId, Subject};
use fullhouse_line::Line;
use fullhouse_line::postgres::{self, PostgresLine};
use fullhouse_line::sqlite::SqliteLine;

const CALLERS: [usize; 2] = [64, 1_000];
const FOR: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = fullhouse_test_servers::database();
    fullhouse_eventstore::postgres::migrate(&database.url()).await.expect("an empty database");
    postgres::migrate(&database.url()).await.expect("the groups are there");
    let login = database.login("fullhouse_command");
    for callers in CALLERS {
        let sqlite = SqliteLine::open(folder.path()).expect("it opens");
        measure("SQLite", &Line::Sqlite(sqlite), callers).await;
        let postgres = PostgresLine::open(&login).await.expect("it opens");
        measure("PostgreSQL", &Line::Postgres(postgres), callers).await;
    }
}

async fn measure(store: &str, line: &Line, callers: usize) {
    let show = ShowId::parse(&format!("local-{callers}")).expect("plain");
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (line, show, next) = (line.clone(), show.clone(), next.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while began.elapsed() < FOR {
                    // Names in no order, as people's are: the worst for an index.
                    let name = next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let subject = Subject::parse(&format!("{name:016x}-customer")).expect("visible");
                    let asked = Instant::now();
                    line.join(&show, &subject, None).await.expect("the line works");
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("no caller panics"));
    }
    let seconds = began.elapsed().as_secs_f64();
    waits.sort_unstable();
    let quantile = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    println!(
        "{store}, {callers} callers: {:.0} joins per second; half within {:.1?}, 99 of 100 within {:.1?}",
        waits.len() as f64 / seconds,
        quantile(0.5),
        quantile(0.99)
    );
    assert_eq!(line.last_number(&show).await.expect("readable"), waits.len() as u64);
}

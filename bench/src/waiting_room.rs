//! A crowd in front of a show with a waiting room: joining, what a person who waits costs, and how fast the line moves.

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::http::Connection;
use crate::server::Process;

#[derive(Args)]
pub struct Settings {
    /// People who join
    #[arg(long, default_value_t = 100_000)]
    people: usize,
    /// How many may shop at a time
    #[arg(long, default_value_t = 500)]
    max_active: usize,
    /// Of a hundred people, how many go away after joining, without a word
    #[arg(long, default_value_t = 30)]
    vanish: usize,
    /// Connections
    #[arg(long, default_value_t = 128)]
    connections: usize,
}

/// So many people, the next ones of the line, ask where they stand again and again. The others wait quietly.
const ASKING_TIMES_ACTIVE: usize = 3;
/// One person of so many joins twice.
const TWICE_EVERY: usize = 50;
/// The pause between two looks at the room.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

struct Person {
    number: u64,
    token: String,
    ticket: String,
}

/// What all connections share.
#[derive(Default)]
struct Board {
    left_to_join: AtomicU64,
    joined: Mutex<Vec<Person>>,
    numbers: Mutex<HashSet<u64>>,
    asking: Mutex<VecDeque<Person>>,
    quiet: Mutex<VecDeque<Person>>,
    bought: AtomicU64,
    is_over: AtomicBool,
}

/// Prints joins per second, memory for each person who waits, and how fast those who stay are let in and buy.
pub async fn measure(program: &Path, settings: &Settings) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (process, _) = Process::start(program, data.path(), &[])?;
    let process = Arc::new(process);
    let seats_in_rows = settings.people.div_ceil(1_000).clamp(1, 100);
    let room = json!({ "max_active": settings.max_active });
    let show = process.schedule_with(program, data.path(), seats_in_rows, 1_000, &json!({ "waiting_room": room })).await?;
    let organizer = Process::token(program, data.path(), "organizer")?;
    set_paused(&process, &organizer, &show, true).await?;

    let before = process.resident_bytes()?;
    let board = Arc::new(Board { left_to_join: AtomicU64::new(settings.people as u64), ..Board::default() });
    let began = Instant::now();
    let joining = (0..settings.connections).map(|_| tokio::spawn(join(process.clone(), show.clone(), board.clone(), settings.vanish)));
    let mut took = Histogram::<u64>::new(3)?;
    for task in joining.collect::<Vec<_>>() {
        took.add(task.await??)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = settings.people as f64 / seconds;
    // Whoever joined is taken to be there for a moment; then only the line remembers him.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let memory = process.resident_bytes()?.saturating_sub(before) as f64 / settings.people as f64;
    let numbers = std::mem::take(&mut *lock(&board.numbers));
    ensure!(numbers.len() == settings.people, "{} people have {} numbers", settings.people, numbers.len());
    ensure!(numbers.iter().max() == Some(&(settings.people as u64)), "a number was left out");
    println!(
        "joining: {} people in {seconds:.1} s, {rate:.0}/s (a session and a place each), p50 {:.1} ms, p99 {:.1} ms; {memory:.0} bytes of memory for each who waits",
        settings.people,
        took.value_at_quantile(0.5) as f64 / 1_000.0,
        took.value_at_quantile(0.99) as f64 / 1_000.0,
    );
    sell(&process, &organizer, &show, &board, settings).await?;
    order(&process, program, data.path(), &show).await?;
    drop(process);
    let verified = Command::new(program).args(["verify", "--data"]).arg(data.path()).output()?;
    print!("{}", String::from_utf8_lossy(&verified.stdout));
    ensure!(verified.status.success(), "the log breaks a promise");
    Ok(())
}

/// Lets them in, and prints how fast those who stayed bought.
async fn sell(process: &Arc<Process>, organizer: &str, show: &str, board: &Arc<Board>, settings: &Settings) -> anyhow::Result<()> {
    let mut staying = std::mem::take(&mut *lock(&board.joined));
    staying.sort_by_key(|person| person.number);
    let buyers = staying.len() as u64;
    let (asking, quiet) = staying.into_iter().enumerate().partition::<Vec<_>, _>(|(at, _)| *at < ASKING_TIMES_ACTIVE * settings.max_active);
    lock(&board.asking).extend(asking.into_iter().map(|(_, person)| person));
    lock(&board.quiet).extend(quiet.into_iter().map(|(_, person)| person));
    let watching = tokio::spawn(watch(process.clone(), show.to_owned(), board.clone(), settings.max_active as u64));
    let shopping = (0..settings.connections).map(|_| tokio::spawn(shop(process.clone(), show.to_owned(), board.clone())));
    let shopping: Vec<_> = shopping.collect();
    // Everybody is asking by the time that the doors open.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    set_paused(process, organizer, show, false).await?;
    while board.bought.load(Ordering::Relaxed) < buyers {
        ensure!(!shopping.iter().any(tokio::task::JoinHandle::is_finished), "a shopper has given up");
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    board.is_over.store(true, Ordering::Relaxed);
    for task in shopping {
        task.await??;
    }
    let most = watching.await??;
    println!(
        "selling: {buyers} of {} stayed and bought in {seconds:.1} s, {:.0}/s; at most {most} of {} were in at a time",
        settings.people,
        buyers as f64 / seconds,
        settings.max_active,
    );
    Ok(())
}

async fn join(process: Arc<Process>, show: String, board: Arc<Board>, vanish: usize) -> anyhow::Result<Histogram<u64>> {
    let mut took = Histogram::new(3)?;
    let mut connection = Connection::open(&process.address, None).await?;
    let path = format!("/events/{show}/queue");
    while let Ok(left) = board.left_to_join.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
        connection.act_as(None);
        let token = text(connection.send("POST", "/session", b"").await?.body, "token")?;
        connection.act_as(Some(token.clone()));
        let began = Instant::now();
        let answer = connection.send("POST", &path, b"").await?;
        took.record(began.elapsed().as_micros() as u64)?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(answer.body));
        let told: Value = serde_json::from_slice(answer.body)?;
        let number = told["number"].as_u64().context("there is a number")?;
        if (left as usize).is_multiple_of(TWICE_EVERY) {
            let again: Value = serde_json::from_slice(connection.send("POST", &path, b"").await?.body)?;
            ensure!(again["number"] == number, "{number} became {again}");
        }
        ensure!(lock(&board.numbers).insert(number), "{number} was given twice");
        // Spread evenly over the line.
        if left as usize % 100 >= vanish {
            let ticket = told["ticket"].as_str().context("there is a ticket")?.to_owned();
            lock(&board.joined).push(Person { number, token, ticket });
        }
    }
    Ok(took)
}

/// Takes whoever has not asked for the longest time, and asks for him; when it is his turn, buys a seat with his pass.
async fn shop(process: Arc<Process>, show: String, board: Arc<Board>) -> anyhow::Result<()> {
    let mut connection = Connection::open(&process.address, None).await?;
    let path = format!("/events/{show}/queue");
    let wanted = json!({ "event_id": show, "best_available": { "count": 1 } }).to_string();
    while !board.is_over.load(Ordering::Relaxed) {
        let Some(person) = lock(&board.asking).pop_front() else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        connection.act_as(Some(person.token.clone()));
        let answer = connection.send_with("GET", &path, &format!("queue-ticket: {}\r\n", person.ticket), b"").await?;
        ensure!(answer.status == 200, "{}", String::from_utf8_lossy(answer.body));
        let told: Value = serde_json::from_slice(answer.body)?;
        ensure!(told["number"] == person.number && told["state"] != "over", "number {}: {told}", person.number);
        let Some(pass) = told["pass"].as_str() else {
            lock(&board.asking).push_back(person);
            continue;
        };
        let held = connection.send_with("POST", "/reserve", &format!("queue-pass: {pass}\r\n"), wanted.as_bytes()).await?;
        ensure!(held.status == 201, "{}", String::from_utf8_lossy(held.body));
        let reservation = text(held.body, "reservation_id")?;
        let sold = connection.send("POST", &format!("/reserve/{reservation}/checkout"), br#"{"payment_reference":"p"}"#).await?;
        ensure!(sold.status == 200, "{}", String::from_utf8_lossy(sold.body));
        board.bought.fetch_add(1, Ordering::Relaxed);
        let next = lock(&board.quiet).pop_front();
        lock(&board.asking).extend(next);
    }
    Ok(())
}

/// How many were in at most.
async fn watch(process: Arc<Process>, show: String, board: Arc<Board>, max_active: u64) -> anyhow::Result<u64> {
    let mut connection = Connection::open(&process.address, None).await?;
    let mut most = 0;
    while !board.is_over.load(Ordering::Relaxed) {
        let room: Value = serde_json::from_slice(connection.send("GET", &format!("/events/{show}/waiting-room"), b"").await?.body)?;
        let active = room["active"].as_u64().context("it says how many are in")?;
        ensure!(active <= max_active, "{active} are in, {max_active} may be");
        most = most.max(active);
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Ok(most)
}

/// Prints whether people were let in by their numbers.
async fn order(process: &Process, program: &Path, data: &Path, show: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open(&process.address, Some(Process::token(program, data, "auditor")?)).await?;
    let (mut after, mut people, mut last, mut overtaken, mut farthest) = (0, 0_u64, 0_u64, 0_u64, 0_u64);
    loop {
        let page = connection.send("GET", &format!("/events/{show}/history?after={after}&limit=1000"), b"").await?;
        let page: Value = serde_json::from_slice(page.body)?;
        let facts = page["facts"].as_array().context("there are facts")?;
        let Some(newest) = facts.last() else { break };
        after = newest["position"].as_u64().context("it has a position")?;
        for admitted in
            facts.iter().filter(|fact| fact["type"] == "room_moved").flat_map(|fact| fact["data"]["admitted"].as_array()).flatten()
        {
            let number = admitted["number"].as_u64().context("it has a number")?;
            people += 1;
            if number < last {
                overtaken += 1;
                farthest = farthest.max(last - number);
            }
            last = last.max(number);
        }
    }
    println!(
        "order: {people} people were let in, {overtaken} of them after somebody with a higher number (at most {farthest} numbers higher)"
    );
    Ok(())
}

async fn set_paused(process: &Process, organizer: &str, show: &str, is_paused: bool) -> anyhow::Result<()> {
    let mut connection = Connection::open(&process.address, Some(organizer.to_owned())).await?;
    let answer =
        connection.send("PUT", &format!("/events/{show}/waiting-room"), json!({ "is_paused": is_paused }).to_string().as_bytes()).await?;
    ensure!(answer.status == 200, "{}", String::from_utf8_lossy(answer.body));
    Ok(())
}

fn text(body: &[u8], member: &str) -> anyhow::Result<String> {
    let body: Value = serde_json::from_slice(body)?;
    Ok(body[member].as_str().with_context(|| format!("there is no {member} in {body}"))?.to_owned())
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

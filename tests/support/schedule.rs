//! Schedules of faults, drawn from a seed, and how one is run against a cluster under load.

use std::process::Command;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::{ROW_SEATS, ROWS, nothing_was_lost};
use super::person::answered;
use super::{Client, Cluster, LiveMap, PATIENCE, Person, eventually, hall, hall_with_hold_seconds};

const SERVERS: [&str; 6] = ["command-1", "command-2", "query-1", "query-2", "projector-1", "projector-2"];
/// How many faults a schedule has.
const FAULTS: usize = 4;
/// The pause before views that are behind are looked at again.
const PAUSE: Duration = Duration::from_millis(200);
const CLIENTS: u64 = 8;
/// The pause between two faults, and how long a frozen process stays frozen, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 50..600;
const FROZEN_MS: std::ops::Range<u64> = 300..7_000;
/// Seconds that the holds of those who walk away last.
const SHORT_HOLD_SECONDS: u32 = 2;

/// What may fail.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A process is killed, and started again.
    Kill(&'static str),
    /// A process is frozen for a while.
    Freeze(&'static str, u64),
    /// The primary database is killed, and started again.
    KillPrimary,
    /// The primary is killed, the standby takes over, and the old primary becomes its standby.
    FailOver,
    /// Redis is emptied.
    FlushRedis,
    /// The stream of facts is deleted.
    DeleteStream,
    /// Every server is stopped and started, one after the other.
    RollingRestart,
}

/// The kinds of faults.
pub const KINDS: [&str; 12] = [
    "kill command",
    "kill query",
    "kill projector",
    "kill redis",
    "kill nats",
    "kill gateway",
    "freeze",
    "kill primary",
    "fail over",
    "flush redis",
    "delete stream",
    "rolling restart",
];

impl Fault {
    /// What it counts as.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Kill(name) => KINDS.into_iter().find(|kind| name.starts_with(kind.trim_start_matches("kill "))).unwrap(),
            Fault::Freeze(..) => "freeze",
            Fault::KillPrimary => "kill primary",
            Fault::FailOver => "fail over",
            Fault::FlushRedis => "flush redis",
            Fault::DeleteStream => "delete stream",
            Fault::RollingRestart => "rolling restart",
        }
    }

    fn draw(kind: &str, random: &mut StdRng) -> Self {
        let mut server = |beginning: &str| {
            let of_kind: Vec<_> = SERVERS.into_iter().filter(|name| name.starts_with(beginning)).collect();
            *of_kind.choose(random).unwrap()
        };
        match kind {
            "kill command" => Fault::Kill(server("command")),
            "kill query" => Fault::Kill(server("query")),
            "kill projector" => Fault::Kill(server("projector")),
            "kill redis" => Fault::Kill("redis-1"),
            "kill nats" => Fault::Kill("nats"),
            "kill gateway" => Fault::Kill("gateway"),
            "freeze" => Fault::Freeze(server(""), random.random_range(FROZEN_MS)),
            "kill primary" => Fault::KillPrimary,
            "fail over" => Fault::FailOver,
            "flush redis" => Fault::FlushRedis,
            "delete stream" => Fault::DeleteStream,
            "rolling restart" => Fault::RollingRestart,
            other => panic!("{other} is no kind of fault"),
        }
    }

    /// Has it happen, and mends what it broke.
    async fn happen(&self, cluster: &Cluster) {
        match self {
            Fault::Kill(name) => {
                cluster.succeed(&["kill", name]);
                cluster.succeed(&["start", name]);
            }
            Fault::Freeze(name, milliseconds) => {
                cluster.succeed(&["pause", name]);
                tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
                cluster.succeed(&["resume", name]);
            }
            Fault::KillPrimary => {
                let primary = primary(cluster);
                cluster.succeed(&["kill", &primary]);
                cluster.succeed(&["start", &primary]);
            }
            Fault::FailOver => {
                cluster.succeed(&["kill", &primary(cluster)]);
                cluster.succeed(&["promote"]);
                cluster.succeed(&["rejoin"]);
            }
            Fault::FlushRedis => {
                let output = Command::new("redis-cli").args(["-u", cluster.setting("REDIS_1_URL"), "FLUSHALL"]).output().unwrap();
                assert!(output.status.success(), "{output:?}");
            }
            Fault::DeleteStream => {
                let nats = async_nats::connect(cluster.setting("NATS_URL")).await.unwrap();
                // Another schedule may have deleted it a moment ago.
                let _ = async_nats::jetstream::new(nats).delete_stream("fullhouse-local").await;
            }
            Fault::RollingRestart => {
                for name in SERVERS {
                    cluster.succeed(&["stop", name]);
                    cluster.succeed(&["start", name]);
                }
            }
        }
    }
}

fn primary(cluster: &Cluster) -> String {
    let settings = cluster.succeed(&["env"]);
    settings.lines().find_map(|line| line.strip_prefix("PRIMARY=")).unwrap().to_owned()
}

/// Faults, each with the pause before it in milliseconds.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub faults: Vec<Fault>,
    pauses: Vec<u64>,
}

impl Schedule {
    /// These faults, one soon after the other.
    pub fn of(faults: Vec<Fault>) -> Self {
        let pauses = vec![PAUSE_MS.end; faults.len()];
        Self { faults, pauses }
    }

    /// The schedule of a seed. Seeds that follow one another go through all kinds.
    pub fn draw(seed: u64) -> Self {
        let kinds_a_round = KINDS.len().div_ceil(FAULTS) as u64;
        // One order of all kinds for each round of seeds.
        let mut kinds = KINDS;
        kinds.shuffle(&mut StdRng::seed_from_u64(seed / kinds_a_round));
        let mut random = StdRng::seed_from_u64(seed);
        let begin = (seed % kinds_a_round) as usize * FAULTS;
        let faults: Vec<Fault> = kinds.iter().cycle().skip(begin).take(FAULTS).map(|kind| Fault::draw(kind, &mut random)).collect();
        let pauses = faults.iter().map(|_| random.random_range(PAUSE_MS)).collect();
        Self { faults, pauses }
    }
}

/// What a schedule came to.
#[derive(Debug)]
pub struct Ran {
    pub commands: u64,
    pub sold: usize,
    pub facts: u64,
    /// How long after the last fault was mended all views had caught up.
    pub caught_up_ms: u128,
}

/// Runs a schedule under load, and checks every promise afterwards.
pub async fn run(cluster: &Cluster, seed: u64, schedule: &Schedule) -> Ran {
    run_in_hall(cluster, seed, schedule, (ROWS, ROW_SEATS)).await
}

/// The same in a hall of so many rows of so many seats.
pub async fn run_in_hall(cluster: &Cluster, seed: u64, schedule: &Schedule, (rows, row_seats): (u8, u32)) -> Ran {
    let stop = CancellationToken::new();
    // Whoever finds a broken promise leaves nobody at work.
    let _stops = stop.clone().drop_guard();
    let event = scheduled(cluster, &hall(rows, row_seats)).await;
    let short = scheduled(cluster, &hall_with_hold_seconds(4, 100, SHORT_HOLD_SECONDS)).await;
    let mut working = Vec::new();
    for number in 0..CLIENTS {
        let person = cluster.person("customer", &format!("client-{seed}-{number}"));
        // Half of them go round the gateway, each time to any command server.
        let doors = if number % 2 == 0 { vec![person.clone()] } else { round_the_gateway(cluster, &person) };
        let client = Client::new(doors, person, &event, seed * 1_000 + number).in_hall(rows, row_seats);
        working.push(tokio::spawn(client.work(stop.clone())));
    }
    let walking = tokio::spawn(walk_away(cluster.person("customer", "walker"), short.clone(), stop.clone()));
    let watching = watch(Person::anonymous(cluster.url()), event.clone(), stop.clone()).await;
    for (fault, pause) in schedule.faults.iter().zip(&schedule.pauses) {
        tokio::time::sleep(Duration::from_millis(*pause)).await;
        fault.happen(cluster).await;
    }
    let mended = Instant::now();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.cancel();
    let mut clients = Vec::new();
    for client in working {
        clients.push(client.await.unwrap());
    }
    for client in &mut clients {
        if tokio::time::timeout(PATIENCE, client.finish()).await.is_err() {
            panic!("a mended cluster does not answer; verify says {:?}", cluster.verify());
        }
    }
    walking.await.unwrap();
    let mut map = watching.await.unwrap();

    let facts = all_views_are_the_fold(cluster).await;
    let caught_up_ms = mended.elapsed().as_millis();
    let sold = nothing_was_lost(&mut clients).await;
    let reader = Person::anonymous(cluster.url());
    let end = reader.get(&format!("/events/{event}/seats?format=compact")).await.body;
    map.reach(end["position"].as_u64().unwrap()).await;
    assert_eq!((map.statuses().as_str(), map.whole_maps), (end["statuses"].as_str().unwrap(), 1), "P6");
    eventually("every hold of those who walked away has ended", || async {
        let seats = answered(reader.request(reqwest::Method::GET, &format!("/events/{short}/seats?format=compact"))).await?;
        seats.body["statuses"].as_str().is_some_and(|statuses| statuses.bytes().all(|status| status == b'a')).then_some(())
    })
    .await;
    let commands = clients.iter().map(|client| client.commands).sum();
    assert!(commands > 100, "only {commands} commands: there was no load");
    Ran { commands, sold, facts, caught_up_ms }
}

/// The same person at both command servers.
pub fn round_the_gateway(cluster: &Cluster, person: &Person) -> Vec<Person> {
    let token = person.token.as_ref().unwrap();
    ["COMMAND_1_URL", "COMMAND_2_URL"].map(|name| Person::with_token(cluster.setting(name), token)).into()
}

/// Schedules a show; the cluster may still be busy with the last fault.
pub async fn scheduled(cluster: &Cluster, plan: &Value) -> String {
    let organizer = cluster.person("organizer", "olga");
    eventually("a show can be scheduled", || async {
        let answer = answered(organizer.request(reqwest::Method::POST, "/events").json(plan)).await?;
        (answer.status == 201).then(|| answer.body["event_id"].as_str().unwrap().to_owned())
    })
    .await
}

/// Holds seats and never comes back for them.
async fn walk_away(person: Person, event: String, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let body = json!({ "event_id": event, "best_available": { "count": 3 } });
        let request = person.reconnected().request(reqwest::Method::POST, "/reserve").json(&body).timeout(PATIENCE);
        if let Some(answer) = answered(request).await {
            assert!(matches!(answer.status, 201 | 409 | 500..), "{answer:?}");
        }
        let _ = tokio::time::timeout(Duration::from_millis(150), stop.cancelled()).await;
    }
}

/// Follows a show's stream, and resumes it whenever it breaks.
async fn watch(person: Person, event: String, stop: CancellationToken) -> JoinHandle<LiveMap> {
    let mut map = LiveMap::open(&person, &event).await;
    tokio::spawn(async move {
        loop {
            let is_open = tokio::select! {
                is_open = map.next() => is_open,
                () = stop.cancelled() => break,
            };
            if !is_open {
                connect(&mut map).await;
            }
        }
        map.cut();
        tokio::time::timeout(PATIENCE, connect(&mut map)).await.expect("the stream can be resumed");
        map
    })
}

/// Tries until the stream is open.
async fn connect(map: &mut LiveMap) {
    while !map.try_connect().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// P5: `verify` finds the log sound and all views at its end. Returns how many facts there are.
pub async fn all_views_are_the_fold(cluster: &Cluster) -> u64 {
    let began = Instant::now();
    loop {
        let report = cluster.verify().unwrap_or_else(|found| panic!("a promise is broken: {found}"));
        if report["views_compared_at"] == report["facts"] && report["redis"]["missing"] == 0 && report["redis"]["behind"] == 0 {
            return report["facts"].as_u64().unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "views stay behind: {report}; their log is at {}", cluster.keep());
        tokio::time::sleep(PAUSE).await;
    }
}

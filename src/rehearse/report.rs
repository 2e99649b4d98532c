//! What a rehearsal has shown, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use indicatif::HumanCount;
use serde::{Serialize, Serializer};

use super::arrivals::Arrivals;
use super::board::Ending;
use crate::promise::Promise;

/// The report. What is measured, and from when to when, is written in `docs/operations.md`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub url: String,
    pub event_id: String,
    pub title: String,
    /// Why this event.
    pub chosen: &'static str,
    pub has_waiting_room: bool,
    pub arrivals: Arrivals,
    pub users: u32,
    pub arrival_seconds: u32,
    pub seed: u64,
    /// From the first instant to the last buyer's end.
    pub seconds: f64,
    pub buyers: Buyers,
    pub rates: Rates,
    /// Milliseconds from the instant at which a request was meant to be sent to its answer, by what was asked for.
    #[serde(serialize_with = "as_object")]
    pub latency_ms: Vec<(&'static str, Latency)>,
    pub streams: Streams,
    /// What the rules said no to, by code.
    pub refusals: BTreeMap<String, u64>,
    /// What was put off, by status and code, and then sent again under the same key.
    pub put_off: BTreeMap<String, u64>,
    pub errors: BTreeMap<String, u64>,
    /// Seats that two buyers have papers for.
    pub double_sales: u64,
    /// Seats that two buyers held at a time.
    pub overlapping_holds: u64,
    pub sales_read_again: u64,
    pub map_compared_at: Option<u64>,
    /// What could not be checked.
    pub unchecked: Vec<String>,
    pub breaches: Vec<Breach>,
}

/// Pairs as an object that keeps their order.
fn as_object<S: Serializer>(pairs: &[(&'static str, Latency)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, latency)| (name, latency)))
}

/// Each who arrived is in one of the other numbers.
#[derive(Debug, Serialize)]
pub struct Buyers {
    pub arrived: u64,
    pub bought: u64,
    pub released: u64,
    pub walked_away: u64,
    pub too_late: u64,
    pub found_no_seats: u64,
    pub gave_up: u64,
    pub lost_turn: u64,
    pub still_waiting: u64,
    pub unfinished: u64,
    pub failed: u64,
}

/// How much was wanted, and how much there was of it, each second.
#[derive(Debug, Serialize)]
pub struct Rates {
    pub arrivals: f64,
    /// Requests, while people arrived.
    pub offered: f64,
    pub served: f64,
    /// In the busiest second.
    pub offered_peak: u64,
    pub served_peak: u64,
}

/// Milliseconds.
#[derive(Debug, Default, Serialize)]
pub struct Latency {
    pub count: u64,
    pub p50: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// How long changes took to those who watch.
#[derive(Debug, Serialize)]
pub struct Streams {
    /// Buyers who opened one, beside the shared one.
    pub watchers: u32,
    /// From the arrival of the answer to the frame: 0 when the frame came first.
    pub acknowledged_to_client_ms: Latency,
    /// From the decision by the server's clock to the frame by this machine's; nothing, when the clocks don't agree.
    pub decided_to_client_ms: Option<Latency>,
}

/// Something that must not be.
#[derive(Debug, Serialize)]
pub struct Breach {
    pub promise: Promise,
    pub what: String,
}

impl Latency {
    /// Of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self { count: histogram.len(), p50: at(0.5), p99: at(0.99), p99_9: at(0.999), max: histogram.max() as f64 / 1_000.0 }
    }
}

impl Buyers {
    pub fn new(arrived: u64, endings: &[u64; Ending::ALL.len()]) -> Self {
        let of = |ending: Ending| endings[ending as usize];
        Self {
            arrived,
            bought: of(Ending::Bought),
            released: of(Ending::Released),
            walked_away: of(Ending::WalkedAway),
            too_late: of(Ending::TooLate),
            found_no_seats: of(Ending::FoundNoSeats),
            gave_up: of(Ending::GaveUp),
            lost_turn: of(Ending::LostTurn),
            still_waiting: of(Ending::StillWaiting),
            unfinished: of(Ending::Unfinished),
            failed: of(Ending::Failed),
        }
    }

    fn lines(&self) -> [(&'static str, u64); 11] {
        [
            ("arrived", self.arrived),
            ("bought", self.bought),
            ("released their hold", self.released),
            ("walked away from their hold", self.walked_away),
            ("came too late: the hold had expired", self.too_late),
            ("found no seats", self.found_no_seats),
            ("gave up: others were faster", self.gave_up),
            ("lost their turn", self.lost_turn),
            ("still waiting in the line", self.still_waiting),
            ("unfinished when time was over", self.unfinished),
            ("failed: an unexpected answer", self.failed),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, event_id, url, chosen, users, arrival_seconds, seed, seconds, .. } = self;
        writeln!(formatter, "Rehearsed the sale of \"{title}\" ({event_id}) at {url}: {chosen}.")?;
        let room = if self.has_waiting_room { "with a waiting room" } else { "without a waiting room" };
        let shape = match self.arrivals {
            Arrivals::Poisson => "evenly",
            Arrivals::Spike => "half of them at once",
        };
        writeln!(
            formatter,
            "{} people came within {arrival_seconds} s, {shape}, {room}; it took {seconds:.1} s (seed {seed}).",
            HumanCount((*users).into())
        )?;
        writeln!(formatter, "\nPeople")?;
        self.buyers
            .lines()
            .iter()
            .filter(|(name, count)| *count > 0 || *name == "bought")
            .try_for_each(|(name, count)| writeln!(formatter, "  {name:<38}{:>12}", HumanCount(*count).to_string()))?;
        self.write_rates(formatter)?;
        self.write_latencies(formatter)?;
        for (title, kinds) in [("Refusals", &self.refusals), ("Put off, and sent again", &self.put_off), ("Errors", &self.errors)] {
            writeln!(formatter, "\n{title}{}", if kinds.is_empty() { ": none" } else { "" })?;
            kinds.iter().try_for_each(|(kind, count)| writeln!(formatter, "  {kind:<38}{:>12}", HumanCount(*count).to_string()))?;
        }
        self.write_promises(formatter)
    }
}

impl Report {
    fn write_rates(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates { arrivals, offered, served, offered_peak, served_peak } = self.rates;
        writeln!(formatter, "\nRates, each second{:>26}{:>12}", "arriving", "peak")?;
        writeln!(formatter, "  {:<30}{arrivals:>12.1}", "people")?;
        writeln!(formatter, "  {:<30}{offered:>12.1}{:>12}", "requests offered", HumanCount(offered_peak).to_string())?;
        writeln!(formatter, "  {:<30}{served:>12.1}{:>12}", "requests served", HumanCount(served_peak).to_string())
    }

    fn write_latencies(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = format!("{:>10}{:>11}{:>11}{:>11}{:>11}", "count", "p50", "p99", "p99.9", "max");
        writeln!(formatter, "\nLatency from the instant at which a request was meant to be sent, in ms\n  {:<22}{heads}", "")?;
        self.latency_ms.iter().try_for_each(|(name, latency)| latency.write_line(formatter, name))?;
        let Streams { watchers, acknowledged_to_client_ms, decided_to_client_ms } = &self.streams;
        writeln!(formatter, "\nFrom a change to those who watch ({} streams of buyers), in ms", HumanCount((*watchers).into()))?;
        acknowledged_to_client_ms.write_line(formatter, "answer to frame")?;
        match decided_to_client_ms {
            Some(latency) => latency.write_line(formatter, "decision to frame"),
            None => writeln!(formatter, "  decision to frame: the server's clock and this one don't agree"),
        }
    }

    fn write_promises(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { double_sales, overlapping_holds, sales_read_again, breaches, .. } = self;
        writeln!(formatter, "\nDouble sales: {double_sales}. Holds of one seat at a time: {overlapping_holds}.")?;
        write!(formatter, "{} sales were read again", HumanCount(*sales_read_again))?;
        match self.map_compared_at {
            Some(position) => writeln!(formatter, "; the map of the stream was compared with the server's at position {position}.")?,
            None => writeln!(formatter, ".")?,
        }
        self.unchecked.iter().try_for_each(|what| writeln!(formatter, "Not checked: {what}."))?;
        if breaches.is_empty() {
            return writeln!(
                formatter,
                "{}",
                if self.unchecked.is_empty() { "All is as promised." } else { "No breach was found in what was checked." }
            );
        }
        writeln!(formatter, "{} breaches:", breaches.len())?;
        breaches.iter().try_for_each(|Breach { promise, what }| writeln!(formatter, "  {}  {what}", promise.as_str()))
    }
}

impl Latency {
    fn write_line(&self, formatter: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let Self { count, p50, p99, p99_9, max } = self;
        writeln!(formatter, "  {name:<22}{:>10}{p50:>11.1}{p99:>11.1}{p99_9:>11.1}{max:>11.1}", HumanCount(*count).to_string())
    }
}

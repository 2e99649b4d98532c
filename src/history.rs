//! `fullhouse history` and `fullhouse seats`: what happened, and what the seats were like, straight from the log.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use fullhouse_domain::{Chart, Event, SeatStatus, ShowId, Subject};
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::facts::{decode, seat_labels};
use fullhouse_schemas::filter::Filter;
use fullhouse_schemas::http::statuses_text;
use fullhouse_schemas::time::Instant;
use fullhouse_views::PastMap;
use serde_json::{Value, json};

use crate::cli::{HistorySettings, SeatsSettings};
use crate::store;

/// How many facts are read at a time.
const READ_FACTS: usize = 4_096;
/// How often the log is looked at for more.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prints facts of a show, one a line.
pub fn main(settings: &HistorySettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    runtime.block_on(print_history(settings))
}

/// Prints the seats of a show as they are or were.
pub fn seats(settings: &SeatsSettings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no thread can be started")?;
    runtime.block_on(print_seats(settings))
}

async fn print_history(settings: &HistorySettings) -> anyhow::Result<()> {
    let log = store::open_to_read(&settings.data, settings.database_url.as_deref()).await?;
    let (_, chart) = scheduling(&log, &settings.event).await?;
    let filter = filter(settings, &chart)?;
    let (mut after, mut left) = (settings.after, settings.limit.unwrap_or(u64::MAX));
    loop {
        let facts = log.read_show(&settings.event, after, READ_FACTS).await.context("the log can't be read")?;
        for fact in facts.iter().filter(|fact| filter.keeps(fact)).take(left.try_into().unwrap_or(usize::MAX)) {
            left -= 1;
            if !print_line(&if settings.json { json_line(fact) } else { text_line(fact) })? {
                return Ok(());
            }
        }
        after = facts.last().map_or(after, |fact| fact.position);
        if left == 0 || facts.last().is_some_and(|fact| filter.is_behind(fact)) || facts.len() < READ_FACTS && !settings.follow {
            return Ok(());
        }
        if facts.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The first fact of a show, and its chart.
async fn scheduling(log: &Log, show: &ShowId) -> anyhow::Result<(StoredFact, Chart)> {
    let first = log.read_show(show, 0, 1).await.context("the log can't be read")?.pop();
    let first = first.with_context(|| format!("there is no event {show} in this log"))?;
    let Event::ShowScheduled(plan) = decode(&first).context("the event's first fact can't be read")? else {
        bail!("the history of {show} does not begin with its scheduling");
    };
    Ok((first, Chart::new(&plan)))
}

fn filter(settings: &HistorySettings, chart: &Chart) -> anyhow::Result<Filter> {
    let seat = match &settings.seat {
        Some(label) => Some(chart.seat(label).with_context(|| format!("this event has no seat {label}"))?),
        None => None,
    };
    let kind =
        match &settings.r#type {
            Some(text) => Some(FactKind::parse(text).with_context(|| {
                format!("`{text}` is not a type of fact; there are: {}", FactKind::ALL.map(FactKind::as_str).join(", "))
            })?),
            None => None,
        };
    let at = |instant: Option<Instant>| instant.map(|Instant(at)| at);
    let (reservation, subject) = (settings.reservation.clone(), settings.subject.clone());
    Ok(Filter { seat, reservation, subject, kind, since: at(settings.since), until: at(settings.until) })
}

/// Whether whoever reads has not had enough: `fullhouse history … | head`.
fn print_line(line: &str) -> anyhow::Result<bool> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("the history can't be written"),
    }
}

fn json_line(fact: &StoredFact) -> String {
    String::from_utf8(fact.canonical_bytes()).expect("JSON is UTF-8")
}

/// For people: position, instant, what happened, to which seats, by whom.
fn text_line(fact: &StoredFact) -> String {
    let data: Value = serde_json::from_str(&fact.data).unwrap_or_default();
    let word = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let seats = seat_labels(fact).unwrap_or_default().join(", ");
    let more = match fact.kind {
        FactKind::ShowScheduled => word("title"),
        FactKind::SeatsHeld => format!("{seats}  until {}  {}", word("expires_at"), word("reservation_id")),
        FactKind::SeatsReserved => format!("{seats}  paid with {}  {}", word("payment_reference"), word("reservation_id")),
        FactKind::HoldReleased | FactKind::HoldExpired => format!("{seats}  {}", word("reservation_id")),
        FactKind::PersonForgotten => word("subject"),
        FactKind::RoomChanged | FactKind::LineDrawn | FactKind::RoomOpened | FactKind::RoomMoved | FactKind::RoomClosed => {
            fact.data.clone()
        }
    };
    let by = fact.subject.as_ref().map_or("-", Subject::as_str);
    format!("{:>8}  {:<27}  {:<14}  {by}  {more}", fact.position, Instant(fact.recorded_at).to_string(), fact.kind.as_str())
}

async fn print_seats(settings: &SeatsSettings) -> anyhow::Result<()> {
    let log = store::open_to_read(&settings.data, settings.database_url.as_deref()).await?;
    let (first, chart) = scheduling(&log, &settings.event).await?;
    let is_wanted = |fact: &StoredFact| {
        settings.at.is_none_or(|Instant(at)| fact.recorded_at <= at) && settings.position.is_none_or(|position| fact.position <= position)
    };
    if !is_wanted(&first) {
        bail!("the event was scheduled at {}, which is later", Instant(first.recorded_at));
    }
    let mut map = PastMap::scheduled(&chart, first.recorded_at);
    'folding: loop {
        let facts = log.read_show(&settings.event, map.position(), READ_FACTS).await.context("the log can't be read")?;
        for fact in &facts {
            if !is_wanted(fact) {
                break 'folding;
            }
            map.apply(fact).context("the history contradicts itself; examine it with `fullhouse verify`")?;
        }
        if facts.len() < READ_FACTS {
            break;
        }
    }
    if let Some(position) = settings.position.filter(|position| *position > map.position()) {
        bail!("the event's history ends at position {}, before {position}", map.position());
    }
    crate::print_result(&if settings.json { map_json(&settings.event, &map) } else { map_text(&chart, &map) })
}

fn map_json(show: &ShowId, map: &PastMap) -> String {
    let body = json!({
        "event_id": show.as_str(), "position": map.position(), "recorded_at": Instant(map.recorded_at()).to_string(),
        "counts": map.counts(), "statuses": statuses_text(map.statuses()),
    });
    format!("{body}\n")
}

/// A line for each row, a sign for each seat.
fn map_text(chart: &Chart, map: &PastMap) -> String {
    let counts = map.counts();
    let mut text = format!(
        "Position {}, {}: {} available (.), {} pending (p), {} reserved (R)\n",
        map.position(),
        Instant(map.recorded_at()),
        counts.available,
        counts.pending,
        counts.reserved
    );
    let (mut section, mut row) = (None, None);
    for (seat, status) in (0..).zip(map.statuses()) {
        let (name, (label, _)) = (chart.section_of(seat).name.as_str(), chart.row_and_number(seat));
        if section != Some(name) {
            let _ = write!(text, "\n\n{name}");
            (section, row) = (Some(name), None);
        }
        if row != Some(label) {
            let _ = write!(text, "\n  {label:<6}");
            row = Some(label);
        }
        text.push(match status {
            SeatStatus::Available => '.',
            SeatStatus::Pending => 'p',
            SeatStatus::Reserved => 'R',
        });
    }
    text.push('\n');
    text
}

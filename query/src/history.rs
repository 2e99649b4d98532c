//! `GET /events/{id}/history` and `GET /log`: what happened, for auditors.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_eventstore::{Log, LogError};
use fullhouse_http::{Answer, Auditor, Parameters, PathId};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::filter::Filter;
use fullhouse_schemas::http::FactsBody;
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem, StoredFact};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{QueryState, log_failed};

/// Facts on a page when the client doesn't say.
const LIMIT_DEFAULT: usize = 100;
/// The most facts on a page.
const LIMIT_MAX: usize = 1_000;
/// How many facts are read at a time.
const READ_FACTS: usize = 2_000;

const NDJSON: &str = "application/x-ndjson";

/// Which facts of a show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfShow {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    seat: Option<String>,
    reservation: Option<String>,
    subject: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    since: Option<Instant>,
    until: Option<Instant>,
}

/// Which facts of the log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfLog {
    #[serde(default)]
    after: u64,
    limit: Option<u64>,
    reservation: Option<String>,
    subject: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    since: Option<Instant>,
    until: Option<Instant>,
}

/// What to read, and which of it to keep.
#[derive(Debug, Clone)]
struct Reading {
    log: Log,
    /// The whole log when it names no show.
    show: Option<ShowId>,
    filter: Filter,
}

/// The facts of one show. Role: auditor.
#[utoipa::path(
    get, path = "/events/{event_id}/history", tag = "history", security(("token" = ["auditor"])),
    params(
        ("event_id" = String, Path),
        ("after" = Option<u64>, Query, description = "A position; facts after it."),
        ("limit" = Option<u64>, Query, description = "1 to 1,000, 100 when absent; as NDJSON any number, and no limit when absent."),
        ("seat" = Option<String>, Query, description = "Only facts about this seat."),
        ("reservation" = Option<String>, Query, description = "Only facts about this reservation."),
        ("subject" = Option<String>, Query, description = "Only facts with this `subject`."),
        ("type" = Option<String>, Query, description = "Only facts of this type, such as `seats_held`."),
        ("since" = Option<String>, Query, description = "Only facts recorded at this instant or later (RFC 3339)."),
        ("until" = Option<String>, Query, description = "Only facts recorded before this instant."),
    ),
    responses(
        (status = 200, description = "A page; or one fact a line, with `Accept: application/x-ndjson`.",
            content((FactsBody = "application/json"), (String = "application/x-ndjson"))),
        (status = "4XX", description = "See `code`.", body = Problem),
    )
)]
pub async fn of_show(
    State(state): State<QueryState>,
    Auditor(_): Auditor,
    PathId(id): PathId<ShowId>,
    Parameters(wanted): Parameters<OfShow>,
    headers: HeaderMap,
) -> Answer<Response> {
    state.catch_up().await?;
    let show = state.show(&id)?;
    let seat = match wanted.seat {
        None => None,
        Some(label) => {
            let seat = show.chart().seat(&label);
            Some(seat.ok_or_else(|| Problem::new(Code::NotFound, format!("This event has no seat {label}.")))?)
        }
    };
    let OfShow { after, limit, reservation, subject, kind, since, until, .. } = wanted;
    let filter =
        Filter { seat, reservation, subject: parse_subject(subject)?, kind: parse_kind(kind)?, since: at(since), until: at(until) };
    let reading = Reading { log: state.log.clone(), show: Some(id), filter };
    answer(&state, reading, after, limit, &headers).await
}

/// The facts of all shows. Role: auditor.
#[utoipa::path(
    get, path = "/log", tag = "history", security(("token" = ["auditor"])),
    params(
        ("after" = Option<u64>, Query, description = "A log position; facts after it."),
        ("limit" = Option<u64>, Query, description = "1 to 1,000, 100 when absent; as NDJSON any number, and no limit when absent."),
        ("reservation" = Option<String>, Query, description = "Only facts about this reservation."),
        ("subject" = Option<String>, Query, description = "Only facts with this `subject`."),
        ("type" = Option<String>, Query, description = "Only facts of this type, such as `seats_held`."),
        ("since" = Option<String>, Query, description = "Only facts recorded at this instant or later (RFC 3339)."),
        ("until" = Option<String>, Query, description = "Only facts recorded before this instant."),
    ),
    responses(
        (status = 200, description = "A page; or one fact a line, with `Accept: application/x-ndjson`.",
            content((FactsBody = "application/json"), (String = "application/x-ndjson"))),
        (status = "4XX", description = "See `code`.", body = Problem),
    )
)]
pub async fn of_log(
    State(state): State<QueryState>,
    Auditor(_): Auditor,
    Parameters(OfLog { after, limit, reservation, subject, kind, since, until }): Parameters<OfLog>,
    headers: HeaderMap,
) -> Answer<Response> {
    let filter =
        Filter { seat: None, reservation, subject: parse_subject(subject)?, kind: parse_kind(kind)?, since: at(since), until: at(until) };
    let reading = Reading { log: state.log.clone(), show: None, filter };
    answer(&state, reading, after, limit, &headers).await
}

fn parse_subject(text: Option<String>) -> Answer<Option<Subject>> {
    let parse =
        |text: String| Subject::parse(&text).ok_or_else(|| Problem::new(Code::BadRequest, format!("`{text}` is not a subject.")).into());
    text.map(parse).transpose()
}

fn parse_kind(text: Option<String>) -> Answer<Option<FactKind>> {
    let parse = |text: String| {
        let known = FactKind::ALL.map(FactKind::as_str).join(", ");
        let unknown = || Problem::new(Code::BadRequest, format!("`{text}` is not a type of fact. There are: {known}.")).into();
        FactKind::parse(&text).ok_or_else(unknown)
    };
    text.map(parse).transpose()
}

fn at(instant: Option<Instant>) -> Option<Timestamp> {
    instant.map(|Instant(at)| at)
}

async fn answer(state: &QueryState, reading: Reading, after: u64, limit: Option<u64>, headers: &HeaderMap) -> Answer<Response> {
    if limit == Some(0) {
        return Err(Problem::new(Code::BadRequest, "`limit` must be 1 or more.").into());
    }
    let mut response =
        if wants_lines(headers) { lines(reading, after, limit.unwrap_or(u64::MAX)) } else { paged(state, &reading, after, limit).await? };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Whether the client asks for one fact a line, and doesn't rule that out with a weight of 0.
fn wants_lines(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    accepted.map(|range| range.split(';').map(str::trim)).any(|mut parts| {
        let is_lines = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(NDJSON));
        let weight = parts.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
        is_lines && weight.is_none_or(|weight| weight.parse::<f64>().is_ok_and(|weight| weight > 0.0))
    })
}

async fn paged(state: &QueryState, reading: &Reading, after: u64, limit: Option<u64>) -> Answer<Response> {
    let limit = limit.map_or(LIMIT_DEFAULT, |limit| limit.try_into().unwrap_or(usize::MAX));
    if limit > LIMIT_MAX {
        let detail = format!("`limit` must be 1 to {LIMIT_MAX}; as `{NDJSON}` there is no such limit.");
        return Err(Problem::new(Code::BadRequest, detail).into());
    }
    let _permit = state.past_read().await?;
    page(reading, after, limit).await.map_err(|error| log_failed("reading the log", &error))
}

#[derive(Serialize)]
struct Page {
    facts: Vec<Box<RawValue>>,
    next: Option<u64>,
}

/// One page, and where the next one begins, if there is anything more.
async fn page(reading: &Reading, mut after: u64, limit: usize) -> Result<Response, LogError> {
    let mut facts = Vec::new();
    let mut next = None;
    'reading: loop {
        let read = reading.read(after).await?;
        for fact in &read {
            if reading.filter.is_behind(fact) {
                break 'reading;
            }
            if reading.filter.keeps(fact) {
                if facts.len() == limit {
                    next = Some(after);
                    break 'reading;
                }
                facts.push(json_of(fact)?);
            }
            after = reading.position(fact);
        }
        if read.len() < READ_FACTS {
            break;
        }
    }
    Ok(axum::Json(Page { facts, next }).into_response())
}

/// A fact's canonical bytes. They are JSON, unless somebody wrote into the database by hand.
fn json_of(fact: &StoredFact) -> Result<Box<RawValue>, LogError> {
    let damaged = |what: String| LogError::Damaged { log_position: fact.log_position, what };
    let line = String::from_utf8(fact.canonical_bytes()).map_err(|error| damaged(error.to_string()))?;
    RawValue::from_string(line).map_err(|error| damaged(error.to_string()))
}

/// One fact a line, read as the client takes them.
fn lines(reading: Reading, after: u64, limit: u64) -> Response {
    let chunks = futures::stream::try_unfold((reading, Some(after), limit), |(reading, after, mut left)| async move {
        let Some(mut after) = after else { return Ok(None) };
        let read = reading.read(after).await.inspect_err(|error| tracing::error!("a history could not be read on: {error}"))?;
        let mut chunk = Vec::with_capacity(read.len() * 384);
        for fact in read.iter().filter(|fact| reading.filter.keeps(fact)).take(left.try_into().unwrap_or(usize::MAX)) {
            chunk.extend(fact.canonical_bytes());
            chunk.push(b'\n');
            left -= 1;
        }
        after = read.last().map_or(after, |fact| reading.position(fact));
        let is_over = read.last().is_some_and(|fact| reading.filter.is_behind(fact));
        let goes_on = read.len() == READ_FACTS && left > 0 && !is_over;
        Ok::<_, LogError>(Some((Bytes::from(chunk), (reading, goes_on.then_some(after), left))))
    });
    ([(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON))], Body::from_stream(chunks)).into_response()
}

impl Reading {
    async fn read(&self, after: u64) -> Result<Vec<StoredFact>, LogError> {
        match &self.show {
            Some(show) => self.log.read_show(show, after, READ_FACTS).await,
            None => self.log.read_log(after, READ_FACTS).await,
        }
    }

    fn position(&self, fact: &StoredFact) -> u64 {
        if self.show.is_some() { fact.position } else { fact.log_position }
    }
}

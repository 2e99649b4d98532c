//! One JSON object a line.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use fullhouse_demand::store::RefusedInMinute;
use fullhouse_domain::Subject;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::time::Instant;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cut_to_whole_lines;

/// A fact as an event of CloudEvents 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>). Source and id
/// together name it in the whole world of one operator; names of extensions have no underscores there.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: Instant,
    datacontenttype: &'static str,
    /// Of the extension `sequence`: the log position, so that order is the order of the log.
    sequence: String,
    position: u64,
    commandid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    data: &'a RawValue,
}

/// The line of a fact.
pub fn cloud_event(fact: &StoredFact, cluster: &str) -> Vec<u8> {
    let event = CloudEvent {
        specversion: "1.0",
        id: fact.log_position.to_string(),
        source: format!("/fullhouse/{cluster}"),
        kind: format!("fullhouse.{}.v{}", fact.kind.as_str(), fact.version),
        subject: fact.show.as_str(),
        time: Instant(fact.recorded_at),
        datacontenttype: "application/json",
        sequence: format!("{:020}", fact.log_position),
        position: fact.position,
        commandid: fact.command_id.to_string(),
        actor: fact.subject.as_ref().map(Subject::as_str),
        data: serde_json::from_str(&fact.data).unwrap_or(RawValue::NULL),
    };
    serde_json::to_vec(&event).expect("text, numbers and checked JSON always serialize")
}

/// The line of a count.
pub fn refusals(counted: &RefusedInMinute) -> String {
    let RefusedInMinute { event_id, minute, seat, reason, refusals } = counted;
    let line =
        json!({ "event_id": event_id, "minute": Instant(*minute).to_string(), "seat": seat, "reason": reason, "refusals": refusals });
    format!("{line}\n")
}

/// A file of lines that was begun before, to be written on, and the log position of its last line.
pub fn go_on(path: &Path) -> anyhow::Result<(File, u64)> {
    let (file, last) = cut_to_whole_lines(path)?;
    let Some(last) = last else { return Ok((file, 0)) };
    let line: Value = serde_json::from_str(&last).unwrap_or_default();
    let position = line["log_position"].as_u64().or_else(|| line["sequence"].as_str()?.parse().ok());
    let position = position.with_context(|| format!("{} does not end with a fact: it is no export to go on with", path.display()))?;
    Ok((file, position))
}

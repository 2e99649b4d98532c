//! One JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, ensure};
use fullhouse_demand::store::RefusedInMinute;
use fullhouse_domain::Subject;
use fullhouse_eventstore::Log;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::time::Instant;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

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

/// A file of lines that was begun before, to be written on, and the log position of its last whole line. Nothing is changed in a file
/// that does not end like an export of this log in this format; an unfinished last line is cut off.
pub async fn go_on(path: &Path, log: &Log, line: &(dyn Fn(&StoredFact) -> Vec<u8> + Sync)) -> anyhow::Result<(File, u64)> {
    let unusable = || format!("{} (--out, FULLHOUSE_OUT) can't be gone on with", path.display());
    let mut file = OpenOptions::new().read(true).write(true).open(path).with_context(unusable)?;
    let (length, last) = whole_lines(&file).with_context(unusable)?;
    let position = match &last {
        None => {
            ensure!(file.metadata().with_context(unusable)?.len() == 0, "{} is no export: it has no whole line", path.display());
            0
        }
        Some(last) => {
            let position = position_in(last).with_context(|| format!("{} does not end with a fact: it is no export", path.display()))?;
            let facts = log.read_log(position - 1, 1).await.context("the log can't be read")?;
            let is_ours = facts.first().is_some_and(|fact| line(fact) == *last);
            ensure!(is_ours, "{} ends with another line than this log has there in this format", path.display());
            position
        }
    };
    file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).with_context(unusable)?;
    Ok((file, position))
}

/// How long the whole lines of a file are together, and the last of them.
fn whole_lines(file: &File) -> std::io::Result<(u64, Option<Vec<u8>>)> {
    let (mut reader, mut whole, mut last, mut line) = (BufReader::new(file), 0, None, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
        whole += line.len() as u64;
        line.pop();
        last = Some(std::mem::take(&mut line));
    }
    Ok((whole, last))
}

fn position_in(line: &[u8]) -> Option<u64> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let position = line["log_position"].as_u64().or_else(|| line["sequence"].as_str()?.parse().ok());
    position.filter(|position| *position > 0)
}

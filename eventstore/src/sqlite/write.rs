//! Writing: one thread, one transaction and one sync to disk for each batch.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_schemas::{CommandId, StoredFact};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, watch};

use super::WriteJob;
use super::read::{COLUMNS, read_row};
use crate::append::{Appended, Batch, Fingerprint, Recorded, RecordedOutcome};
use crate::error::{LogError, check_gapless};
use crate::judge::{Judged, Known, NewCommand, judge, keyed_of, shows_of};
use crate::tail::Tail;

pub(crate) struct Writer {
    connection: Connection,
    tail: Arc<Mutex<Tail>>,
    head: watch::Sender<u64>,
    /// Held as long as the thread lives.
    _lock: File,
}

impl Writer {
    pub(crate) fn new(connection: Connection, tail: Arc<Mutex<Tail>>, head: watch::Sender<u64>, lock: File) -> Self {
        Self { connection, tail, head, _lock: lock }
    }

    /// Serves batches until nobody can send one any more.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<WriteJob>) {
        while let Some(WriteJob { batch, answer }) = jobs.blocking_recv() {
            let appended = self.append(&batch);
            // The one who asked may have gone; what was committed stays committed.
            let _ = answer.send(appended);
        }
    }

    fn append(&mut self, batch: &Batch) -> Result<Appended, LogError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed("beginning an append"))?;
        let Judged { appended, facts, commands, .. } = judge(batch, known(&transaction, batch)?);
        facts.iter().try_for_each(|fact| insert(&transaction, fact)).map_err(failed("appending a fact"))?;
        commands.iter().try_for_each(|command| remember(&transaction, command)).map_err(failed("recording a command"))?;
        transaction.commit().map_err(failed("committing an append"))?;
        let head = appended.head_before + facts.len() as u64;
        // Followers look into the tail when the head moves, so the tail comes first.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).push(facts);
        self.head.send_replace(head);
        Ok(appended)
    }
}

fn failed(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> LogError {
    move |source| LogError::Store { doing, source: source.into() }
}

/// Reads what a batch is judged by.
fn known(transaction: &Transaction<'_>, batch: &Batch) -> Result<Known, LogError> {
    let (head, newest) = transaction
        .prepare_cached("SELECT log_position, recorded_at FROM facts ORDER BY log_position DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(failed("reading the log's head"))?
        .unwrap_or((0, 0));
    let unknown = if head > batch.known { facts_between(transaction, batch.known, head)? } else { Vec::new() };
    let mut recorded = HashMap::new();
    for id in keyed_of(batch) {
        recorded.extend(recorded_for_good(transaction, id)?.map(|found| (id, found)));
    }
    let mut show_heads = HashMap::new();
    for show in shows_of(batch) {
        show_heads.insert(show.clone(), show_head(transaction, show)?);
    }
    // Only this process writes here, so its clock is the one that the batch was decided by.
    Ok(Known { head, newest: Timestamp::from_micros(newest), now: None, unknown, recorded, show_heads })
}

/// The facts after one log position and up to another; each must be there.
fn facts_between(transaction: &Transaction<'_>, after: u64, until: u64) -> Result<Vec<StoredFact>, LogError> {
    const DOING: &str = "reading facts for an append";
    let sql = format!("SELECT {COLUMNS} FROM facts WHERE log_position > ?1 AND log_position <= ?2 ORDER BY log_position");
    let mut statement = transaction.prepare_cached(&sql).map_err(failed(DOING))?;
    let mut rows = statement.query([after, until]).map_err(failed(DOING))?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next().map_err(failed(DOING))? {
        facts.push(read_row(row, after + 1)?);
    }
    check_gapless(&facts, after, until)?;
    Ok(facts)
}

fn recorded_for_good(transaction: &Transaction<'_>, command_id: CommandId) -> Result<Option<Recorded>, LogError> {
    let found: Option<([u8; 16], u64, u64, Option<String>)> = transaction
        .prepare_cached("SELECT fingerprint, first_log_position, facts, refusal FROM commands WHERE command_id = ?1")
        .and_then(|mut statement| {
            statement.query_row([command_id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).optional()
        })
        .map_err(failed("looking a command up"))?;
    let Some((fingerprint, first, count, refusal)) = found else { return Ok(None) };
    let outcome = match refusal {
        Some(answer) => RecordedOutcome::Refused(answer),
        None => RecordedOutcome::Facts(facts_between(transaction, first - 1, first - 1 + count)?),
    };
    Ok(Some(Recorded { fingerprint: Fingerprint(fingerprint), outcome }))
}

fn show_head(transaction: &Transaction<'_>, show: &ShowId) -> Result<u64, LogError> {
    transaction
        .prepare_cached("SELECT coalesce(max(position), 0) FROM facts WHERE show_id = ?1")
        .and_then(|mut statement| statement.query_row([show.as_str()], |row| row.get(0)))
        .map_err(failed("reading a show's head"))
}

fn insert(transaction: &Transaction<'_>, fact: &StoredFact) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO facts (log_position, show_id, position, kind, version, recorded_at, command_id, subject, touches, data, row_hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    transaction.prepare_cached(sql)?.execute(params![
        fact.log_position,
        fact.show.as_str(),
        fact.position,
        fact.kind.as_str(),
        fact.version,
        fact.recorded_at.as_micros(),
        fact.command_id.0,
        fact.subject.as_ref().map(Subject::as_str),
        fact.touches_bytes(),
        fact.data,
        fact.row_hash(),
    ])?;
    Ok(())
}

fn remember(transaction: &Transaction<'_>, command: &NewCommand) -> rusqlite::Result<()> {
    let NewCommand { command_id, fingerprint, first_log_position, facts, refusal } = command;
    let sql = "INSERT INTO commands (command_id, fingerprint, first_log_position, facts, refusal) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.prepare_cached(sql)?.execute(params![command_id.0, fingerprint.0, first_log_position, *facts as i64, refusal])?;
    Ok(())
}

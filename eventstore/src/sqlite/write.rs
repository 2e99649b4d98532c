//! Writing: one thread, one transaction and one sync to disk for each batch.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use fullhouse_domain::{ShowId, Subject};
use fullhouse_schemas::{CommandId, NewFact, StoredFact};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, watch};

use super::WriteJob;
use super::read::{COLUMNS, read_row};
use crate::append::{Appended, Batch, Entry, Fingerprint, Proposal, Recorded, RecordedOutcome, Touched, Verdict};
use crate::error::LogError;
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
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| LogError::Store { doing: "beginning an append", source })?;
        let mut append = Append::begin(&transaction, batch)?;
        let verdicts = batch.entries.iter().map(|entry| append.entry(entry)).collect::<Result<Vec<_>, _>>()?;
        let Append { head_before, facts, .. } = append;
        transaction.commit().map_err(|source| LogError::Store { doing: "committing an append", source })?;
        let head = head_before + facts.len() as u64;
        // Followers look into the tail when the head moves, so the tail comes first.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).push(facts);
        self.head.send_replace(head);
        Ok(Appended { head_before, verdicts })
    }
}

struct Append<'a> {
    transaction: &'a Transaction<'a>,
    batch: &'a Batch,
    head_before: u64,
    touched: Touched,
    /// What stands in the log after the position that the batch knew, when anything does.
    unknown: Vec<StoredFact>,
    facts: Vec<StoredFact>,
    /// The last position of each show that the batch has written to.
    show_heads: HashMap<&'a ShowId, u64>,
}

impl<'a> Append<'a> {
    fn begin(transaction: &'a Transaction<'a>, batch: &'a Batch) -> Result<Self, LogError> {
        let head_before: u64 = transaction
            .prepare_cached("SELECT coalesce(max(log_position), 0) FROM facts")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|source| LogError::Store { doing: "reading the log's head", source })?;
        let mut append = Self {
            transaction,
            batch,
            head_before,
            touched: Touched::default(),
            unknown: Vec::new(),
            facts: Vec::new(),
            show_heads: HashMap::new(),
        };
        if head_before > batch.known {
            append.read_what_came_between()?;
        }
        Ok(append)
    }

    fn read_what_came_between(&mut self) -> Result<(), LogError> {
        let failed = |source| LogError::Store { doing: "reading what came between", source };
        let sql = format!("SELECT {COLUMNS} FROM facts WHERE log_position > ?1 ORDER BY log_position");
        let mut statement = self.transaction.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query([self.batch.known]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let fact = read_row(row, self.batch.known + 1)?;
            let expected = self.batch.known + 1 + self.unknown.len() as u64;
            if fact.log_position != expected {
                return Err(LogError::Damaged { log_position: expected, what: format!("the next fact is at {}", fact.log_position) });
            }
            self.touched.add_unknown(&fact);
            self.unknown.push(fact);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &'a Entry) -> Result<Verdict, LogError> {
        if let Some(recorded) = self.recorded(entry)? {
            return Ok(Verdict::Repeated(recorded));
        }
        if self.touched.is_later_than(self.batch.recorded_at) || self.touched.outdates(entry) {
            return Ok(Verdict::Conflict);
        }
        match &entry.proposal {
            Proposal::Append(facts) => self.accept(entry, facts),
            Proposal::KeepRefusal(answer) => {
                self.remember(entry, 0, Some(answer))?;
                Ok(Verdict::Refused)
            }
            Proposal::Refuse => Ok(Verdict::Refused),
        }
    }

    fn accept(&mut self, entry: &'a Entry, facts: &[NewFact]) -> Result<Verdict, LogError> {
        let log_position = self.head() + 1;
        self.remember(entry, facts.len(), None)?;
        let mut position = 0;
        if !facts.is_empty() {
            position = self.show_head(&entry.show)? + 1;
            for (at, fact) in (0..).zip(facts) {
                self.insert(entry, fact, position + at)?;
                self.touched.add(&entry.show, &fact.touches);
            }
            self.show_heads.insert(&entry.show, position + facts.len() as u64 - 1);
        }
        Ok(Verdict::Accepted { log_position, position })
    }

    fn head(&self) -> u64 {
        self.head_before + self.facts.len() as u64
    }

    fn show_head(&self, show: &ShowId) -> Result<u64, LogError> {
        if let Some(head) = self.show_heads.get(show) {
            return Ok(*head);
        }
        self.transaction
            .prepare_cached("SELECT coalesce(max(position), 0) FROM facts WHERE show_id = ?1")
            .and_then(|mut statement| statement.query_row([show.as_str()], |row| row.get(0)))
            .map_err(|source| LogError::Store { doing: "reading a show's head", source })
    }

    fn insert(&mut self, entry: &Entry, fact: &NewFact, position: u64) -> Result<(), LogError> {
        let fact = StoredFact {
            log_position: self.head() + 1,
            show: entry.show.clone(),
            position,
            kind: fact.kind,
            version: fact.version,
            recorded_at: self.batch.recorded_at,
            command_id: entry.command_id,
            subject: entry.subject.clone(),
            data: fact.data.clone(),
            touches: fact.touches.clone(),
        };
        let sql =
            "INSERT INTO facts (log_position, show_id, position, kind, version, recorded_at, command_id, subject, touches, data, row_hash)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute(params![
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
                ])
            })
            .map_err(|source| LogError::Store { doing: "appending a fact", source })?;
        self.facts.push(fact);
        Ok(())
    }

    fn remember(&self, entry: &Entry, facts: usize, refusal: Option<&str>) -> Result<(), LogError> {
        if !entry.is_keyed {
            return Ok(());
        }
        let sql = "INSERT INTO commands (command_id, fingerprint, first_log_position, facts, refusal) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute(params![entry.command_id.0, entry.fingerprint.0, self.head() + 1, facts as i64, refusal])
            })
            .map_err(|source| LogError::Store { doing: "recording a command", source })?;
        Ok(())
    }

    fn recorded(&self, entry: &Entry) -> Result<Option<Recorded>, LogError> {
        if entry.is_keyed { self.recorded_for_good(entry.command_id) } else { Ok(self.recorded_lately(entry)) }
    }

    /// An append of unknown outcome is offered again with what it knew the first time. If it took effect, its facts stand
    /// behind that.
    fn recorded_lately(&self, entry: &Entry) -> Option<Recorded> {
        let facts: Vec<StoredFact> = self.unknown.iter().filter(|fact| fact.command_id == entry.command_id).cloned().collect();
        if facts.is_empty() { None } else { Some(Recorded { fingerprint: entry.fingerprint, outcome: RecordedOutcome::Facts(facts) }) }
    }

    fn recorded_for_good(&self, command_id: CommandId) -> Result<Option<Recorded>, LogError> {
        let failed = |source| LogError::Store { doing: "looking a command up", source };
        let found: Option<([u8; 16], u64, u64, Option<String>)> = self
            .transaction
            .prepare_cached("SELECT fingerprint, first_log_position, facts, refusal FROM commands WHERE command_id = ?1")
            .and_then(|mut statement| {
                statement.query_row([command_id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).optional()
            })
            .map_err(failed)?;
        let Some((fingerprint, first, count, refusal)) = found else { return Ok(None) };
        let outcome = match refusal {
            Some(answer) => RecordedOutcome::Refused(answer),
            None => RecordedOutcome::Facts(self.facts_from(first, count)?),
        };
        Ok(Some(Recorded { fingerprint: Fingerprint(fingerprint), outcome }))
    }

    fn facts_from(&self, first: u64, count: u64) -> Result<Vec<StoredFact>, LogError> {
        let failed = |source| LogError::Store { doing: "reading a command's facts", source };
        let sql = format!("SELECT {COLUMNS} FROM facts WHERE log_position >= ?1 AND log_position < ?2 ORDER BY log_position");
        let mut statement = self.transaction.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query([first, first + count]).map_err(failed)?;
        let mut facts = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            facts.push(read_row(row, first)?);
        }
        if facts.len() as u64 != count {
            return Err(LogError::Damaged { log_position: first, what: format!("a command has {} facts here, not {count}", facts.len()) });
        }
        Ok(facts)
    }
}

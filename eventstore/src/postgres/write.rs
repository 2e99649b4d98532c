//! Writing: one connection, one transaction for each batch.
//!
//! A batch that appends takes an advisory lock first, in a statement of its own. So the order of commits is the order of
//! positions, and what the next statements read can't change before the commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fullhouse_domain::planted::{Bug, is_planted};
use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_schemas::{CommandId, StoredFact};
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, Row};
use tokio::sync::{mpsc, oneshot};

use super::connect::{column, connect, connect_checked, failed, timely};
use super::{Shared, read};
use crate::append::{Appended, Batch, Fingerprint, Recorded, RecordedOutcome, Verdict};
use crate::error::LogError;
use crate::judge::{Judged, Known, NewCommand, appends_nothing, judge, keyed_of, shows_of};

/// How long an append may take. Afterwards its outcome is unknown, and the connection is given up.
const APPEND_MAX: Duration = Duration::from_secs(5);
/// How many facts that a batch does not know may be read while the lock is held. Whoever is further behind catches up first.
const UNKNOWN_MAX: u64 = 50_000;
/// The transaction, and the lock that all writers of a log share. Locks are counted apart for each database.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7001, 1)";

pub(crate) struct WriteJob {
    pub batch: Batch,
    pub answer: oneshot::Sender<Result<Appended, LogError>>,
}

/// Owns the connection that writes. It runs in a task of its own, which nobody who stops waiting can interrupt.
pub(crate) struct Writer {
    options: PgConnectOptions,
    shared: Arc<Shared>,
    connection: Option<PgConnection>,
    /// The last position of shows, known as long as every fact up to `head` was seen here.
    show_heads: HashMap<ShowId, u64>,
    head: u64,
}

impl Writer {
    pub fn new(options: PgConnectOptions, shared: Arc<Shared>) -> Self {
        Self { options, shared, connection: None, show_heads: HashMap::new(), head: 0 }
    }

    /// Serves batches until nobody can send one any more.
    pub async fn run(mut self, mut jobs: mpsc::Receiver<WriteJob>) {
        while let Some(WriteJob { batch, answer }) = jobs.recv().await {
            if is_planted(Bug::AnswerBeforeCommit) {
                self.answer_before_commit(&batch, answer).await;
                continue;
            }
            let appended = timely(APPEND_MAX, self.append(&batch), failed("appending")).await;
            if appended.is_err() {
                // What it would answer next belongs to what was given up.
                self.connection = None;
                self.show_heads.clear();
            }
            // The one who asked may have gone; what was committed stays committed.
            let _ = answer.send(appended);
        }
    }

    /// The bug of that name: what was answered takes effect a moment later, or never.
    async fn answer_before_commit(&mut self, batch: &Batch, answer: oneshot::Sender<Result<Appended, LogError>>) {
        let Ok(mut connection) = connect(&self.options).await else { return };
        if let Ok(known) = self.known(&mut connection, batch).await {
            let _ = answer.send(Ok(judge(batch, known).appended));
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = self.append(batch).await;
        }
    }

    async fn append(&mut self, batch: &Batch) -> Result<Appended, LogError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect_checked(&self.options).await?,
        };
        let appended = if appends_nothing(batch) {
            let known = self.known(&mut connection, batch).await?;
            let appended = judge(batch, known).appended;
            if tells_of_the_past(&appended) {
                make_commit_wait(&mut connection).await.map_err(failed("waiting for the standby"))?;
            }
            appended
        } else {
            self.append_locked(&mut connection, batch).await?
        };
        self.connection = Some(connection);
        Ok(appended)
    }

    async fn append_locked(&mut self, connection: &mut PgConnection, batch: &Batch) -> Result<Appended, LogError> {
        sqlx::raw_sql(BEGIN).execute(&mut *connection).await.map_err(failed("beginning an append"))?;
        let known = self.known(connection, batch).await?;
        let Judged { appended, facts, commands, unknown } = judge(batch, known);
        if !facts.is_empty() || !commands.is_empty() {
            insert(connection, &facts, &commands).await?;
        } else if tells_of_the_past(&appended) {
            make_commit_wait(connection).await.map_err(failed("waiting for the standby"))?;
        }
        sqlx::raw_sql("COMMIT").execute(connection).await.map_err(failed("committing an append"))?;
        self.remember_heads(&facts, appended.head_before);
        self.shared.saw(unknown.into_iter().chain(facts).collect());
        Ok(appended)
    }

    /// Reads what a batch is judged by.
    async fn known(&mut self, connection: &mut PgConnection, batch: &Batch) -> Result<Known, LogError> {
        let reading = failed("reading the log's head");
        let end = self.shared.end();
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now, last.log_position, last.recorded_at,
                          (SELECT row_hash FROM facts WHERE log_position = $2) AS row_hash_there,
                          (SELECT array_agg(command_id) FROM commands WHERE command_id = ANY ($1)) AS repeated
                   FROM (SELECT) AS one
                   LEFT JOIN LATERAL (SELECT log_position, recorded_at FROM facts ORDER BY log_position DESC LIMIT 1) AS last ON true";
        let keyed = keyed_of(batch);
        let keyed = column(&keyed, |id| id.0.as_slice());
        let row = sqlx::query(sql).bind(keyed).bind(end.log_position as i64).fetch_one(&mut *connection).await.map_err(&reading)?;
        let now = Timestamp::from_micros(row.try_get("now").map_err(&reading)?);
        let head = row.try_get::<Option<i64>, _>("log_position").map_err(&reading)?.unwrap_or(0) as u64;
        let newest = Timestamp::from_micros(row.try_get::<Option<i64>, _>("recorded_at").map_err(&reading)?.unwrap_or(0));
        let repeated: Option<Vec<Vec<u8>>> = row.try_get("repeated").map_err(&reading)?;
        self.shared.clock.set(now, newest);
        end.check(head, row.try_get("row_hash_there").map_err(&reading)?)?;
        if head < batch.known {
            return Err(LogError::WentBack { head, known: batch.known });
        }
        if head - batch.known > UNKNOWN_MAX {
            return Err(LogError::TooFarBehind { head, known: batch.known });
        }
        let unknown = if head > batch.known { read::between(connection, batch.known, head).await? } else { Vec::new() };
        let recorded = match repeated {
            Some(ids) => recorded(connection, &ids).await?,
            None => HashMap::new(),
        };
        let show_heads = self.heads_of_shows(connection, batch, &unknown, head).await?;
        Ok(Known { head, newest, now: Some(now), unknown, recorded, show_heads })
    }

    async fn heads_of_shows(
        &mut self,
        connection: &mut PgConnection,
        batch: &Batch,
        unknown: &[StoredFact],
        head: u64,
    ) -> Result<HashMap<ShowId, u64>, LogError> {
        if self.head < batch.known || self.head > head {
            self.show_heads.clear();
        }
        for fact in unknown {
            if let Some(known) = self.show_heads.get_mut(&fact.show) {
                *known = fact.position;
            }
        }
        self.head = head;
        let shows = shows_of(batch);
        let missing: Vec<&str> = shows.iter().filter(|show| !self.show_heads.contains_key(**show)).map(|show| show.as_str()).collect();
        if !missing.is_empty() {
            let sql = "SELECT show.id, coalesce((SELECT max(position) FROM facts WHERE show_id = show.id COLLATE \"C\"), 0)
                       FROM unnest($1::text[]) AS show (id)";
            let found: Vec<(String, i64)> =
                sqlx::query_as(sql).bind(&missing).fetch_all(connection).await.map_err(failed("reading the heads of shows"))?;
            self.show_heads.extend(found.into_iter().filter_map(|(id, head)| Some((ShowId::parse(&id)?, head as u64))));
        }
        Ok(shows.into_iter().filter_map(|show| Some((show.clone(), *self.show_heads.get(show)?))).collect())
    }

    /// After a commit: what this batch has appended is known too.
    fn remember_heads(&mut self, facts: &[StoredFact], head_before: u64) {
        for fact in facts {
            self.show_heads.insert(fact.show.clone(), fact.position);
        }
        self.head = head_before + facts.len() as u64;
    }
}

/// Gives a transaction that writes nothing something to wait for: its commit returns when the standby has this, and with it all that is visible.
/// A commit that was cut short is visible before any standby has it. Outside of a transaction it is one of its own, and waits itself.
pub async fn make_commit_wait(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SELECT pg_logical_emit_message(true, 'fullhouse', '')").execute(connection).await.map(|_| ())
}

/// Whether somebody will be told that something is so because it was done before.
fn tells_of_the_past(appended: &Appended) -> bool {
    appended.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Repeated(_) | Verdict::Accepted { position: 0, .. }))
}

async fn recorded(connection: &mut PgConnection, ids: &[Vec<u8>]) -> Result<HashMap<CommandId, Recorded>, LogError> {
    let failed = failed("looking commands up");
    let sql = "SELECT command_id, fingerprint, first_log_position, facts, refusal FROM commands WHERE command_id = ANY ($1)";
    let rows = sqlx::query(sql).bind(ids).fetch_all(&mut *connection).await.map_err(&failed)?;
    let mut recorded = HashMap::new();
    for row in rows {
        let first = row.try_get::<i64, _>("first_log_position").map_err(&failed)? as u64;
        let count = row.try_get::<i32, _>("facts").map_err(&failed)? as u64;
        let sixteen = |column: &str| -> Result<[u8; 16], LogError> {
            let bytes: Vec<u8> = row.try_get(column).map_err(&failed)?;
            bytes.try_into().map_err(|_| LogError::Damaged { log_position: first, what: format!("{column} is not 16 bytes long") })
        };
        let outcome = match row.try_get("refusal").map_err(&failed)? {
            Some(answer) => RecordedOutcome::Refused(answer),
            None => RecordedOutcome::Facts(read::between(connection, first - 1, first - 1 + count).await?),
        };
        let fingerprint = Fingerprint(sixteen("fingerprint")?);
        recorded.insert(CommandId(sixteen("command_id")?), Recorded { fingerprint, outcome });
    }
    Ok(recorded)
}

/// Writes all rows of a batch with one statement.
async fn insert(connection: &mut PgConnection, facts: &[StoredFact], commands: &[NewCommand]) -> Result<(), LogError> {
    let sql = "WITH inserted AS (
                   INSERT INTO facts (log_position, show_id, position, kind, version, recorded_at, command_id, subject, touches, data, row_hash)
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::smallint[], $6::bigint[], $7::bytea[],
                                        $8::text[], $9::bytea[], $10::text[], $11::bytea[])
               )
               INSERT INTO commands (command_id, fingerprint, first_log_position, facts, refusal)
               SELECT * FROM unnest($12::bytea[], $13::bytea[], $14::bigint[], $15::integer[], $16::text[])";
    sqlx::query(sql)
        .bind(column(facts, |fact| fact.log_position as i64))
        .bind(column(facts, |fact| fact.show.as_str()))
        .bind(column(facts, |fact| fact.position as i64))
        .bind(column(facts, |fact| fact.kind.as_str()))
        .bind(column(facts, |fact| fact.version as i16))
        .bind(column(facts, |fact| fact.recorded_at.as_micros()))
        .bind(column(facts, |fact| fact.command_id.0.as_slice()))
        .bind(column(facts, |fact| fact.subject.as_ref().map(Subject::as_str)))
        .bind(column(facts, StoredFact::touches_bytes))
        .bind(column(facts, |fact| fact.data.as_str()))
        .bind(column(facts, |fact| fact.row_hash().to_vec()))
        .bind(column(commands, |command| command.command_id.0.as_slice()))
        .bind(column(commands, |command| command.fingerprint.0.as_slice()))
        .bind(column(commands, |command| command.first_log_position as i64))
        .bind(column(commands, |command| command.facts as i32))
        .bind(column(commands, |command| command.refusal.as_deref()))
        .execute(connection)
        .await
        .map_err(failed("appending facts"))?;
    Ok(())
}

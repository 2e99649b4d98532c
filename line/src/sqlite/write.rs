//! Writing: one thread, one transaction and one sync to disk for each batch.

use std::collections::hash_map::Entry;

use fullhouse_domain::Subject;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::mpsc;

use super::read::last_number;
use crate::error::{LineError, failed};
use crate::queue::{BATCH_MAX, Call, answer};
use crate::settle::{Known, Person, Request, Settled, settle};

/// Serves calls until nobody can make one any more.
pub(crate) fn run(mut connection: Connection, mut waiting: mpsc::Receiver<Call>) {
    let mut batch = Vec::new();
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let outcome = commit(&mut connection, &batch);
        answer(&mut batch, outcome);
    }
}

/// Commits a batch, all or nothing; the answers to its calls.
fn commit(connection: &mut Connection, batch: &[Call]) -> Result<Vec<u64>, LineError> {
    let beginning = failed("beginning a change of the line");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(beginning)?;
    let requests = || batch.iter().map(|call| &call.request);
    let settled = settle(requests(), known(&transaction, requests()).map_err(failed("looking people up in the line"))?);
    write(&transaction, &settled).map_err(failed("changing the line"))?;
    transaction.commit().map_err(failed("committing a change of the line"))?;
    Ok(settled.answers)
}

/// Reads what a batch is settled by.
fn known<'a>(transaction: &Transaction<'_>, requests: impl Iterator<Item = &'a Request>) -> rusqlite::Result<Known<'a>> {
    let mut known = Known::default();
    for request in requests {
        if let Entry::Vacant(show) = known.last.entry(&request.show) {
            show.insert(last_number(transaction, &request.show)?);
        }
        // Whoever stands in the batch twice without having a number is looked up twice, which is rare.
        if let Entry::Vacant(person) = known.numbers.entry(request.person())
            && let Some(number) = number_of(transaction, request.person())?
        {
            person.insert(number);
        }
    }
    Ok(known)
}

fn number_of(transaction: &Transaction<'_>, (show, subject): Person<'_>) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT number FROM places WHERE show_id = ?1 AND subject = ?2";
    transaction.prepare_cached(sql)?.query_row([show.as_str(), subject.as_str()], |row| row.get(0)).optional()
}

fn write(transaction: &Transaction<'_>, settled: &Settled<'_>) -> rusqlite::Result<()> {
    let mut give_up = transaction.prepare_cached("UPDATE places SET subject = NULL WHERE show_id = ?1 AND number = ?2")?;
    for (show, number) in &settled.given_up {
        give_up.execute(params![show.as_str(), number])?;
    }
    let mut give = transaction.prepare_cached("INSERT INTO places (show_id, number, subject) VALUES (?1, ?2, ?3)")?;
    for place in &settled.new {
        give.execute(params![place.show.as_str(), place.number, place.subject.map(Subject::as_str)])?;
    }
    Ok(())
}

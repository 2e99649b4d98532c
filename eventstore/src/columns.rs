//! A fact's row, as it stands in any store.

use fullhouse_domain::{ShowId, Subject, Timestamp};
use fullhouse_schemas::fact::FactKind;
use fullhouse_schemas::{CommandId, StoredFact};

use crate::error::LogError;

/// What was read, before anything about it is believed.
pub(crate) struct FactColumns<'row> {
    pub log_position: u64,
    pub show: &'row str,
    pub position: u64,
    pub kind: &'row str,
    pub version: u16,
    pub recorded_at: i64,
    pub command_id: &'row [u8],
    pub subject: Option<&'row str>,
    pub touches: &'row [u8],
    pub data: &'row str,
    pub row_hash: &'row [u8],
}

impl FactColumns<'_> {
    /// The fact, if it is the one that was written.
    pub fn into_fact(self) -> Result<StoredFact, LogError> {
        let log_position = self.log_position;
        let damaged = |what: String| LogError::Damaged { log_position, what };
        let fact = StoredFact {
            log_position,
            show: ShowId::parse(self.show).ok_or_else(|| damaged(format!("`{}` is not a show id", self.show)))?,
            position: self.position,
            kind: FactKind::parse(self.kind)
                .ok_or_else(|| damaged(format!("`{}` is a kind of fact that this release does not know", self.kind)))?,
            version: self.version,
            recorded_at: Timestamp::from_micros(self.recorded_at),
            command_id: CommandId(self.command_id.try_into().map_err(|_| damaged("the command's id is not 16 bytes long".into()))?),
            subject: match self.subject {
                Some(subject) => Some(Subject::parse(subject).ok_or_else(|| damaged(format!("`{subject}` is not a subject")))?),
                None => None,
            },
            touches: read_touches(self.touches).ok_or_else(|| damaged("the touched seats are cut off".into()))?,
            data: self.data.into(),
        };
        if fact.row_hash() != self.row_hash {
            return Err(damaged("the fact is not the one that was written: its hash differs".into()));
        }
        Ok(fact)
    }
}

/// How many facts shows have.
pub(crate) fn read_lengths(rows: Vec<(String, i64)>) -> Result<Vec<(ShowId, u64)>, LogError> {
    let damaged = |show: &str| LogError::Damaged { log_position: 0, what: format!("`{show}` is not a show id") };
    rows.into_iter().map(|(show, length)| Ok((ShowId::parse(&show).ok_or_else(|| damaged(&show))?, length as u64))).collect()
}

fn read_touches(bytes: &[u8]) -> Option<Vec<u32>> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect())
}

//! Checkpoints and proofs over HTTP. What the bytes mean is written in `docs/proofs.md`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Instant;

/// A kept checkpoint.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckpointBody {
    /// How many facts it covers.
    pub size: u64,
    /// When it was signed.
    #[schema(value_type = String, format = DateTime)]
    pub signed_at: Instant,
    /// The signed note.
    pub note: String,
}

/// A page of checkpoints.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckpointsBody {
    /// The smallest first.
    pub checkpoints: Vec<CheckpointBody>,
    /// What to send as `after` for the next page; null on the last.
    pub next: Option<u64>,
}

/// That one checkpoint's log is the beginning of another's.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConsistencyBody {
    /// The earlier checkpoint.
    pub from: CheckpointBody,
    /// The later one.
    pub to: CheckpointBody,
    /// The consistency proof of RFC 6962, section 2.1.2: hashes in base64.
    pub hashes: Vec<String>,
}

/// What a customer keeps of his reservation: its facts, and the proof that they are in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// `fullhouse-receipt/1`: what kind of text this is, and its version.
    pub format: String,
    /// Whose receipt it is.
    pub reservation_id: String,
    /// Each fact of the reservation, the first one first.
    pub facts: Vec<ProvenFact>,
    /// The signed note.
    pub checkpoint: String,
}

/// A fact with its audit path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvenFact {
    /// The canonical bytes, which are the leaf. They are text, so that nobody writes them differently.
    pub fact: String,
    /// Its place in the log; the leaf's number is one less.
    pub log_position: u64,
    /// The audit path of RFC 6962, section 2.1.1: hashes in base64, the sibling of the leaf first.
    pub path: Vec<String>,
}

/// A hash as text: base64, as in checkpoints.
pub fn hash_text(hash: &[u8; 32]) -> String {
    STANDARD.encode(hash)
}

/// The hash of a text.
pub fn hash_of_text(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

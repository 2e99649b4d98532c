//! What a customer keeps: the facts of his reservation, and the proof that they are in the log.

use ct_merkle::{InclusionProof, RootHash};
use fullhouse_domain::ReservationId;
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::proofs::{ProvenFact, Receipt, hash_of_text, hash_text};
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

use crate::note::{Checkpoint, NoteError, VerifierKey};
use crate::tree::Hash;

/// What kind of text this is, and its version.
const FORMAT: &str = "fullhouse-receipt/1";

/// Why a receipt was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not a receipt in the form that is due.
    #[error("this is not a receipt: {0}")]
    Malformed(String),
    /// The checkpoint is not to be believed.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A fact is not in the log that was signed.
    #[error("the fact at log position {log_position} is not the one in the log that was signed")]
    NotIncluded {
        /// Where it claims to be.
        log_position: u64,
    },
    /// A fact is somebody else's.
    #[error("the fact at log position {log_position} is not about {reservation}")]
    NotAbout {
        /// Which fact.
        log_position: u64,
        /// Whose receipt it is.
        reservation: String,
    },
}

/// What a believed receipt says.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Which reservation.
    pub reservation_id: String,
    /// The log's name.
    pub origin: String,
    /// How many facts the log had.
    pub size: u64,
    /// The facts, each a JSON object.
    pub facts: Vec<Value>,
}

/// A fact with its audit path.
pub(crate) fn proven(fact: &StoredFact, path: &[Hash]) -> ProvenFact {
    ProvenFact {
        fact: String::from_utf8(fact.canonical_bytes()).expect("JSON is UTF-8"),
        log_position: fact.log_position,
        path: path.iter().map(hash_text).collect(),
    }
}

/// A receipt of proven facts.
pub(crate) fn receipt_of(reservation: &ReservationId, facts: Vec<ProvenFact>, checkpoint: String) -> Receipt {
    Receipt { format: FORMAT.into(), reservation_id: reservation.to_string(), facts, checkpoint }
}

/// Reads the text of a receipt. Nothing of it is believed yet.
pub fn read(text: &str) -> Result<Receipt, ReceiptError> {
    let receipt: Receipt = serde_json::from_str(text).map_err(|error| ReceiptError::Malformed(error.to_string()))?;
    if receipt.format != FORMAT {
        return Err(ReceiptError::Malformed(format!("its format is `{}`, and this release knows `{FORMAT}`", receipt.format)));
    }
    if receipt.facts.is_empty() {
        return Err(ReceiptError::Malformed("it has no facts".into()));
    }
    Ok(receipt)
}

/// Verifies all of a receipt; nothing else but the public key is needed.
pub fn verify(receipt: &Receipt, key: &VerifierKey) -> Result<Verified, ReceiptError> {
    let checkpoint = key.verify(&receipt.checkpoint)?;
    check_inclusion(receipt, &checkpoint)?;
    let facts = receipt.facts.iter().map(|proven| fact_about(proven, &receipt.reservation_id)).collect::<Result<_, _>>()?;
    Ok(Verified { reservation_id: receipt.reservation_id.clone(), origin: checkpoint.origin, size: checkpoint.size, facts })
}

/// Whether each fact of a receipt is in the tree of a checkpoint, whoever signed that.
pub(crate) fn check_inclusion(receipt: &Receipt, checkpoint: &Checkpoint) -> Result<(), ReceiptError> {
    receipt.facts.iter().try_for_each(|proven| check_path(proven, checkpoint))
}

fn check_path(proven: &ProvenFact, checkpoint: &Checkpoint) -> Result<(), ReceiptError> {
    let not_included = ReceiptError::NotIncluded { log_position: proven.log_position };
    let leaf = proven.log_position.checked_sub(1).filter(|leaf| *leaf < checkpoint.size).ok_or_else(|| not_included.clone())?;
    let malformed = || ReceiptError::Malformed("a hash of a path is not 32 bytes in base64".into());
    let hashes = proven.path.iter().map(|text| hash_of_text(text).ok_or_else(malformed)).collect::<Result<Vec<Hash>, _>>()?;
    let proof = InclusionProof::<Sha256>::try_from_bytes(hashes.concat()).map_err(|_| not_included.clone())?;
    let root = RootHash::<Sha256>::new(checkpoint.root.into(), checkpoint.size);
    root.verify_inclusion(&proven.fact, leaf, &proof).map_err(|_| not_included)
}

/// A proven fact, if it is the one that it is shown as.
fn fact_about(proven: &ProvenFact, reservation: &str) -> Result<Value, ReceiptError> {
    let fact: Value = serde_json::from_str(&proven.fact).map_err(|error| ReceiptError::Malformed(error.to_string()))?;
    if fact["log_position"] == proven.log_position && fact["data"]["reservation_id"] == reservation {
        return Ok(fact);
    }
    Err(ReceiptError::NotAbout { log_position: proven.log_position, reservation: reservation.into() })
}

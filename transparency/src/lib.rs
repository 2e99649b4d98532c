//! Tamper evidence: a Merkle tree over the log, signed checkpoints of it, and proofs that a fact is in it.
//!
//! The tree is that of RFC 6962, section 2.1, with SHA-256. Its leaves are the canonical bytes of the facts, in the order of the
//! log: the fact at log position `p` is leaf `p - 1`. About once a second the root is signed, in the format of C2SP checkpoints
//! (<https://c2sp.org/tlog-checkpoint>). Whoever keeps one checkpoint can later prove that nothing before it was changed.
//!
//! # Layout
//!
//! * [`tree`]: roots and proofs, from the hashes of complete tiles and the leaves beside them; pure
//! * [`note`]: checkpoints as signed text, and the keys; pure
//! * [`receipt`]: what a customer keeps, and how it is verified; pure
//! * [`store`]: where tiles and checkpoints are kept, in a file or in the database
//! * [`sealer`]: follows the log and signs
//! * [`prover`]: makes proofs for those who ask
//!
//! What each byte means is written in `docs/proofs.md`, for whoever checks without this program.

mod error;
pub mod note;
pub mod prover;
pub mod receipt;
pub mod sealer;
pub mod store;
pub mod tree;

pub use error::TransparencyError;
pub use note::{Checkpoint, CheckpointKey, VerifierKey};
pub use prover::Prover;
pub use store::{Checkpoints, KeptCheckpoint};

//! Every byte that crosses a boundary: stored facts by version, HTTP bodies, problems and stream messages.
//!
//! # Layout
//!
//! * [`fact`]: the envelope of a stored fact, its canonical bytes and their hash
//! * [`facts`]: what is inside, by kind and version, with upcasting
//! * [`biography`]: what became of a seat
//! * [`filter`]: which facts somebody wants to see
//! * [`http`]: bodies of requests and answers
//! * [`draw`]: the order of those who come before a sale
//! * [`hex`]: bytes as digits
//! * [`names`]: subjects and keys outside the log
//! * [`people`]: bodies about who the subjects are
//! * [`problem`]: errors as RFC 9457 problems, with every code there is
//! * [`proofs`]: checkpoints, receipts and proofs
//! * [`queue`]: bodies of the waiting room
//! * [`room_messages`]: what processes tell one another about waiting rooms
//! * [`snapshot`]: the stored bytes of a show's snapshot
//! * [`stream`]: messages of the live stream
//! * [`time`]: RFC 3339
//!
//! Nothing else in the workspace turns domain values into JSON or back.

pub mod biography;
pub mod draw;
pub mod fact;
pub mod facts;
pub mod filter;
pub mod hex;
pub mod http;
pub mod names;
pub mod object;
pub mod people;
pub mod problem;
pub mod proofs;
pub mod queue;
pub mod room_messages;
pub mod snapshot;
pub mod stream;
pub mod time;

pub use fact::{CommandId, NewFact, StoredFact};
pub use problem::{Code, Problem};

//! Every byte that crosses a boundary: stored facts by version, HTTP bodies, problems and stream messages.
//!
//! # Layout
//!
//! * [`fact`]: the envelope of a stored fact, its canonical bytes and their hash
//! * [`facts`]: what is inside, by kind and version, with upcasting
//! * [`http`]: bodies of requests and answers
//! * [`names`]: subjects and keys outside the log
//! * [`problem`]: errors as RFC 9457 problems, with every code there is
//! * [`stream`]: messages of the live stream
//! * [`time`]: RFC 3339
//!
//! Nothing else in the workspace turns domain values into JSON or back.

pub mod fact;
pub mod facts;
pub mod http;
pub mod names;
pub mod problem;
pub mod stream;
pub mod time;

pub use fact::{CommandId, NewFact, StoredFact};
pub use problem::{Code, Problem};

//! The manners that every HTTP handler shares: problems, request ids, bodies, identity.
//!
//! # Layout
//!
//! * [`manners`]: the outermost layer; names the request, measures it, and turns every error into a problem
//! * [`problem`]: how a handler answers with a problem
//! * [`body`]: JSON bodies, bounded in size and time
//! * [`extract`]: parameters of paths and queries
//! * [`idempotency`]: the `Idempotency-Key` header
//! * [`tokens`], [`caller`]: who is asking
//! * [`tickets`]: tickets and passes of waiting rooms
//!
//! Nothing here knows what the handlers do.

pub mod body;
pub mod caller;
pub mod extract;
pub mod idempotency;
pub mod manners;
pub mod problem;
pub mod tickets;
pub mod tokens;

pub use body::JsonBody;
pub use caller::{Auditor, Caller, Customer, Operator, Organizer, Role, SaleKeeper, Witness};
pub use extract::{Parameters, PathId, PathSeat};
pub use idempotency::IdempotencyKey;
pub use manners::RequestId;
pub use problem::Answer;
pub use tickets::{SentPass, Ticket};
pub use tokens::Tokens;

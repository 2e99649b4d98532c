//! The live seat view: what every seat's status is, and since which position.
//!
//! The projector writes it, fact by fact; the query side reads it. It can be thrown away at any time, since it is
//! computed from the log alone.
//!
//! # Layout
//!
//! * [`seat_view`]: the fold of one show's facts, pure
//! * [`past`]: the seat map as it was, from snapshots on
//! * [`live`]: all shows of this server, shared between its writer and its readers

pub mod live;
pub mod past;
pub mod seat_view;

pub use live::{LiveShow, LiveViews};
pub use past::PastMap;
pub use seat_view::{Inconsistency, SeatView};

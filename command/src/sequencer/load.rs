//! Reading a show's history: where it is not on the thread that decides.

use fullhouse_domain::{Show, ShowId};

pub(super) use fullhouse_snapshots::{LoadError, fold};

/// A history that has been read: nothing, when there is no such show.
pub(super) struct Loaded {
    pub id: ShowId,
    pub result: Result<Option<Box<Show>>, LoadError>,
}

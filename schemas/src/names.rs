//! Names outside the log: subjects of NATS, and keys of Redis.

use fullhouse_domain::{ReservationId, ShowId};
use sha2::{Digest, Sha256};

/// How many partitions the shows of a cluster are shared out to. Changing it strands what Redis holds under the old keys.
pub const PARTITIONS: u16 = 8;

/// The partition of a show: the same on every server, for good.
pub fn partition_of(show: &ShowId) -> u16 {
    let hash = Sha256::digest(show.as_str());
    u16::from_be_bytes([hash[0], hash[1]]) % PARTITIONS
}

/// The JetStream stream of a cluster's facts.
pub fn stream_of_facts(cluster: &str) -> String {
    format!("fullhouse-{cluster}")
}

/// The subject of a show's facts; the payload of a message is the fact's canonical bytes, its id the log position.
pub fn subject_of_facts(cluster: &str, show: &ShowId) -> String {
    format!("fullhouse.{cluster}.facts.{show}")
}

/// The subjects of all facts of a cluster.
pub fn subjects_of_facts(cluster: &str) -> String {
    format!("fullhouse.{cluster}.facts.>")
}

/// The subject of holds that are due. The payload of a message is the reservation's id; one command server takes it.
pub fn subject_of_due_holds(cluster: &str) -> String {
    format!("fullhouse.{cluster}.due")
}

/// The subject of who is there at each server; the payload is a [`crate::room_messages::RoomReport`].
pub fn subject_of_room_reports(cluster: &str) -> String {
    format!("fullhouse.{cluster}.room.reports")
}

/// The subject of what is to be done about waiting rooms; the payload is a [`crate::room_messages::RoomOrder`], which one command
/// server takes.
pub fn subject_of_room_orders(cluster: &str) -> String {
    format!("fullhouse.{cluster}.room.orders")
}

/// The group of which one member takes a due hold, or an order.
pub const COMMAND_GROUP: &str = "command";

/// The keys of one partition. The braces keep them together in one slot of a Redis cluster, so that one script may change
/// several of them.
#[derive(Debug, Clone)]
pub struct PartitionKeys {
    prefix: String,
}

impl PartitionKeys {
    /// Those of a partition of a cluster.
    pub fn new(cluster: &str, partition: u16) -> Self {
        Self { prefix: format!("fullhouse:{{{cluster}-{partition}}}") }
    }

    /// A string: the log position up to which every view of the partition is the fold of the log, a colon, and the beginning of
    /// the hash of the fact there, by which another history is told. Until the first fact, `0:` and a random word.
    pub fn cursor(&self) -> String {
        format!("{}:cursor", self.prefix)
    }

    /// A sorted set: open holds by their end, in milliseconds since 1970.
    pub fn holds(&self) -> String {
        format!("{}:holds", self.prefix)
    }

    /// A set: the ids of the shows that have a view.
    pub fn shows(&self) -> String {
        format!("{}:shows", self.prefix)
    }

    /// What the keys of a show's view begin with, up to its id.
    pub fn view_prefix(&self) -> String {
        format!("{}:show:", self.prefix)
    }

    /// A hash: the `position` of a show's view, and when its last fact was recorded (`recorded_at`, microseconds since 1970).
    pub fn view(&self, show: &ShowId) -> String {
        format!("{}{show}", self.view_prefix())
    }

    /// A string: one letter for each seat in chart order, `a`, `p` or `r`.
    pub fn statuses(&self, show: &ShowId) -> String {
        format!("{}:statuses", self.view(show))
    }

    /// A string: 8 bytes for each seat in chart order, big endian: the position that its status last changed at.
    pub fn changed_at(&self, show: &ShowId) -> String {
        format!("{}:changed_at", self.view(show))
    }

    /// What the members of [`PartitionKeys::holds`] that belong to a show begin with.
    pub fn holds_of(&self, show: &ShowId) -> String {
        // The id of a reservation begins with that of its show.
        format!("{show}.")
    }
}

/// Reads the payload of a due hold.
pub fn read_due_hold(payload: &[u8]) -> Option<ReservationId> {
    ReservationId::parse(std::str::from_utf8(payload).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_show_stays_in_its_partition_for_good() {
        let partition = |id: &str| partition_of(&ShowId::parse(id).expect("plain"));
        assert_eq!([partition("local-a"), partition("local-b"), partition("local-c")], [0, 2, 5]);
    }

    #[test]
    fn keys_of_a_partition_share_a_slot_and_those_of_a_show_its_prefix() {
        let keys = PartitionKeys::new("local", 3);
        let show = ShowId::parse("local-a").expect("plain");
        assert_eq!(keys.cursor(), "fullhouse:{local-3}:cursor");
        assert_eq!(keys.statuses(&show), "fullhouse:{local-3}:show:local-a:statuses");
        let reservation = ReservationId::of_show(&show, "r").expect("plain");
        assert!(reservation.as_str().starts_with(&keys.holds_of(&show)));
    }
}

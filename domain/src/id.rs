//! Names of shows, reservations and people. They are opaque text; only their routing prefixes mean anything. Clones share the text.

use std::fmt;
use std::sync::Arc;

/// Text that travels in paths and headers: letters, digits, `-`, `.`, `_` and `~`, 1 to 128 of them.
fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $accepts:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is, or nothing when it can't be such an identifier.
            pub fn parse(text: &str) -> Option<Self> {
                $accepts(text).then(|| Self(text.into()))
            }

            /// The text that was parsed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// Names one show. It begins with the short name of the cluster that the show lives in: `<cluster>-<random>`.
    ShowId,
    is_show_id
);
identifier!(
    /// Names one reservation for its whole life. It begins with the id of its show: `<show>.<random>`.
    ReservationId,
    is_reservation_id
);
identifier!(
    /// An opaque name of a person. The log knows nothing else about people.
    Subject,
    is_subject
);

/// The longest id of a show, so that its reservations' ids, which begin with it, are not too long: a dot and 16 characters follow.
const SHOW_ID_CHARACTERS_MAX: usize = 128 - 17;

fn is_show_id(text: &str) -> bool {
    is_plain(text)
        && text.len() <= SHOW_ID_CHARACTERS_MAX
        && !text.contains('.')
        && text.split_once('-').is_some_and(|(cluster, rest)| !cluster.is_empty() && !rest.is_empty())
}

fn is_reservation_id(text: &str) -> bool {
    is_plain(text) && text.split_once('.').is_some_and(|(show, rest)| is_show_id(show) && !rest.is_empty() && !rest.contains('.'))
}

/// Subjects come from tokens that others may issue, so any visible characters are allowed.
fn is_subject(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl ReservationId {
    /// The reservation of `show` that ends in `suffix`, which must be plain text without a dot.
    pub fn of_show(show: &ShowId, suffix: &str) -> Option<Self> {
        Self::parse(&format!("{show}.{suffix}"))
    }

    /// The show that this reservation belongs to.
    pub fn show(&self) -> ShowId {
        let (show, _) = self.0.split_once('.').expect("parse accepts only ids with a dot");
        ShowId(show.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_id_names_its_show() {
        let show = ShowId::parse("local-7k2m").expect("plain");
        let reservation = ReservationId::of_show(&show, "x9").expect("plain");
        assert_eq!(reservation.as_str(), "local-7k2m.x9");
        assert_eq!(reservation.show(), show);
    }

    #[test]
    fn every_show_has_reservations() {
        let longest = (1..=128).rev().find_map(|length| ShowId::parse(&format!("a-{}", "x".repeat(length)))).expect("plain");
        assert!(ReservationId::of_show(&longest, "0123456789abcdef").is_some());
    }

    #[test]
    fn ids_that_could_confuse_a_path_or_a_gateway_are_not_parsed() {
        for text in ["", "local", "-x", "local-", "a-b.c", "a b-c", "a/b-c", "å-b"] {
            assert_eq!(ShowId::parse(text), None, "{text:?}");
        }
        for text in ["a-b", "a-b.", "a-b.c.d", ".c", "ab.c"] {
            assert_eq!(ReservationId::parse(text), None, "{text:?}");
        }
    }
}

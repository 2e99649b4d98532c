//! What the processes of a cluster tell one another about waiting rooms. Messages may get lost and may come twice: each is
//! repeated while it still matters, and what is decided is decided on the log.

use fullhouse_domain::{Candidate, ShowId, Subject};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Who is there, at one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomReport {
    /// A random number of the server that reports.
    pub server: u64,
    /// Which show.
    pub show: Plain<ShowId>,
    /// Those who wait there, the lowest numbers first.
    pub waiting: Vec<PersonData>,
    /// Whether these are all of them; else those with higher numbers are left out.
    pub is_whole: bool,
    /// Numbers of those who have been let in and are there.
    pub let_in: Vec<u64>,
}

/// What a command server is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RoomOrder {
    /// The sale begins: draw the order of those who came before.
    Open {
        /// Of which show.
        show: Plain<ShowId>,
    },
    /// Let people in.
    Admit {
        /// To which show.
        show: Plain<ShowId>,
        /// Who waits, and is there.
        candidates: Vec<PersonData>,
        /// Numbers of those who have been let in and are there.
        taken_up: Vec<u64>,
    },
}

/// A person in the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonData {
    /// His number.
    pub number: u64,
    /// Who.
    pub subject: Plain<Subject>,
}

impl From<PersonData> for Candidate {
    fn from(person: PersonData) -> Self {
        Self { number: person.number, subject: person.subject.0 }
    }
}

/// An identifier as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain<T>(pub T);

macro_rules! plain {
    ($($identifier:ty)*) => {$(
        impl Serialize for Plain<$identifier> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }

        impl<'de> Deserialize<'de> for Plain<$identifier> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                <$identifier>::parse(&text).map(Self).ok_or_else(|| de::Error::custom("it is no such identifier"))
            }
        }
    )*};
}

plain!(ShowId Subject);

macro_rules! messages {
    ($($message:ident)*) => {$(
        impl $message {
            /// As the payload of a message.
            pub fn encode(&self) -> Vec<u8> {
                serde_json::to_vec(self).expect("text, numbers and lists always serialize")
            }

            /// From a payload; nothing, when it is something else.
            pub fn decode(payload: &[u8]) -> Option<Self> {
                serde_json::from_slice(payload).ok()
            }
        }
    )*};
}

messages!(RoomReport RoomOrder);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_back_and_others_are_not_taken_for_them() {
        let show = Plain(ShowId::parse("local-a").expect("plain"));
        let person = PersonData { number: 7, subject: Plain(Subject::parse("ann").expect("visible")) };
        let report = RoomReport { server: 1, show: show.clone(), waiting: vec![person.clone()], is_whole: true, let_in: vec![3] };
        assert_eq!(RoomReport::decode(&report.encode()), Some(report.clone()));
        let order = RoomOrder::Admit { show, candidates: vec![person], taken_up: vec![3] };
        assert_eq!(RoomOrder::decode(&order.encode()), Some(order));
        assert_eq!(RoomOrder::decode(&report.encode()), None);
        assert_eq!(RoomReport::decode(br#"{"server":1,"show":"?","waiting":[],"is_whole":true,"let_in":[]}"#), None);
    }
}

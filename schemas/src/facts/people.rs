//! Facts about people. They belong to no show, so they stand in a stream of their own: the register.
//!
//! The log knows people by opaque subjects only. Who they are stands in one table beside it, and can be forgotten; that it was is
//! a fact.

use fullhouse_domain::{ShowId, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{UnreadableFact, current_version, from_json, to_json};
use crate::fact::{FactKind, NewFact, StoredFact};

/// `person_forgotten`, version 1: from now on nothing here tells who the subject was. The subject of the envelope is whoever
/// ordered it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonForgotten {
    /// Whose link to a person was cut.
    pub subject: String,
}

/// The stream in which a cluster's facts about people stand. No show has this id: theirs end in 16 random characters.
pub fn register(cluster: &str) -> Option<ShowId> {
    ShowId::parse(&format!("{cluster}-people"))
}

/// The fact that a person is forgotten.
pub fn forgotten(subject: &Subject) -> NewFact {
    let kind = FactKind::PersonForgotten;
    let data = to_json(&PersonForgotten { subject: subject.as_str().into() });
    NewFact { kind, version: current_version(kind), data, touches: Vec::new() }
}

/// Whom a fact of the register tells of.
pub fn forgotten_by(fact: &StoredFact) -> Result<Subject, UnreadableFact> {
    let read = || {
        if (fact.kind, fact.version) != (FactKind::PersonForgotten, 1) {
            return Err("it is none that this release knows of a person".into());
        }
        let PersonForgotten { subject } = from_json(&fact.data)?;
        Subject::parse(&subject).ok_or_else(|| format!("`{subject}` is not a subject"))
    };
    read().map_err(|reason| UnreadableFact { log_position: fact.log_position, kind: fact.kind.as_str(), version: fact.version, reason })
}

//! Facts about people, and whether they were carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_people::{Known, PeopleError, PeopleStore};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::people::forgotten_by;

/// How often it is looked again whether somebody was erased, and the pause before. A server may be about to do it.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The streams of facts about people, one for each cluster.
#[derive(Default)]
pub struct Registers {
    by_stream: BTreeMap<ShowId, Register>,
}

#[derive(Default)]
struct Register {
    position: u64,
    forgotten: BTreeSet<Subject>,
}

impl Registers {
    /// Whether a fact is about a person, or stands where only such facts do.
    pub fn takes(&self, fact: &StoredFact) -> bool {
        !fact.is_of_a_show() || self.by_stream.contains_key(&fact.show)
    }

    /// Takes the next fact into account, and says what is wrong with it. Where a fact could not be read before, nobody knows which position is due.
    pub fn fold(&mut self, fact: &StoredFact, has_lost_one: bool) -> Result<(), String> {
        let register = self.by_stream.entry(fact.show.clone()).or_default();
        let due = register.position + 1;
        register.position = fact.position;
        let subject = forgotten_by(fact).map_err(|error| error.to_string())?;
        if !register.forgotten.insert(subject.clone()) {
            return Err(format!("`{subject}` was forgotten before"));
        }
        if fact.position == due || has_lost_one { Ok(()) } else { Err(format!("its position is {}, but {due} was due", fact.position)) }
    }

    /// Everybody who is to be forgotten.
    pub fn forgotten(&self) -> impl Iterator<Item = &Subject> {
        self.by_stream.values().flat_map(|register| &register.forgotten)
    }

    /// Whether the table of people still knows somebody who is to be forgotten: a sentence for each. A server may be about to erase them,
    /// so whoever is known is looked for again.
    pub async fn still_known(&self, people: &PeopleStore) -> Result<Vec<String>, PeopleError> {
        let mut known: Vec<&Subject> = self.forgotten().collect();
        for look in 0..LOOKS {
            let mut still = Vec::new();
            for subject in known {
                if matches!(people.find(subject).await?, Known::Person(_)) {
                    still.push(subject);
                }
            }
            known = still;
            if known.is_empty() || look + 1 == LOOKS {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let told = |subject| {
            format!("`{subject}` is forgotten, but the table of people still knows who that was; a server that starts erases the row")
        };
        Ok(known.into_iter().map(told).collect())
    }
}

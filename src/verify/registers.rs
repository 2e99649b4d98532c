//! Facts about people, and whether they were carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use fullhouse_domain::{ShowId, Subject};
use fullhouse_people::{Known, PeopleStore};
use fullhouse_schemas::StoredFact;
use fullhouse_schemas::facts::people::forgotten_by;

use super::report::{Breach, Promise, Report};

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

    /// The position that is due next in a stream.
    pub fn due(&self, stream: &ShowId) -> u64 {
        self.by_stream.get(stream).map_or(1, |register| register.position + 1)
    }

    /// Takes the next fact into account, or says what is wrong with it.
    pub fn fold(&mut self, fact: &StoredFact) -> Result<(), String> {
        let register = self.by_stream.entry(fact.show.clone()).or_default();
        let due = register.position + 1;
        register.position = fact.position;
        if fact.position != due {
            return Err(format!("its position is {}, but {due} was due", fact.position));
        }
        let subject = forgotten_by(fact).map_err(|error| error.to_string())?;
        if register.forgotten.contains(&subject) {
            return Err(format!("`{subject}` was forgotten before"));
        }
        register.forgotten.insert(subject);
        Ok(())
    }

    /// Everybody who is to be forgotten.
    pub fn forgotten(&self) -> impl Iterator<Item = &Subject> {
        self.by_stream.values().flat_map(|register| &register.forgotten)
    }

    /// Whether the table of people still knows somebody who is to be forgotten.
    pub async fn check_erased(&self, people: &PeopleStore, report: &mut Report) -> anyhow::Result<()> {
        for subject in self.forgotten() {
            if is_known_for_long(people, subject).await.context("the people can't be read")? {
                let what =
                    format!("`{subject}` is forgotten, but the table of people still knows who that was; a server that starts erases it");
                report.breaches.push(Breach { promise: Promise::Views, log_position: None, event_id: None, what });
            }
        }
        Ok(())
    }
}

async fn is_known_for_long(people: &PeopleStore, subject: &Subject) -> anyhow::Result<bool> {
    for look in 0..LOOKS {
        if !matches!(people.find(subject).await?, Known::Person(_)) {
            return Ok(false);
        }
        if look + 1 < LOOKS {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(true)
}

//! Noting, finding and forgetting people.

use std::sync::Arc;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_eventstore::{Batch, Entry, Fingerprint, Log, Proposal, Verdict};
use fullhouse_schemas::CommandId;
use fullhouse_schemas::facts::people;
use sha2::{Digest, Sha256};

use crate::error::PeopleError;
use crate::store::{Forgotten, Known, PeopleStore, Person};

/// How many facts are read at a time.
const READ_FACTS: usize = 4_096;
/// How often the fact is offered to the log. Only another fact about people can be in its way, or a clock.
const ATTEMPTS: usize = 20;

/// The people of a cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People {
    log: Log,
    store: PeopleStore,
    register: ShowId,
}

impl People {
    /// Those of a cluster, in a store beside its log. Nothing, when it is no name of a cluster.
    pub fn new(log: Log, store: PeopleStore, cluster: &str) -> Option<Self> {
        Some(Self { log, store, register: people::register(cluster)? })
    }

    /// What is known of a subject.
    pub async fn find(&self, subject: &Subject) -> Result<Known, PeopleError> {
        self.carry_out().await?;
        self.store.find(subject).await
    }

    /// Notes who a subject is, in place of what was noted before; returns what is known now, which is something else when they are
    /// forgotten.
    pub async fn note(&self, subject: &Subject, name: String, contact: String) -> Result<Known, PeopleError> {
        self.carry_out().await?;
        self.store.note(subject, Person { name, contact, noted_at: self.log.now() }).await
    }

    /// Forgets who a subject is, for good: a fact says so, then the link is erased. Nothing, when nobody was noted.
    ///
    /// `by` is who ordered it. Forgetting twice is the same as once.
    pub async fn forget(&self, subject: &Subject, by: Option<&Subject>) -> Result<Option<Forgotten>, PeopleError> {
        match self.find(subject).await? {
            Known::Nobody => return Ok(None),
            Known::Forgotten(forgotten) => return Ok(Some(forgotten)),
            Known::Person(_) => self.append(subject, by).await?,
        }
        match self.find(subject).await? {
            Known::Forgotten(forgotten) => Ok(Some(forgotten)),
            // The log has the fact, so reading it again is a question of time.
            Known::Nobody | Known::Person(_) => Err(PeopleError::NotErased),
        }
    }

    /// Erases whoever the log says is forgotten, as far as that was not done.
    pub async fn carry_out(&self) -> Result<(), PeopleError> {
        let mut after = self.begin_after().await?;
        loop {
            let facts = self.log.read_show(&self.register, after, READ_FACTS).await?;
            let Some(last) = facts.last().map(|fact| fact.position) else { return Ok(()) };
            let forgotten = facts.iter().map(|fact| {
                let (forgotten_at, log_position) = (fact.recorded_at, fact.log_position);
                people::forgotten_by(fact).map(|subject| Forgotten { subject, forgotten_at, log_position })
            });
            self.store.erase(forgotten.collect::<Result<_, _>>()?, &self.register, last).await?;
            after = last;
        }
    }

    /// Where the rest of the register begins. A log that was restored from an older copy ends before what was carried out of the newer one;
    /// then all of it is carried out again, which does no harm.
    async fn begin_after(&self) -> Result<u64, PeopleError> {
        let after = self.store.carried_out(&self.register).await?;
        let is_there = after == 0 || !self.log.read_show(&self.register, after - 1, 1).await?.is_empty();
        Ok(if is_there { after } else { 0 })
    }

    /// The command's id follows from the subject, so that the log takes the fact once, however often and wherever it is offered.
    async fn append(&self, subject: &Subject, by: Option<&Subject>) -> Result<(), PeopleError> {
        let facts: Arc<[_]> = Arc::from([people::forgotten(subject)]);
        let id = command_id(&self.register, subject);
        for _ in 0..ATTEMPTS {
            let entry = Entry {
                command_id: CommandId(id),
                is_keyed: true,
                fingerprint: Fingerprint(id),
                show: self.register.clone(),
                subject: by.cloned(),
                relies_on_room: false,
                valid_before: None,
                proposal: Proposal::Append(facts.clone()),
            };
            let batch = Batch { known: self.log.head(), decided_at: self.log.now(), entries: vec![entry] };
            let appended = self.log.append(batch).await.map_err(PeopleError::Unknown)?;
            if matches!(appended.verdicts.as_slice(), [Verdict::Accepted { .. } | Verdict::Repeated(_)]) {
                return Ok(());
            }
        }
        Err(PeopleError::Crowded)
    }
}

/// 128 bits of SHA-256 over what the command is.
fn command_id(register: &ShowId, subject: &Subject) -> [u8; 16] {
    let hash = Sha256::new().chain_update(register.as_str()).chain_update([0]).chain_update(subject.as_str()).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id
}

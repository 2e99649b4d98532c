//! What was found.

use std::fmt;

use serde::Serialize;

use crate::promise::Promise;

/// What verifying a log has shown.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Facts that were replayed.
    pub facts: u64,
    pub shows: usize,
    pub reservations: usize,
    pub seats_reserved: usize,
    pub seats_pending: usize,
    /// Subjects whose persons were forgotten.
    pub people_forgotten: usize,
    /// The log position that the SQL views were compared at; nothing when there are no views.
    pub views_compared_at: Option<u64>,
    /// Snapshots of events that were compared with the log.
    pub snapshots_compared: usize,
    /// What there was in Redis; nothing, when it was not looked at.
    pub redis: Option<OfRedis>,
    /// What was signed about the log; nothing, when the end was not reached.
    pub seals: Option<OfSeals>,
    pub seconds: f64,
    pub breaches: Vec<Breach>,
    /// What was repaired before this was found.
    pub repaired: Vec<String>,
    /// Whether there was so much broken that verifying was given up.
    pub is_cut_off: bool,
}

/// What verifying has found in Redis. Views that are missing or behind are no breach: they may be on their way.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct OfRedis {
    /// Shows that the log has.
    pub shows: usize,
    /// Those whose view was compared at the position that it names.
    pub compared: usize,
    /// Those without a view.
    pub missing: usize,
    /// Those whose view is not at the end of their history.
    pub behind: usize,
}

/// What verifying has found signed.
#[derive(Debug, Clone, Serialize)]
pub struct OfSeals {
    /// Kept checkpoints that are to be believed.
    pub checkpoints: usize,
    /// The log position up to which the log is what was signed.
    pub sealed: u64,
    /// The size of the checkpoint that was handed in.
    pub trusted: Option<u64>,
    /// The keys that were believed.
    pub signers: Vec<String>,
}

/// Something that must not be.
#[derive(Debug, Serialize)]
pub struct Breach {
    pub promise: Promise,
    pub log_position: Option<u64>,
    pub event_id: Option<String>,
    pub what: String,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for done in &self.repaired {
            writeln!(formatter, "{done}")?;
        }
        let rate = self.facts as f64 / self.seconds.max(1e-9);
        writeln!(formatter, "Replayed {} facts in {:.2} s ({rate:.0} facts/s).", self.facts, self.seconds)?;
        writeln!(
            formatter,
            "{} events, {} reservations; {} seats reserved, {} pending.",
            self.shows, self.reservations, self.seats_reserved, self.seats_pending
        )?;
        if self.people_forgotten > 0 {
            writeln!(formatter, "{} people were forgotten.", self.people_forgotten)?;
        }
        match self.views_compared_at {
            Some(position) => writeln!(formatter, "The SQL views were compared with the log at log position {position}.")?,
            None => writeln!(formatter, "There were no SQL views to compare.")?,
        }
        if self.snapshots_compared > 0 {
            writeln!(formatter, "{} snapshots of events were compared with the log.", self.snapshots_compared)?;
        }
        if let Some(OfRedis { shows, compared, missing, behind }) = self.redis {
            writeln!(
                formatter,
                "Of {shows} views in Redis {compared} were compared with the log; {missing} are missing, and {behind} are behind."
            )?;
        }
        if let Some(seals) = &self.seals {
            seals.fmt(formatter)?;
        }
        if self.breaches.is_empty() {
            return writeln!(formatter, "All is as promised.");
        }
        let more = if self.is_cut_off { " or more; the rest was not verified" } else { "" };
        writeln!(formatter, "{} breaches{more}:", self.breaches.len())?;
        for breach in &self.breaches {
            write!(formatter, "  {}", breach.promise.as_str())?;
            if let Some(position) = breach.log_position {
                write!(formatter, "  log position {position}")?;
            }
            if let Some(event) = &breach.event_id {
                write!(formatter, "  {event}")?;
            }
            writeln!(formatter, "  {}", breach.what)?;
        }
        Ok(())
    }
}

impl fmt::Display for OfSeals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkpoints, sealed, trusted, signers } = self;
        if *checkpoints == 0 && trusted.is_none() {
            return writeln!(formatter, "Nothing was signed about this log.");
        }
        writeln!(
            formatter,
            "Up to log position {sealed} the log is what was signed ({checkpoints} checkpoints kept beside it were compared)."
        )?;
        if let Some(size) = trusted {
            writeln!(formatter, "The checkpoint that you trust covers {size} facts.")?;
        }
        for signer in signers {
            writeln!(formatter, "Signed with {signer}; compare it with the key that you have noted.")?;
        }
        Ok(())
    }
}

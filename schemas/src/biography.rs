//! What became of a seat, over HTTP.

use fullhouse_domain::{ReservationId, Subject};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fact::StoredFact;
use crate::facts::Said;
use crate::time::Instant;

/// A seat's biography.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BiographyBody {
    /// The event.
    pub event_id: String,
    /// The seat's label.
    pub seat: String,
    /// What it is now.
    #[schema(example = "reserved")]
    pub status: String,
    /// What happened to it, the first first.
    pub entries: Vec<BiographyEntry>,
    /// What to send as `after` for the next page; null on the last.
    pub next: Option<u64>,
    /// How many holds were refused because of it.
    pub refusals: u64,
    /// Those that are known one by one, the last 1,000 of them, in order. Under overload refusals are only counted.
    pub refused: Vec<RefusedBody>,
}

/// Something that happened to a seat.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BiographyEntry {
    /// The place in the event's history.
    pub position: u64,
    /// The place in the whole log.
    pub log_position: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// What: `seats_held`, `seats_reserved`, `hold_released` or `hold_expired`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which reservation had it.
    #[schema(value_type = Option<String>)]
    #[serde(serialize_with = "as_text")]
    pub reservation_id: Option<ReservationId>,
    /// Whose reservation that is.
    pub holder: Option<String>,
    /// Who caused it; null, when time did.
    pub subject: Option<String>,
    /// Until when it was held.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Instant>,
    /// How its payment is known elsewhere.
    pub payment_reference: Option<String>,
}

/// A hold that was refused because of a seat.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedBody {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub refused_at: Instant,
    /// The event's position at which it was refused.
    pub position: u64,
    /// Whom.
    pub subject: String,
    /// `pending`: somebody held it; `reserved`: it was sold.
    #[schema(example = "pending")]
    pub reason: String,
}

impl BiographyEntry {
    /// What a fact says about the seats that it touches; whose reservation it is about is not in it.
    pub fn of(fact: &StoredFact) -> Self {
        let said = Said::of(fact);
        Self {
            position: fact.position,
            log_position: fact.log_position,
            recorded_at: Instant(fact.recorded_at),
            kind: fact.kind.as_str().into(),
            reservation_id: said.reservation_id.as_deref().and_then(ReservationId::parse),
            holder: None,
            subject: fact.subject.as_ref().map(Subject::to_string),
            expires_at: said.expires_at,
            payment_reference: said.payment_reference,
        }
    }
}

fn as_text<S: serde::Serializer>(id: &Option<ReservationId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.as_ref().map(ReservationId::as_str).serialize(serializer)
}

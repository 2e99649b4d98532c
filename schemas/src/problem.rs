//! Errors as RFC 9457 problems. Every code there is stands in one table.

use fullhouse_domain::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::time::Instant;

macro_rules! codes {
    ($($variant:ident $code:literal $status:literal $title:literal $meaning:literal)*) => {
        /// A stable name of what went wrong. Consumers may rely on these; they never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code),* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status),* }
            }

            /// A short sentence for people.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }

            /// What it means and what to do, in a few sentences.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning),* }
            }
        }
    };
}

codes! {
    BadRequest "bad-request" 400 "The request can't be read" "The body, a header or a parameter is malformed. The detail says where."
    TicketRequired "ticket-required" 400 "A ticket of the waiting room is needed" "Send the `ticket` of the answer to `POST /events/{event_id}/queue` as `Queue-Ticket`, or as `ticket` of the stream. It counts for one show and one person."
    Unauthorized "unauthorized" 401 "A token is needed" "Send `Authorization: Bearer <token>`. `POST /session` gives anyone a guest token."
    Forbidden "forbidden" 403 "Your role may not do this" "The token is valid, but its role does not allow this."
    PassRequired "pass-required" 403 "A pass is needed" "The show has a waiting room, and no valid pass came along, or its turn is over. Join with `POST /events/{event_id}/queue`, and send the pass as `Queue-Pass`."
    NotFound "not-found" 404 "There is nothing here" "No such path, show or reservation; or the reservation is somebody else's."
    NoWaitingRoom "no-waiting-room" 404 "The show has no waiting room" "Seats of this show are held without a pass."
    NotDrawn "not-drawn" 404 "There is no drawn order" "The order is drawn when the sale opens, if the show has a waiting room and the sale has an opening."
    MethodNotAllowed "method-not-allowed" 405 "This method does not work here" "The `Allow` header names the methods that do."
    RequestTimeout "request-timeout" 408 "The request took too long to arrive" "The body did not arrive in time."
    SeatsTaken "seats-taken" 409 "Seats are no longer available" "Some of the seats belong to somebody else. `conflicts` names every one, with its status."
    NoAdjacentSeats "no-adjacent-seats" 409 "Not enough seats side by side" "No row has so many free seats next to one another. Ask for fewer, or elsewhere."
    NotYetOnSale "not-yet-on-sale" 409 "The sale has not opened" "Seats can be held from `on_sale_at` on."
    AlreadyReserved "already-reserved" 409 "The seats are sold" "A reservation that was checked out can't be released."
    HoldExpired "hold-expired" 410 "The hold has expired" "Its time was over before; the seats are free for anyone."
    HoldReleased "hold-released" 410 "The hold was released" "Its holder gave the seats up before."
    PersonForgotten "person-forgotten" 410 "The person is forgotten" "An operator had this subject's person forgotten. That is for good: nobody can be noted under it again."
    PayloadTooLarge "payload-too-large" 413 "The body is too large" "Bodies may have 1 MiB for shows and 16 KiB else."
    UnsupportedMediaType "unsupported-media-type" 415 "Send JSON" "Bodies are `application/json`."
    UnprocessableContent "unprocessable-content" 422 "The body does not say what is needed" "It is JSON, but a member is missing, unknown or of the wrong kind. The detail says which."
    FaultyPlan "faulty-plan" 422 "The show can't be scheduled like this" "`faults` names every faulty member."
    NoSeats "no-seats" 422 "No seat was asked for" "Name at least one seat."
    TooManySeats "too-many-seats" 422 "Too many seats" "One reservation of this show may have up to `max` seats."
    DuplicateSeats "duplicate-seats" 422 "A seat was named twice" "`seats` names those."
    UnknownSeats "unknown-seats" 422 "The show has no such seats" "`seats` names those that do not exist."
    UnknownSection "unknown-section" 422 "The show has no such section" "The detail names it."
    IdempotencyKeyReused "idempotency-key-reused" 422 "The Idempotency-Key was used for another request" "A key stands for one request. Use a new one."
    TooManyRequests "too-many-requests" 429 "Too many streams" "You have as many open streams as one address may have. `Retry-After` says when to try again."
    Internal "internal" 500 "Something broke here" "The server's log has the cause under the request's id."
    Overloaded "overloaded" 503 "Too much is going on" "Nothing was done. Try again after `Retry-After` seconds."
    OutcomeUnknown "outcome-unknown" 503 "The outcome is not known yet" "The command may or may not have been recorded. Send it again with the same Idempotency-Key."
    LogUnreachable "log-unreachable" 503 "The log can't be reached" "Nothing was done, and nothing can be told that is surely up to date. Try again after `Retry-After` seconds."
    NotSealed "not-sealed" 503 "The facts are not sealed yet" "A checkpoint is signed about once a second. Try again after `Retry-After` seconds."
    NotReached "not-reached" 503 "The view is not there yet" "The view has not reached the position asked for. `position`, or `log_position`, says how far it is."
    NotReady "not-ready" 503 "The server is starting or stopping" "Nothing was done. Try again after `Retry-After` seconds."
}

impl Code {
    /// The code of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

/// An error, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A path on this server that explains the code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/seats-taken")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// A stable name.
    #[schema(example = "seats-taken")]
    pub code: String,
    /// Names the request in the server's log.
    pub request_id: String,
    /// What else there is to know, by code: `conflicts`, `position`, `seats`, `max`, `faults`, `on_sale_at`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// A problem that still needs the id of its request.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            code: code.as_str().into(),
            request_id: String::new(),
            more: Map::new(),
        }
    }

    /// Adds a member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// The problem of a refusal that was true at a position of its show.
    pub fn refused(refusal: &Refusal, position: u64) -> Self {
        let problem = Self::of_refusal(refusal);
        if position == 0 { problem } else { problem.with("position", position) }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::UnknownShow => Self::new(Code::NotFound, "There is no such event."),
            Refusal::FaultyPlan(faults) => {
                let named: Vec<String> = faults.iter().map(|fault| format!("{} {}", fault.path, fault.fault)).collect();
                let listed: Vec<Value> = faults.iter().map(|fault| json!({ "path": fault.path, "fault": fault.fault })).collect();
                Self::new(Code::FaultyPlan, format!("{}.", named.join("; "))).with("faults", listed)
            }
            Refusal::NotYetOnSale(at) => {
                Self::new(Code::NotYetOnSale, format!("The sale opens at {}.", Instant(*at))).with("on_sale_at", Instant(*at).to_string())
            }
            Refusal::PassRequired => Self::new(Code::PassRequired, "This event has a waiting room, and it is not your turn."),
            Refusal::NoWaitingRoom => Self::new(Code::NoWaitingRoom, "This event has no waiting room."),
            Refusal::NoSeats => Self::new(Code::NoSeats, "Name at least one seat."),
            Refusal::TooManySeats { asked, max } => {
                Self::new(Code::TooManySeats, format!("{asked} seats were asked for; one reservation may have {max}.")).with("max", *max)
            }
            Refusal::DuplicateSeats(seats) => {
                Self::new(Code::DuplicateSeats, format!("Named more than once: {}.", seats.join(", "))).with("seats", seats.clone())
            }
            Refusal::UnknownSeats(seats) => {
                Self::new(Code::UnknownSeats, format!("There is no {}.", seats.join(", "))).with("seats", seats.clone())
            }
            Refusal::UnknownSection(section) => Self::new(Code::UnknownSection, format!("There is no section {section}.")),
            Refusal::SeatsTaken(conflicts) => {
                let named: Vec<String> =
                    conflicts.iter().map(|conflict| format!("{} is {}", conflict.seat, conflict.status.as_str())).collect();
                let listed: Vec<Value> =
                    conflicts.iter().map(|conflict| json!({ "seat": conflict.seat, "reason": conflict.status.as_str() })).collect();
                Self::new(Code::SeatsTaken, format!("{}.", named.join(", "))).with("conflicts", listed)
            }
            Refusal::NoAdjacentSeats { count } => {
                Self::new(Code::NoAdjacentSeats, format!("There are no {count} free seats side by side."))
            }
            Refusal::UnknownReservation => Self::new(Code::NotFound, "There is no such reservation."),
            Refusal::HoldExpired => Self::new(Code::HoldExpired, "The hold has expired."),
            Refusal::HoldReleased => Self::new(Code::HoldReleased, "The hold was released."),
            Refusal::AlreadyReserved => Self::new(Code::AlreadyReserved, "The reservation was checked out."),
            // Ids are drawn by the server and only timers expire holds: nobody's request can bring these about.
            Refusal::AlreadyScheduled | Refusal::ReservationExists | Refusal::HoldStillRuns { .. } => {
                Self::new(Code::Internal, "The server's own command was refused.")
            }
        }
    }
}

/// A refusal that may be another answer a moment later is not kept for its `Idempotency-Key`: a retry is decided anew.
pub fn is_kept(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::SeatsTaken(_) | Refusal::NoAdjacentSeats { .. } | Refusal::NotYetOnSale(_) | Refusal::PassRequired => false,
        Refusal::UnknownShow
        | Refusal::FaultyPlan(_)
        | Refusal::AlreadyScheduled
        | Refusal::NoWaitingRoom
        | Refusal::NoSeats
        | Refusal::TooManySeats { .. }
        | Refusal::DuplicateSeats(_)
        | Refusal::UnknownSeats(_)
        | Refusal::UnknownSection(_)
        | Refusal::UnknownReservation
        | Refusal::ReservationExists
        | Refusal::HoldExpired
        | Refusal::HoldReleased
        | Refusal::AlreadyReserved
        | Refusal::HoldStillRuns { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fullhouse_domain::{Conflict, SeatStatus};

    #[test]
    fn codes_are_unique_and_parse_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!((400..600).contains(&code.status()));
        }
    }

    #[test]
    fn a_refusal_of_taken_seats_names_every_one() {
        let conflicts = vec![
            Conflict { seat: "S-A-1".into(), status: SeatStatus::Pending },
            Conflict { seat: "S-A-2".into(), status: SeatStatus::Reserved },
        ];
        let problem = Problem::refused(&Refusal::SeatsTaken(conflicts), 7);
        assert_eq!(
            serde_json::to_value(&problem).expect("it serializes"),
            json!({
                "type": "/problems/seats-taken", "title": "Seats are no longer available", "status": 409, "code": "seats-taken",
                "detail": "S-A-1 is pending, S-A-2 is reserved.", "request_id": "", "position": 7,
                "conflicts": [{ "seat": "S-A-1", "reason": "pending" }, { "seat": "S-A-2", "reason": "reserved" }],
            })
        );
    }
}

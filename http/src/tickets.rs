//! Tickets and passes of waiting rooms: JSON Web Tokens, signed with the key that signs the server's own tokens.
//!
//! A ticket says that a person has a place in the line of a show; a pass, that he was let in. Each says of what kind it is, so
//! that none can be used for another (RFC 8725, section 3.11). Whether a turn still runs is decided where holds are decided,
//! by the clock of the log; the end that stands in a pass is only for its holder to read.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use fullhouse_domain::{InLine, Place, ShowId, Subject, Timestamp};
use fullhouse_schemas::{Code, Problem, draw};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Failure;
use crate::tokens::{AUDIENCE, TOKEN_BYTES_MAX, Tokens, now_seconds};

/// How long a ticket is good for. Sales are announced months before.
const TICKET_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const TICKET: &str = "fullhouse-ticket";
const PASS: &str = "fullhouse-pass";

/// What a ticket, or a pass, says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The show that it is for.
    pub show: ShowId,
    /// The person that it is for.
    pub subject: Subject,
    /// On a ticket the number that was given when he joined; on a pass the one under which he was let in.
    pub number: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    show: String,
    number: u64,
    exp: u64,
    aud: String,
}

/// The header that carries a ticket.
pub const QUEUE_TICKET: &str = "queue-ticket";
/// The header that carries a pass.
const QUEUE_PASS: &str = "queue-pass";

impl Ticket {
    /// The ticket that these headers carry, for this show.
    pub fn of(headers: &HeaderMap, tokens: &Tokens, show: &ShowId) -> Result<Self, Failure> {
        let text = headers.get(QUEUE_TICKET).and_then(|value| value.to_str().ok());
        Self::read(text, tokens, show)
    }

    /// The ticket in this text, for this show.
    pub fn read(text: Option<&str>, tokens: &Tokens, show: &ShowId) -> Result<Self, Failure> {
        let ticket = text.and_then(|text| tokens.verify_ticket(text)).filter(|ticket| ticket.show == *show);
        ticket.ok_or_else(|| Problem::new(Code::TicketRequired, "No ticket came along that counts for this event's waiting room.").into())
    }

    /// The person in the line.
    pub fn in_line(&self) -> InLine {
        InLine { entry: self.number, member: draw::member_hash(&self.show, &self.subject), subject: self.subject.clone() }
    }
}

/// The pass that came with a request, not looked at yet.
#[derive(Debug)]
pub struct SentPass(Option<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for SentPass {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get(QUEUE_PASS).cloned()))
    }
}

impl SentPass {
    /// The pass's number, if it is genuine, this person's and for this show.
    pub fn number(&self, tokens: &Tokens, show: &ShowId, subject: &Subject) -> Option<u64> {
        let pass = tokens.verify_pass(self.0.as_ref()?.to_str().ok()?)?;
        (pass.show == *show && pass.subject == *subject).then_some(pass.number)
    }
}

impl Tokens {
    /// A ticket for the line.
    pub fn sign_ticket(&self, ticket: &Ticket) -> String {
        self.sign_as(TICKET, ticket, now_seconds() + TICKET_LIFETIME.as_secs())
    }

    /// A pass for a turn that ends at an instant.
    pub fn sign_pass(&self, pass: &Ticket, ends_at: Timestamp) -> String {
        self.sign_as(PASS, pass, u64::try_from(ends_at.as_micros() / 1_000_000).unwrap_or(0))
    }

    /// The pass of somebody who stands there, if it is his turn.
    pub fn pass_for(&self, show: &ShowId, place: &Place) -> Option<String> {
        let Place::Admitted(turn) = place else { return None };
        let pass = Ticket { show: show.clone(), subject: turn.subject.clone(), number: turn.number };
        Some(self.sign_pass(&pass, turn.ends_at))
    }

    /// What a ticket says, if it is genuine.
    pub fn verify_ticket(&self, text: &str) -> Option<Ticket> {
        self.verify_as(TICKET, text, true)
    }

    /// What a pass says, if it is genuine. Whether its turn still runs only the room knows.
    pub fn verify_pass(&self, text: &str) -> Option<Ticket> {
        self.verify_as(PASS, text, false)
    }

    /// The seed that the order of a show's line is drawn with. It follows from the server's key, so that it need not be kept
    /// secret anywhere else, and every server with that key finds the same one. (A signature by Ed25519 is a function of key
    /// and message: RFC 8032, section 5.1.6.)
    pub fn draw_seed(&self, show: &ShowId) -> [u8; 32] {
        let message = format!("fullhouse draw seed\0{show}");
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::EdDSA).expect("an Ed25519 key signs anything");
        Sha256::digest(signature).into()
    }

    fn sign_as(&self, kind: &str, ticket: &Ticket, exp: u64) -> String {
        let claims =
            Claims { sub: ticket.subject.to_string(), show: ticket.show.to_string(), number: ticket.number, exp, aud: AUDIENCE.into() };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.into());
        header.kid = Some(self.own_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing).expect("an Ed25519 key signs any claims")
    }

    fn verify_as(&self, kind: &str, text: &str, must_not_have_ended: bool) -> Option<Ticket> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let header = jsonwebtoken::decode_header(text).ok()?;
        if header.typ.as_deref() != Some(kind) || header.kid.as_ref() != Some(&self.own_id) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.validate_exp = must_not_have_ended;
        validation.leeway = 0;
        let claims: Claims = jsonwebtoken::decode(text, &self.own, &validation).ok()?.claims;
        Some(Ticket { show: ShowId::parse(&claims.show)?, subject: Subject::parse(&claims.sub)?, number: claims.number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket { show: ShowId::parse("local-a").expect("plain"), subject: Subject::parse("ann").expect("visible"), number: 7 }
    }

    fn tokens() -> (tempfile::TempDir, Tokens) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tokens = Tokens::open(folder.path()).expect("a new key");
        (folder, tokens)
    }

    #[test]
    fn tickets_and_passes_are_read_back_and_are_not_taken_for_one_another() {
        let (_folder, tokens) = tokens();
        let (signed, pass) = (tokens.sign_ticket(&ticket()), tokens.sign_pass(&ticket(), Timestamp::from_micros(1_000_000)));
        assert_eq!(tokens.verify_ticket(&signed), Some(ticket()));
        assert_eq!(tokens.verify_pass(&pass), Some(ticket()), "whether it has ended is for the room to say");
        assert_eq!((tokens.verify_ticket(&pass), tokens.verify_pass(&signed)), (None, None));
        assert!(tokens.verify(&signed).is_err() && tokens.verify(&pass).is_err(), "neither says who its bearer is");
        let (token, _) = tokens.sign(&ticket().subject, crate::Role::Customer, Duration::from_secs(60));
        assert_eq!((tokens.verify_ticket(&token), tokens.verify_pass(&token)), (None, None));
    }

    #[test]
    fn what_others_signed_or_changed_is_not_believed() {
        let (_folder, tokens) = tokens();
        let (_other_folder, other) = self::tokens();
        let (mine, theirs) = (tokens.sign_pass(&ticket(), Timestamp::default()), other.sign_pass(&ticket(), Timestamp::default()));
        assert_eq!(tokens.verify_pass(&theirs), None);
        let (head, rest) = mine.split_once('.').expect("three parts");
        let (claims, signature) = rest.split_once('.').expect("three parts");
        let theirs_claims = tokens.sign_pass(&Ticket { number: 8, ..ticket() }, Timestamp::default());
        let other_claims = theirs_claims.split('.').nth(1).expect("three parts");
        for forged in
            [format!("{head}.{other_claims}.{signature}"), format!("{head}.{claims}."), String::new(), "a.b.c".into(), "x".repeat(9_000)]
        {
            assert_eq!(tokens.verify_pass(&forged), None, "{forged}");
        }
    }

    #[test]
    fn the_seed_of_a_draw_is_the_same_on_every_server_with_the_key_and_another_one_for_every_show() {
        let (folder, tokens) = tokens();
        let again = Tokens::open(folder.path()).expect("the same key");
        let show = ticket().show;
        assert_eq!(tokens.draw_seed(&show), again.draw_seed(&show));
        assert_ne!(tokens.draw_seed(&show), tokens.draw_seed(&ShowId::parse("local-b").expect("plain")));
        assert_ne!(tokens.draw_seed(&show), self::tokens().1.draw_seed(&show));
    }
}

//! The `Idempotency-Key` header.

use axum::extract::OptionalFromRequestParts;
use axum::http::request::Parts;
use fullhouse_schemas::{Code, Problem};

use crate::problem::Failure;

/// The longest key, in characters.
const KEY_CHARACTERS_MAX: usize = 255;

/// A name that a client gives to a command, so that it can send it again without doing it twice. Extract it as an
/// `Option`: not every client wants that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key, as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Failure> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        let is_key = |text: &&str| (1..=KEY_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match value.to_str().ok().filter(is_key) {
            Some(text) if values.next().is_none() => Ok(Some(Self(text.into()))),
            _ => {
                let detail = format!("Send one `Idempotency-Key` of 1 to {KEY_CHARACTERS_MAX} visible characters, or none.");
                Err(Problem::new(Code::BadRequest, detail).into())
            }
        }
    }
}

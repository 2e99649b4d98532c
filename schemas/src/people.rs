//! HTTP bodies about people.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Instant;

/// The longest name or contact, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 200;

/// The body of `PUT /people/{subject}`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotePersonBody {
    /// Their name: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What reaches them, such as an e-mail address: up to 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub contact: String,
}

impl NotePersonBody {
    /// What is wrong with it, for people.
    pub fn fault(&self) -> Option<String> {
        for (member, text) in [("name", &self.name), ("contact", &self.contact)] {
            if text.chars().count() > TEXT_CHARACTERS_MAX {
                return Some(format!("`{member}` has more than {TEXT_CHARACTERS_MAX} characters."));
            }
            if text.chars().any(char::is_control) {
                return Some(format!("`{member}` has a control character."));
            }
        }
        self.name.trim().is_empty().then(|| "`name` is empty.".into())
    }
}

/// Who a subject is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonBody {
    /// As in their tokens.
    pub subject: String,
    /// Their name.
    pub name: String,
    /// What reaches them.
    pub contact: String,
    /// When this was noted.
    #[schema(value_type = String, format = DateTime)]
    pub noted_at: Instant,
}

/// That nobody may know any more who a subject was.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForgottenBody {
    /// As in their tokens.
    pub subject: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub forgotten_at: Instant,
    /// Where the log says so.
    pub log_position: u64,
}

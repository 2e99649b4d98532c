//! `fullhouse token`

use std::time::Duration;

use anyhow::Context;
use fullhouse_http::Tokens;

use crate::cli::TokenSettings;

/// Prints one token, signed with the key in the data folder, and nothing else.
pub fn main(settings: &TokenSettings) -> anyhow::Result<()> {
    crate::serve::make_data_folder(&settings.data)?;
    let tokens = Tokens::open(&settings.data).context("the key that signs tokens (--data) can't be used")?;
    let (token, _) = tokens.sign(&settings.subject, settings.role, Duration::from_secs(settings.hours * 3_600));
    crate::print_result(&format!("{token}\n"))
}

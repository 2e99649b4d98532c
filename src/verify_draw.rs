//! `fullhouse verify-draw`: whether the order of a waiting room was drawn as it was promised. Anybody can run it, on the answer to
//! `GET /events/{event_id}/draw`.

use std::process::ExitCode;

use anyhow::Context;
use fullhouse_schemas::queue::DrawBody;

use crate::cli::VerifyDrawSettings;

/// Exit code 0 when the order is right, 1 when it is not.
pub fn main(settings: &VerifyDrawSettings) -> anyhow::Result<ExitCode> {
    let text = crate::read_text(settings.file.as_deref())?;
    let draw: DrawBody = serde_json::from_str(&text).context("this is not the answer to `GET /events/{event_id}/draw`")?;
    let published = settings.seed_sha256.as_ref().is_none_or(|noted| *noted == draw.seed_sha256);
    let verified = if published { draw.verify() } else { Err("the published SHA-256 is another one than you have noted".into()) };
    match verified {
        Ok(()) => {
            let (members, show, seed) = (draw.members, &draw.event_id, &draw.seed_sha256);
            crate::print_result(&format!("{show}: the order of {members} people follows from the seed whose SHA-256 is {seed}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(what) => {
            crate::print_result(&format!("{}: {what}\n", draw.event_id))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

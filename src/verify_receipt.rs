//! `fullhouse verify-receipt`: whether a receipt is to be believed. Anybody can run it, with nothing but the log's public key.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use fullhouse_transparency::VerifierKey;
use fullhouse_transparency::receipt::{self, Verified};
use serde_json::Value;

use crate::cli::VerifyReceiptSettings;

/// Exit code 0 when the receipt is to be believed, 1 when it is not.
pub fn main(settings: &VerifyReceiptSettings) -> anyhow::Result<ExitCode> {
    let key =
        VerifierKey::parse(&settings.verifier_key).context("the public key (--verifier-key, FULLHOUSE_VERIFIER_KEY) can't be used")?;
    let text = crate::read_text(settings.file.as_deref())?;
    match receipt::read(&text).and_then(|receipt| receipt::verify(&receipt, &key)) {
        Ok(verified) if settings.json => {
            let json = serde_json::to_string_pretty(&verified).context("the answer can't be written")?;
            crate::print_result(&(json + "\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(verified) => {
            crate::print_result(&words(&verified))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            crate::print_result(&format!("Do not believe this receipt: {why}.\n"))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What came of the reservation, as far as the receipt tells.
fn outcome(facts: &[Value]) -> String {
    let of_kind = |kind: &str| facts.iter().find(|fact| fact["type"] == kind);
    let word = |fact: &Value, name: &str| fact["data"][name].as_str().unwrap_or("?").to_owned();
    if let Some(sold) = of_kind("seats_reserved") {
        return format!("its seats are SOLD, paid with {}.", word(sold, "payment_reference"));
    }
    match (of_kind("hold_released"), of_kind("hold_expired"), of_kind("seats_held")) {
        (Some(_), _, _) => "its seats were held and given back.".into(),
        (_, Some(_), _) => "its seats were held, and the hold expired.".into(),
        (_, _, Some(held)) => {
            format!("its seats were held until {}. This receipt does not say that they were sold.", word(held, "expires_at"))
        }
        _ => "nothing here says that its seats were held.".into(),
    }
}

fn words(verified: &Verified) -> String {
    let Verified { reservation_id, origin, size, facts } = verified;
    let mut text = format!("{reservation_id}: {}\n", outcome(facts));
    let _ = writeln!(text, "These facts are in the log of {origin}, which had {size} facts when it was signed:");
    for fact in facts {
        let word = |value: &Value| value.as_str().unwrap_or("nobody").to_owned();
        let seats = fact["data"]["seats"].as_array().map(|seats| seats.iter().map(&word).collect::<Vec<_>>().join(", "));
        let _ = writeln!(
            text,
            "  {}  {}  by {}  {}  (log position {})",
            word(&fact["recorded_at"]),
            word(&fact["type"]),
            word(&fact["subject"]),
            seats.unwrap_or_default(),
            fact["log_position"]
        );
    }
    text
}

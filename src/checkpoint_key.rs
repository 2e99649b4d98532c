//! The key that checkpoints are signed with, and `fullhouse checkpoint-key`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use fullhouse_http::tokens::signing_key;
use fullhouse_transparency::{CheckpointKey, Checkpoints};

use crate::cli::CheckpointKeySettings;

fn path(data: &Path, file: Option<&Path>) -> PathBuf {
    file.map_or_else(|| data.join("checkpoint-key.p8"), PathBuf::from)
}

/// The key in this file, or in the data folder; made when it is not there. No database knows it.
pub fn open(data: &Path, file: Option<&Path>, cluster: &str) -> anyhow::Result<CheckpointKey> {
    let path = path(data, file);
    let key = signing_key(&path).map_err(anyhow::Error::from).and_then(|der| {
        CheckpointKey::from_pkcs8(cluster, &der).with_context(|| format!("{} is not an Ed25519 key in PKCS #8", path.display()))
    });
    key.context("the key that signs checkpoints (--checkpoint-key, FULLHOUSE_CHECKPOINT_KEY) can't be used")
}

/// Checks that the log is signed with this key, if it is signed.
pub async fn check(key: &CheckpointKey, checkpoints: &Checkpoints) -> anyhow::Result<()> {
    let signers = checkpoints.signers().await.context("who has signed the log can't be read")?;
    let Some(newest) = signers.first() else { return Ok(()) };
    ensure!(
        *newest == key.verifier(),
        "the log is signed with another key, {newest}: give this process that one (--checkpoint-key, FULLHOUSE_CHECKPOINT_KEY), and its --cluster"
    );
    Ok(())
}

/// Prints the public key, and nothing else.
pub fn main(settings: &CheckpointKeySettings) -> anyhow::Result<()> {
    crate::serve::make_data_folder(&settings.data)?;
    let path = path(&settings.data, settings.checkpoint_key.as_deref());
    if !path.exists() {
        eprintln!("There was no key yet: a new one is made in {}.", path.display());
    }
    let key = open(&settings.data, settings.checkpoint_key.as_deref(), &settings.cluster)?;
    crate::print_result(&format!("{}\n", key.verifier()))
}

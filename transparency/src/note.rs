//! Checkpoints as signed text.
//!
//! A checkpoint is a signed note (<https://c2sp.org/signed-note>) whose text is that of <https://c2sp.org/tlog-checkpoint>: the
//! log's name, the size of the tree, and its root. Keys and signatures are Ed25519 (RFC 8032), type 1 of that page.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::tree::Hash;

/// The kind of signature: Ed25519.
const ED25519: u8 = 1;
/// What begins a line with a signature: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// How far a log was, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: `fullhouse/` and the cluster's.
    pub origin: String,
    /// How many facts: the log position of the last.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Why a note was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a checkpoint in the form that is due.
    #[error("this is not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Nobody of this name and key has signed it.
    #[error("the checkpoint is not signed by {0}")]
    NotSigned(String),
    /// The signature is another text's.
    #[error("the checkpoint was changed after {0} had signed it, or somebody else signed it")]
    Forged(String),
    /// The key's text is none.
    #[error("`{0}` is not a verifier key such as fullhouse/local+1a2b3c4d+AbCd…")]
    NotAKey(String),
}

/// Signs checkpoints.
#[derive(Clone)]
pub struct CheckpointKey {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CheckpointKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Verifies checkpoints: a name and a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// The name of a cluster's log.
pub fn origin_of(cluster: &str) -> String {
    format!("fullhouse/{cluster}")
}

impl CheckpointKey {
    /// The key of a cluster's log, from PKCS #8; nothing, when these bytes are no Ed25519 key.
    pub fn from_pkcs8(cluster: &str, der: &[u8]) -> Option<Self> {
        Some(Self { name: origin_of(cluster), key: SigningKey::from_pkcs8_der(der).ok()? })
    }

    /// What others verify with.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The signed note of a checkpoint.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let text = Checkpoint { origin: self.name.clone(), size, root }.to_string();
        let verifier = self.verifier();
        let mut signed = verifier.id().to_vec();
        signed.extend(self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{DASH}{} {}\n", self.name, STANDARD.encode(signed))
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, STANDARD.encode(self.root))
    }
}

impl Checkpoint {
    /// Reads a signed note without believing it: nobody's signature is looked at.
    pub fn read(note: &str) -> Result<Self, NoteError> {
        let (text, _) = parts(note)?;
        let mut lines = text.split('\n');
        let mut line = |what| lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Malformed(what));
        let origin = line("the log's name is missing")?.to_owned();
        let size = line("its size is missing")?;
        let root = line("its root is missing")?;
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        Ok(Self {
            origin,
            size: number.ok_or(NoteError::Malformed("its size is not a number"))?,
            root: root.ok_or(NoteError::Malformed("its root is not 32 bytes"))?,
        })
    }
}

/// The text that is signed, and the lines of signatures.
fn parts(note: &str) -> Result<(&str, &str), NoteError> {
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed("no signature follows its text"))?;
    let lines = signatures.strip_suffix('\n').ok_or(NoteError::Malformed("its last line does not end"))?;
    if !lines.split('\n').all(|line| line.starts_with(DASH) && !line.contains('\r')) {
        return Err(NoteError::Malformed("something else than a signature stands behind its text"));
    }
    // The text ends with its last line's end.
    Ok((&note[..text.len() + 1], signatures))
}

impl VerifierKey {
    /// Reads the text of a key: a name, an id and the key itself, with plus signs between them.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let none = || NoteError::NotAKey(text.to_owned());
        let (name, rest) = text.trim().split_once('+').ok_or_else(none)?;
        let (id, encoded) = rest.split_once('+').ok_or_else(none)?;
        let bytes = STANDARD.decode(encoded).map_err(|_malformed| none())?;
        let key: [u8; 32] = bytes.strip_prefix(&[ED25519]).and_then(|key| key.try_into().ok()).ok_or_else(none)?;
        let key = Self { name: name.to_owned(), key: VerifyingKey::from_bytes(&key).map_err(|_no_point| none())? };
        if fullhouse_schemas::hex::encode(&key.id()) == id { Ok(key) } else { Err(none()) }
    }

    /// The name that it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells keys of one name apart.
    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes()).finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// The checkpoint of a note that this key has signed.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = parts(note)?;
        let not_signed = || NoteError::NotSigned(self.name.clone());
        let own = signatures.lines().filter_map(|line| line.strip_prefix(DASH)?.strip_prefix(self.name.as_str())?.strip_prefix(' '));
        let mut decoded = own.filter_map(|signature| STANDARD.decode(signature).ok());
        let signed = decoded.find(|signed| signed.starts_with(&self.id())).ok_or_else(not_signed)?;
        let signature = Signature::from_slice(&signed[4..]).map_err(|_malformed| not_signed())?;
        self.key.verify_strict(text.as_bytes(), &signature).map_err(|_forged| NoteError::Forged(self.name.clone()))?;
        let checkpoint = Checkpoint::read(note)?;
        if checkpoint.origin == self.name { Ok(checkpoint) } else { Err(not_signed()) }
    }
}

impl fmt::Display for VerifierKey {
    /// As `name+id+key`, see <https://c2sp.org/signed-note>.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![ED25519];
        bytes.extend(self.key.as_bytes());
        write!(formatter, "{}+{}+{}", self.name, fullhouse_schemas::hex::encode(&self.id()), STANDARD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> CheckpointKey {
        CheckpointKey { name: origin_of("local"), key: SigningKey::from_bytes(&[seed; 32]) }
    }

    #[test]
    fn a_checkpoint_is_believed_only_as_it_was_signed() {
        let key = key(7);
        let verifier = VerifierKey::parse(&key.verifier().to_string()).expect("its own text");
        let note = key.sign(42, [9; 32]);
        assert_eq!(verifier.verify(&note), Ok(Checkpoint { origin: "fullhouse/local".into(), size: 42, root: [9; 32] }));
        assert_eq!(verifier.verify(&note.replace("\n42\n", "\n43\n")), Err(NoteError::Forged("fullhouse/local".into())));
        for (position, byte) in note.bytes().enumerate() {
            let mut forged = note.clone().into_bytes();
            forged[position] = byte ^ 1;
            let believed = String::from_utf8(forged).map(|forged| verifier.verify(&forged));
            assert!(!matches!(believed, Ok(Ok(_))), "byte {position} of the note was changed, and it was believed");
        }
    }

    #[test]
    fn another_key_of_the_same_name_is_not_believed() {
        let note = key(7).sign(1, [1; 32]);
        assert_eq!(key(8).verifier().verify(&note), Err(NoteError::NotSigned("fullhouse/local".into())));
    }

    #[test]
    fn the_text_of_a_key_is_checked() {
        let text = key(7).verifier().to_string();
        for wrong in ["", "fullhouse/local", &text[..text.len() - 4], &text.replacen('+', "+0", 1)] {
            assert_eq!(VerifierKey::parse(wrong), Err(NoteError::NotAKey(wrong.into())), "{wrong}");
        }
    }
}

//! Tokens: JSON Web Tokens (RFC 7519), used as RFC 8725 advises.
//!
//! A server signs with an Ed25519 key of its own, kept in its data folder. An operator may name further keys, as a JSON
//! Web Key Set, whose tokens are accepted too. Which algorithm a key is for is fixed beforehand; what a token says about
//! that is never believed.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fullhouse_domain::Subject;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Role};

/// The audience that tokens must be for.
pub const AUDIENCE: &str = "fullhouse";
/// The kind of token (RFC 9068, section 2.1), so that a token made for something else is not taken for this.
const TYPE: &str = "at+jwt";
/// How long a guest's token is good.
pub const GUEST_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How many verified tokens are remembered. Verifying a signature costs more than all the rest of a request.
const REMEMBERED_MAX: usize = 50_000;
/// Longer tokens are refused unread.
pub(crate) const TOKEN_BYTES_MAX: usize = 4_096;
/// Algorithms that a key set's keys may be for: signatures only, so that no public key can be used as a secret.
const ALGORITHMS: [Algorithm; 5] = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error("{} can't be {doing}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Read or written.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file has something else in it.
    #[error("{} is not {what}", path.display())]
    NotKeys {
        /// Which.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
}

/// Signs and verifies tokens.
pub struct Tokens {
    pub(crate) signing: EncodingKey,
    pub(crate) own: DecodingKey,
    pub(crate) own_id: String,
    others: HashMap<String, (Algorithm, DecodingKey)>,
    verified: Cache<Box<str>, Verified>,
}

#[derive(Clone)]
struct Verified {
    caller: Arc<Caller>,
    expires_at_seconds: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: Role,
    exp: u64,
    iat: u64,
    aud: String,
}

/// The claims that matter in a token; `aud` and `exp` were checked by then.
#[derive(Debug, Deserialize)]
struct CheckedClaims {
    sub: String,
    role: Role,
    exp: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").field("own_id", &self.own_id).finish_non_exhaustive()
    }
}

impl Tokens {
    /// With the key kept in a folder; a new one is made, readable by its owner only, when there is none.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join("token-key.p8");
        let pkcs8 = signing_key(&path)?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_rejected| KeyError::NotKeys { path, what: "an Ed25519 key in PKCS #8" })?;
        let public = pair.public_key().as_ref();
        Ok(Self {
            signing: EncodingKey::from_ed_der(&pkcs8),
            own: DecodingKey::from_ed_der(public),
            own_id: URL_SAFE_NO_PAD.encode(&public[..8]),
            others: HashMap::new(),
            verified: Cache::new(REMEMBERED_MAX),
        })
    }

    /// Accepts tokens of the keys in this file too: a JSON Web Key Set (RFC 7517), each key with `kid` and `alg`.
    pub fn accept_key_set(&mut self, path: &Path) -> Result<(), KeyError> {
        let text = std::fs::read_to_string(path).map_err(|source| KeyError::File { path: path.into(), doing: "read", source })?;
        let not_keys = |what| KeyError::NotKeys { path: path.into(), what };
        let set: JwkSet = serde_json::from_str(&text).map_err(|_malformed| not_keys("a JSON Web Key Set"))?;
        if set.keys.is_empty() {
            return Err(not_keys("a key set with a key in it"));
        }
        for key in &set.keys {
            let id = key.common.key_id.clone().ok_or_else(|| not_keys("a key set in which every key has a `kid`"))?;
            let algorithm = key.common.key_algorithm.and_then(|algorithm| algorithm.to_string().parse().ok());
            let algorithm = algorithm
                .filter(|algorithm| ALGORITHMS.contains(algorithm))
                .ok_or_else(|| not_keys("a key set in which every key has an `alg` of EdDSA, ES256, ES384, RS256 or PS256"))?;
            let decoding = DecodingKey::from_jwk(key).map_err(|_rejected| not_keys("a key set of usable public keys"))?;
            self.others.insert(id, (algorithm, decoding));
        }
        Ok(())
    }

    /// A token that is good for `lifetime` from now, and the second since 1970 at which it ends.
    pub fn sign(&self, subject: &Subject, role: Role, lifetime: Duration) -> (String, u64) {
        let now = now_seconds();
        let exp = now + lifetime.as_secs();
        let claims = Claims { sub: subject.to_string(), role, exp, iat: now, aud: AUDIENCE.into() };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(self.own_id.clone());
        (jsonwebtoken::encode(&header, &claims, &self.signing).expect("an Ed25519 key signs any claims"), exp)
    }

    /// A token for a guest whom nobody knows: a random subject.
    pub fn sign_guest(&self) -> (String, Subject, u64) {
        let subject = Subject::parse(&format!("guest-{:032x}", rand::random::<u128>())).expect("hexadecimal digits are visible");
        let (token, exp) = self.sign(&subject, Role::Customer, GUEST_LIFETIME);
        (token, subject, exp)
    }

    /// Who a token says its bearer is; else why it can't be believed.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("it is too long");
        }
        if let Some(verified) = self.verified.get(token) {
            return if now_seconds() < verified.expires_at_seconds { Ok(verified.caller) } else { Err("it has expired") };
        }
        let verified = self.verify_signature(token)?;
        self.verified.insert(token.into(), verified.clone());
        Ok(verified.caller)
    }

    fn verify_signature(&self, token: &str) -> Result<Verified, &'static str> {
        let header = jsonwebtoken::decode_header(token).map_err(|_malformed| "it is malformed")?;
        // Who signed it says that it must not be believed by anybody who does not know these (RFC 7515, section 4.1.11). None is known here.
        if header.crit.is_some() {
            return Err("it has critical members that nobody here knows");
        }
        let id = header.kid.as_deref().ok_or("it names no key")?;
        let (algorithm, key) = if id == self.own_id {
            if header.typ.as_deref() != Some(TYPE) {
                return Err("it is a token of another kind");
            }
            (Algorithm::EdDSA, &self.own)
        } else {
            self.others.get(id).map(|(algorithm, key)| (*algorithm, key)).ok_or("it was signed by somebody unknown")?
        };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        let claims: CheckedClaims = jsonwebtoken::decode(token, key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => "it has expired",
                jsonwebtoken::errors::ErrorKind::InvalidAudience => "it is for somebody else",
                jsonwebtoken::errors::ErrorKind::ImmatureSignature => "it is not valid yet",
                jsonwebtoken::errors::ErrorKind::Json(_) => {
                    "its claims are not `sub`, `exp` in whole seconds, `aud`, and a `role` that there is"
                }
                _ => "its signature or form is wrong",
            })?
            .claims;
        let subject = Subject::parse(&claims.sub).ok_or("its subject is not 1 to 255 visible characters")?;
        Ok(Verified { caller: Arc::new(Caller { subject, role: claims.role }), expires_at_seconds: claims.exp })
    }
}

pub(crate) fn now_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The Ed25519 key that is kept in a file, in PKCS #8 (RFC 8410); a new one is made, readable by its owner only, when there is
/// none. Whether it is a key is for the caller to find out.
pub fn signing_key(path: &Path) -> Result<Vec<u8>, KeyError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_key(path),
        Err(source) => Err(KeyError::File { path: path.into(), doing: "read", source }),
    }
}

fn new_key(path: &Path) -> Result<Vec<u8>, KeyError> {
    let written = |source| KeyError::File { path: path.into(), doing: "written", source };
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).expect("the system has randomness").as_ref().to_vec();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // The key gets its name when it is whole, so that nobody ever reads a part of one.
    let unfinished = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = options.open(&unfinished).map_err(written)?;
    file.write_all(&pkcs8).and_then(|()| file.sync_all()).map_err(written)?;
    let named = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished).map_err(written)?;
    match named {
        Ok(()) => Ok(pkcs8),
        // Another process was quicker; both must use one key.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::read(path).map_err(|source| KeyError::File { path: path.into(), doing: "read", source })
        }
        Err(source) => Err(written(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> (tempfile::TempDir, Tokens) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tokens = Tokens::open(folder.path()).expect("a new key");
        (folder, tokens)
    }

    fn alice() -> Subject {
        Subject::parse("alice").expect("visible")
    }

    /// A token with any header and claims, signed with the server's own key.
    fn forge(tokens: &Tokens, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &tokens.signing, Algorithm::EdDSA).expect("it signs");
        format!("{message}.{signature}")
    }

    #[test]
    fn what_was_signed_is_verified_also_after_a_restart() {
        let (folder, tokens) = tokens();
        let (token, _) = tokens.sign(&alice(), Role::Organizer, Duration::from_secs(60));
        let caller = Caller { subject: alice(), role: Role::Organizer };
        assert_eq!(*tokens.verify(&token).expect("fresh"), caller);
        assert_eq!(*tokens.verify(&token).expect("remembered"), caller);
        let restarted = Tokens::open(folder.path()).expect("the same key");
        assert_eq!(*restarted.verify(&token).expect("the key was kept"), caller);
    }

    #[test]
    #[cfg(unix)]
    fn the_key_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, _tokens) = tokens();
        let mode = std::fs::metadata(folder.path().join("token-key.p8")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn forged_tokens_are_refused() {
        let (_folder, tokens) = tokens();
        let (_other_folder, other) = self::tokens();
        let kid = tokens.own_id.clone();
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#);
        let claims = r#"{"sub":"alice","role":"organizer","exp":4102444800,"aud":"fullhouse"}"#;
        assert!(tokens.verify(&forge(&tokens, &header, claims)).is_ok(), "the forger's tool works");
        let good = tokens.sign(&alice(), Role::Customer, Duration::from_secs(60)).0;
        let (head, rest) = good.split_once('.').expect("three parts");
        let (_, signature) = rest.split_once('.').expect("three parts");
        let promoted = format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
        let cases = [
            ("empty", String::new()),
            ("no token", "three.blind.mice".into()),
            ("cut off", good[..good.len() - 3].into()),
            ("no signature", format!("{head}.{}.", URL_SAFE_NO_PAD.encode(claims))),
            ("the claims of another", promoted),
            ("the key of another server", other.sign(&alice(), Role::Organizer, Duration::from_secs(60)).0),
            ("the name of our key, the key of another", forge(&other, &header, claims)),
            ("no algorithm", forge(&tokens, &header.replace("EdDSA", "none"), claims)),
            ("a secret-key algorithm", forge(&tokens, &header.replace("EdDSA", "HS256"), claims)),
            ("no key", forge(&tokens, r#"{"alg":"EdDSA","typ":"at+jwt"}"#, claims)),
            ("another kind", forge(&tokens, &header.replace("at+jwt", "queue-pass"), claims)),
            ("no kind", forge(&tokens, &header.replace(r#""typ":"at+jwt","#, ""), claims)),
            ("expired", forge(&tokens, &header, &claims.replace("4102444800", "1"))),
            ("no end", forge(&tokens, &header, &claims.replace(r#""exp":4102444800,"#, ""))),
            ("another audience", forge(&tokens, &header, &claims.replace("fullhouse", "halffull"))),
            ("no audience", forge(&tokens, &header, &claims.replace(r#","aud":"fullhouse""#, ""))),
            ("no subject", forge(&tokens, &header, &claims.replace(r#""sub":"alice","#, ""))),
            ("an empty subject", forge(&tokens, &header, &claims.replace("alice", ""))),
            ("a subject with a line break", forge(&tokens, &header, &claims.replace("alice", "a\\nb"))),
            ("an unknown role", forge(&tokens, &header, &claims.replace("organizer", "king"))),
            ("no role", forge(&tokens, &header, &claims.replace(r#""role":"organizer","#, ""))),
            ("critical members", forge(&tokens, &header.replace(r#""kid""#, r#""crit":["x"],"x":1,"kid""#), claims)),
            ("not valid yet", forge(&tokens, &header, &claims.replace(r#""aud""#, r#""nbf":4102444000,"aud""#))),
            ("too long", format!("{good}{}", "x".repeat(5_000))),
        ];
        for (name, token) in cases {
            assert!(tokens.verify(&token).is_err(), "{name} was accepted");
            assert!(tokens.verify(&token).is_err(), "{name} was accepted the second time");
        }
    }

    #[test]
    fn a_remembered_token_still_expires() {
        let (_folder, tokens) = tokens();
        let (token, _) = tokens.sign(&alice(), Role::Customer, Duration::from_secs(60));
        let mut verified = tokens.verify_signature(&token).expect("fresh");
        verified.expires_at_seconds = now_seconds();
        tokens.verified.insert(token.as_str().into(), verified);
        assert_eq!(tokens.verify(&token), Err("it has expired"));
    }

    #[test]
    fn tokens_of_an_operators_key_set_are_accepted() {
        let (_folder, mut tokens) = tokens();
        let (issuer_folder, issuer) = self::tokens();
        let pair = Ed25519KeyPair::from_pkcs8(&std::fs::read(issuer_folder.path().join("token-key.p8")).expect("its key")).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"{}","x":"{x}"}}]}}"#, issuer.own_id);
        let path = issuer_folder.path().join("jwks.json");
        std::fs::write(&path, &set).expect("it can be written");
        let (token, _) = issuer.sign(&alice(), Role::Auditor, Duration::from_secs(60));
        assert!(tokens.verify(&token).is_err());
        tokens.accept_key_set(&path).expect("a key set");
        assert_eq!(tokens.verify(&token).expect("known now").role, Role::Auditor);

        std::fs::write(&path, set.replace(r#""alg":"EdDSA","#, "")).expect("it can be written");
        let error = tokens.accept_key_set(&path).expect_err("a key without an algorithm").to_string();
        assert!(error.contains("every key has an `alg`"), "{error}");
    }
}

//! Who is asking, and whether they may.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use fullhouse_domain::Subject;
use fullhouse_schemas::{Code, Problem};
use serde::{Deserialize, Serialize};

use crate::problem::Failure;
use crate::tokens::Tokens;

/// What somebody may do. Every operation names the one role that may do it; the rest is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Holds, buys and releases seats.
    Customer,
    /// Schedules shows.
    Organizer,
    /// Reads the whole history.
    Auditor,
    /// Queries the views.
    Analyst,
    /// Runs the servers.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] = [Role::Customer, Role::Organizer, Role::Auditor, Role::Analyst, Role::Operator];

    /// The word in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Organizer => "organizer",
            Role::Auditor => "auditor",
            Role::Analyst => "analyst",
            Role::Operator => "operator",
        }
    }
}

/// Somebody with a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub subject: Subject,
    /// What they may do.
    pub role: Role,
}

impl Caller {
    /// Who sends a request with these headers: nobody without a token, and an error for a token that is no good.
    pub fn of(headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Arc<Caller>>, Failure> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(token) = token else { return Err(unauthorized("Send `Authorization: Bearer <token>`.")) };
        tokens.verify(token).map(Some).map_err(|why| unauthorized(&format!("The token is not valid: {why}.")))
    }

    fn with_role(headers: &HeaderMap, tokens: &Tokens, roles: &[Role]) -> Result<Arc<Caller>, Failure> {
        let caller =
            Self::of(headers, tokens)?.ok_or_else(|| unauthorized("This needs a token. `POST /session` gives anyone a guest token."))?;
        if roles.contains(&caller.role) {
            return Ok(caller);
        }
        let named: Vec<String> = roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
        let detail = format!("This is for the role {}; your token's role is `{}`.", named.join(" or "), caller.role.as_str());
        Err(Problem::new(Code::Forbidden, detail).into())
    }
}

fn unauthorized(detail: &str) -> Failure {
    Problem::new(Code::Unauthorized, detail).into()
}

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident = $($role:ident)|+;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub Subject);

        impl<S: Send + Sync> FromRequestParts<S> for $name
        where
            Arc<Tokens>: FromRef<S>,
        {
            type Rejection = Failure;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
                let tokens = Arc::<Tokens>::from_ref(state);
                Caller::with_role(&parts.headers, &tokens, &[$(Role::$role),*]).map(|caller| Self(caller.subject.clone()))
            }
        }
    )*};
}

callers! {
    /// The subject of a caller whose role is `customer`.
    Customer = Customer;
    /// The subject of a caller whose role is `organizer`.
    Organizer = Organizer;
    /// The subject of a caller who may change how a sale runs: `organizer` or `operator`.
    SaleKeeper = Organizer | Operator;
    /// The subject of a caller whose role is `operator`.
    Operator = Operator;
    /// The subject of a caller whose role is `auditor`.
    Auditor = Auditor;
}

/// A caller who may see a reservation: its holder, so far as it is his, or an auditor.
#[derive(Debug, Clone)]
pub struct Witness(pub Arc<Caller>);

impl<S: Send + Sync> FromRequestParts<S> for Witness
where
    Arc<Tokens>: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let tokens = Arc::<Tokens>::from_ref(state);
        Caller::with_role(&parts.headers, &tokens, &[Role::Customer, Role::Auditor]).map(Self)
    }
}

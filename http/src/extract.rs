//! Parameters of paths and queries.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use fullhouse_domain::{ReservationId, ShowId, Subject};
use fullhouse_schemas::{Code, Problem};
use serde::de::DeserializeOwned;

use crate::problem::Failure;

/// An id in a path. What can't be an id names nothing, so it is not found.
#[derive(Debug)]
pub struct PathId<T>(pub T);

/// An id that can stand in a path.
pub trait Identifies: Sized {
    /// What it identifies, for people.
    const WHAT: &'static str;

    /// Reads it.
    fn parse(text: &str) -> Option<Self>;
}

impl Identifies for ShowId {
    const WHAT: &'static str = "event";

    fn parse(text: &str) -> Option<Self> {
        ShowId::parse(text)
    }
}

impl Identifies for ReservationId {
    const WHAT: &'static str = "reservation";

    fn parse(text: &str) -> Option<Self> {
        ReservationId::parse(text)
    }
}

impl Identifies for Subject {
    const WHAT: &'static str = "subject";

    fn parse(text: &str) -> Option<Self> {
        Subject::parse(text)
    }
}

impl<S: Send + Sync, T: Identifies> FromRequestParts<S> for PathId<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let id = match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => T::parse(&text),
            Err(_unreadable) => None,
        };
        id.map(Self).ok_or_else(|| Problem::new(Code::NotFound, format!("There is no such {}.", T::WHAT)).into())
    }
}

/// The id of a show in a path, and behind it the label of a seat. Whether the show has that seat is for the handler to find out.
#[derive(Debug)]
pub struct PathSeat(pub ShowId, pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathSeat {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let parsed = match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((show, seat))) => ShowId::parse(&show).map(|show| Self(show, seat)),
            Err(_unreadable) => None,
        };
        parsed.ok_or_else(|| Problem::new(Code::NotFound, "There is no such event.").into())
    }
}

/// The parameters behind the question mark. Unknown ones are refused, since they would silently do nothing.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(Problem::new(Code::BadRequest, format!("{}.", rejection.body_text())).into()),
        }
    }
}

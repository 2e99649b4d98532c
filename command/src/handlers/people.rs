//! `PUT`, `GET` and `DELETE /people/{subject}`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fullhouse_domain::Subject;
use fullhouse_http::problem::{Failure, internal};
use fullhouse_http::{Answer, JsonBody, Operator, PathId};
use fullhouse_people::{Forgotten, Known, PeopleError, Person};
use fullhouse_schemas::people::{ForgottenBody, NotePersonBody, PersonBody};
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem};

use super::{CommandState, private};

/// Notes who a subject is, in place of what was noted before. This is not in the log, and is in no view.
#[utoipa::path(
    put, path = "/people/{subject}", tag = "people", request_body = NotePersonBody, security(("token" = ["operator"])),
    params(("subject" = String, Path, description = "As in their tokens.")),
    responses(
        (status = 200, description = "It is noted.", body = PersonBody),
        (status = 410, description = "person-forgotten: nobody is linked to this subject any more", body = Problem),
        (status = 422, description = "unprocessable-content", body = Problem),
        (status = "4XX", description = "See `code`.", body = Problem),
        (status = 503, description = "log-unreachable: send it again", body = Problem),
    )
)]
pub async fn note(
    State(state): State<CommandState>,
    _: Operator,
    PathId(subject): PathId<Subject>,
    JsonBody { value: body, .. }: JsonBody<NotePersonBody>,
) -> Answer<Response> {
    if let Some(fault) = body.fault() {
        return Err(Problem::new(Code::UnprocessableContent, fault).into());
    }
    answer(&subject, state.people.note(&subject, body.name, body.contact).await.map_err(failed)?)
}

/// Who a subject is.
#[utoipa::path(
    get, path = "/people/{subject}", tag = "people", security(("token" = ["operator"])),
    params(("subject" = String, Path, description = "As in their tokens.")),
    responses(
        (status = 200, body = PersonBody),
        (status = 404, description = "Nobody was noted.", body = Problem),
        (status = 410, description = "person-forgotten", body = Problem),
        (status = 503, description = "log-unreachable", body = Problem),
    )
)]
pub async fn find(State(state): State<CommandState>, _: Operator, PathId(subject): PathId<Subject>) -> Answer<Response> {
    answer(&subject, state.people.find(&subject).await.map_err(failed)?)
}

/// Forgets who a subject is, for good. What they did stays in the log under the subject, and every proof stays valid.
#[utoipa::path(
    delete, path = "/people/{subject}", tag = "people", security(("token" = ["operator"])),
    params(("subject" = String, Path, description = "As in their tokens.")),
    responses(
        (status = 200, description = "Forgotten, now or before.", body = ForgottenBody),
        (status = 404, description = "Nobody was noted.", body = Problem),
        (status = 503, description = "outcome-unknown: send it again", body = Problem),
    )
)]
pub async fn forget(State(state): State<CommandState>, Operator(by): Operator, PathId(subject): PathId<Subject>) -> Answer<Response> {
    match state.people.forget(&subject, Some(&by)).await {
        Ok(Some(forgotten)) => Ok(private(StatusCode::OK, &forgotten_body(&forgotten))),
        Ok(None) => Err(nobody(&subject)),
        Err(error @ (PeopleError::Store { .. } | PeopleError::Unknown(_) | PeopleError::NotErased)) => {
            tracing::warn!(cause = std::error::Error::source(&error).map(ToString::to_string), "a person may not be forgotten: {error}");
            let detail = "The person may or may not be forgotten yet. Send it again.";
            Err(Problem::new(Code::OutcomeUnknown, detail).into())
        }
        Err(error) => Err(failed(error)),
    }
}

fn answer(subject: &Subject, known: Known) -> Answer<Response> {
    match known {
        Known::Person(Person { name, contact, noted_at }) => {
            Ok(private(StatusCode::OK, &PersonBody { subject: subject.as_str().into(), name, contact, noted_at: Instant(noted_at) }))
        }
        Known::Nobody => Err(nobody(subject)),
        Known::Forgotten(forgotten) => {
            let body = forgotten_body(&forgotten);
            let problem = Problem::new(Code::PersonForgotten, format!("Whoever `{subject}` was is forgotten."));
            Err(problem.with("forgotten_at", body.forgotten_at.to_string()).with("log_position", body.log_position).into())
        }
    }
}

fn forgotten_body(forgotten: &Forgotten) -> ForgottenBody {
    let Forgotten { subject, forgotten_at, log_position } = forgotten;
    ForgottenBody { subject: subject.as_str().into(), forgotten_at: Instant(*forgotten_at), log_position: *log_position }
}

fn nobody(subject: &Subject) -> Failure {
    Problem::new(Code::NotFound, format!("Nobody is noted under `{subject}`.")).into()
}

fn failed(error: PeopleError) -> Failure {
    match error {
        PeopleError::Store { .. } => {
            tracing::warn!(cause = std::error::Error::source(&error).map(ToString::to_string), "people can't be reached: {error}");
            Problem::new(Code::LogUnreachable, "The log or the people can't be reached. Send it again.").into()
        }
        PeopleError::Crowded => Problem::new(Code::Overloaded, "Too much is going on. Nothing was done.").into(),
        error @ (PeopleError::Fact(_) | PeopleError::Unusable { .. } | PeopleError::Unknown(_) | PeopleError::NotErased) => {
            internal("looking after people", &error)
        }
    }
}

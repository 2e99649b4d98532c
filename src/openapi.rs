//! The description of the HTTP interface, generated from the handlers.

use fullhouse_schemas::http::{CompactSeatsBody, ReadinessBody};
use fullhouse_schemas::queue::QueueBody;
use fullhouse_schemas::stream::ChangeBody;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, HeaderBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fullhouse",
        description = "Sells numbered seats. Errors are RFC 9457 problems with a stable `code`; `/problems/{code}` explains each.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        fullhouse_command::handlers::schedule,
        fullhouse_query::shows::list,
        fullhouse_query::shows::one,
        fullhouse_query::chart::chart,
        fullhouse_query::seats::seats,
        fullhouse_query::stream::stream,
        fullhouse_command::handlers::join,
        fullhouse_query::queue::place,
        fullhouse_command::handlers::leave,
        fullhouse_query::queue::room,
        fullhouse_command::handlers::change_room,
        fullhouse_query::queue::draw,
        fullhouse_command::handlers::session,
        fullhouse_command::handlers::reserve,
        fullhouse_query::reservation::reservation,
        fullhouse_command::handlers::checkout,
        fullhouse_command::handlers::release,
        fullhouse_command::handlers::note,
        fullhouse_command::handlers::find,
        fullhouse_command::handlers::forget,
        fullhouse_query::history::of_show,
        fullhouse_query::biography::biography,
        fullhouse_query::history::of_log,
        fullhouse_query::proofs::receipt,
        fullhouse_query::proofs::newest,
        fullhouse_query::proofs::key,
        fullhouse_query::proofs::checkpoints,
        fullhouse_query::proofs::consistency,
        crate::serve::operations::livez,
        crate::serve::operations::readyz,
        crate::serve::operations::metrics,
    ),
    components(schemas(CompactSeatsBody, ChangeBody, ReadinessBody, QueueBody)),
    tags(
        (name = "shows", description = "What is on, and which seats are free. No token needed."),
        (name = "reservations", description = "Holding, buying and releasing seats. Role: customer."),
        (name = "waiting room", description = "Who may shop now, when more people want to than may. Joining: role customer."),
        (name = "people", description = "Who the subjects are, and forgetting them. Role: operator."),
        (name = "history", description = "What happened. Role: auditor."),
        (name = "proofs", description = "That history is what it was: signed checkpoints, receipts and proofs."),
        (name = "operations", description = "For those who run the server."),
    ),
    modifiers(&Token, &Manners),
)]
pub struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Claims `sub`, `role`, `exp`, `aud`. `POST /session` gives anyone a guest token."))
            .build();
        description.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// What is true of every operation, so that no handler has to say it: errors are `application/problem+json`, tokens may be
/// missing or of the wrong role, and any server may be busy.
struct Manners;

/// Paths that answer as long as the process does.
const ALWAYS_ANSWERED: [&str; 4] = ["/livez", "/metrics", "/session", "/readyz"];

impl Modify for Manners {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                if operation.security.is_some() {
                    responses.entry("401".into()).or_insert_with(|| problem("unauthorized: the token is missing or no good"));
                    responses.entry("403".into()).or_insert_with(|| problem("forbidden: the token's role may not do this"));
                }
                if !ALWAYS_ANSWERED.contains(&path.as_str()) {
                    responses.entry("503".into()).or_insert_with(|| problem("not-reached or overloaded"));
                }
                for (status, response) in responses.iter_mut() {
                    if let RefOr::T(response) = response {
                        complete(status, response);
                    }
                }
            }
        }
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = Content::new(Some(utoipa::openapi::Ref::from_schema_name("Problem")));
    RefOr::T(ResponseBuilder::new().description(description).content("application/json", content).build())
}

fn complete(status: &str, response: &mut Response) {
    let is_problem = status.starts_with(['4', '5']);
    if response.description.is_empty() {
        response.description = if is_problem { "The `code` says what is wrong." } else { "What was asked for." }.into();
    }
    if !is_problem {
        return;
    }
    if let Some(content) = response.content.swap_remove("application/json") {
        response.content.insert("application/problem+json".into(), content);
    }
    if matches!(status, "429" | "503") {
        let text = Schema::Object(ObjectBuilder::new().schema_type(Type::String).build());
        let header = HeaderBuilder::new().schema(Some(text)).description(Some("Seconds to stay away.")).build();
        response.headers.insert("Retry-After".into(), RefOr::T(header));
    }
}

/// The description as JSON text.
pub fn json() -> String {
    let mut text = Description::openapi().to_pretty_json().expect("the description serializes");
    text.push('\n');
    text
}

/// `fullhouse openapi`
pub fn main() -> anyhow::Result<()> {
    crate::print_result(&json())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the description is checked in.
    const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");

    #[test]
    fn every_answer_is_described_and_every_error_is_a_problem() {
        let description: serde_json::Value = serde_json::from_str(&json()).expect("JSON");
        let paths = description["paths"].as_object().expect("paths");
        for (path, operation) in
            paths.iter().flat_map(|(path, item)| item.as_object().into_iter().flatten().map(move |(_, operation)| (path, operation)))
        {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{path} {status}");
                let media_types: Vec<&String> = response["content"].as_object().into_iter().flat_map(|content| content.keys()).collect();
                assert!(!status.starts_with(['4', '5']) || media_types == ["application/problem+json"], "{path} {status}: {media_types:?}");
            }
        }
    }

    #[test]
    fn the_description_that_is_checked_in_is_the_one_that_the_code_generates() {
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(CHECKED_IN, json()).expect("it can be written");
        }
        let checked_in = std::fs::read_to_string(CHECKED_IN).expect("schemas/openapi.json is checked in");
        assert!(checked_in == json(), "schemas/openapi.json is out of date: run the tests with UPDATE_SCHEMAS=1 and look at what changed");
    }
}

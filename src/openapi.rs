//! The description of the HTTP interface, generated from the handlers.

use fullhouse_schemas::http::{CompactSeatsBody, ReadinessBody};
use fullhouse_schemas::stream::ChangeBody;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
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
        fullhouse_command::handlers::session,
        fullhouse_command::handlers::reserve,
        fullhouse_query::reservation::reservation,
        fullhouse_command::handlers::checkout,
        fullhouse_command::handlers::release,
        fullhouse_query::history::of_show,
        fullhouse_query::history::of_log,
        crate::serve::operations::livez,
        crate::serve::operations::readyz,
        crate::serve::operations::metrics,
    ),
    components(schemas(CompactSeatsBody, ChangeBody, ReadinessBody)),
    tags(
        (name = "shows", description = "What is on, and which seats are free. No token needed."),
        (name = "reservations", description = "Holding, buying and releasing seats. Role: customer."),
        (name = "history", description = "What happened. Role: auditor."),
        (name = "operations", description = "For those who run the server."),
    ),
    modifiers(&Token),
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

/// The description as JSON text.
pub fn json() -> String {
    let mut text = Description::openapi().to_pretty_json().expect("the description serializes");
    text.push('\n');
    text
}

/// `fullhouse openapi`
pub fn main() -> anyhow::Result<()> {
    print!("{}", json());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the description is checked in.
    const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");

    #[test]
    fn the_description_that_is_checked_in_is_the_one_that_the_code_generates() {
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(CHECKED_IN, json()).expect("it can be written");
        }
        let checked_in = std::fs::read_to_string(CHECKED_IN).expect("schemas/openapi.json is checked in");
        assert!(checked_in == json(), "schemas/openapi.json is out of date: run the tests with UPDATE_SCHEMAS=1 and look at what changed");
    }
}

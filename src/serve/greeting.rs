//! What is printed when the server is up: addresses, and commands that can be pasted at once.

use std::net::SocketAddr;
use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_http::Role;

use super::Parts;
use crate::cli::{ServeRole, ServeSettings};

/// How long the tokens in the printed commands are good.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Prints where the server is and what to try. The tokens are new each time. A server goes on though nobody reads this.
pub fn print(address: SocketAddr, settings: &ServeSettings, parts: &Parts, event: Option<&ShowId>) -> anyhow::Result<()> {
    let url = url(address);
    let mut lines: Vec<String> = Vec::new();
    let token = |role: Role| {
        let subject = Subject::parse(&format!("greeting-{}", role.as_str())).expect("a role's name is visible");
        parts.tokens.sign(&subject, role, LIFETIME).0
    };
    lines.push(format!("Fullhouse listens on {url}"));
    if settings.role != ServeRole::All {
        // One process of many: people come through the gateway.
        return crate::print_result(&format!("{}\n", lines.join("\n")));
    }
    lines.push(format!("  Seat map       {url}/"));
    lines.push(format!("  Audit          {url}/audit#token={}", token(Role::Auditor)));
    lines.push(format!("  Documentation  {url}/docs"));
    lines.push(format!("  Data           {}", settings.data.display()));
    lines.push(String::new());
    match event {
        Some(event) => {
            lines.push("Hold two seats side by side, and watch the map change:".into());
            lines.push(format!("  curl -N {url}/events/{event}/stream &"));
            lines.push(format!("  TOKEN={}", token(Role::Customer)));
            lines.push(format!(
                "  curl -s {url}/reserve -H \"Authorization: Bearer $TOKEN\" --json '{{\"event_id\": \"{event}\", \"best_available\": {{\"count\": 2}}}}'"
            ));
            lines.push(String::new());
            lines.push("What happened so far:".into());
            lines.push(format!("  curl -s {url}/events/{event}/history -H \"Authorization: Bearer {}\"", token(Role::Auditor)));
        }
        None => {
            lines.push("Schedule an event:".into());
            lines.push(format!("  TOKEN={}", token(Role::Organizer)));
            lines.push(format!(
                "  curl -s {url}/events -H \"Authorization: Bearer $TOKEN\" --json '{{\"title\": \"Hamlet\", \"starts_at\": \"2030-01-31T19:30:00Z\", \"sections\": [{{\"name\": \"Stalls\", \"price\": {{\"amount\": 4500, \"currency\": \"EUR\"}}, \"rows\": [{{\"name\": \"A\", \"seats\": 20}}]}}]}}'"
            ));
        }
    }
    lines.push(String::new());
    crate::print_result(&lines.join("\n"))
}

/// An address that listens everywhere is reached at home.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("http://localhost:{}", address.port()) } else { format!("http://{address}") }
}

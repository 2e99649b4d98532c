//! What is printed when the server is up: addresses, and commands that can be pasted at once.

use std::net::SocketAddr;
use std::time::Duration;

use fullhouse_domain::{ShowId, Subject};
use fullhouse_http::{Role, Tokens};

use crate::cli::ServeSettings;

/// How long the tokens in the printed commands are good.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Prints where the server is and what to try. The tokens are new each time.
pub fn print(address: SocketAddr, settings: &ServeSettings, tokens: &Tokens, event: Option<&ShowId>) {
    let url = url(address);
    let token = |role: Role| {
        let subject = Subject::parse(&format!("greeting-{}", role.as_str())).expect("a role's name is visible");
        tokens.sign(&subject, role, LIFETIME).0
    };
    println!("Fullhouse listens on {url}");
    println!("  Seat map       {url}/");
    println!("  Documentation  {url}/docs");
    println!("  Data           {}", settings.data.display());
    println!();
    match event {
        Some(event) => {
            println!("Hold two seats side by side, and watch the map change:");
            println!("  curl -N {url}/events/{event}/stream &");
            println!("  TOKEN={}", token(Role::Customer));
            println!(
                "  curl -s {url}/reserve -H \"Authorization: Bearer $TOKEN\" --json '{{\"event_id\": \"{event}\", \"best_available\": {{\"count\": 2}}}}'"
            );
            println!();
            println!("What happened so far:");
            println!("  curl -s {url}/events/{event}/history -H \"Authorization: Bearer {}\"", token(Role::Auditor));
        }
        None => {
            println!("Schedule an event:");
            println!("  TOKEN={}", token(Role::Organizer));
            println!(
                "  curl -s {url}/events -H \"Authorization: Bearer $TOKEN\" --json '{{\"title\": \"Hamlet\", \"starts_at\": \"2030-01-31T19:30:00Z\", \"sections\": [{{\"name\": \"Stalls\", \"price\": {{\"amount\": 4500, \"currency\": \"EUR\"}}, \"rows\": [{{\"name\": \"A\", \"seats\": 20}}]}}]}}'"
            );
        }
    }
}

/// An address that listens everywhere is reached at home.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("http://localhost:{}", address.port()) } else { format!("http://{address}") }
}

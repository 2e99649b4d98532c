//! The gateway of `deploy/haproxy` in front of one server.

use fullhouse_test_servers::Process;

use super::server::free_port;
use super::{Person, Server, eventually};

/// HAProxy before a server. It ends when it goes out of scope.
pub struct Gateway {
    _process: Process,
    pub url: String,
}

impl Gateway {
    /// Waits until it has found the server.
    pub async fn start(server: &Server) -> Self {
        let configuration = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/haproxy/haproxy.cfg");
        let (listen, to) = (format!("127.0.0.1:{}", free_port()), server.url.trim_start_matches("http://"));
        let arguments = [&format!("FULLHOUSE_GATEWAY={listen}"), &format!("FULLHOUSE_LISTEN={to}"), "haproxy", "-f", configuration];
        let process = Process::start("env", arguments.map(str::to_owned).into(), None);
        let gateway = Self { _process: process, url: format!("http://{listen}") };
        let anyone = Person::anonymous(&gateway.url);
        eventually("the gateway has found the server", || async {
            let answer = anyone.request(reqwest::Method::GET, "/readyz").send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        gateway
    }
}

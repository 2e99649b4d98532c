//! The gateway of `deploy/haproxy` in front of one server.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::server::free_port;
use super::{Person, Server, eventually};

/// HAProxy before a server. It ends when it goes out of scope.
pub struct Gateway {
    child: Child,
    pub url: String,
}

impl Gateway {
    /// Waits until it has found the server.
    pub async fn start(server: &Server) -> Self {
        let configuration = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy/haproxy.cfg");
        let listen = format!("127.0.0.1:{}", free_port());
        let child = Command::new("haproxy")
            .arg("-f")
            .arg(configuration)
            .env("FULLHOUSE_GATEWAY", &listen)
            .env("FULLHOUSE_LISTEN", server.url.trim_start_matches("http://"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy is installed");
        let gateway = Self { child, url: format!("http://{listen}") };
        let anyone = Person::anonymous(&gateway.url);
        eventually("the gateway has found the server", || async {
            let answer = anyone.request(reqwest::Method::GET, "/readyz").send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

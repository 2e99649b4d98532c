//! The gateway of `deploy/haproxy` in front of a server: streams are not held back, and too many requests are.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use support::server::free_port;
use support::{LiveMap, Person, Server, eventually, hall};

struct Gateway {
    child: Child,
    url: String,
}

impl Gateway {
    async fn start(server: &Server) -> Self {
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

#[tokio::test]
async fn through_the_gateway_a_stream_is_live_and_a_flood_is_refused() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(2, 10)).await;
    let gateway = Gateway::start(&server).await;
    let ann = Person::guest(&gateway.url).await;
    let mut map = LiveMap::open(&ann, &event).await;
    for position in 2..6 {
        assert_eq!(ann.hold_best(&event, 1).await.status, 201);
        map.reach(position).await;
    }
    assert_eq!(ann.get("/metrics").await.status, 404, "metrics are not for the public");

    // The server goes and comes back behind the gateway; the client resumes through it.
    server.kill();
    while map.next().await {}
    server.restart();
    let ann = ann.reconnected();
    eventually("the gateway has found the server again", || async { (ann.get("/readyz").await.status == 200).then_some(()) }).await;
    map.connect().await;
    assert_eq!(ann.hold_best(&event, 1).await.status, 201);
    map.reach(6).await;
    assert_eq!(map.whole_maps, 1);

    eventually("the flood is refused", || async { (ann.get("/events").await.status == 429).then_some(()) }).await;
}

//! The gateway of `deploy/haproxy` in front of a server: streams are not held back, and too many requests are.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use reqwest::Method;
use support::person::answered;
use support::{Gateway, LiveMap, Person, Server, eventually, hall};

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
    let down = eventually("the gateway says that nobody is there", || async {
        let answer = answered(ann.reconnected().request(Method::GET, "/events")).await?;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_eq!(down.is_problem(503, "overloaded").header("retry-after"), "1");
    server.restart();
    let ann = ann.reconnected();
    eventually("the gateway has found the server again", || async { (ann.get("/readyz").await.status == 200).then_some(()) }).await;
    map.connect().await;
    assert_eq!(ann.hold_best(&event, 1).await.status, 201);
    map.reach(6).await;
    assert_eq!(map.whole_maps, 1);

    let refused = eventually("the flood is refused", || async {
        let answer = ann.get("/events").await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(refused.is_problem(429, "too-many-requests").header("retry-after"), "10");
}

//! Two people look at one hall, each in a browser of their own: Chromium, driven through its driver.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use support::server::free_port;
use support::shopper::{hall_with_room, present_at};
use support::{Person, Server, Shopper, eventually, hall};

/// The driver, which starts browsers.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let port = free_port();
        let child = Command::new("chromedriver").arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("chromedriver is installed (Debian: chromium, chromium-driver)");
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    async fn browser(&self, profile: &std::path::Path) -> Client {
        let profile = format!("--user-data-dir={}", profile.display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,800",
            &profile,
        ];
        let capabilities = json!({ "goog:chromeOptions": { "args": arguments } });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        eventually("the driver is up", || async { builder.connect(&self.url).await.ok() }).await
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One person's page.
struct Page(Client);

impl Page {
    async fn open(browser: Client, server: &Server, event: &str) -> Self {
        browser.goto(&format!("{}/?event={event}", server.url)).await.unwrap();
        let page = Self(browser);
        page.wait_until(
            "the map is live",
            "document.documentElement.dataset.live === 'on' && document.documentElement.dataset.position >= 1",
        )
        .await;
        page
    }

    async fn ask(&self, expression: &str) -> Value {
        self.0.execute(&format!("return {expression};"), vec![]).await.unwrap()
    }

    async fn wait_until(&self, what: &str, condition: &str) {
        eventually(what, || async { (self.ask(condition).await == true).then_some(()) }).await;
    }

    async fn choose(&self, label: &str) {
        self.ask(&format!("window.fullhouse.select('{label}')")).await;
    }

    async fn click(&self, id: &str) {
        self.0.find(Locator::Id(id)).await.unwrap().click().await.unwrap();
    }

    async fn sees(&self, label: &str, status: &str) {
        self.wait_until(&format!("{label} is {status}"), &format!("window.fullhouse.seatStatus('{label}') === '{status}'")).await;
    }

    async fn panel_is(&self, mode: &str) {
        self.wait_until(&format!("the panel is {mode}"), &format!("document.getElementById('panel').dataset.mode === '{mode}'")).await;
    }

    /// Keeps what can be seen, for people, in the folder that `FULLHOUSE_SCREENSHOTS` names.
    async fn keep(&self, name: &str) {
        if let Some(folder) = std::env::var_os("FULLHOUSE_SCREENSHOTS") {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), self.0.screenshot().await.unwrap()).unwrap();
        }
    }

    async fn shows(&self, id: &str) {
        self.wait_until(&format!("{id} can be seen"), &format!("document.getElementById('{id}').offsetParent !== null")).await;
    }

    async fn reads(&self, id: &str, words: &str) {
        self.wait_until(&format!("{id} says {words}"), &format!("document.getElementById('{id}').textContent.includes('{words}')")).await;
    }

    async fn is_told(&self, words: &str) {
        self.wait_until(&format!("told: {words}"), &format!("document.getElementById('notice').textContent.includes('{words}')")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_holds_the_other_sees_turn_and_is_told_when_it_was_his_choice() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall(6, 20)).await;
    let driver = Driver::start();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ann = Page::open(driver.browser(first.path()).await, &server, &event).await;
    let bob = Page::open(driver.browser(second.path()).await, &server, &event).await;

    // Ann holds two seats; Bob, who had chosen one of them, sees both turn and is told.
    bob.choose("S-A-11").await;
    bob.choose("S-A-12").await;
    bob.panel_is("chosen").await;
    ann.choose("S-A-10").await;
    ann.choose("S-A-11").await;
    ann.click("hold").await;
    ann.panel_is("held").await;
    bob.sees("S-A-10", "pending").await;
    bob.sees("S-A-11", "pending").await;
    bob.is_told("seat 11 has").await;
    bob.is_told("gone to someone else").await;
    let clock = ann.ask("document.getElementById('countdown').textContent").await;
    assert!(clock.as_str().is_some_and(|clock| clock.starts_with("9:") || clock == "10:00"), "{clock}");

    // What is left of Bob's choice can be held, and let go.
    bob.click("hold").await;
    bob.panel_is("held").await;
    ann.sees("S-A-12", "pending").await;
    bob.click("release").await;
    ann.sees("S-A-12", "available").await;

    // A reload loses nothing.
    ann.0.refresh().await.unwrap();
    ann.panel_is("held").await;

    // The server is killed and comes back: the pages find it again by themselves.
    server.kill();
    bob.wait_until("the page has noticed", "document.documentElement.dataset.live === 'off'").await;
    server.restart();
    bob.wait_until("the page is live again", "document.documentElement.dataset.live === 'on'").await;
    ann.wait_until("the page is live again", "document.documentElement.dataset.live === 'on'").await;

    ann.click("checkout").await;
    ann.panel_is("booked").await;
    bob.sees("S-A-10", "reserved").await;
    bob.sees("S-A-11", "reserved").await;
    ann.0.close().await.unwrap();
    bob.0.close().await.unwrap();
    server.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_a_full_room_waits_and_is_let_in_and_buys() {
    let mut server = Server::start(&[]);
    let event = server.schedule(&hall_with_room(6, 20, json!({ "max_active": 1 }))).await;
    let mut ann = Shopper::join(server.guest().await, &event).await;
    assert!(ann.is_admitted());
    let driver = Driver::start();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bob = Page::open(driver.browser(first.path()).await, &server, &event).await;
    let cat = Page::open(driver.browser(second.path()).await, &server, &event).await;

    // The room is full: each is asked whether to wait, and gets a number.
    bob.shows("queue-join").await;
    bob.keep("1-door").await;
    bob.click("queue-join").await;
    bob.reads("waiting-number", "2").await;
    cat.shows("queue-join").await;
    cat.click("queue-join").await;
    cat.reads("waiting-number", "3").await;
    cat.reads("waiting-ahead", "1").await;
    bob.keep("2-waiting-next").await;
    cat.keep("2-waiting-behind").await;
    assert_eq!(bob.ask("document.getElementById('seats').inert").await, true, "the map is to look at");

    // Neither a reload nor the end of the server costs a place.
    bob.0.refresh().await.unwrap();
    bob.reads("waiting-number", "2").await;
    server.kill();
    for page in [&bob, &cat] {
        page.wait_until("the page has noticed", "document.documentElement.dataset.live === 'off'").await;
    }
    server.restart();
    for page in [&bob, &cat] {
        page.wait_until("the page is live again", "document.documentElement.dataset.live === 'on'").await;
    }
    // Whoever were not back yet would be passed over.
    eventually("both are there again", || async { (present_at(&server.url).await == 2).then_some(()) }).await;

    ann.person = ann.person.reconnected();
    ann.buy().await;
    bob.wait_until("it is his turn", "document.getElementById('waiting').hidden && !document.getElementById('seats').inert").await;
    bob.is_told("It is your turn").await;
    bob.reads("turn", "Your turn lasts until").await;
    bob.keep("3-admitted").await;
    assert_eq!(cat.ask("document.getElementById('waiting').hidden").await, false, "hers is not yet");
    cat.reads("waiting-serving-number", "2").await;
    bob.choose("S-C-5").await;
    bob.panel_is("chosen").await;
    bob.click("hold").await;
    bob.panel_is("held").await;
    bob.keep("4-held").await;
    bob.click("checkout").await;
    bob.panel_is("booked").await;
    cat.wait_until("it is her turn", "document.getElementById('waiting').hidden && !document.getElementById('seats').inert").await;
    cat.sees("S-C-5", "reserved").await;
    cat.keep("5-the-next-one").await;
    bob.0.close().await.unwrap();
    cat.0.close().await.unwrap();
    server.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_replays_a_sale_and_sees_the_seats_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    support::sale::make(folder.path(), 4_000, 1).await;
    let server = Server::start_in(folder.path(), "127.0.0.1:0", &[]);
    let anyone = Person::anonymous(&server.url);
    let event = "local-gala";
    // The sale is long past, so its last holds end now.
    eventually("no hold runs any more", || async { (!anyone.statuses(event).await.contains('p')).then_some(()) }).await;
    let token = server.run(&["token", "--role", "auditor", "--subject", "audrey"]);
    let token = String::from_utf8(token.stdout).unwrap();
    let (driver, profile) = (Driver::start(), tempfile::tempdir().unwrap());
    let page = Page(driver.browser(profile.path()).await);
    page.0.goto(&format!("{}/audit?event={event}#token={}", server.url, token.trim())).await.unwrap();
    page.wait_until("the history is loaded", "window.fullhouseAudit && document.getElementById('progress').hidden").await;
    assert_eq!(page.ask("location.hash").await, "", "the token does not stay in the address");
    let head = anyone.get(&format!("/events/{event}/seats?format=compact")).await.body["position"].as_u64().unwrap();
    assert_eq!(page.ask("window.fullhouseAudit.history.count").await, head);
    for position in [1, 2, head / 3, head / 2 + 1, head / 5, head - 1, head] {
        page.ask(&format!("window.fullhouseAudit.moveTo({position})")).await;
        let shown = page.ask("Array.from(window.fullhouseAudit.show.kinds, (kind) => 'apr'[kind]).join('')").await;
        let expected = anyone.get(&format!("/events/{event}/seats?format=compact&position={position}")).await.body;
        assert!(shown == expected["statuses"], "the map at position {position} is the one that the server folds");
    }
    page.ask("window.fullhouseAudit.lookAt(7)").await;
    page.wait_until("the seat's biography is shown", "document.getElementById('biography').offsetParent !== null").await;
    page.keep("audit").await;
    let severe = page.ask("document.getElementById('notice')?.textContent ?? ''").await;
    assert_eq!(severe, "", "nothing went wrong");
    page.0.close().await.unwrap();
}

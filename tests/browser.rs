//! Two people look at one hall, each in a browser of their own: Chromium, driven through its driver.
#![allow(clippy::unwrap_used, reason = "a test that can't go on should say where")]

mod support;

use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use support::server::free_port;
use support::{Server, eventually, hall};

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

//! Somebody who talks to a server over HTTP.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Somebody with or without a token.
#[derive(Clone)]
pub struct Person {
    pub http: reqwest::Client,
    pub url: String,
    pub token: Option<String>,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The text as JSON; null when it isn't.
    pub body: Value,
}

impl Answered {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails unless this is a problem with everything that RFC 9457 and the contract ask for.
    pub fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, self.code()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], status, "{self:?}");
        assert_eq!(self.body["type"], format!("/problems/{code}"), "{self:?}");
        for member in ["title", "detail", "request_id"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self:?}");
        }
        self
    }
}

impl Person {
    pub fn anonymous(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.into(), token: None }
    }

    pub fn with_token(url: &str, token: &str) -> Self {
        Self { token: Some(token.into()), ..Self::anonymous(url) }
    }

    pub async fn guest(url: &str) -> Self {
        let session = Self::anonymous(url).post("/session", &json!({})).await;
        assert_eq!(session.status, 201, "{session:?}");
        Self::with_token(url, session.body["token"].as_str().unwrap())
    }

    /// The same person with new connections: those to a server that was killed are of no use.
    pub fn reconnected(&self) -> Self {
        Self { http: reqwest::Client::new(), ..self.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answered {
        answered(self.request(Method::GET, path)).await.expect("an answer")
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answered {
        answered(self.request(Method::POST, path).json(body)).await.expect("an answer")
    }

    pub async fn delete(&self, path: &str) -> Answered {
        answered(self.request(Method::DELETE, path)).await.expect("an answer")
    }

    /// Posts under an `Idempotency-Key`; nothing, when no answer came.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Option<Answered> {
        answered(self.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    pub async fn hold(&self, event: &str, seats: &[&str]) -> Answered {
        self.post("/reserve", &json!({ "event_id": event, "seats": seats })).await
    }

    pub async fn hold_best(&self, event: &str, count: u32) -> Answered {
        self.post("/reserve", &json!({ "event_id": event, "best_available": { "count": count } })).await
    }

    pub async fn checkout(&self, reservation: &str) -> Answered {
        self.post(&format!("/reserve/{reservation}/checkout"), &json!({ "payment_reference": "pay-1" })).await
    }

    pub async fn release(&self, reservation: &str) -> Answered {
        self.delete(&format!("/reserve/{reservation}")).await
    }

    /// One letter per seat.
    pub async fn statuses(&self, event: &str) -> String {
        self.get(&format!("/events/{event}/seats?format=compact")).await.body["statuses"].as_str().unwrap().into()
    }
}

/// Sends a request and reads the whole answer; nothing, when the connection broke.
pub async fn answered(request: reqwest::RequestBuilder) -> Option<Answered> {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Answered { status, headers, text, body })
}

//! The HTTP interface as somebody else's program calls it: nothing is typed, so that anything can
//! be sent.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use vine_api::{Client, Enrol, Enrolled, WIRE, WIRE_HEADER};
use vine_domain::{WorkerId, token::Token};

use super::Place;

pub struct Api {
    pub http: reqwest::Client,
    pub base: String,
}

impl Api {
    pub fn of(place: &Place) -> Self {
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            base: place.client().base().to_owned(),
        }
    }

    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        self.with_key(method, path, token, None, body).await
    }

    /// The same with an `Idempotency-Key`.
    pub async fn with_key(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        key: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .header("content-type", "application/json")
            .header(WIRE_HEADER, WIRE)
            .body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a body");
        (
            status,
            serde_json::from_str(&text)
                .unwrap_or_else(|_| panic!("{path} answered {status} without JSON: {text}")),
        )
    }

    /// A worker's call that names another version of the protocol, or none.
    pub async fn with_wire(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        wire: Option<&str>,
        body: String,
    ) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .header("content-type", "application/json")
            .body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(wire) = wire {
            request = request.header(WIRE_HEADER, wire);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status();
        (status, response.json().await.expect("JSON"))
    }

    /// The call is refused with this status, and in our form.
    pub async fn refused(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<reqwest::Body>,
        status: u16,
    ) -> Value {
        let (got, error) = self.call(method.clone(), path, token, body).await;
        assert_eq!(got.as_u16(), status, "{method} {path}: {error:#}");
        for field in ["code", "message", "hint"] {
            assert!(
                error[field].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path} has no {field}: {error:#}"
            );
        }
        error
    }
}

/// A worker that does only what the test says.
pub async fn enrolled(place: &Place, slots: u32) -> (Client, WorkerId) {
    let user = place.client();
    let code = Token::presented(&place.secret("enrolment").await);
    let enrol = Enrol {
        code,
        name: "by-hand".into(),
        slots,
        version: "test".into(),
    };
    let Enrolled { token, id } = Client::new(user.base(), None)
        .post("/workers", &enrol)
        .await
        .expect("enrolled");
    // With connections of its own, as another process has.
    (Client::new(user.base(), Some(token)), id)
}

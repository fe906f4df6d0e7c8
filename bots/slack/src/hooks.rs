//! Receives Slack's requests, for teams that do not use Socket Mode. Each is signed and at most
//! five minutes old. A repeated request changes nothing, since events are recognized by their IDs.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use slack_morphism::{
    prelude::SlackSigningSecret, signature_verifier::SlackEventSignatureVerifier as Verifier,
};
use vine_domain::ports::EventSink;

use crate::{Slack, intake, session::Transport};

/// The path for all of Slack's requests, below the daemon's public address.
pub const PATH: &str = "/chat/slack";
/// Maximum bytes of a request, which are read before its signature is checked. Events have at most
/// about 40 kB of text, in several forms.
const LARGEST: usize = 512 * 1024;

#[derive(Clone)]
struct RequestVerifier {
    slack: Arc<Slack>,
    ear: Arc<dyn EventSink>,
    verifier: Verifier,
}

/// The routes that the daemon serves for Slack; none in Socket Mode.
pub fn routes(slack: Arc<Slack>, ear: Arc<dyn EventSink>) -> Router {
    let Transport::Http { signing_secret } = &slack.settings.way else {
        return Router::new();
    };
    let verifier = Verifier::new(&SlackSigningSecret::new(signing_secret.clone()));
    let door = RequestVerifier {
        slack,
        ear,
        verifier,
    };
    Router::new()
        .route(PATH, post(knock))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(door)
}

async fn knock(State(door): State<RequestVerifier>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(body) = door.signed(&headers, &body) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let form = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let Some((kind, payload)) = (if form { of_form(body) } else { of_json(body) }) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if payload["type"] == "url_verification" {
        return payload["challenge"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
            .into_response();
    }
    // Slack sends events again; for interactions it shows the person an error.
    let Ok(session) = door.slack.session.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match intake::take(&session, &door.ear, kind, &payload).await {
        Some(Value::Null) => StatusCode::OK.into_response(),
        Some(shown) => Json(shown).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl RequestVerifier {
    /// The body, if Slack signed it recently.
    fn signed<'a>(&self, headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let hash = text(Verifier::SLACK_SIGNED_HASH_HEADER)?;
        let at = text(Verifier::SLACK_SIGNED_TIMESTAMP)?;
        let body = std::str::from_utf8(body).ok()?;
        let refused = |error: &_| tracing::warn!("rejected an unverified Slack request: {error}");
        self.verifier
            .verify(hash, body, at)
            .inspect_err(refused)
            .ok()?;
        Some(body)
    }
}

fn of_json(body: &str) -> Option<(&'static str, Value)> {
    Some(("events_api", serde_json::from_str(body).ok()?))
}

/// A command is a form; other interactions are JSON in its field `payload`.
fn of_form(body: &str) -> Option<(&'static str, Value)> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(body).ok()?;
    if let Some((_, payload)) = fields.iter().find(|(key, _)| key == "payload") {
        return Some(("interactive", serde_json::from_str(payload).ok()?));
    }
    Some((
        "slash_commands",
        fields
            .into_iter()
            .map(|(key, text)| (key, json!(text)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    ))
}

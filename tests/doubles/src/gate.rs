//! A gate before a real server: lets everything through, but for what a test has it refuse.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// Bytes of a request or an answer.
const LARGEST: usize = 16 << 20;

/// A gate that is open.
#[derive(Clone)]
pub struct Gate {
    /// Where it listens.
    pub url: String,
    behind: String,
    http: reqwest::Client,
    refused: Arc<Mutex<Vec<Refusal>>>,
}

/// What is refused: requests whose path and body hold these words, so many times, in this way.
#[derive(Clone)]
pub struct Refusal {
    pub path: String,
    pub body: String,
    pub times: u32,
    pub status: u16,
    pub answer: Value,
}

impl Gate {
    /// Opens a gate before the server at `behind`.
    pub async fn open(behind: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let gate = Self {
            url,
            behind: behind.to_owned(),
            http: reqwest::Client::new(),
            refused: Arc::default(),
        };
        let app = Router::new().fallback(pass).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        gate
    }

    /// From now on.
    pub fn refuse(&self, refusal: Refusal) {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(refusal);
    }

    /// How many requests are still to be refused.
    pub fn left(&self) -> u32 {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|refusal| refusal.times)
            .sum()
    }

    fn refusal(&self, path: &str, body: &str) -> Option<Response> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = |one: &&mut Refusal| {
            one.times > 0 && path.contains(&one.path) && body.contains(&one.body)
        };
        let refusal = refused.iter_mut().find(meant)?;
        refusal.times -= 1;
        let status = StatusCode::from_u16(refusal.status).expect("a status");
        Some((status, axum::Json(refusal.answer.clone())).into_response())
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(refusal) = gate.refusal(&path, &String::from_utf8_lossy(&body)) {
        return refusal;
    }
    let mut headers = head.headers;
    headers.remove("host");
    headers.remove("content-length");
    let answer = gate
        .http
        .request(head.method, format!("{}{path}", gate.behind))
        .headers(headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = answer else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let mut response = Body::from(answer.bytes().await.unwrap_or_default()).into_response();
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

//! The HTTP client: typed calls, no retries. Who calls knows whether repeating makes sense.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use vine_domain::{WorkerId, token::Token};

use crate::{
    command::{CommandReply, RunCommand},
    error::ApiError,
    queue::{Claim, Claimed},
    worker::{Heartbeat, HeartbeatReply},
};

/// How long a call may take beside the time it asked to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Speaks to one daemon with one token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Arc<RwLock<Option<Token>>>,
}

/// What can come of a call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer that makes sense; trying again may help.
    #[error("the daemon at {base} cannot be reached: {why}")]
    Unreachable {
        /// Where it was looked for.
        base: String,
        /// What the network said.
        why: String,
    },
    /// The daemon said no.
    #[error("{}", .error.message)]
    Refused {
        /// The status.
        status: u16,
        /// Its words.
        error: ApiError,
    },
}

impl ClientError {
    /// The daemon is not there, or not able; the same call may work later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
        }
    }

    /// The word for programs, when the daemon refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Refused { error, .. } => Some(&error.code),
        }
    }
}

impl Client {
    /// A client for the daemon at `base`, like `http://127.0.0.1:7878`.
    pub fn new(base: &str, token: Option<Token>) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .expect("the built-in TLS roots load");
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: Arc::new(RwLock::new(token)),
        }
    }

    /// The same daemon with another token.
    #[must_use]
    pub fn with_token(&self, token: Token) -> Self {
        Self {
            token: Arc::new(RwLock::new(Some(token))),
            ..self.clone()
        }
    }

    /// From now on it and all its clones speak with this one.
    pub fn renew(&self, token: Token) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// The secret it speaks with.
    pub fn token(&self) -> Option<Token> {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where the daemon is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET` a path below `/api/v1`.
    pub async fn get<R: DeserializeOwned>(&self, path: &str) -> Result<R, ClientError> {
        self.call::<(), R>(Method::GET, path, None, Duration::ZERO)
            .await
    }

    /// `GET` a path that asks the daemon to hold it for `wait`.
    pub async fn get_waiting<R: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<R, ClientError> {
        self.call::<(), R>(Method::GET, path, None, wait).await
    }

    /// The text at a path beside the API, like `/metrics`.
    pub async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            base: self.base.clone(),
            why: causes(&error.without_url()),
        };
        let response = self
            .http
            .get(format!("{}{path}", self.base))
            .timeout(PATIENCE)
            .send()
            .await
            .map_err(unreachable)?;
        response.text().await.map_err(unreachable)
    }

    /// `POST` to a path below `/api/v1`.
    pub async fn post<B: Serialize + Sync, R: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<R, ClientError> {
        self.call(Method::POST, path, Some(body), Duration::ZERO)
            .await
    }

    /// `DELETE` a path below `/api/v1`.
    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.call::<(), ()>(Method::DELETE, path, None, Duration::ZERO)
            .await
    }

    /// Any call; `wait` is how long the body asks the daemon to hold it.
    pub async fn call<B: Serialize + Sync, R: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
        wait: Duration,
    ) -> Result<R, ClientError> {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .timeout(PATIENCE + wait);
        if let Some(token) = self.token() {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            base: self.base.clone(),
            why: causes(&error.without_url()),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(ClientError::Refused {
                status: status.as_u16(),
                error: refusal(status, &bytes),
            });
        }
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| ClientError::Unreachable {
            base: self.base.clone(),
            why: format!("its answer makes no sense: {error}"),
        })
    }

    /// Runs a command as the owner of the token.
    pub async fn run(&self, words: &[String], body: &str) -> Result<CommandReply, ClientError> {
        self.post(
            "/commands",
            &RunCommand {
                words: words.to_vec(),
                body: body.to_owned(),
            },
        )
        .await
    }

    /// Renews leases and waits for something to be told.
    pub async fn beat(
        &self,
        worker: WorkerId,
        beat: &Heartbeat,
    ) -> Result<HeartbeatReply, ClientError> {
        let wait = Duration::from_secs_f64(beat.wait.clamp(0.0, 60.0));
        self.call(
            Method::POST,
            &format!("/workers/{worker}/heartbeat"),
            Some(beat),
            wait,
        )
        .await
    }

    /// Waits for work.
    pub async fn claim(&self, claim: &Claim) -> Result<Claimed, ClientError> {
        let wait = Duration::from_secs_f64(claim.wait.clamp(0.0, 60.0));
        self.call(Method::POST, "/queue/claim", Some(claim), wait)
            .await
    }
}

fn refusal(status: StatusCode, bytes: &[u8]) -> ApiError {
    serde_json::from_slice(bytes).unwrap_or_else(|_| ApiError {
        code: "not_ours".into(),
        message: format!("the answer {status} did not come from a daemon of ours"),
        hint: "check the address, and what stands in front of it".into(),
    })
}

/// An error with its causes: reqwest's own text hides them.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text
}

//! The HTTP client: typed calls, no retries. The caller decides whether to retry.

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
    wire::{WIRE, WIRE_HEADER},
    worker::{Heartbeat, HeartbeatReply},
};

/// How long a call may take, in addition to the wait that it requests.
const PATIENCE: Duration = Duration::from_secs(20);

/// Calls one daemon with one token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Arc<RwLock<Option<Token>>>,
}

/// How a call can fail.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No usable response; a retry may help.
    #[error("the daemon at {base} cannot be reached: {why}")]
    Unreachable {
        /// The daemon's address.
        base: String,
        /// The network error.
        why: String,
    },
    /// The daemon is older or newer than this program.
    #[error(
        "the daemon at {base} uses version {theirs} of the worker protocol, this program uses version {WIRE}; \
         update the older one, daemons before workers"
    )]
    OtherWire {
        /// The daemon's address.
        base: String,
        /// Its version; 1 if it sends none.
        theirs: String,
    },
    /// The daemon refused the call.
    #[error("{}", .error.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error that it returned.
        error: ApiError,
    },
}

impl ClientError {
    /// The daemon is unreachable or unavailable; the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::OtherWire { .. } => false,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
        }
    }

    /// The error code, if the daemon refused the call.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Unreachable { .. } | Self::OtherWire { .. } => None,
            Self::Refused { error, .. } => Some(&error.code),
        }
    }
}

impl Client {
    /// A client for the daemon at `base`, such as `http://127.0.0.1:7878`.
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

    /// Replaces the token of this client and all its clones.
    pub fn renew(&self, token: Token) {
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// The token that it uses.
    pub fn token(&self) -> Option<Token> {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The daemon's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Checks that the daemon uses the same version of the worker protocol, which any response has.
    pub async fn check_wire(&self) -> Result<(), ClientError> {
        let refused: Result<(), ClientError> = self.get("/").await;
        match refused {
            Err(error @ (ClientError::OtherWire { .. } | ClientError::Unreachable { .. })) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// `GET` a path below `/api/v1`.
    pub async fn get<R: DeserializeOwned>(&self, path: &str) -> Result<R, ClientError> {
        self.call::<(), R>(Method::GET, path, None, Duration::ZERO)
            .await
    }

    /// `GET` a path that asks the daemon to hold the request for up to `wait`.
    pub async fn get_waiting<R: DeserializeOwned>(
        &self,
        path: &str,
        wait: Duration,
    ) -> Result<R, ClientError> {
        self.call::<(), R>(Method::GET, path, None, wait).await
    }

    /// `GET` the text of a path outside the API, such as `/metrics`.
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

    /// Any call; `wait` is how long the body asks the daemon to hold the request.
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
            .header(WIRE_HEADER, WIRE)
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
        let theirs = wire_of(&response);
        let bytes = response.bytes().await.map_err(unreachable)?;
        let refused = (!status.is_success()).then(|| refusal(status, &bytes));
        // A proxy in front of the daemon may respond instead of it, without a version.
        if theirs != WIRE && refused.as_ref().is_none_or(|error| error.code != NOT_OURS) {
            return Err(ClientError::OtherWire {
                base: self.base.clone(),
                theirs,
            });
        }
        if let Some(error) = refused {
            return Err(ClientError::Refused {
                status: status.as_u16(),
                error,
            });
        }
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).map_err(|error| ClientError::Unreachable {
            base: self.base.clone(),
            why: format!("its response is not valid: {error}"),
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

    /// Renews leases and waits for worker messages.
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

/// Daemons that use version 1 do not send the header.
fn wire_of(response: &reqwest::Response) -> String {
    let named = response.headers().get(WIRE_HEADER);
    named
        .and_then(|value| value.to_str().ok())
        .unwrap_or("1")
        .to_owned()
}

/// The code for a response that did not come from a daemon.
const NOT_OURS: &str = "not_ours";

fn refusal(status: StatusCode, bytes: &[u8]) -> ApiError {
    serde_json::from_slice(bytes).unwrap_or_else(|_| ApiError {
        code: NOT_OURS.into(),
        message: format!("the response {status} did not come from an AgentVine daemon"),
        hint: "check the address and any proxy in front of it".into(),
    })
}

/// The root cause of an error, which reqwest's own text hides.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text
}

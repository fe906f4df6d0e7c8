//! One call of the REST API and how to handle its outcome. The crate builds the requests; we send
//! them, since the crate's client hides the retry delay and has no timeout (measured).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;
use serenity::{
    all::{LightMethod, Route},
    http::Request,
};
use tokio::time::Instant;
use vine_domain::{chat::pieces::FilePiece, ports::ChatError};

/// Longer than Discord ever takes: a request that completes after we gave up would be posted twice
/// if it had no nonce.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscordCallError {
    /// Discord refused the request and would refuse it again.
    #[error("Discord refused the request while {what}: {message} ({code})")]
    Refused {
        /// The action, as a gerund.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Discord's error code; 0 if there is none.
        code: u64,
        /// Discord's message.
        message: String,
    },
    /// Rate limited: for this kind of request in this channel, or for everything.
    #[error("rate limited by Discord while {what}; retry after {after:?}")]
    Limited {
        /// The action, as a gerund.
        what: String,
        /// How long to wait.
        after: Duration,
        /// Whether the limit applies to everything.
        global: bool,
    },
    /// The request may or may not have been carried out.
    #[error("unknown whether {what} succeeded: {why}")]
    Unclear {
        /// The action, as a gerund.
        what: String,
        /// What happened.
        why: String,
    },
}

impl DiscordCallError {
    /// Discord's error code, if it refused the request.
    pub fn code(&self) -> Option<u64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Limited { .. } | Self::Unclear { .. } => None,
        }
    }
}

impl From<DiscordCallError> for ChatError {
    fn from(error: DiscordCallError) -> Self {
        let why = error.to_string();
        match error {
            // Slow mode and the channel's write limit are temporary, and nothing was posted.
            DiscordCallError::Refused {
                code: 20016 | 20028,
                ..
            } => Self::RoomBusy {
                why,
                after: Duration::from_secs(10),
            },
            // Edit limits and overload are temporary too.
            DiscordCallError::Refused {
                code: 30046 | 130_000,
                ..
            } => Self::Retry {
                why,
                after: Duration::from_secs(10),
            },
            // The content is rejected: too long, malformed, or blocked by a rule of the server.
            DiscordCallError::Refused {
                what,
                code: 50006 | 50035 | 40005 | 200_000 | 200_001 | 240_000,
                ..
            } if POSTS.contains(&what.as_str()) => Self::Unfit(why),
            // No permission to attach files, where words may be posted.
            DiscordCallError::Refused {
                what, code: 50013, ..
            } if what == FILE => Self::Unfit(why),
            DiscordCallError::Refused {
                what, status: 413, ..
            } if POSTS.contains(&what.as_str()) => Self::Unfit(why),
            DiscordCallError::Refused { status, code, .. } => {
                Self::Gone(format!("{why}; {}", advice(status, code)))
            }
            DiscordCallError::Limited {
                after,
                global: true,
                ..
            } => Self::NotNow { why, after },
            DiscordCallError::Limited { after, .. } => Self::RoomBusy { why, after },
            DiscordCallError::Unclear { .. } => Self::Retry {
                why,
                after: Duration::from_secs(1),
            },
        }
    }
}

/// Posting a file.
pub(crate) const FILE: &str = "posting a file";
/// Actions whose content we wrote.
const POSTS: [&str; 6] = [
    "posting",
    FILE,
    "creating a post",
    "editing",
    "replying",
    "answering",
];

/// What a person can do about a refusal, by HTTP status and error code.
fn advice(status: u16, code: u64) -> &'static str {
    match (status, code) {
        (401, _) => "the bot token is no longer valid; set a new `chat.discord.token`",
        (_, 10003) => "the channel no longer exists; choose another one with `repo room`",
        (_, 50001) => "give the bot access to the channel, or choose another one with `repo room`",
        (_, 50013) => "give the bot the missing permissions (`repo room` lists them)",
        (_, 160_005) => "the thread is locked; unlock it, or give the bot \"Manage Threads\"",
        (_, 30013 | 160_006) => "the server has too many channels or threads; archive some",
        _ => "look up the error code in Discord's reference",
    }
}

/// The bot's REST client.
pub struct RestClient {
    http: reqwest::Client,
    token: String,
    base: String,
    /// When the global rate limit ends.
    quiet: Mutex<Option<Instant>>,
}

impl RestClient {
    /// Makes no request.
    pub fn new(base: &str, token: &str) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            token: format!("Bot {token}"),
            base: base.trim_end_matches('/').to_owned(),
            quiet: Mutex::default(),
        })
    }

    /// Makes a GET request.
    pub async fn get(
        &self,
        what: &str,
        route: Route<'_>,
        params: &[(&'static str, String)],
    ) -> Result<Value, DiscordCallError> {
        self.send(
            what,
            Request::new(route, LightMethod::Get)
                .params((!params.is_empty()).then(|| params.to_vec())),
        )
        .await
    }

    /// Makes a request with a JSON body.
    pub async fn call(
        &self,
        what: &str,
        method: LightMethod,
        route: Route<'_>,
        body: &impl Serialize,
    ) -> Result<Value, DiscordCallError> {
        let bytes = serde_json::to_vec(body).map_err(|error| unclear(what, &error))?;
        self.send(what, Request::new(route, method).body(Some(bytes)))
            .await
    }

    /// Makes a PUT request without a body.
    pub async fn put(&self, what: &str, route: Route<'_>) -> Result<Value, DiscordCallError> {
        self.send(what, Request::new(route, LightMethod::Put)).await
    }

    /// Posts a message with a file.
    pub async fn upload(
        &self,
        what: &str,
        route: Route<'_>,
        body: &Value,
        piece: &FilePiece,
    ) -> Result<Value, DiscordCallError> {
        let file = reqwest::multipart::Part::bytes(piece.bytes.clone())
            .file_name(piece.name.clone())
            .mime_str(&piece.kind)
            .map_err(|error| unclear(what, &error))?;
        let form = reqwest::multipart::Form::new()
            .text("payload_json", body.to_string())
            .part("files[0]", file);
        let request =
            Request::new(route, LightMethod::Post).build(&self.http, &self.token, Some(&self.base));
        let mut request = request
            .and_then(|request| Ok(request.build()?))
            .map_err(|error| unclear(what, &error))?;
        request.headers_mut().remove("content-length");
        let builder =
            reqwest::RequestBuilder::from_parts(self.http.clone(), request).multipart(form);
        self.ended(what, builder).await
    }

    /// Downloads an attached file; its URL needs no token.
    pub async fn download(&self, address: &str) -> Result<Vec<u8>, String> {
        let shown = |error: reqwest::Error| error.without_url().to_string();
        let answer = self
            .http
            .get(address)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(shown)?;
        answer
            .bytes()
            .await
            .map(|bytes| bytes.to_vec())
            .map_err(shown)
    }

    async fn send(&self, what: &str, request: Request<'_>) -> Result<Value, DiscordCallError> {
        if let Some(after) = self.quiet_for() {
            return Err(DiscordCallError::Limited {
                what: what.into(),
                after,
                global: true,
            });
        }
        let builder = request
            .build(&self.http, &self.token, Some(&self.base))
            .map_err(|error| unclear(what, &error))?;
        self.ended(what, builder).await
    }

    async fn ended(
        &self,
        what: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Value, DiscordCallError> {
        let answer = request
            .send()
            .await
            .map_err(|error| unclear(what, &error.without_url()))?;
        let status = answer.status().as_u16();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok()?.parse::<f64>().ok())
        };
        let waits = header("retry-after");
        let everything = answer.headers().contains_key("x-ratelimit-global");
        let text = answer
            .text()
            .await
            .map_err(|error| unclear(what, &error.without_url()))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            // Succeeded, even if the response is not valid JSON.
            200..=299 => Ok(body),
            429 => {
                let seconds = body["retry_after"]
                    .as_f64()
                    .or(waits)
                    .unwrap_or(1.0)
                    .clamp(0.05, 3600.0);
                let after = Duration::from_secs_f64(seconds);
                let global = everything || body["global"] == true;
                if global {
                    *self.quiet() = Some(Instant::now() + after);
                }
                Err(DiscordCallError::Limited {
                    what: what.into(),
                    after,
                    global,
                })
            }
            500..=599 => Err(unclear(what, &format!("status {status}"))),
            _ => {
                let message = body["message"]
                    .as_str()
                    .unwrap_or("no reason given")
                    .to_owned();
                Err(DiscordCallError::Refused {
                    what: what.into(),
                    status,
                    code: body["code"].as_u64().unwrap_or(0),
                    message,
                })
            }
        }
    }

    fn quiet(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quiet_for(&self) -> Option<Duration> {
        let left = self
            .quiet()
            .map(|until| until.saturating_duration_since(Instant::now()))?;
        (!left.is_zero()).then_some(left)
    }
}

fn unclear(what: &str, why: &impl ToString) -> DiscordCallError {
    DiscordCallError::Unclear {
        what: what.into(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_ending() {
        let refused = |status, code| {
            ChatError::from(DiscordCallError::Refused {
                what: "posting".into(),
                status,
                code,
                message: "No".into(),
            })
        };
        assert!(
            matches!(refused(403, 50013), ChatError::Gone(why) if why.contains("while posting") && why.contains("permission"))
        );
        assert!(
            matches!(refused(400, 20028), ChatError::RoomBusy { .. }),
            "slow mode passes, and nothing was posted"
        );
        assert!(matches!(refused(503, 130_000), ChatError::Retry { .. }));
        assert!(matches!(refused(400, 50035), ChatError::Unfit(_)));
        assert!(matches!(refused(413, 0), ChatError::Unfit(_)));
        let limited = |global| {
            ChatError::from(DiscordCallError::Limited {
                what: "posting".into(),
                after: Duration::from_secs(2),
                global,
            })
        };
        assert!(
            matches!(limited(true), ChatError::NotNow { .. })
                && matches!(limited(false), ChatError::RoomBusy { .. })
        );
        assert!(matches!(
            ChatError::from(unclear("posting", &"cut")),
            ChatError::Retry { .. }
        ));
    }
}

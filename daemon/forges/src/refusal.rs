//! Why a call to a forge failed, and whether and when to try again.

use std::time::Duration;

use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::Value;
use vine_domain::{Timestamp, ports::ForgeError};

use crate::json::list;

/// The pause after a failure that the forge says nothing about.
pub const PAUSE: Duration = Duration::from_secs(2);
/// The pause after a limit was reached, if the forge names none.
const LIMITED: Duration = Duration::from_secs(60);
/// The longest pause that a forge may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Why a call was refused, at this time.
pub async fn refused(response: Response, now: Timestamp) -> ForgeError {
    let status = response.status();
    let pause = asked_pause(response.headers(), now);
    let body = response.text().await.unwrap_or_default();
    let why = said(status, &body);
    match status {
        StatusCode::TOO_MANY_REQUESTS => ForgeError::Retry {
            why,
            after: pause.unwrap_or(LIMITED),
        },
        // GitHub's secondary limits are not always named in a header.
        StatusCode::FORBIDDEN if pause.is_some() || why.contains("rate limit") => {
            ForgeError::Retry {
                why,
                after: pause.unwrap_or(LIMITED),
            }
        }
        StatusCode::METHOD_NOT_ALLOWED if is_passing(&why) => {
            ForgeError::Retry { why, after: PAUSE }
        }
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            ForgeError::Retry {
                why,
                after: pause.unwrap_or(PAUSE),
            }
        }
        StatusCode::CONFLICT => ForgeError::Conflict(why),
        StatusCode::UNAUTHORIZED => {
            ForgeError::Refused(format!("it does not accept our token ({why})"))
        }
        _ => ForgeError::Refused(why),
    }
}

/// Whether a merge was refused only for the moment.
fn is_passing(why: &str) -> bool {
    ["try again later", "Base branch was modified"]
        .iter()
        .any(|words| why.contains(words))
}

/// The forge cannot be reached.
pub fn away(error: reqwest::Error) -> ForgeError {
    // The address may hold the name of a private project, and is in our configuration.
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    ForgeError::Retry {
        why: format!("it cannot be reached: {error}{}", cause.unwrap_or_default()),
        after: PAUSE,
    }
}

/// How long the forge asks us to wait: `Retry-After`, or until its limit starts again.
fn asked_pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let pause = match number("retry-after") {
        Some(seconds) => seconds,
        None => {
            let left = number("x-ratelimit-remaining").or(number("ratelimit-remaining"))?;
            let reset = number("x-ratelimit-reset").or(number("ratelimit-reset"))?;
            if left > 0 {
                return None;
            }
            reset - now.0 / 1000 + 1
        }
    };
    let pause = Duration::from_secs(u64::try_from(pause.max(1)).unwrap_or(1));
    Some(pause.min(LONGEST_PAUSE))
}

/// What the forge said, in one line.
fn said(status: StatusCode, body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let message = match (&value["message"], &value["error"]) {
        (Value::String(message), _) => message.clone(),
        (_, Value::String(error)) => error.clone(),
        (Value::Null, _) => String::new(),
        (other, _) => other.to_string(),
    };
    let details = list(&value["errors"]).iter();
    let details = details.filter_map(|one| one["message"].as_str().or(one.as_str()));
    let parts: Vec<&str> = std::iter::once(message.as_str()).chain(details).collect();
    let said = parts
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let said: String = said.chars().take(300).collect();
    match said.is_empty() {
        true => format!("it answered {status}"),
        false => format!("it answered {}: {said}", status.as_u16()),
    }
}

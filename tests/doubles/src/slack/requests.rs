//! How Slack tells apps things that have no sockets: requests to their address, signed with the
//! app's secret.

use std::time::Duration;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Where an app listens, and what its requests are signed with.
#[derive(Clone, serde::Deserialize)]
pub struct Door {
    pub url: String,
    pub secret: String,
}

/// Sends one thing; `None` when it was not answered in time with success.
pub async fn send(
    door: &Door,
    kind: &str,
    payload: &Value,
    attempt: usize,
    patience: Duration,
    now: i64,
) -> Option<Value> {
    let (content, body) = body(kind, payload);
    let at = (now / 1000).to_string();
    let mut request = reqwest::Client::new()
        .post(&door.url)
        .header("content-type", content)
        .header("x-slack-request-timestamp", &at)
        .header("x-slack-signature", signature(&door.secret, &at, &body));
    if attempt > 0 {
        request = request
            .header("x-slack-retry-num", attempt)
            .header("x-slack-retry-reason", "http_timeout");
    }
    let answer = request
        .timeout(patience)
        .body(body)
        .send()
        .await
        .ok()?
        .error_for_status()
        .ok()?;
    let text = answer.text().await.ok()?;
    // What a command is answered may be plain text.
    let plain = || {
        if text.is_empty() {
            Value::Null
        } else {
            json!({ "text": text })
        }
    };
    Some(serde_json::from_str(&text).unwrap_or_else(|_| plain()))
}

fn body(kind: &str, payload: &Value) -> (&'static str, String) {
    const FORM: &str = "application/x-www-form-urlencoded";
    match kind {
        "events_api" => ("application/json", payload.to_string()),
        "slash_commands" => {
            let fields: Vec<_> = payload
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key, value.as_str()))
                .collect();
            (
                FORM,
                serde_urlencoded::to_string(fields).unwrap_or_default(),
            )
        }
        _ => (
            FORM,
            serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap_or_default(),
        ),
    }
}

/// `v0=` and the HMAC-SHA256 of version, time and body (documentation, "Verifying requests from
/// Slack").
pub fn signature(secret: &str, at: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    mac.finalize()
        .into_bytes()
        .iter()
        .fold("v0=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    /// The example of Slack's documentation.
    #[test]
    fn it_signs_as_slack_does() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        assert_eq!(
            super::signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }
}

//! Why calls of the web API fail, and what people can do about it.

use std::time::Duration;

use vine_domain::ports::ChatError;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackCallError {
    /// Slack refused the request and would refuse it again: (method, code).
    #[error("Slack refused {0}: {1}")]
    Refused(String, String),
    /// Rate limited: (method, pause).
    #[error("{0}: rate limited by Slack; retry after {1:?}")]
    Limited(String, Duration),
    /// The request may or may not have been carried out: (method, reason).
    #[error("unknown whether {0} succeeded: {1}")]
    Unclear(String, String),
}

impl SlackCallError {
    /// Slack's error code, if it refused the request.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(_, code) => Some(code),
            Self::Limited(..) | Self::Unclear(..) => None,
        }
    }
}

impl From<SlackCallError> for ChatError {
    fn from(error: SlackCallError) -> Self {
        let why = error.to_string();
        match error {
            SlackCallError::Refused(method, code) if is_content(&method, &code) => {
                Self::Unfit(format!("Slack refused {method}: {code}"))
            }
            SlackCallError::Refused(_, code) if code == "thread_not_found" => Self::ThreadGone(why),
            SlackCallError::Refused(method, code) => Self::Gone(advice(&method, &code)),
            SlackCallError::Limited(_, after) => Self::NotNow { why, after },
            SlackCallError::Unclear(..) => Self::Retry {
                why,
                after: Duration::from_secs(1),
            },
        }
    }
}

/// Whether a post was refused for its content, and would be again.
pub(crate) fn is_content(method: &str, code: &str) -> bool {
    const CODES: [&str; 13] = [
        "attachment_payload_limit_exceeded",
        "invalid_arguments",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
        "413 Payload Too Large",
    ];
    let is_file = method.starts_with("files.") && !code.starts_with("invalid_auth");
    is_file || method.starts_with("chat.") && CODES.contains(&code)
}

/// The refusal with what a person can do about it.
pub(crate) fn advice(method: &str, code: &str) -> String {
    format!("Slack refused {method}: {code}; {}", remedy(code))
}

/// What a person can do about an error code.
pub fn remedy(code: &str) -> &'static str {
    match code {
        "not_in_channel" | "channel_not_found" => {
            "invite the bot to the channel, or choose another one with `repo room`"
        }
        "is_archived" => {
            "the channel is archived; unarchive it, or choose another one with `repo room`"
        }
        "not_allowed_token_type" => "bot_token and app_token may have been swapped",
        code if code.starts_with("missing_scope") => {
            "give the app that scope (`vine manifest slack` lists all of them) and reinstall it"
        }
        "invalid_auth" | "account_inactive" | "token_revoked" | "not_authed" => {
            "the token is no longer valid; set a new one in [chat.slack]"
        }
        "restricted_action" => "the workspace does not allow apps to do that; ask its owner",
        _ => "look up the error code of that method in Slack's reference",
    }
}

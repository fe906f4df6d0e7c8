//! What the homeserver says, as what follows from it.

use std::time::Duration;

use matrix_sdk::ruma::api::error::{ErrorKind, RetryAfter};
use vine_domain::ports::ChatError;

/// What to do after `error` came of trying to do `what`.
pub fn chat(what: &str, error: &matrix_sdk::Error) -> ChatError {
    match error.client_api_error_kind() {
        Some(ErrorKind::LimitExceeded(limit)) => ChatError::Limited { after: wait(limit.retry_after.as_ref()) },
        Some(ErrorKind::Forbidden) => ChatError::Gone(format!("{what}: the homeserver does not let us: {error}")),
        _ if matches!(error, matrix_sdk::Error::WrongRoomState(_)) => ChatError::Gone(format!("{what}: {error}")),
        _ => ChatError::Retry { why: format!("{what}: {error}"), after: Duration::ZERO },
    }
}

fn wait(retry_after: Option<&RetryAfter>) -> Duration {
    match retry_after {
        Some(RetryAfter::Delay(delay)) => *delay,
        Some(RetryAfter::DateTime(_)) | None => Duration::from_secs(5),
    }
}

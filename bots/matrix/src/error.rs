//! What the homeserver says, as what follows from it.

use std::time::Duration;

use matrix_sdk::ruma::api::error::{ErrorKind, RetryAfter};
use vine_domain::ports::ChatError;

/// What to do after `error` came of trying to do `what`.
pub fn chat(what: &str, error: &matrix_sdk::Error) -> ChatError {
    match error.client_api_error_kind() {
        Some(ErrorKind::LimitExceeded(limit)) => {
            let after = wait(limit.retry_after.as_ref());
            ChatError::NotNow {
                why: format!(
                    "{what}: the homeserver asks us to wait for {} ms",
                    after.as_millis()
                ),
                after,
            }
        }
        // The same again would be too large again.
        Some(ErrorKind::TooLarge | ErrorKind::BadJson | ErrorKind::NotJson) => ChatError::Unfit(
            format!("{what}: the homeserver takes nothing like this: {error}"),
        ),
        Some(ErrorKind::Forbidden) => {
            ChatError::Gone(format!("{what}: the homeserver does not let us: {error}"))
        }
        _ if matches!(error, matrix_sdk::Error::WrongRoomState(_)) => {
            ChatError::Gone(format!("{what}: {error}"))
        }
        _ => ChatError::Retry {
            why: format!("{what}: {error}"),
            after: Duration::ZERO,
        },
    }
}

/// Before the stream was read once, rooms are not known.
pub fn not_connected(after: Duration) -> ChatError {
    ChatError::NotNow {
        why: "not connected yet".into(),
        after,
    }
}

/// Whether the same reaction of ours is there already.
pub fn is_there_already(error: &matrix_sdk::Error) -> bool {
    matches!(
        error.client_api_error_kind(),
        Some(ErrorKind::DuplicateAnnotation)
    )
}

fn wait(retry_after: Option<&RetryAfter>) -> Duration {
    match retry_after {
        Some(RetryAfter::Delay(delay)) => *delay,
        Some(RetryAfter::DateTime(_)) | None => Duration::from_secs(5),
    }
}

//! Converts the homeserver's errors, by how to continue.

use std::time::Duration;

use matrix_sdk::ruma::api::error::{ErrorKind, RetryAfter};
use vine_domain::ports::ChatError;

/// Converts an error of the action `what`.
pub fn chat(what: &str, error: &matrix_sdk::Error) -> ChatError {
    match error.client_api_error_kind() {
        Some(ErrorKind::LimitExceeded(limit)) => {
            let after = wait(limit.retry_after.as_ref());
            ChatError::NotNow {
                why: format!(
                    "{what}: rate limited by the homeserver; retry after {} ms",
                    after.as_millis()
                ),
                after,
            }
        }
        // The same content would be rejected again.
        Some(ErrorKind::TooLarge | ErrorKind::BadJson | ErrorKind::NotJson) => ChatError::Unfit(
            format!("{what}: the homeserver rejects the content: {error}"),
        ),
        Some(ErrorKind::Forbidden) => {
            ChatError::Gone(format!("{what}: forbidden by the homeserver: {error}"))
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

/// Rooms are unknown before the first sync.
pub fn not_connected(after: Duration) -> ChatError {
    ChatError::NotNow {
        why: "not connected yet".into(),
        after,
    }
}

/// Whether our reaction already exists.
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

//! What SQLite says, as the port says it.

use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use vine_domain::ports::StoreError;

/// Converts SQLite's error to the port's error.
pub fn unavailable(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(failure, message)
            if [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY]
                .contains(&failure.extended_code) =>
        {
            StoreError::Taken(message.clone().unwrap_or_default())
        }
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

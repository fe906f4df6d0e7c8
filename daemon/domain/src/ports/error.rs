//! Errors of the store.

/// What can come of talking to the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the thing in between; load it and decide again.
    #[error("changed by someone else in the meantime")]
    Conflict,
    /// A name that must be unique is taken.
    #[error("`{0}` already exists")]
    Taken(String),
    /// The store cannot serve now; trying again may help.
    #[error("the store cannot serve: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row is not what this version writes.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

/// Shorthand for answers of the store.
pub type StoreResult<T> = Result<T, StoreError>;

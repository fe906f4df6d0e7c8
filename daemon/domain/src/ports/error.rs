//! Errors of the store.

/// Why a call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else changed the data in the meantime; load it and decide again.
    #[error("changed by someone else in the meantime")]
    Conflict,
    /// A name that must be unique is taken.
    #[error("`{0}` already exists")]
    Taken(String),
    /// The store is not available now; a retry may help.
    #[error("the store cannot serve: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored row does not have the form that this version writes.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

/// Shorthand for results of the store.
pub type StoreResult<T> = Result<T, StoreError>;

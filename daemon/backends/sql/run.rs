//! Running statements. Each engine implements this for its own.

use vine_domain::ports::StoreResult;

/// A statement that returns no rows.
pub trait Run<At> {
    /// Runs it, and returns how many rows it changed.
    fn run(self, at: At) -> impl Future<Output = StoreResult<u64>> + Send;
}

/// A statement that returns rows.
pub trait Fetch<T, At> {
    /// All of them.
    fn all(self, at: At) -> impl Future<Output = StoreResult<Vec<T>>> + Send;
    /// The only one.
    fn one(self, at: At) -> impl Future<Output = StoreResult<T>> + Send;
    /// The only one, if there is one.
    fn maybe(self, at: At) -> impl Future<Output = StoreResult<Option<T>>> + Send;
}

/// Runs statements one by one and returns how many rows they changed.
macro_rules! removed {
    ($tx:expr, $($statement:expr),+ $(,)?) => {{
        let mut rows = 0;
        $(rows += $statement.run(&mut *$tx).await?;)+
        rows
    }};
}
pub(super) use removed;

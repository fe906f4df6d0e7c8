//! The database, as one port.

use super::{
    fleet::Fleet, leases::Leases, orders::Orders, people::People, questions::Questions,
    repos::Repos, retention::RetentionStore, sessions::Sessions, stats::Stats, tasks::Tasks,
    threads::Threads,
};

/// What a store costs its database.
pub trait TransactionCount: Send + Sync {
    /// Transactions since it was opened, with those of one statement.
    fn transaction_count(&self) -> u64;
}

/// The database. It is the truth: whatever is to survive a process goes through here first. Its
/// clock judges leases and due times; every method is one transaction.
pub trait Store:
    Tasks
    + Questions
    + Orders
    + Fleet
    + Sessions
    + Repos
    + Threads
    + People
    + Leases
    + Stats
    + RetentionStore
    + TransactionCount
{
}

impl<
    T: Tasks
        + Questions
        + Orders
        + Fleet
        + Sessions
        + Repos
        + Threads
        + People
        + Leases
        + Stats
        + RetentionStore
        + TransactionCount,
> Store for T
{
}

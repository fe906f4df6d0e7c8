//! The database, as one port.

use super::{
    attempts::Attempts, files::Files, fleet::Fleet, inbox::Inbox, leases::Leases,
    messages::Messages, orders::Orders, outbox::Outbox, people::People, questions::Questions,
    repos::Repos, requests::Requests, retention::RetentionStore, sessions::Sessions, stats::Stats,
    tasks::Tasks, writes::Writes,
};

/// The load that a store puts on its database.
pub trait TransactionCount: Send + Sync {
    /// Transactions since it was opened, including single statements.
    fn transaction_count(&self) -> u64;
}

/// The database. It is the source of truth: whatever must survive a process is stored here first.
/// Its clock decides about leases and due times; every method is one transaction.
pub trait Store:
    Writes
    + Tasks
    + Attempts
    + Questions
    + Orders
    + Fleet
    + Files
    + Sessions
    + Repos
    + Requests
    + Inbox
    + Messages
    + Outbox
    + People
    + Leases
    + Stats
    + RetentionStore
    + TransactionCount
{
}

impl<
    T: Writes
        + Tasks
        + Attempts
        + Questions
        + Orders
        + Fleet
        + Files
        + Sessions
        + Repos
        + Requests
        + Inbox
        + Messages
        + Outbox
        + People
        + Leases
        + Stats
        + RetentionStore
        + TransactionCount,
> Store for T
{
}

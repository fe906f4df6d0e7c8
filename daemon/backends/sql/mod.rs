//! The store's SQL: one text for both engines. Each backend compiles it into its own crate, where
//! every statement is checked against that engine's tables. One contract suite checks that both
//! behave the same.
//!
//! Start with `write` (the one way in). What
//! differs between the engines is in `crate::engine`: how transactions begin, which rows are
//! locked, and where IDs come from.
//!
//! Lists are passed as one JSON text and read by `json_each`, so that a statement costs the same
//! for one row and for a hundred.

pub mod assign;
mod attempts;
mod claim;
mod clock;
pub mod commit;
pub mod create;
mod files;
mod inbox;
mod ledger;
pub mod messages;
mod migrations;
mod outbox;
mod outbox_rows;
mod posts;
mod question_rows;
mod questions;
mod queue;
mod repos;
pub mod requests;
mod retention;
mod rows;
pub mod run;
pub mod script;
mod sessions;
mod stats;
mod tasks;
mod threads;
mod transfer;
pub mod users;
mod workers;
mod write;

use std::sync::atomic::Ordering;

use vine_domain::{Timestamp, ports::TransactionCount};

use crate::Database;

pub use migrations::{Incompatible, run as migrate};
pub use script::StatementBatch;
pub use transfer::TransferError;

impl TransactionCount for Database {
    fn transaction_count(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

impl Database {
    /// The time that judges leases and due times.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn count(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }
}

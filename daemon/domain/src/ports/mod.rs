//! What the rules need from outside: the [`Store`] in eleven parts, one for each kind of data,
//! [`Chat`] with its [`EventSink`], and [`WakeupBus`]. All are object-safe.

mod chat;
mod error;
mod fleet;
mod leases;
mod orders;
mod people;
mod questions;
mod repos;
mod retention;
mod sessions;
mod stats;
mod store;
mod tasks;
mod threads;
mod wakeups;

pub use self::{
    chat::{Chat, ChatError, EventSink, WORKING},
    error::{StoreError, StoreResult},
    fleet::Fleet,
    leases::{LeaseOutcome, Leases},
    orders::{ClaimedTask, DueOrders, Orders, WorkerDuties},
    people::People,
    questions::Questions,
    repos::Repos,
    retention::RetentionStore,
    sessions::Sessions,
    stats::{DayStats, EndedAttempts, OldestPending, Spending, Stats},
    store::{Store, TransactionCount},
    tasks::{Commit, KeptWork, NewTask, TaskFilter, Tasks},
    threads::{PostedMessage, Threads, UnprocessedEvent},
    wakeups::{Wakeup, WakeupBus},
};

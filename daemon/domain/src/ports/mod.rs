//! What the rules need from outside: the [`Store`] in parts, one for each kind of data,
//! [`Chat`] with its [`EventSink`], [`Forge`], and [`WakeupBus`]. All are object-safe.

mod attempts;
mod chat;
mod error;
mod files;
mod fleet;
mod forge;
mod inbox;
mod leases;
mod messages;
mod orders;
mod outbox;
mod people;
mod questions;
mod repos;
mod requests;
mod retention;
mod sessions;
mod stats;
mod store;
mod tasks;
mod wakeups;
mod writes;

pub use self::{
    attempts::{Attempts, KeptWork},
    chat::{Chat, ChatError, EventSink, ProgressPace, WORKING},
    error::{StoreError, StoreResult},
    files::Files,
    fleet::Fleet,
    forge::{Forge, ForgeError, ForgeResult, FoundRequest, MergeOrder, NewRequest},
    inbox::{Inbox, UnprocessedEvent},
    leases::{LeaseOutcome, Leases},
    messages::Messages,
    orders::{DueOrders, Orders, WorkerDuties},
    outbox::{Outbox, PostedMessage, PostedQuestion, WorkingCard},
    people::People,
    questions::{QuestionPage, Questions},
    repos::Repos,
    requests::Requests,
    retention::RetentionStore,
    sessions::Sessions,
    stats::{DayStats, EndedAttempts, OldestPending, Spending, Stats},
    store::{Store, TransactionCount},
    tasks::{TaskFilter, Tasks},
    wakeups::{Wakeup, WakeupBus},
    writes::{ClaimedTask, Commit, NewTask, Reply, SaveRequest, Say, Write, Writes, Written},
};

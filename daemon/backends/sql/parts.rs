//! All statements that batches are made of, for an engine that prepares them together.

pub use super::script::Statement;
use super::{
    assign::{BEGIN_ATTEMPTS, DROP_ORDERS, LOG_CLAIMS, REBIND},
    commit::{
        END_ATTEMPTS, END_SESSIONS, LOG, PUT_ORDERS, REVIVE_SESSIONS, SAVE_ANSWERS, SAVE_NOTES,
        SAVE_QUESTIONS,
    },
    create::QUEUE_NEW,
    messages::{ADD, PUT_OUT, SUPERSEDE_CARDS},
    users::AUDIT,
};

/// Each has a name of its own.
#[allow(dead_code, reason = "SQLite prepares each when it is first used")]
pub fn all() -> [&'static Statement; 17] {
    [
        &BEGIN_ATTEMPTS,
        &DROP_ORDERS,
        &LOG_CLAIMS,
        &REBIND,
        &END_ATTEMPTS,
        &END_SESSIONS,
        &LOG,
        &PUT_ORDERS,
        &REVIVE_SESSIONS,
        &SAVE_ANSWERS,
        &SAVE_NOTES,
        &SAVE_QUESTIONS,
        &QUEUE_NEW,
        &ADD,
        &PUT_OUT,
        &SUPERSEDE_CARDS,
        &AUDIT,
    ]
}

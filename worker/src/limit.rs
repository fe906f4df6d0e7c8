//! The usage limit of the agent's account: while it is reached, this worker takes no new work.
//! Workers with other accounts go on.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use vine_domain::{
    Timestamp,
    clock::{Clock, System},
    failure::UNKNOWN_RESET,
};

/// Whether the account may be used.
#[derive(Default)]
pub struct Limit {
    until: Mutex<Option<Timestamp>>,
    changed: Notify,
}

impl Limit {
    /// It is used up until `reset`, or for a while when nobody said how long.
    pub fn reached(&self, reset: Option<Timestamp>) {
        let now = System.now();
        let reset = reset
            .filter(|at| *at > now)
            .unwrap_or(now.plus(UNKNOWN_RESET));
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(reset);
        self.changed.notify_waiters();
    }

    /// Until when it is used up.
    pub fn until(&self) -> Option<Timestamp> {
        let now = System.now();
        self.until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .filter(|until| *until > now)
    }

    /// What people are told.
    pub fn trouble(&self) -> Option<String> {
        let until = self.until()?.to_minute();
        Some(format!(
            "the usage limit of the agent's account is reached until {until}; starting this worker \
             again tries earlier"
        ))
    }

    /// Waits while it is used up.
    pub async fn over(&self) {
        while let Some(until) = self.until() {
            tokio::time::sleep(until.since(System.now())).await;
        }
    }

    /// Waits until it becomes used up.
    pub async fn becomes_reached(&self) {
        loop {
            let changed = self.changed.notified();
            if self.until().is_some() {
                return;
            }
            changed.await;
        }
    }
}

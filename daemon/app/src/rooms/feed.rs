//! The message feed, for programs that follow it: they wait for the next message instead of
//! polling.

use std::time::Duration;

use tokio::time::Instant;
use vine_domain::{TaskId, chat::Message};

use crate::{AppResult, rooms::Rooms};

/// Checks at least this often, in case a wake-up was lost.
const TICK: Duration = Duration::from_secs(1);

impl Rooms {
    /// Messages after a number, of one thread or of all, oldest first; waits at most `wait` for the
    /// first one.
    pub async fn messages(
        &self,
        task: Option<TaskId>,
        after: u64,
        limit: u32,
        wait: Duration,
    ) -> AppResult<Vec<Message>> {
        let until = Instant::now() + wait;
        let mut changed = self.wakeups.on_page();
        loop {
            changed.mark_unchanged();
            let messages = match task {
                Some(task) => self.store.thread(task, after, limit).await?,
                None => self.store.messages(after, limit).await?,
            };
            if !messages.is_empty() || Instant::now() >= until || self.stop.is_cancelled() {
                return Ok(messages);
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + TICK)) => {}
            }
        }
    }

    /// The number of the latest message.
    pub async fn last_message(&self) -> AppResult<u64> {
        Ok(self.store.last_message().await?)
    }

    /// The latest messages of a thread, oldest first.
    pub async fn latest(&self, task: TaskId, limit: u32) -> AppResult<Vec<Message>> {
        Ok(self.store.latest(task, limit).await?)
    }
}

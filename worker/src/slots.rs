//! Slots: how many agents work at once. While an agent waits for a person, its slot is lent to
//! other work. When the answer comes, the agent continues at once even if its slot is still lent,
//! so each slot may briefly have two agents. Beyond that it gets the next free slot, ahead of new
//! work.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};

/// All slots of a worker.
pub struct Slots {
    state: Mutex<SlotsState>,
    changed: Notify,
}

struct SlotsState {
    /// The number of slots.
    count: i64,
    /// Negative while agents work whose slots are lent, or briefly when more was claimed than is
    /// free.
    free: i64,
    /// Agents with an answer, first come, first served.
    returning: VecDeque<oneshot::Sender<SlotTurn>>,
}

impl SlotsState {
    /// Whether an answered agent may continue: a slot is free, or some slot has no second agent
    /// yet.
    fn has_room_to_return(&self) -> bool {
        self.free > -self.count
    }
}

/// A slot on its way to a returning agent; returned if not accepted.
struct SlotTurn(Option<Arc<Slots>>);

impl Drop for SlotTurn {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.give();
        }
    }
}

impl Slots {
    /// `count` free slots.
    pub fn new(count: u32) -> Arc<Self> {
        let state = Mutex::new(SlotsState {
            count: count.into(),
            free: count.into(),
            returning: VecDeque::new(),
        });
        Arc::new(Self {
            state,
            changed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, SlotsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a slot is free; returns how many are.
    pub async fn room(&self) -> u32 {
        loop {
            let changed = self.changed.notified();
            let free = self.state().free;
            if let Ok(room @ 1..) = u32::try_from(free) {
                return room;
            }
            changed.await;
        }
    }

    /// Takes a slot for claimed work.
    pub fn take(self: &Arc<Self>) -> Slot {
        self.state().free -= 1;
        Slot {
            slots: Arc::clone(self),
            turn: AsyncMutex::new(()),
            use_: Mutex::new(SlotUse {
                held: true,
                waiting: 0,
            }),
        }
    }

    fn give(self: &Arc<Self>) {
        let next = {
            let mut state = self.state();
            state.free += 1;
            let next = if state.has_room_to_return() {
                state.returning.pop_front()
            } else {
                None
            };
            state.free -= i64::from(next.is_some());
            next
        };
        match next {
            // A receiver that gave up drops its turn, which passes the slot to the next.
            Some(next) => drop(next.send(SlotTurn(Some(Arc::clone(self))))),
            None => self.changed.notify_waiters(),
        }
    }

    async fn take_back(&self) {
        let turn = {
            let mut state = self.state();
            if state.has_room_to_return() {
                state.free -= 1;
                return;
            }
            let (send, turn) = oneshot::channel();
            state.returning.push_back(send);
            turn
        };
        if let Ok(mut turn) = turn.await {
            turn.0 = None;
        }
    }
}

/// The slot of one attempt; given back when dropped.
pub struct Slot {
    slots: Arc<Slots>,
    /// Serializes returns; a second caller finds the slot held.
    turn: AsyncMutex<()>,
    use_: Mutex<SlotUse>,
}

struct SlotUse {
    held: bool,
    waiting: u32,
}

impl Slot {
    fn usage(&self) -> MutexGuard<'_, SlotUse> {
        self.use_.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends the slot while the agent waits for a person.
    pub fn lend(&self) {
        let mut usage = self.usage();
        usage.waiting += 1;
        if std::mem::take(&mut usage.held) {
            self.slots.give();
        }
    }

    /// The agent no longer waits, whether or not it continues.
    pub fn end_wait(&self) {
        let mut usage = self.usage();
        usage.waiting = usage.waiting.saturating_sub(1);
    }

    /// The agent continues: waits for a slot unless it has one.
    pub async fn reclaim(&self) {
        let _turn = self.turn.lock().await;
        if !self.usage().held {
            self.slots.take_back().await;
            self.usage().held = true;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.usage().held {
            self.slots.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_answered_agent_goes_on_at_once_and_new_work_waits() {
        let slots = Slots::new(1);
        assert_eq!(slots.room().await, 1);
        let asking = slots.take();
        asking.lend();
        assert_eq!(slots.room().await, 1, "other work may run meanwhile");
        let other = slots.take();
        asking.end_wait();
        soon(asking.reclaim()).await.expect("at once");
        assert!(soon(slots.room()).await.is_none(), "new work waits");
        drop(other);
        assert!(soon(slots.room()).await.is_none(), "for both");
        drop(asking);
        assert_eq!(slots.room().await, 1);
    }

    #[tokio::test]
    async fn no_slot_has_more_than_two_agents_and_who_returns_goes_before_new_work() {
        let slots = Slots::new(1);
        let first = slots.take();
        let second = slots.take();
        first.lend();
        second.lend();
        let third = slots.take();
        first.end_wait();
        soon(first.reclaim()).await.expect("the one more");
        let mut returning = Box::pin(async {
            second.end_wait();
            second.reclaim().await;
        });
        assert!(soon(&mut returning).await.is_none(), "there are two");
        drop(third);
        soon(&mut returning).await.expect("the next one");
        assert!(soon(slots.room()).await.is_none());
    }

    async fn soon<T>(what: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(20), what)
            .await
            .ok()
    }
}

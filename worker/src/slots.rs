//! Slots: how many agents work at once. An agent that waits for a person lends its slot to other
//! work; with the answer it gets one back ahead of anything new.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};

/// All slots of a worker.
pub struct Slots {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// Below zero for a moment when more was claimed than is free by now.
    free: i64,
    /// Agents with an answer, first come first served.
    returning: VecDeque<oneshot::Sender<Turn>>,
}

/// A slot on its way to an agent that returns; one that is not taken goes back.
struct Turn(Option<Arc<Slots>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(slots) = self.0.take() {
            slots.give();
        }
    }
}

impl Slots {
    /// `count` free slots.
    pub fn new(count: u32) -> Arc<Self> {
        let state = Mutex::new(State {
            free: count.into(),
            returning: VecDeque::new(),
        });
        Arc::new(Self {
            state,
            changed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for new work; gives how much.
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

    /// A slot for work that was claimed into the room that there was.
    pub fn take(self: &Arc<Self>) -> Slot {
        self.state().free -= 1;
        Slot {
            slots: Arc::clone(self),
            turn: AsyncMutex::new(()),
            use_: Mutex::new(Use {
                held: true,
                waiting: 0,
            }),
        }
    }

    fn give(self: &Arc<Self>) {
        let next = {
            let mut state = self.state();
            state.free += 1;
            let next = if state.free > 0 {
                state.returning.pop_front()
            } else {
                None
            };
            state.free -= i64::from(next.is_some());
            next
        };
        match next {
            // One that gave up meanwhile drops its turn, which gives the slot to the next.
            Some(next) => drop(next.send(Turn(Some(Arc::clone(self))))),
            None => self.changed.notify_waiters(),
        }
    }

    async fn take_back(&self) {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
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
    /// Only one returns at a time; the others find the slot held.
    turn: AsyncMutex<()>,
    use_: Mutex<Use>,
}

struct Use {
    held: bool,
    waiting: u32,
}

impl Slot {
    fn usage(&self) -> MutexGuard<'_, Use> {
        self.use_.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The agent waits for a person.
    pub fn lend(&self) {
        let mut usage = self.usage();
        usage.waiting += 1;
        if std::mem::take(&mut usage.held) {
            self.slots.give();
        }
    }

    /// The agent no longer waits, whether it goes on or not.
    pub fn end_wait(&self) {
        let mut usage = self.usage();
        usage.waiting = usage.waiting.saturating_sub(1);
    }

    /// The agent goes on: waits for a slot, unless it has one.
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
    async fn a_waiting_agent_lends_its_slot_and_returns_ahead_of_new_work() {
        let slots = Slots::new(1);
        assert_eq!(slots.room().await, 1);
        let asking = slots.take();
        asking.lend();
        assert_eq!(slots.room().await, 1, "other work may run meanwhile");
        let other = slots.take();
        let mut returning = Box::pin(async {
            asking.end_wait();
            asking.reclaim().await;
        });
        assert!(
            tokio::time::timeout(Duration::from_millis(20), &mut returning)
                .await
                .is_err(),
            "no slot is free"
        );
        drop(other);
        returning.as_mut().await;
        drop(returning);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), slots.room())
                .await
                .is_err(),
            "new work waits"
        );
        drop(asking);
        assert_eq!(slots.room().await, 1);
    }
}

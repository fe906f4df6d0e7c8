//! Calls that arrive together are made together: while one batch is on its way to the database, the
//! next one gathers. So a statement and a wait for the disk are shared by all who came meanwhile,
//! and nobody waits when nobody else is there.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Semaphore, oneshot};

use vine_domain::{AuditEntry, TaskId, ports::StoreError};

use crate::{
    AppError, AppResult,
    tasks::PermittedTask,
    transition::{Applied, Transition},
};

/// At most this many go together, so that none waits for long.
const LARGEST: usize = 100;

/// One call that waits, and where its outcome goes.
pub(crate) struct BatchedCall<I, O> {
    /// What is asked.
    pub input: I,
    reply: oneshot::Sender<AppResult<O>>,
}

impl<I, O> BatchedCall<I, O> {
    /// Answers it; nobody may be listening any more.
    pub fn reply(self, outcome: AppResult<O>) {
        let _gone = self.reply.send(outcome);
    }
}

/// Gathers calls of one kind.
pub(crate) struct Batcher<I, O> {
    waiting: Mutex<Vec<BatchedCall<I, O>>>,
    /// Batches that may be under way at the same time.
    batches: Arc<Semaphore>,
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// `batches` may be under way at the same time: one where there is one writer.
    pub fn new(batches: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            batches: Arc::new(Semaphore::new(batches)),
        }
    }

    /// Makes a call, perhaps with others. Whoever finds the way free takes all who wait along;
    /// `run` answers each of them, even if the caller who brought it has hung up.
    pub async fn call<F>(
        &self,
        input: I,
        run: impl FnOnce(Vec<BatchedCall<I, O>>) -> F,
    ) -> AppResult<O>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (reply, mut outcome) = oneshot::channel();
        self.gathered().push(BatchedCall { input, reply });
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.map_err(|_| AppError::Stopping)?,
            way = Arc::clone(&self.batches).acquire_owned() => {
                let batch = self.take();
                if !batch.is_empty() {
                    let run = run(batch);
                    tokio::spawn(async move {
                        run.await;
                        drop(way);
                    });
                }
            }
        }
        outcome.await.map_err(|_| AppError::Stopping)?
    }

    fn gathered(&self) -> std::sync::MutexGuard<'_, Vec<BatchedCall<I, O>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<BatchedCall<I, O>> {
        let mut waiting = self.gathered();
        // Whoever hung up before it began wants nothing any more.
        waiting.retain(|call| !call.reply.is_closed());
        let count = waiting.len().min(LARGEST);
        let rest = waiting.split_off(count);
        mem::replace(&mut *waiting, rest)
    }
}

/// The calls that are made together.
pub(crate) struct CallBatch {
    /// Changes of tasks.
    pub steps: Batcher<Transition, Applied>,
    /// New tasks; answered with the id, which is that of an earlier one when the key is known.
    pub creations: Batcher<PermittedTask, TaskId>,
    /// Lines of the audit.
    pub audits: Batcher<AuditEntry, ()>,
}

impl CallBatch {
    /// `batches` of each kind may be under way at the same time.
    pub fn new(batches: usize) -> Self {
        Self {
            steps: Batcher::new(batches),
            creations: Batcher::new(batches),
            audits: Batcher::new(batches),
        }
    }
}

/// What the store said, once more for somebody else.
pub(crate) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Conflict => StoreError::Conflict,
        StoreError::Taken(what) => StoreError::Taken(what.clone()),
        StoreError::Corrupt(what) => StoreError::Corrupt(what.clone()),
        StoreError::Unavailable(why) => StoreError::Unavailable(why.to_string().into()),
    }
}

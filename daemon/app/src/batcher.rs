//! Batches calls that arrive together: while one batch is on its way to the database, the next one
//! gathers. All calls of a batch share one statement and one disk sync, and a single call does not
//! wait.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{AppError, AppResult};

/// At most this many calls in a batch, so that none waits for long.
const LARGEST: usize = 100;

/// One waiting call, and where its outcome goes.
pub(crate) struct BatchedCall<I, O> {
    /// What the call is about.
    pub input: I,
    reply: BatchReply<O>,
}

impl<I, O> BatchedCall<I, O> {
    /// Sends the outcome.
    pub fn reply(self, outcome: AppResult<O>) {
        self.reply.send(outcome);
    }

    /// What the call is about, and where its outcome goes.
    pub fn into_parts(self) -> (I, BatchReply<O>) {
        (self.input, self.reply)
    }
}

/// Where the outcome of a call goes.
pub(crate) struct BatchReply<O>(oneshot::Sender<AppResult<O>>);

impl<O> BatchReply<O> {
    /// Sends the outcome; the caller may have hung up.
    pub fn send(self, outcome: AppResult<O>) {
        let _gone = self.0.send(outcome);
    }
}

/// Gathers calls of one kind.
pub(crate) struct Batcher<I, O> {
    waiting: Mutex<Vec<BatchedCall<I, O>>>,
    /// Limits how many batches run at the same time.
    batches: Arc<Semaphore>,
}

impl<I: Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// `batches` may run at the same time: one if there is one writer.
    pub fn new(batches: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            batches: Arc::new(Semaphore::new(batches)),
        }
    }

    /// Makes a call, perhaps batched with others. The first caller that may start a batch takes
    /// along all that wait; `run` replies to each of them, even if that caller has hung up.
    pub async fn call<F>(&self, input: I, run: impl Fn(Vec<BatchedCall<I, O>>) -> F) -> AppResult<O>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (reply, mut outcome) = oneshot::channel();
        self.gathered().push(BatchedCall {
            input,
            reply: BatchReply(reply),
        });
        // Others that are about to call do so first.
        tokio::task::yield_now().await;
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.map_err(|_| AppError::Stopping)?,
                way = Arc::clone(&self.batches).acquire_owned() => {
                    // With many others, this call may not be in the first batch.
                    let batch = self.take();
                    if let Ok(way) = way
                        && !batch.is_empty()
                    {
                        begin(run(batch), way).await;
                    }
                }
            }
        }
    }

    /// Runs a batch of what waits, even if that is nothing.
    pub async fn run_now<F>(&self, run: impl FnOnce(Vec<BatchedCall<I, O>>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Ok(way) = Arc::clone(&self.batches).acquire_owned().await {
            begin(run(self.take()), way).await;
        }
    }

    fn gathered(&self) -> std::sync::MutexGuard<'_, Vec<BatchedCall<I, O>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<BatchedCall<I, O>> {
        let mut waiting = self.gathered();
        // Callers that hung up before the batch started are dropped.
        waiting.retain(|call| !call.reply.0.is_closed());
        let count = waiting.len().min(LARGEST);
        let rest = waiting.split_off(count);
        mem::replace(&mut *waiting, rest)
    }
}

/// Runs a batch. One that needs to wait continues in a task of its own, since its caller may hang up.
async fn begin(batch: impl Future<Output = ()> + Send + 'static, way: OwnedSemaphorePermit) {
    let mut batch = Box::pin(async move {
        batch.await;
        drop(way);
    });
    let begun = std::future::poll_fn(|context| Poll::Ready(batch.as_mut().poll(context)));
    if begun.await.is_pending() {
        tokio::spawn(batch);
    }
}

//! The way into the store for what people and agents wait for. What is decided while a batch is on
//! its way to the disk gathers, and goes together in the next one; what is decided alone goes at
//! once. Claims that wait for work take part in every batch that may have some for them.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};
use vine_domain::{
    AuditEntry, TaskId,
    lifecycle::{About, TaskSnapshot},
    ports::{Commit, SaveRequest, Say, Store, StoreError, Written},
    schedule::ClaimRequest,
};

use crate::{
    AppError, AppResult,
    after_commit::AfterCommit,
    batcher::Batcher,
    tasks::PermittedTask,
    turns::{Turn, Turns},
    waiting_claims::{ClaimReply, PendingClaim, Unread, WaitingClaims},
    writer::{Queued, Writer},
};

/// While it lives, no other change of this task is decided in this daemon.
pub(crate) struct TaskTurn {
    task: TaskId,
    _turn: Turn,
}

impl TaskTurn {
    /// Whose turn it is.
    pub fn task(&self) -> TaskId {
        self.task
    }
}

/// Gathers what goes into the store, and tells who must know when it was stored.
pub(crate) struct WriteQueue {
    writer: Writer,
    snapshots: Batcher<(TaskId, About), TaskSnapshot>,
    writes: Batcher<Queued, Written>,
    /// Of tasks that are being changed.
    turns: Turns<TaskId>,
}

impl WriteQueue {
    /// `batches` may run at the same time: one if there is one writer. Also returns where orders
    /// arrive whose worker had hung up.
    pub fn new(
        store: Arc<dyn Store>,
        after: AfterCommit,
        batches: usize,
    ) -> (Self, mpsc::UnboundedReceiver<Unread>) {
        let (claims, unread) = WaitingClaims::new();
        let claims = Arc::new(claims);
        let queue = Self {
            writer: Writer {
                store,
                after,
                claims,
                shares: batches > 1,
            },
            snapshots: Batcher::new(batches),
            writes: Batcher::new(batches),
            turns: Turns::default(),
        };
        (queue, unread)
    }

    /// Waits until no other change of this task is being decided here. Other daemons may change it
    /// meanwhile; the store finds that out.
    pub async fn turn(&self, task: TaskId) -> TaskTurn {
        TaskTurn {
            task,
            _turn: self.turns.take(task).await,
        }
    }

    /// A task with its waiting notes and these of its questions.
    pub async fn snapshot(&self, task: TaskId, about: About) -> AppResult<TaskSnapshot> {
        let read = |calls| {
            let writer = self.writer.clone();
            async move { writer.read(calls).await }
        };
        self.snapshots.call((task, about), read).await
    }

    /// Stores a decided change; [`StoreError::Conflict`] if another change was stored first. A claim
    /// that comes with it is answered by the same transaction.
    ///
    /// One batch must not hold two changes of a task. The turn sees to that: it ends after the reply. If a
    /// caller hangs up before a batch has taken its change, the change is dropped.
    pub async fn commit(
        &self,
        _of: &TaskTurn,
        before: Arc<TaskSnapshot>,
        commit: Commit,
        claim: Option<PendingClaim>,
    ) -> AppResult<()> {
        let commit = Box::new(commit);
        self.write(Queued::Change {
            before,
            commit,
            claim,
        })
        .await
        .map(drop)
    }

    /// Stores a new task. Returns its id, or that of the task that was created with its key before.
    pub async fn create(&self, task: PermittedTask) -> AppResult<TaskId> {
        match self.write(Queued::Create(Box::new(task))).await? {
            Written::Created(id) => Ok(id),
            other => Err(StoreError::Corrupt(format!("a new task became {other:?}")).into()),
        }
    }

    /// The same for several tasks, all or none. Returns their ids in order.
    pub async fn create_together(&self, tasks: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
        let writer = self.writer.clone();
        // If the caller hangs up, the tasks are still stored and reported.
        let created = tokio::spawn(async move { writer.create_together(tasks).await }).await;
        let ids = created.map_err(|_| AppError::Stopping)??;
        self.hand_out().await;
        Ok(ids)
    }

    /// Stores messages that change no task.
    pub async fn say(&self, say: Say) -> AppResult<()> {
        self.write(Queued::Say(say)).await.map(drop)
    }

    /// Stores the new state of a pull request; [`StoreError::Conflict`] if it has changed meanwhile.
    pub async fn save_request(&self, save: SaveRequest) -> AppResult<()> {
        self.write(Queued::Request(Box::new(save))).await.map(drop)
    }

    /// Records an entry in the audit.
    pub async fn audit(&self, entry: AuditEntry) -> AppResult<()> {
        self.write(Queued::Audit(entry)).await.map(drop)
    }

    async fn write(&self, queued: Queued) -> AppResult<Written> {
        let write = |calls| {
            let writer = self.writer.clone();
            async move { writer.write(calls).await }
        };
        self.writes.call(queued, write).await
    }

    /// A claim that waits until then for its first task, and where its tasks arrive.
    pub fn pending(&self, want: ClaimRequest, until: Instant) -> (PendingClaim, ClaimReply) {
        self.writer.claims.claim(want, until)
    }

    /// Lets a claim wait for work, and gives it what there is.
    pub async fn claim(&self, claim: PendingClaim) {
        self.writer.claims.add(claim);
        self.hand_out().await;
    }

    /// There may be new work: gives it to the claims that wait.
    pub async fn stir(&self) {
        self.writer.claims.stir();
        self.hand_out().await;
    }

    /// Gives what is due to the claims that wait, and answers those that have waited long enough.
    pub async fn hand_out(&self) {
        if self.writer.claims.is_hungry() {
            let writer = self.writer.clone();
            self.writes
                .run_now(|calls| async move { writer.write(calls).await })
                .await;
        }
        self.writer.claims.end_waits();
    }

    /// Waits until [`WriteQueue::alarm`] may have changed.
    pub async fn alarm_changed(&self) {
        self.writer.claims.changed().await;
    }

    /// When to hand out again without a wake-up.
    pub fn alarm(&self) -> Instant {
        self.writer.claims.alarm()
    }
}

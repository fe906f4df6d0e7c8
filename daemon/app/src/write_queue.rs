//! The way into the store for what people and agents wait for. What is decided while a batch is on
//! its way to the disk gathers, and goes together in the next one; what is decided alone goes at
//! once. Claims that wait for work take part in every batch that may have some for them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};
use vine_domain::{
    AuditEntry, TaskId, TaskState,
    lifecycle::{About, TaskSnapshot},
    ports::{ClaimedTask, Commit, Say, Store, StoreError, StoreResult, Write, Written},
    schedule::ClaimRequest,
};

use crate::{
    AppError, AppResult, Missing,
    after_commit::AfterCommit,
    batcher::{BatchReply, BatchedCall, Batcher},
    tasks::PermittedTask,
    turns::{Turn, Turns},
    waiting_claims::{Asking, PendingClaim, TICK, Unread, WaitingClaims},
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

/// How long claims rest when the store fails.
const PAUSE: Duration = Duration::from_millis(500);

/// Something to be stored.
enum Queued {
    /// A task that gets its number now.
    Create(Box<PermittedTask>),
    /// A change, with the task before it, and a claim that goes after it.
    Change {
        before: Arc<TaskSnapshot>,
        commit: Box<Commit>,
        claim: Option<PendingClaim>,
    },
    Say(Say),
    Audit(AuditEntry),
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
        let writer = self.writer.clone();
        let read = |calls| async move { writer.read(calls).await };
        self.snapshots.call((task, about), read).await
    }

    /// Stores a decided change; [`StoreError::Conflict`] if another change was stored first. A claim
    /// that comes with it is answered by the same transaction.
    ///
    /// One batch must not hold two changes of a task. The turn sees to that: it ends after the reply,
    /// and a caller that hangs up takes a change that no batch has taken yet along.
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
        let ids = self.writer.create_together(tasks).await?;
        self.hand_out().await;
        Ok(ids)
    }

    /// Stores messages that change no task.
    pub async fn say(&self, say: Say) -> AppResult<()> {
        self.write(Queued::Say(say)).await.map(drop)
    }

    /// Records an entry in the audit.
    pub async fn audit(&self, entry: AuditEntry) -> AppResult<()> {
        self.write(Queued::Audit(entry)).await.map(drop)
    }

    async fn write(&self, queued: Queued) -> AppResult<Written> {
        let writer = self.writer.clone();
        let write = |calls| async move { writer.write(calls).await };
        self.writes.call(queued, write).await
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

    /// When to hand out again without a wake-up.
    pub fn alarm(&self) -> Instant {
        self.writer.claims.alarm()
    }
}

/// A write of a batch, and who waits for it.
struct Entry {
    write: Write,
    before: Option<Arc<TaskSnapshot>>,
    reply: BatchReply<Written>,
}

/// What is stored together, and the claims that go after it.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    claims: Vec<PendingClaim>,
}

/// Runs batches.
#[derive(Clone)]
struct Writer {
    store: Arc<dyn Store>,
    after: AfterCommit,
    claims: Arc<WaitingClaims>,
}

impl Writer {
    async fn read(&self, calls: Vec<BatchedCall<(TaskId, About), TaskSnapshot>>) {
        let wanted: Vec<(TaskId, About)> = calls.iter().map(|call| call.input).collect();
        match self.store.snapshots(&wanted).await {
            Ok(found) => {
                let mut found: HashMap<TaskId, TaskSnapshot> =
                    found.into_iter().map(|one| (one.task.id, one)).collect();
                let mut rest = wanted.into_iter();
                for call in calls {
                    let (id, _) = call.input;
                    rest.next();
                    // Cloned only if somebody else asks for it too.
                    let known = match rest.as_slice().iter().any(|(other, _)| *other == id) {
                        true => found.get(&id).cloned(),
                        false => found.remove(&id),
                    };
                    call.reply(known.ok_or_else(|| Missing::Task(id).into()));
                }
            }
            Err(error) => {
                for call in calls {
                    call.reply(Err(copied(&error).into()));
                }
            }
        }
    }

    /// Stores a batch, and hands out work as long as there is some.
    async fn write(&self, calls: Vec<BatchedCall<Queued, Written>>) {
        let mut batch = self.entries(calls).await;
        loop {
            if batch.entries.iter().any(makes_work) {
                self.claims.stir();
            }
            let asking = self.ask(batch.claims).await;
            let wants = asking.wants();
            if batch.entries.is_empty() && wants.is_empty() {
                return;
            }
            let again = match self.store(batch.entries, wants).await {
                Ok(claimed) => self.give(asking, claimed).await,
                Err(error) => {
                    tracing::error!(%error, "could not claim work: {error}");
                    self.claims.failed(asking, PAUSE);
                    false
                }
            };
            if !again {
                return;
            }
            batch = Batch::default();
        }
    }

    /// What the calls want to write; new tasks get their numbers.
    async fn entries(&self, calls: Vec<BatchedCall<Queued, Written>>) -> Batch {
        let (queued, replies): (Vec<_>, Vec<_>) =
            calls.into_iter().map(BatchedCall::into_parts).unzip();
        let is_new = |queued: &&Queued| matches!(queued, Queued::Create(_));
        let mut ids = self.numbers(queued.iter().filter(is_new).count()).await;
        let mut batch = Batch::default();
        for (queued, reply) in queued.into_iter().zip(replies) {
            let mut before = None;
            let write = match queued {
                Queued::Create(task) => match ids.as_mut().map(|ids| ids.pop()) {
                    Ok(Some(id)) => task.numbered(id).map(|new| Write::Create(Box::new(new))),
                    Ok(None) => Err(AppError::Stopping),
                    Err(error) => Err(copied(error).into()),
                },
                Queued::Change {
                    before: known,
                    commit,
                    claim,
                } => {
                    before = Some(known);
                    batch.claims.extend(claim);
                    Ok(Write::Change(commit))
                }
                Queued::Say(say) => Ok(Write::Say(say)),
                Queued::Audit(entry) => Ok(Write::Audit(entry)),
            };
            match write {
                Ok(write) => batch.entries.push(Entry {
                    write,
                    before,
                    reply,
                }),
                Err(error) => reply.send(Err(error)),
            }
        }
        batch
    }

    /// The next numbers for tasks, the lowest last.
    async fn numbers(&self, count: usize) -> StoreResult<Vec<TaskId>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let mut ids = self.store.next_tasks(count).await?;
        ids.reverse();
        Ok(ids)
    }

    /// The claims that go with a batch: those after its own writes, and those that wait.
    async fn ask(&self, own: Vec<PendingClaim>) -> Asking {
        let preferred = match self.claims.is_crowded() {
            true => self.store.preferred(1000).await.unwrap_or_default(),
            false => Vec::new(),
        };
        self.claims.ask(own, &preferred.into_iter().collect())
    }

    /// Stores a batch and replies. Returns what was claimed.
    async fn store(
        &self,
        entries: Vec<Entry>,
        wants: Vec<ClaimRequest>,
    ) -> StoreResult<Vec<ClaimedTask>> {
        let mut writes = Vec::with_capacity(entries.len() + 1);
        let mut waiting = Vec::with_capacity(entries.len());
        for entry in entries {
            writes.push(entry.write);
            waiting.push((entry.before, entry.reply));
        }
        if !wants.is_empty() {
            writes.push(Write::Claim(wants));
        }
        let mut outcomes = match self.store.commit(&writes).await {
            Ok(outcomes) => outcomes,
            Err(error) => self.one_by_one(&writes, error).await,
        };
        // The claims are the last write.
        let claimed = outcomes.split_off(waiting.len()).pop();
        for ((write, (before, reply)), outcome) in writes.iter().zip(waiting).zip(outcomes) {
            if let Ok(written) = &outcome {
                self.after.stored(write, before.as_deref(), written);
            }
            reply.send(outcome.map_err(Into::into));
        }
        match claimed.transpose()? {
            Some(Written::Claimed(claimed)) => {
                self.after.claimed(&claimed);
                Ok(claimed)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Nothing of a batch was stored. One write that fails must not make the others fail.
    async fn one_by_one(&self, writes: &[Write], error: StoreError) -> Vec<StoreResult<Written>> {
        if writes.len() == 1 {
            return vec![Err(error)];
        }
        let count = writes.len();
        tracing::warn!(%error, "could not store {count} writes together, storing them one by one: {error}");
        let mut outcomes = Vec::with_capacity(count);
        for write in writes {
            let one = self.store.commit(std::slice::from_ref(write)).await;
            outcomes.push(one.and_then(|mut one| one.pop().unwrap_or(Err(StoreError::Conflict))));
        }
        outcomes
    }

    /// Hands out what was claimed; if that is nothing, notes until when that stays so. Returns
    /// whether to ask again.
    async fn give(&self, asking: Asking, claimed: Vec<ClaimedTask>) -> bool {
        let none = claimed.is_empty() && !asking.wants().is_empty();
        let again = self.claims.give(asking, claimed);
        if none && let Ok(due) = self.store.next_due().await
            // If something is due now, no waiting claim may have it.
            && !due.now
        {
            self.claims
                .quiet(Instant::now() + due.next.unwrap_or(TICK).min(TICK));
        }
        again
    }

    async fn create_together(&self, tasks: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
        let mut ids = self.numbers(tasks.len()).await?;
        let mut writes = Vec::with_capacity(tasks.len());
        for (task, id) in tasks.into_iter().zip(ids.drain(..).rev()) {
            writes.push(Write::Create(Box::new(task.numbered(id)?)));
        }
        let outcomes = self.store.commit(&writes).await?;
        let mut created = Vec::with_capacity(writes.len());
        for (write, outcome) in writes.iter().zip(outcomes) {
            let written = outcome?;
            self.after.stored(write, None, &written);
            if let Written::Created(id) = written {
                created.push(id);
            }
        }
        self.claims.stir();
        Ok(created)
    }
}

/// Whether there may be something to claim after it.
fn makes_work(entry: &Entry) -> bool {
    match &entry.write {
        Write::Create(_) => true,
        Write::Change(commit) => matches!(commit.change.task.state, TaskState::Queued { .. }),
        Write::Claim(_) | Write::Say(_) | Write::Audit(_) => false,
    }
}

/// A copy of an error of the store, for another caller.
fn copied(error: &StoreError) -> StoreError {
    match error {
        StoreError::Conflict => StoreError::Conflict,
        StoreError::Taken(what) => StoreError::Taken(what.clone()),
        StoreError::Corrupt(what) => StoreError::Corrupt(what.clone()),
        StoreError::Unavailable(why) => StoreError::Unavailable(why.to_string().into()),
    }
}

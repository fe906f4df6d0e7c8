//! The way into the store for what people and agents wait for: snapshots are read, changes, new
//! tasks and audit entries are written, each kind gathered while the previous batch is on its way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;
use vine_domain::{
    AuditEntry, TaskId,
    lifecycle::TaskSnapshot,
    ports::{Commit, NewTask, Store, StoreError},
};

use crate::{
    AppResult, Missing,
    after_commit::AfterCommit,
    batcher::{BatchedCall, Batcher},
    tasks::PermittedTask,
};

/// A decided change, with the task before it.
pub(crate) struct DecidedChange {
    /// The task before it.
    pub before: TaskSnapshot,
    /// What to store.
    pub commit: Commit,
}

/// While it lives, no other change of this task is decided in this daemon.
pub(crate) struct TaskTurn {
    task: TaskId,
    _held: OwnedMutexGuard<()>,
}

impl TaskTurn {
    /// Whose turn it is.
    pub fn task(&self) -> TaskId {
        self.task
    }
}

/// With this many tasks, those that nobody changes are forgotten.
const TURNS: usize = 1000;

/// Gathers what goes into the store, and tells who must know when it was stored.
pub(crate) struct WriteQueue {
    writer: Writer,
    snapshots: Batcher<TaskId, TaskSnapshot>,
    changes: Batcher<DecidedChange, TaskSnapshot>,
    creations: Batcher<PermittedTask, TaskId>,
    audits: Batcher<AuditEntry, ()>,
    /// Of tasks that are being changed.
    turns: Mutex<HashMap<TaskId, Arc<tokio::sync::Mutex<()>>>>,
}

impl WriteQueue {
    /// `batches` of each kind may run at the same time: one if there is one writer.
    pub fn new(store: Arc<dyn Store>, after: AfterCommit, batches: usize) -> Self {
        Self {
            writer: Writer { store, after },
            snapshots: Batcher::new(batches),
            changes: Batcher::new(batches),
            creations: Batcher::new(batches),
            audits: Batcher::new(batches),
            turns: Mutex::default(),
        }
    }

    /// Waits until no other change of this task is being decided here. Other daemons may change it
    /// meanwhile; the store finds that out.
    pub async fn turn(&self, task: TaskId) -> TaskTurn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= TURNS {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(turns.entry(task).or_default())
        };
        TaskTurn {
            task,
            _held: turn.lock_owned().await,
        }
    }

    /// A task with its questions and waiting notes.
    pub async fn snapshot(&self, task: TaskId) -> AppResult<TaskSnapshot> {
        let writer = self.writer.clone();
        let read = |calls| async move { writer.read(calls).await };
        self.snapshots.call(task, read).await
    }

    /// Stores a decided change. Returns the task before it; [`StoreError::Conflict`] if another
    /// change was stored first.
    ///
    /// One batch must not hold two changes of a task. The turn sees to that: it ends after the reply,
    /// and a caller that hangs up takes a change that no batch has taken yet along.
    pub async fn commit(&self, _of: &TaskTurn, change: DecidedChange) -> AppResult<TaskSnapshot> {
        let writer = self.writer.clone();
        let commit = |calls| async move { writer.commit(calls).await };
        self.changes.call(change, commit).await
    }

    /// Stores a new task. Returns its id, or that of the task that was created with its key before.
    pub async fn create(&self, task: PermittedTask) -> AppResult<TaskId> {
        let writer = self.writer.clone();
        let create = |calls| async move { writer.create(calls).await };
        self.creations.call(task, create).await
    }

    /// The same for several tasks, all or none. Returns their ids in order.
    pub async fn create_together(&self, tasks: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
        self.writer.store_new(tasks).await
    }

    /// Records an entry in the audit.
    pub async fn audit(&self, entry: AuditEntry) -> AppResult<()> {
        let writer = self.writer.clone();
        let audit = |calls| async move { writer.audit(calls).await };
        self.audits.call(entry, audit).await
    }
}

/// Runs batches.
#[derive(Clone)]
struct Writer {
    store: Arc<dyn Store>,
    after: AfterCommit,
}

impl Writer {
    async fn read(&self, calls: Vec<BatchedCall<TaskId, TaskSnapshot>>) {
        let ids: Vec<TaskId> = calls.iter().map(|call| call.input).collect();
        match self.store.snapshots(&ids).await {
            Ok(mut found) => {
                for call in calls {
                    let id = call.input;
                    let at = found.iter().position(|one| one.task.id == id);
                    let known =
                        at.map(
                            |at| match ids.iter().filter(|other| **other == id).count() {
                                1 => found.swap_remove(at),
                                _ => found[at].clone(),
                            },
                        );
                    call.reply(known.ok_or_else(|| Missing::Task(id).into()));
                }
            }
            Err(error) => fail(calls, &error),
        }
    }

    async fn commit(&self, calls: Vec<BatchedCall<DecidedChange, TaskSnapshot>>) {
        let (changes, replies): (Vec<_>, Vec<_>) =
            calls.into_iter().map(BatchedCall::into_parts).unzip();
        let (befores, commits): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| (change.before, change.commit))
            .unzip();
        let outcomes = match self.store.commit(&commits).await {
            Ok(outcomes) => outcomes,
            Err(error) if commits.len() == 1 => vec![Err(error)],
            // Nothing was stored. One that fails must not make the others fail.
            Err(error) => {
                alone("changes", commits.len(), &error);
                let mut outcomes = Vec::with_capacity(commits.len());
                for commit in &commits {
                    let one = self.store.commit(std::slice::from_ref(commit)).await;
                    outcomes.push(one.and_then(|mut one| one.pop().unwrap_or(Ok(()))));
                }
                outcomes
            }
        };
        let stored = befores.into_iter().zip(&commits).zip(outcomes);
        for (((before, commit), outcome), reply) in stored.zip(replies) {
            reply.send(match outcome {
                Ok(()) => {
                    self.after.changed(&before, commit);
                    Ok(before)
                }
                Err(error) => Err(error.into()),
            });
        }
    }

    async fn create(&self, calls: Vec<BatchedCall<PermittedTask, TaskId>>) {
        let tasks = calls.iter().map(|call| call.input.clone()).collect();
        match self.store_new(tasks).await {
            Ok(ids) => calls
                .into_iter()
                .zip(ids)
                .for_each(|(call, id)| call.reply(Ok(id))),
            Err(error) if calls.len() == 1 => calls
                .into_iter()
                .zip([error])
                .for_each(|(call, error)| call.reply(Err(error))),
            // A task that cannot be stored must not make the others fail.
            Err(error) => {
                alone("tasks", calls.len(), &error);
                for call in calls {
                    let ids = self.store_new(vec![call.input.clone()]).await;
                    call.reply(ids.map(|ids| ids[0]));
                }
            }
        }
    }

    async fn store_new(&self, tasks: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
        let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let ids = self.store.next_tasks(count).await?;
        let new: Vec<NewTask> = tasks
            .into_iter()
            .zip(&ids)
            .map(|(task, id)| task.numbered(*id))
            .collect::<AppResult<_>>()?;
        let known = self.store.create(&new).await?;
        let created = known.iter().filter(|known| known.is_none()).count();
        self.after.created(created);
        let ids = known.into_iter().zip(ids);
        Ok(ids.map(|(known, id)| known.unwrap_or(id)).collect())
    }

    async fn audit(&self, calls: Vec<BatchedCall<AuditEntry, ()>>) {
        let entries: Vec<AuditEntry> = calls.iter().map(|call| call.input.clone()).collect();
        match self.store.audit(&entries).await {
            Ok(()) => calls.into_iter().for_each(|call| call.reply(Ok(()))),
            Err(error) => fail(calls, &error),
        }
    }
}

fn alone(what: &str, count: usize, error: &dyn std::fmt::Display) {
    tracing::warn!(%error, "could not store {count} {what} together, storing them one by one: {error}");
}

/// Replies with the same error to all calls.
fn fail<I, O>(calls: Vec<BatchedCall<I, O>>, error: &StoreError) {
    for call in calls {
        call.reply(Err(copied(error).into()));
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

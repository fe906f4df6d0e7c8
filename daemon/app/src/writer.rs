//! Runs the batches of the write queue: numbers new tasks, stores what was decided together with the
//! claims that may be served by it, and reports the outcome.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;
use vine_domain::{
    AuditEntry, TaskId, TaskState,
    lifecycle::{About, TaskSnapshot},
    ports::{
        ClaimedTask, Commit, SaveRequest, Say, Store, StoreError, StoreResult, Write, Written,
    },
    schedule::ClaimRequest,
};

use crate::{
    AppError, AppResult, Missing,
    after_commit::AfterCommit,
    batcher::{BatchReply, BatchedCall},
    tasks::PermittedTask,
    waiting_claims::{Asking, PendingClaim, TICK, WaitingClaims},
};

/// How long claims rest when the store fails.
const PAUSE: Duration = Duration::from_millis(500);

/// Something to be stored.
pub(crate) enum Queued {
    /// A task that gets its number now.
    Create(Box<PermittedTask>),
    /// A change, and a claim that goes after it.
    Change {
        /// The task before it.
        before: Arc<TaskSnapshot>,
        /// The change.
        commit: Box<Commit>,
        /// The claim.
        claim: Option<PendingClaim>,
    },
    /// Messages that change no task.
    Say(Say),
    /// The new state of a pull request.
    Request(Box<SaveRequest>),
    /// An entry in the audit.
    Audit(AuditEntry),
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
pub(crate) struct Writer {
    /// Where they are stored.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub after: AfterCommit,
    /// The claims that take part.
    pub claims: Arc<WaitingClaims>,
    /// Other batches may run at the same time.
    pub shares: bool,
}

impl Writer {
    /// Reads tasks, each as its call wants it.
    pub async fn read(&self, calls: Vec<BatchedCall<(TaskId, About), TaskSnapshot>>) {
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
    pub async fn write(&self, calls: Vec<BatchedCall<Queued, Written>>) {
        let mut batch = self.entries(calls).await;
        loop {
            let makes_work = batch.entries.iter().any(makes_work);
            if makes_work {
                self.claims.stir();
            }
            let asking = self.ask(batch.claims).await;
            let wants = asking.wants();
            if batch.entries.is_empty() && wants.is_empty() {
                return;
            }
            // Others ask at the same time: they may have looked before this was stored, or may have
            // skipped what this had locked.
            let stirs = self.shares && !asking.for_others() && (makes_work || !wants.is_empty());
            let again = match self.store(batch.entries, wants).await {
                Ok(claimed) => {
                    let again = self.give(asking, claimed).await;
                    if stirs {
                        self.claims.stir();
                    }
                    again || (stirs && self.claims.is_hungry())
                }
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
                Queued::Request(save) => Ok(Write::Request(save)),
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
        let mut outcomes: Vec<StoreResult<Written>> = Vec::with_capacity(count);
        for write in writes {
            // One that fails may fail for a reason of its own. After two, the store is away.
            if let [
                ..,
                Err(StoreError::Unavailable(_)),
                Err(error @ StoreError::Unavailable(_)),
            ] = &outcomes[..]
            {
                let error = copied(error);
                outcomes.push(Err(error));
                continue;
            }
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

    /// Stores new tasks, all or none. Returns their ids in order.
    pub async fn create_together(&self, tasks: Vec<PermittedTask>) -> AppResult<Vec<TaskId>> {
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
        Write::Claim(_) | Write::Say(_) | Write::Request(_) | Write::Audit(_) => false,
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

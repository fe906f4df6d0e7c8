//! Transitions: how any change is made. Load, decide, write the messages, store; start over if
//! another change was stored first. Changes that arrive together share each of these steps.

use std::collections::HashSet;

use vine_domain::{
    AuditEntry, TaskId, TaskState,
    lifecycle::{self, Event, Refusal, TaskSnapshot},
    ports::{Commit, StoreError},
};

use crate::{
    App, AppResult, Missing,
    batcher::{BatchedCall, again},
    texts,
};

/// Races are short: each retry means that another change of the same task was stored.
const TRIES: usize = 20;

/// A requested change.
pub(crate) struct Transition {
    id: TaskId,
    event: Event,
    reply: Option<(String, String)>,
    audit: Option<AuditEntry>,
    /// How often another change was stored first.
    tries: usize,
}

/// The outcome of a transition.
pub(crate) struct Applied {
    /// The task before it.
    before: TaskSnapshot,
    /// Something was stored.
    changed: bool,
}

impl App {
    /// A task with its questions and waiting notes.
    pub async fn snapshot(&self, id: TaskId) -> AppResult<TaskSnapshot> {
        self.store
            .snapshots(&[id])
            .await?
            .pop()
            .ok_or_else(|| Missing::Task(id).into())
    }

    /// Applies `event` to a task. `reply` is the author and words of the message that caused it.
    /// Returns the task before the change.
    pub(crate) async fn transition(
        &self,
        id: TaskId,
        event: Event,
        reply: Option<(String, String)>,
    ) -> AppResult<TaskSnapshot> {
        self.transition_for(id, event, reply, None).await
    }

    /// The same for a person: the decision that allowed it is recorded in the audit, whatever the
    /// outcome.
    pub(crate) async fn transition_for(
        &self,
        id: TaskId,
        event: Event,
        reply: Option<(String, String)>,
        audit: Option<AuditEntry>,
    ) -> AppResult<TaskSnapshot> {
        let app = self.clone();
        let step = Transition {
            id,
            event,
            reply,
            audit: audit.clone(),
            tries: 0,
        };
        let taken = self
            .together
            .steps
            .call(step, |calls| app.transition_all(calls))
            .await;
        // A change stores its audit entry; without one, it is stored here.
        if let (Ok(Applied { changed: false, .. }) | Err(_), Some(entry)) = (&taken, audit) {
            self.audit(entry).await?;
        }
        taken.map(|stepped| stepped.before)
    }

    /// Applies transitions that arrived together, one at a time for each task.
    async fn transition_all(self, mut calls: Vec<BatchedCall<Transition, Applied>>) {
        while !calls.is_empty() {
            let mut tasks = HashSet::new();
            let (now, later) = calls
                .into_iter()
                .partition(|call| tasks.insert(call.input.id));
            calls = self.apply_batch(now).await;
            calls.extend(later);
        }
    }

    /// Loads, decides and stores. Returns the calls to retry because another change was stored
    /// first.
    async fn apply_batch(
        &self,
        calls: Vec<BatchedCall<Transition, Applied>>,
    ) -> Vec<BatchedCall<Transition, Applied>> {
        let ids: Vec<TaskId> = calls.iter().map(|call| call.input.id).collect();
        let mut situations = match self.store.snapshots(&ids).await {
            Ok(situations) => situations,
            Err(error) => {
                calls
                    .into_iter()
                    .for_each(|call| call.reply(Err(again(&error).into())));
                return Vec::new();
            }
        };
        if let Err(error) = self.look_around().await {
            tracing::debug!("could not read walls for cards: {error}");
        }
        let (mut decided, mut commits) = (Vec::new(), Vec::new());
        for call in calls {
            let found = situations
                .iter()
                .position(|one| one.task.id == call.input.id)
                .map(|at| situations.swap_remove(at));
            let Some(situation) = found else {
                let missing = Missing::Task(call.input.id);
                call.reply(Err(missing.into()));
                continue;
            };
            match lifecycle::decide(&situation, call.input.event.clone(), self.clock.now()) {
                Err(refusal) => {
                    // Ending a lease that has just ended is not a worker's stale write.
                    let ours = matches!(call.input.event, Event::LeaseLost { .. });
                    if matches!(refusal, Refusal::Stale(_)) && !ours {
                        self.meter.stale();
                    }
                    call.reply(Err(refusal.into()));
                }
                Ok(change) if change.is_empty() => call.reply(Ok(Applied {
                    before: situation,
                    changed: false,
                })),
                Ok(change) => {
                    let (messages, reply) = (
                        texts::messages(self, &situation, &change),
                        call.input.reply.clone(),
                    );
                    let was_queued = matches!(situation.task.state, TaskState::Queued { .. });
                    let (sessions, audit) = (self.settings().sessions, call.input.audit.clone());
                    commits.push(Commit {
                        change,
                        messages,
                        reply,
                        sessions,
                        was_queued,
                        audit,
                    });
                    decided.push((call, situation));
                }
            }
        }
        self.store_all(decided, &commits).await
    }

    async fn store_all(
        &self,
        decided: Vec<(BatchedCall<Transition, Applied>, TaskSnapshot)>,
        commits: &[Commit],
    ) -> Vec<BatchedCall<Transition, Applied>> {
        if commits.is_empty() {
            return Vec::new();
        }
        let outcomes = match self.store.commit(commits).await {
            Ok(outcomes) => outcomes,
            // Nothing was stored. One that fails must not make the others fail.
            Err(error) if commits.len() > 1 => {
                tracing::warn!(%error, "could not store {} changes together, storing them one by one: \
                 {error}", commits.len());
                let mut left = Vec::new();
                for (call, _) in decided {
                    left.extend(Box::pin(self.apply_batch(vec![call])).await);
                }
                return left;
            }
            Err(error) => vec![Err(error)],
        };
        let mut left = Vec::new();
        for (((mut call, situation), commit), outcome) in
            decided.into_iter().zip(commits).zip(outcomes)
        {
            match outcome {
                Ok(()) => {
                    self.wake_after(&situation, commit);
                    call.reply(Ok(Applied {
                        before: situation,
                        changed: true,
                    }));
                }
                Err(StoreError::Conflict) if call.input.tries < TRIES => {
                    call.input.tries += 1;
                    left.push(call);
                }
                Err(error) => call.reply(Err(error.into())),
            }
        }
        left
    }

    fn wake_after(&self, before: &TaskSnapshot, commit: &Commit) {
        let after = &commit.change.task;
        let (from, to) = (before.task.state.as_str(), after.state.as_str());
        tracing::info!(task.id = %after.id, from, to, "{}: {from} -> {to}", after.id);
        if let Some(lease) = before.task.lease() {
            self.wakes.worker(lease.worker);
        }
        if matches!(after.state, TaskState::Queued { .. }) {
            self.wakes.work();
        }
        self.wakes.outbox();
        self.meter.stored(before, commit, self.clock.now());
        self.tell_of_journeys(before, commit);
    }
}

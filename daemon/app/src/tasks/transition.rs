//! Transitions: how any change is made. Load, decide, write the messages, store; start over if
//! another change was stored first.

use std::sync::Arc;

use vine_domain::{
    AuditEntry, Lease, MessageId, Task, TaskId, TaskState,
    chat::Outbound,
    lifecycle::{self, About, Change, Event, Refusal, TaskSnapshot},
    ports::{Commit, Reply, StoreError},
};

use crate::{
    AppError, AppResult,
    tasks::Tasks,
    texts::{self, TextContext},
    waiting_claims::PendingClaim,
    write_queue::TaskTurn,
};

/// Races are short: each retry means that another change of the same task was stored.
const TRIES: usize = 20;

/// What happens to a task, and what is stored with it.
pub(crate) struct Transition {
    event: Event,
    reply: Option<Reply>,
    audit: Option<AuditEntry>,
    patch: Option<String>,
    claim: Option<PendingClaim>,
}

impl From<Event> for Transition {
    fn from(event: Event) -> Self {
        Self {
            event,
            reply: None,
            audit: None,
            patch: None,
            claim: None,
        }
    }
}

impl Transition {
    /// The message of a person that caused it.
    pub fn reply(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }

    /// The patch of the attempt that it ends.
    pub fn patch(mut self, patch: Option<String>) -> Self {
        self.patch = patch;
        self
    }

    /// The next claim of the same worker, served by the transaction that stores the change.
    pub fn then(mut self, claim: Option<PendingClaim>) -> Self {
        self.claim = claim;
        self
    }
}

/// The outcome of a transition.
struct Applied {
    /// The task before it.
    before: Arc<TaskSnapshot>,
    /// Something was stored.
    changed: bool,
}

impl Tasks {
    /// Applies a transition to a task. Returns the task before it.
    pub(crate) async fn transition(
        &self,
        id: TaskId,
        transition: impl Into<Transition>,
    ) -> AppResult<Arc<TaskSnapshot>> {
        let turn = self.writes.turn(id).await;
        let mut transition = transition.into();
        let applied = self.apply(&turn, None, &mut transition).await?;
        if let Some(claim) = transition.claim {
            drop(turn);
            self.writes.claim(claim).await;
        }
        Ok(applied.before)
    }

    /// The same for a person and a task that was just loaded: the decision that allowed it is
    /// recorded in the audit, whatever the outcome.
    pub(crate) async fn transition_for(
        &self,
        known: TaskSnapshot,
        transition: impl Into<Transition>,
        audit: AuditEntry,
    ) -> AppResult<Arc<TaskSnapshot>> {
        let turn = self.writes.turn(known.task.id).await;
        let mut transition = transition.into();
        transition.audit = Some(audit.clone());
        let applied = self.apply(&turn, Some(known), &mut transition).await;
        // A change stores its audit entry; without one, it is stored here.
        if let Ok(Applied { changed: false, .. }) | Err(_) = &applied {
            self.people.audit(audit).await?;
        }
        Ok(applied?.before)
    }

    /// A task with its waiting notes and these of its questions.
    pub(crate) async fn snapshot(&self, id: TaskId, about: About) -> AppResult<TaskSnapshot> {
        self.writes.snapshot(id, about).await
    }

    /// Decides and stores; starts over if another change was stored first. `known` was loaded before
    /// this turn: what it permits is tried, what it refuses is decided again on the task as it is.
    #[tracing::instrument(level = "debug", name = "transition", skip_all, fields(task.id = %turn.task()))]
    async fn apply(
        &self,
        turn: &TaskTurn,
        mut known: Option<TaskSnapshot>,
        transition: &mut Transition,
    ) -> AppResult<Applied> {
        for _ in 0..TRIES {
            let is_latest = known.is_none();
            let event = &transition.event;
            let before = match known.take() {
                Some(known) => known,
                None => self.snapshot(turn.task(), event.about()).await?,
            };
            let before = Arc::new(before);
            let change = match lifecycle::decide(&before, event.clone(), self.clock.now()) {
                Ok(change) if !change.is_empty() => change,
                _ if !is_latest => continue,
                Ok(_) => {
                    return Ok(Applied {
                        before,
                        changed: false,
                    });
                }
                Err(refusal) => return Err(self.refused(event, refusal)),
            };
            let commit = self.commit_of(&before, change, transition).await;
            // It is served even if the change conflicts.
            let claim = transition.claim.take();
            let stored = self.writes.commit(turn, Arc::clone(&before), commit, claim);
            match stored.await {
                Ok(()) => {
                    return Ok(Applied {
                        before,
                        changed: true,
                    });
                }
                Err(AppError::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error),
            }
        }
        tracing::warn!(task.id = %turn.task(), "{}: gave up after {TRIES} conflicts", turn.task());
        Err(StoreError::Conflict.into())
    }

    fn refused(&self, event: &Event, refusal: Refusal) -> AppError {
        // Ending a lease that has just ended is not a worker's stale write.
        if matches!(refusal, Refusal::Stale(_)) && !matches!(event, Event::LeaseLost { .. }) {
            self.metrics.stale();
        }
        refusal.into()
    }

    /// A change with its messages.
    async fn commit_of(
        &self,
        before: &TaskSnapshot,
        change: Change,
        transition: &Transition,
    ) -> Commit {
        let settings = self.settings.get();
        let lease = change.task.lease().or(before.task.lease());
        let isolation = self.isolation_of(&change.task, lease).await;
        let context = TextContext {
            settings: &settings,
            now: self.clock.now(),
            isolation: isolation.as_deref(),
            is_folder: self.isolation.known.is_folder(&change.task.repo),
        };
        Commit {
            messages: texts::messages(&*self.ids, &context, before, &change),
            pushed: is_pushed(&change.task) && !self.forges.is_empty(),
            was_queued: matches!(before.task.state, TaskState::Queued { .. }),
            sessions: settings.sessions,
            change,
            reply: transition.reply.clone(),
            patch: transition.patch.clone(),
            audit: transition.audit.clone(),
        }
    }

    /// The preset and wall of a task's agent, as its card shows them.
    async fn isolation_of(&self, task: &Task, lease: Option<&Lease>) -> Option<String> {
        if let Err(error) = self.isolation.refresh().await {
            tracing::debug!("could not read walls for cards: {error}");
        }
        let worker = lease.map(|lease| lease.worker);
        self.isolation
            .known
            .on_card(&task.repo, &task.model, worker)
    }

    /// The card of a task as it is now.
    pub(crate) async fn card_of(&self, task: &Task) -> Outbound {
        let isolation = self.isolation_of(task, task.lease()).await;
        let settings = self.settings.get();
        let context = TextContext {
            settings: &settings,
            now: self.clock.now(),
            isolation: isolation.as_deref(),
            is_folder: self.isolation.known.is_folder(&task.repo),
        };
        texts::card(&context, MessageId(self.ids.uuid()), task)
    }
}

/// Whether a task has left work at the source.
fn is_pushed(task: &Task) -> bool {
    matches!(&task.state, TaskState::Done { report } if report.commit.is_some() && report.branch.is_some())
}

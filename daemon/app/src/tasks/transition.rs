//! Transitions: how any change is made. Load, decide, write the messages, store; start over if
//! another change was stored first.

use vine_domain::{
    AuditEntry, TaskId, TaskState,
    lifecycle::{self, Change, Event, Refusal, TaskSnapshot},
    ports::{Commit, StoreError},
};

use crate::{
    AppError, AppResult,
    tasks::Tasks,
    texts::{self, TextContext},
    write_queue::{DecidedChange, TaskTurn},
};

/// Races are short: each retry means that another change of the same task was stored.
const TRIES: usize = 20;

/// The outcome of a transition.
struct Applied {
    /// The task before it.
    before: TaskSnapshot,
    /// Something was stored.
    changed: bool,
}

impl Tasks {
    /// Applies `event` to a task. `reply` is the author and words of the message that caused it.
    /// Returns the task before the change.
    pub(crate) async fn transition(
        &self,
        id: TaskId,
        event: Event,
        reply: Option<(String, String)>,
    ) -> AppResult<TaskSnapshot> {
        let turn = self.writes.turn(id).await;
        let applied = self.apply(&turn, None, &event, reply, None).await?;
        Ok(applied.before)
    }

    /// The same for a person and a task that was just loaded: the decision that allowed the event is
    /// recorded in the audit, whatever the outcome.
    pub(crate) async fn transition_for(
        &self,
        known: TaskSnapshot,
        event: Event,
        reply: Option<(String, String)>,
        audit: AuditEntry,
    ) -> AppResult<TaskSnapshot> {
        let turn = self.writes.turn(known.task.id).await;
        let applied = self
            .apply(&turn, Some(known), &event, reply, Some(&audit))
            .await;
        // A change stores its audit entry; without one, it is stored here.
        if let Ok(Applied { changed: false, .. }) | Err(_) = &applied {
            self.people.audit(audit).await?;
        }
        Ok(applied?.before)
    }

    /// A task with its questions and waiting notes.
    pub(crate) async fn snapshot(&self, id: TaskId) -> AppResult<TaskSnapshot> {
        self.writes.snapshot(id).await
    }

    /// Decides and stores; starts over if another change was stored first. `known` was loaded before
    /// this turn: what it permits is tried, what it refuses is decided again on the task as it is.
    #[tracing::instrument(level = "debug", name = "transition", skip_all, fields(task.id = %turn.task()))]
    async fn apply(
        &self,
        turn: &TaskTurn,
        mut known: Option<TaskSnapshot>,
        event: &Event,
        reply: Option<(String, String)>,
        audit: Option<&AuditEntry>,
    ) -> AppResult<Applied> {
        for _ in 0..TRIES {
            let is_latest = known.is_none();
            let before = match known.take() {
                Some(known) => known,
                None => self.snapshot(turn.task()).await?,
            };
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
            let commit = self
                .commit_of(&before, change, reply.clone(), audit.cloned())
                .await;
            let change = DecidedChange { before, commit };
            match self.writes.commit(turn, change).await {
                Ok(before) => {
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
        reply: Option<(String, String)>,
        audit: Option<AuditEntry>,
    ) -> Commit {
        if let Err(error) = self.isolation.refresh().await {
            tracing::debug!("could not read walls for cards: {error}");
        }
        let settings = self.settings.get();
        let lease = change.task.lease().or(before.task.lease());
        let isolation = self
            .isolation
            .known
            .on_card(&change.task.repo, lease.map(|lease| lease.worker));
        let context = TextContext {
            settings: &settings,
            now: self.clock.now(),
            isolation: isolation.as_deref(),
        };
        Commit {
            messages: texts::messages(&*self.ids, &context, before, &change),
            was_queued: matches!(before.task.state, TaskState::Queued { .. }),
            sessions: settings.sessions,
            change,
            reply,
            audit,
        }
    }
}

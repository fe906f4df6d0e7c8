//! How any change happens: load, decide, put into words, store; again from the start when somebody was faster.

use vine_domain::{
    TaskId,
    lifecycle::{self, Event, Situation},
    ports::{Commit, StoreError},
};

use crate::{App, AppError, Done, texts};

/// Races are short: each retry means that another change of the same task was stored.
const TRIES: usize = 20;

impl App {
    /// A task with its questions and waiting notes.
    pub async fn situation(&self, id: TaskId) -> Done<Situation> {
        let task = self.store.task(id).await?.ok_or_else(|| AppError::NotFound(format!("task {id}")))?;
        let (questions, notes) = tokio::try_join!(self.store.questions_of(id), self.store.waiting_notes(id))?;
        Ok(Situation { task, questions, notes })
    }

    /// Lets `event` happen to a task. `reply` is what a person wrote that led to it, author and words.
    /// Returns the task's situation before the change.
    pub(crate) async fn step(&self, id: TaskId, event: Event, reply: Option<(String, String)>) -> Done<Situation> {
        for _ in 0..TRIES {
            let situation = self.situation(id).await?;
            let change = lifecycle::decide(&situation, event.clone(), self.clock.now())?;
            if change.is_empty() {
                return Ok(situation);
            }
            let messages = texts::messages(self, &situation, &change);
            let commit = Commit { change, messages, reply: reply.clone(), sessions: self.settings.sessions };
            match self.store.commit(&commit).await {
                Err(StoreError::Conflict) => {}
                other => {
                    other?;
                    self.wake_after(&situation, &commit);
                    return Ok(situation);
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn wake_after(&self, before: &Situation, commit: &Commit) {
        let after = &commit.change.task;
        let (from, to) = (before.task.state.as_str(), after.state.as_str());
        tracing::info!(task.id = %after.id, from, to, "{}: {from} -> {to}", after.id);
        if let Some(lease) = before.task.lease() {
            self.wakes.worker(lease.worker);
        }
        if matches!(after.state, vine_domain::TaskState::Queued { .. }) {
            self.wakes.work.notify_one();
        }
        self.wakes.outbox();
    }
}

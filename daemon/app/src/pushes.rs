//! Work that is kept by a worker and not pushed: cancelled, held back for what looks like a secret in
//! it, or by the repository's rule. A person says what becomes of it.

use serde_json::json;
use vine_domain::{
    MessageId, Task, TaskId, Verb, WorkerState, access::ListScope, assignment::WorkerMessage,
    attempt::Attempt,
};

use crate::{App, AppError, AppResult, Caller, commands::CommandOutput, texts};

impl App {
    /// `task push`: the worker that keeps work of a task pushes it as soon as it can.
    pub async fn push(&self, caller: &Caller, id: TaskId) -> AppResult<CommandOutput> {
        let task = self.operated(caller, id, "push").await?;
        // An agent that waits has its folder too.
        if task.lease().is_some() {
            return Err(AppError::Unreadable(format!(
                "{id} is at work; what it writes is kept at its end, and can be pushed then"
            )));
        }
        let Some((worker, _)) = self.store.want_push(id, caller.name()).await? else {
            return Err(AppError::Unreadable(format!(
                "no worker of this daemon keeps work of {id} that is not pushed; the thread of {id} tells where it is"
            )));
        };
        self.wakes.worker(worker);
        let by = match self.store.worker(worker).await? {
            Some(worker) if worker.state(0, 0, self.clock.now()) != WorkerState::Offline => {
                format!("{} is doing it.", worker.name)
            }
            Some(worker) => format!("{} is offline and does it when it is back.", worker.name),
            None => "Its worker was removed just now.".into(),
        };
        let text = format!("{} asked to push the work of {id}. {by}", caller.name());
        let message = texts::notice(MessageId(self.ids.uuid()), id, text.clone());
        self.store.add_messages(id, None, &[message]).await?;
        self.wakes.outbox();
        self.wakes.page();
        Ok(CommandOutput::new(
            text,
            json!({ "id": id, "state": "wanted" }),
        ))
    }

    /// `task push --leave`: it stays with its worker, and nobody is asked any more.
    pub async fn leave(&self, caller: &Caller, id: TaskId) -> AppResult<CommandOutput> {
        self.operated(caller, id, "leave").await?;
        self.store.leave(id).await?;
        self.wakes.page();
        let text = format!("What is kept of {id} stays with its worker.");
        Ok(CommandOutput::new(
            text,
            json!({ "id": id, "state": "left" }),
        ))
    }

    async fn operated(&self, caller: &Caller, id: TaskId, what: &str) -> AppResult<Task> {
        let task = self.look_at(caller, id).await?;
        let (repo, what) = (Some(&task.repo), format!("{what} {id}"));
        self.allow(caller, Verb::Operate, repo, &what).await?;
        self.repo(&task.repo).await?;
        Ok(task)
    }

    /// Tasks that this person sees whose work waits for somebody to say that it may be pushed, each with
    /// what looks like a secret in it.
    pub async fn held(&self, caller: &Caller) -> AppResult<Vec<(Task, String)>> {
        let sight = self.sight(caller, "held pushes").await?;
        let mut held = Vec::new();
        for (id, what) in self.store.held_pushes().await? {
            let task = self.task(id).await?;
            let sees = match &sight {
                ListScope::Everything => true,
                ListScope::Only(repos) => repos.contains(&task.repo),
            };
            if sees {
                held.push((task, what));
            }
        }
        Ok(held)
    }

    /// What a worker is told that is to push what it keeps of an attempt.
    pub(crate) async fn push_for(
        &self,
        attempt: Attempt,
        commit: String,
    ) -> AppResult<WorkerMessage> {
        let task = self.task(attempt.task).await?;
        Ok(WorkerMessage::Push {
            attempt,
            commit,
            created: task.created,
            repo: Box::new(self.repo(&task.repo).await?),
        })
    }
}

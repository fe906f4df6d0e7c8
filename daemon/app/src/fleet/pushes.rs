//! Work that a worker keeps and did not push: the task was cancelled, the work may contain a
//! secret, or the repository's rule forbids it. A person decides what to do with it.

use vine_domain::{
    MessageId, Task, TaskId, Verb, access::ListScope, assignment::WorkerMessage, attempt::Attempt,
    ports::Say,
};

use crate::{AppError, AppResult, Caller, fleet::Fleet, texts};

impl Fleet {
    /// `task push`: the worker that keeps the work of a task pushes it as soon as it can. Returns what
    /// happens next, for people.
    pub async fn push(&self, caller: &Caller, id: TaskId) -> AppResult<String> {
        let task = self.operated(caller, id, "push").await?;
        // A waiting agent uses the worktree too.
        if task.lease().is_some() {
            return Err(AppError::Unreadable(format!(
                "{id} is still active; its work can be pushed when the attempt ends"
            )));
        }
        let Some((worker, _)) = self.store.want_push(id, caller.name()).await? else {
            return Err(AppError::Unreadable(format!(
                "no worker has unpushed work of {id}; its thread shows where the work is"
            )));
        };
        self.wakeups.worker(worker);
        let by = match self.store.worker(worker).await? {
            Some(worker) if worker.is_online(self.clock.now()) => {
                format!("{} is pushing it.", worker.name)
            }
            Some(worker) => format!(
                "{} is offline; it pushes the work when it is back.",
                worker.name
            ),
            None => "Its worker has just been removed.".into(),
        };
        let text = format!("{} asked to push the work of {id}. {by}", caller.name());
        let message = texts::notice(MessageId(self.ids.uuid()), id, text.clone());
        self.writes.say(Say::one(message)).await?;
        Ok(text)
    }

    /// `task push --leave`: the work stays on its worker, and people are not asked about it again.
    /// Returns that, for people.
    pub async fn leave(&self, caller: &Caller, id: TaskId) -> AppResult<String> {
        self.operated(caller, id, "leave").await?;
        self.store.leave(id).await?;
        self.wakeups.page();
        Ok(format!("The work of {id} stays on its worker."))
    }

    async fn operated(&self, caller: &Caller, id: TaskId, what: &str) -> AppResult<Task> {
        let task = self.tasks.look_at(caller, id).await?;
        let repo = Some(&task.repo);
        let what = format!("{what} {id}");
        self.people
            .allow(caller, Verb::Operate, repo, &what)
            .await?;
        self.tasks.repo(&task.repo).await?;
        Ok(task)
    }

    /// Tasks that this person sees whose work waits for permission to be pushed, each with what
    /// looks like a secret in it.
    pub async fn held(&self, caller: &Caller) -> AppResult<Vec<(Task, String)>> {
        let sight = self.people.sight(caller, "held pushes").await?;
        let mut held = Vec::new();
        for (id, what) in self.store.held_pushes().await? {
            let task = self.tasks.get(id).await?;
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

    /// The message that tells a worker to push the work it keeps of an attempt.
    pub(crate) async fn push_for(
        &self,
        attempt: Attempt,
        commit: String,
    ) -> AppResult<WorkerMessage> {
        let task = self.tasks.get(attempt.task).await?;
        Ok(WorkerMessage::Push {
            attempt,
            commit,
            created_at: task.created,
            repo: Box::new(self.tasks.repo(&task.repo).await?),
        })
    }
}

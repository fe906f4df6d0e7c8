//! Lists, as far as their reader sees: everything, or what belongs to the repositories where they have a role.

use std::cmp::Reverse;

use vine_domain::{
    Question, Repo, Task, TaskId, Verb,
    access::{self, Sight},
    ports::{Stored, TaskFilter},
};

use crate::{App, Caller, Done};

impl App {
    /// Where the caller sees; whoever sees nowhere is refused, and the audit says so.
    pub async fn sight(&self, caller: &Caller, subject: &str) -> Done<Sight> {
        match access::sight(caller.user.as_ref()) {
            Ok(sight) => Ok(sight),
            Err(_) => self.allow(caller, Verb::See, None, subject).await.map(|()| Sight::Everything),
        }
    }

    /// Tasks that fit, newest first.
    pub async fn tasks(&self, caller: &Caller, filter: &TaskFilter) -> Done<Vec<Task>> {
        if filter.repo.is_some() {
            self.allow(caller, Verb::See, filter.repo.as_ref(), "tasks").await?;
            return Ok(self.store.tasks(filter).await?);
        }
        let sight = self.sight(caller, "tasks").await?;
        Ok(self.tasks_in(&sight, filter).await?)
    }

    pub(crate) async fn tasks_in(&self, sight: &Sight, filter: &TaskFilter) -> Stored<Vec<Task>> {
        let Sight::Only(repos) = sight else { return self.store.tasks(filter).await };
        let mut tasks = Vec::new();
        for repo in repos {
            tasks.extend(self.store.tasks(&TaskFilter { repo: Some(repo.clone()), ..filter.clone() }).await?);
        }
        tasks.sort_by_key(|task| Reverse(task.id));
        tasks.truncate(filter.limit as usize);
        Ok(tasks)
    }

    /// Open questions, oldest first.
    pub async fn open_questions(&self, caller: &Caller, limit: u32) -> Done<Vec<Question>> {
        let sight = self.sight(caller, "questions").await?;
        Ok(self.open_questions_in(&sight, limit).await?)
    }

    pub(crate) async fn open_questions_in(&self, sight: &Sight, limit: u32) -> Stored<Vec<Question>> {
        let Sight::Only(repos) = sight else { return self.store.open_questions(limit).await };
        let mut open = Vec::new();
        for repo in repos {
            open.extend(self.store.open_questions_in(repo).await?);
        }
        open.sort_by_key(|question| question.id);
        open.truncate(limit as usize);
        Ok(open)
    }

    /// Those of the latest questions of all that the caller sees, latest first.
    pub async fn latest_questions(&self, caller: &Caller, among: u32) -> Done<Vec<Question>> {
        let sight = self.sight(caller, "questions").await?;
        let latest = self.store.latest_questions(among).await?;
        let Sight::Only(repos) = sight else { return Ok(latest) };
        let theirs = self.with_tasks(latest).await?.into_iter().filter(|(_, task)| repos.contains(&task.repo));
        Ok(theirs.map(|(question, _)| question).collect())
    }

    /// Each question with its task.
    pub(crate) async fn with_tasks(&self, questions: Vec<Question>) -> Stored<Vec<(Question, Task)>> {
        let ids: Vec<TaskId> = questions.iter().map(Question::task).collect();
        let situations = if ids.is_empty() { Vec::new() } else { self.store.situations(&ids).await? };
        let task_of = |question: &Question| situations.iter().find(|one| one.task.id == question.task()).map(|one| one.task.clone());
        Ok(questions.into_iter().filter_map(|question| task_of(&question).map(|task| (question, task))).collect())
    }

    /// Repositories, by name.
    pub async fn repos(&self, caller: &Caller) -> Done<Vec<Repo>> {
        let sight = self.sight(caller, "repositories").await?;
        Ok(self.repos_in(&sight).await?)
    }

    pub(crate) async fn repos_in(&self, sight: &Sight) -> Stored<Vec<Repo>> {
        let mut repos = self.store.repos().await?;
        if let Sight::Only(own) = sight {
            repos.retain(|repo| own.contains(&repo.name));
        }
        Ok(repos)
    }
}

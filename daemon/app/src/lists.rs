//! Lists, limited to what their reader may view: everything, or the repositories where they have a
//! role.

use std::cmp::Reverse;

use vine_domain::{
    Question, Repo, Session, Slug, Task, TaskId, Verb,
    access::{self, ListScope},
    ports::{StoreResult, TaskFilter},
};

use crate::{App, AppResult, Caller, Missing};

impl App {
    /// What the caller may view; one who may view nothing is refused, which the audit records.
    pub async fn sight(&self, caller: &Caller, subject: &str) -> AppResult<ListScope> {
        match access::sight(caller.user.as_ref()) {
            Ok(sight) => Ok(sight),
            Err(_) => self
                .allow(caller, Verb::See, None, subject)
                .await
                .map(|()| ListScope::Everything),
        }
    }

    /// Tasks that match, newest first.
    pub async fn tasks(&self, caller: &Caller, filter: &TaskFilter) -> AppResult<Vec<Task>> {
        if filter.repo.is_some() {
            self.allow(caller, Verb::See, filter.repo.as_ref(), "tasks")
                .await?;
            return Ok(self.store.tasks(filter).await?);
        }
        let sight = self.sight(caller, "tasks").await?;
        Ok(self.tasks_in(&sight, filter).await?)
    }

    pub(crate) async fn tasks_in(
        &self,
        sight: &ListScope,
        filter: &TaskFilter,
    ) -> StoreResult<Vec<Task>> {
        let within = |repo: Option<&Slug>| {
            let filter = TaskFilter {
                repo: repo.cloned(),
                ..filter.clone()
            };
            async move { self.store.tasks(&filter).await }
        };
        merged(sight, filter.limit, within, |task| Reverse(task.id)).await
    }

    /// Open questions, oldest first.
    pub async fn open_questions(&self, caller: &Caller, limit: u32) -> AppResult<Vec<Question>> {
        let sight = self.sight(caller, "questions").await?;
        Ok(self.open_questions_in(&sight, limit).await?)
    }

    pub(crate) async fn open_questions_in(
        &self,
        sight: &ListScope,
        limit: u32,
    ) -> StoreResult<Vec<Question>> {
        merged(
            sight,
            limit,
            |repo| self.store.open_questions(repo, limit),
            |question| question.id,
        )
        .await
    }

    /// Questions that are over, latest first.
    pub async fn closed_questions(&self, caller: &Caller, limit: u32) -> AppResult<Vec<Question>> {
        let sight = self.sight(caller, "questions").await?;
        Ok(merged(
            &sight,
            limit,
            |repo| self.store.closed_questions(repo, limit),
            |question| Reverse(question.id),
        )
        .await?)
    }

    /// Sessions with their repositories, most recently active first; without ended ones unless
    /// `ended_too`.
    pub async fn sessions(
        &self,
        caller: &Caller,
        ended_too: bool,
        limit: u32,
    ) -> AppResult<Vec<(Slug, Session)>> {
        let sight = self.sight(caller, "sessions").await?;
        Ok(self.sessions_in(&sight, ended_too, limit).await?)
    }

    pub(crate) async fn sessions_in(
        &self,
        sight: &ListScope,
        ended_too: bool,
        limit: u32,
    ) -> StoreResult<Vec<(Slug, Session)>> {
        merged(
            sight,
            limit,
            |repo| self.store.sessions(repo, ended_too, limit),
            |(_, session)| Reverse(session.active),
        )
        .await
    }

    /// Each question with its task.
    pub(crate) async fn with_tasks(
        &self,
        questions: Vec<Question>,
    ) -> StoreResult<Vec<(Question, Task)>> {
        let ids: Vec<TaskId> = questions.iter().map(Question::task).collect();
        let situations = if ids.is_empty() {
            Vec::new()
        } else {
            self.store.snapshots(&ids).await?
        };
        let task_of = |question: &Question| {
            situations
                .iter()
                .find(|one| one.task.id == question.task())
                .map(|one| one.task.clone())
        };
        Ok(questions
            .into_iter()
            .filter_map(|question| task_of(&question).map(|task| (question, task)))
            .collect())
    }

    /// One repository.
    pub async fn repo(&self, name: &Slug) -> AppResult<Repo> {
        let found = self
            .store
            .repos()
            .await?
            .into_iter()
            .find(|repo| repo.name == *name);
        found.ok_or_else(|| Missing::Repo(name.clone()).into())
    }

    /// Repositories, by name.
    pub async fn repos(&self, caller: &Caller) -> AppResult<Vec<Repo>> {
        let sight = self.sight(caller, "repositories").await?;
        Ok(self.repos_in(&sight).await?)
    }

    pub(crate) async fn repos_in(&self, sight: &ListScope) -> StoreResult<Vec<Repo>> {
        let mut repos = self.store.repos().await?;
        if let ListScope::Only(own) = sight {
            repos.retain(|repo| own.contains(&repo.name));
        }
        Ok(repos)
    }
}

/// A list for one reader: one query for everything, or the merged queries of each of their
/// repositories.
async fn merged<'a, T, K: Ord, L: Future<Output = StoreResult<Vec<T>>>>(
    sight: &'a ListScope,
    limit: u32,
    look: impl Fn(Option<&'a Slug>) -> L,
    order: impl Fn(&T) -> K,
) -> StoreResult<Vec<T>> {
    let ListScope::Only(repos) = sight else {
        return look(None).await;
    };
    let mut all = Vec::new();
    for repo in repos {
        all.extend(look(Some(repo)).await?);
    }
    all.sort_by_key(order);
    all.truncate(limit as usize);
    Ok(all)
}

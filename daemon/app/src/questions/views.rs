//! Questions as people see them.

use std::{cmp::Reverse, collections::HashMap};

use vine_api::TaskView;
use vine_domain::{
    Ask, Note, Question, QuestionId, Round, Slug, Task, TaskId, Verb,
    access::ListScope,
    attempt::Execution,
    lifecycle::About,
    ports::{QuestionPage, StoreResult},
    question::Milestones,
};

use crate::{AppResult, Caller, Missing, lists::merged, questions::Questions};

/// A task with everything that belongs to it.
pub struct TaskWithParts {
    /// The task.
    pub task: Task,
    /// What its agents asked.
    pub questions: Vec<Question>,
    /// What people told its agents.
    pub notes: Vec<Note>,
    /// Its later rounds, oldest first.
    pub rounds: Vec<Round>,
    /// Its attempts, oldest first.
    pub executions: Vec<Execution>,
}

impl TaskWithParts {
    /// As programs see it.
    pub fn view(&self) -> TaskView {
        let rounds = Some(self.rounds.clone());
        let view = TaskView::whole(&self.task, &self.questions, &self.notes, &self.executions);
        TaskView { rounds, ..view }
    }
}

impl Questions {
    /// One question.
    pub async fn get(&self, id: QuestionId) -> AppResult<Question> {
        self.store
            .question(id)
            .await?
            .ok_or_else(|| Missing::Question(id).into())
    }

    /// The same for a person who may view its task, and notes that they saw it. It is masked except
    /// for those who may approve it, and always in a room.
    pub async fn look_at(&self, caller: &Caller, id: QuestionId) -> AppResult<Question> {
        let mut question = self.get(id).await?;
        let repo = self.tasks.get(question.task()).await?.repo;
        self.people
            .allow(caller, Verb::See, Some(&repo), &id.to_string())
            .await?;
        self.mark_seen(caller, &repo, std::slice::from_ref(&question))
            .await?;
        question.ask = self.shown_to(caller, &repo, &question);
        Ok(question)
    }

    /// The ask, masked unless this person may see all of it where they are.
    pub fn shown_to(&self, caller: &Caller, repo: &Slug, question: &Question) -> Ask {
        let may = self
            .settings
            .get()
            .rules
            .allow(caller.user.as_ref(), repo, &question.ask);
        match may && !caller.is_in_a_room() {
            true => question.ask.clone(),
            false => question.ask.masked(),
        }
    }

    /// The milestones of a question.
    pub async fn milestones(&self, id: QuestionId) -> AppResult<Milestones> {
        let mut found = self.all_milestones(&[id]).await?;
        Ok(found.remove(&id).unwrap_or_default())
    }

    /// The milestones of several questions.
    pub async fn all_milestones(
        &self,
        ids: &[QuestionId],
    ) -> AppResult<HashMap<QuestionId, Milestones>> {
        Ok(self.store.milestones(ids).await?)
    }

    /// Notes that somebody views these questions; it counts if that person may answer them.
    pub async fn mark_seen(
        &self,
        caller: &Caller,
        repo: &Slug,
        questions: &[Question],
    ) -> AppResult<()> {
        self.noticed(caller, questions.iter().map(|question| (question, repo)))
            .await
    }

    async fn noticed<'a>(
        &self,
        caller: &Caller,
        shown: impl Iterator<Item = (&'a Question, &'a Slug)>,
    ) -> AppResult<()> {
        let settings = self.settings.get();
        let may = |question: &Question, repo: &Slug| {
            settings
                .rules
                .allow(caller.user.as_ref(), repo, &question.ask)
        };
        let open: Vec<QuestionId> = shown
            .filter(|(one, repo)| one.is_open() && may(one, repo))
            .map(|(one, _)| one.id)
            .collect();
        if !open.is_empty() {
            self.store.mark_seen(&open).await?;
        }
        Ok(())
    }

    /// Open questions of one repository or of all, oldest first, each with its task.
    pub async fn open_with_tasks(
        &self,
        caller: &Caller,
        repo: Option<&Slug>,
        limit: u32,
    ) -> AppResult<Vec<(Question, Task)>> {
        let sight = self.sight_of(caller, repo).await?;
        let questions = self.open_questions_in(&sight, limit).await?;
        Ok(self.with_tasks(questions).await?)
    }

    /// Notes that the caller sees these questions.
    pub async fn shown(&self, caller: &Caller, questions: &[(Question, Task)]) -> AppResult<()> {
        let shown = questions
            .iter()
            .map(|(question, task)| (question, &task.repo));
        self.noticed(caller, shown).await
    }

    /// The repositories whose questions somebody may list: one, or all that they may see.
    async fn sight_of(&self, caller: &Caller, repo: Option<&Slug>) -> AppResult<ListScope> {
        let Some(repo) = repo else {
            return self.people.sight(caller, "questions").await;
        };
        self.people
            .allow(caller, Verb::See, Some(repo), "questions")
            .await?;
        Ok(ListScope::Only(vec![repo.clone()]))
    }

    /// A task with everything that belongs to it; its questions count as seen by the caller.
    pub async fn task_with_parts(&self, caller: &Caller, id: TaskId) -> AppResult<TaskWithParts> {
        let task = self.tasks.look_at(caller, id).await?;
        let questions = self.store.questions_of(id).await?;
        self.mark_seen(caller, &task.repo, &questions).await?;
        // Most tasks have one round.
        let rounds = match task.round.is_later() {
            true => self.store.rounds(id).await?,
            false => Vec::new(),
        };
        Ok(TaskWithParts {
            rounds,
            questions,
            executions: self.store.executions(id).await?,
            notes: self.store.notes_of(id).await?,
            task,
        })
    }

    /// Open questions, oldest first.
    pub async fn open_questions(&self, caller: &Caller, limit: u32) -> AppResult<Vec<Question>> {
        let sight = self.people.sight(caller, "questions").await?;
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

    /// How many questions are open, of those that this person may see.
    pub async fn count_open(&self, caller: &Caller) -> AppResult<u64> {
        match self.people.sight(caller, "questions").await? {
            ListScope::Everything => Ok(self.store.count_open(None).await?),
            ListScope::Only(repos) => {
                let mut count = 0;
                for repo in &repos {
                    count += self.store.count_open(Some(repo)).await?;
                }
                Ok(count)
            }
        }
    }

    /// Questions that are over, of one repository or of all: a page of them, latest first.
    pub async fn closed_questions(
        &self,
        caller: &Caller,
        repo: Option<&Slug>,
        page: &QuestionPage,
    ) -> AppResult<Vec<Question>> {
        let sight = self.sight_of(caller, repo).await?;
        let within = |repo| self.store.closed_questions(repo, page);
        let mut found = match page.after {
            Some(_) => merged(&sight, page.limit, within, |question| question.id).await?,
            None => merged(&sight, page.limit, within, |question| Reverse(question.id)).await?,
        };
        found.sort_by_key(|question| Reverse(question.id));
        Ok(found)
    }

    /// Each question with its task.
    pub(crate) async fn with_tasks(
        &self,
        questions: Vec<Question>,
    ) -> StoreResult<Vec<(Question, Task)>> {
        let ids: Vec<_> = questions
            .iter()
            .map(|question| (question.task(), About::Unsettled))
            .collect();
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

    /// The questions of a task, oldest first.
    pub async fn of_task(&self, id: TaskId) -> AppResult<Vec<Question>> {
        Ok(self.store.questions_of(id).await?)
    }
}

//! Questions of agents and notes to them.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::{
    Timestamp,
    ids::{QuestionId, TaskId},
    input::Slug,
    note::Note,
    ports::error::StoreResult,
    question::{Milestones, Question},
};

/// A page of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionPage {
    /// Only ids below this one: the last id of the previous page.
    pub before: Option<QuestionId>,
    /// Only ids above this one, nearest first: the first id of the page that follows.
    pub after: Option<QuestionId>,
    /// At most this many.
    pub limit: u32,
}

impl QuestionPage {
    /// The latest ones.
    pub fn latest(limit: u32) -> Self {
        Self {
            before: None,
            after: None,
            limit,
        }
    }
}

/// Questions of agents and notes to them. They change only together with their task, by
/// [`super::Writes::commit`].
#[async_trait]
pub trait Questions: Send + Sync {
    /// Reserves a new question id.
    async fn next_question(&self) -> StoreResult<QuestionId>;
    /// All questions of a task, oldest first.
    async fn questions_of(&self, task: TaskId) -> StoreResult<Vec<Question>>;
    /// One question.
    async fn question(&self, id: QuestionId) -> StoreResult<Option<Question>>;
    /// All notes of a task, oldest first.
    async fn notes_of(&self, task: TaskId) -> StoreResult<Vec<Note>>;
    /// Open questions whose alarm is due, with their repository, longest waiting first.
    async fn alarms(&self, limit: u32) -> StoreResult<Vec<(Slug, Question)>>;
    /// Sets when open questions are checked again.
    async fn set_alarms(&self, alarms: &[(QuestionId, Timestamp)]) -> StoreResult<()>;
    /// Records that someone who may answer has seen these open questions; the first time counts.
    async fn mark_seen(&self, questions: &[QuestionId]) -> StoreResult<()>;
    /// The milestones of questions that are not part of the questions themselves.
    async fn milestones(
        &self,
        questions: &[QuestionId],
    ) -> StoreResult<HashMap<QuestionId, Milestones>>;
    /// Open questions, of one repository or of all, oldest first.
    async fn open_questions(&self, within: Option<&Slug>, limit: u32)
    -> StoreResult<Vec<Question>>;
    /// How many questions are open in one repository or in all.
    async fn count_open(&self, within: Option<&Slug>) -> StoreResult<u64>;
    /// Questions that are over, of one repository or of all: a page of them, latest first.
    async fn closed_questions(
        &self,
        within: Option<&Slug>,
        page: &QuestionPage,
    ) -> StoreResult<Vec<Question>>;
}

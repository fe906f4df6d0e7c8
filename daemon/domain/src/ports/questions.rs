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
    /// Questions that are over, of one repository or of all, latest first.
    async fn closed_questions(
        &self,
        within: Option<&Slug>,
        limit: u32,
    ) -> StoreResult<Vec<Question>>;
}

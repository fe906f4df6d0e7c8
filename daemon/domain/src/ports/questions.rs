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

/// Questions of agents and notes to them. They change with their task only, by
/// [`super::Tasks::commit`].
#[async_trait]
pub trait Questions: Send + Sync {
    /// A fresh question id.
    async fn next_question(&self) -> StoreResult<QuestionId>;
    /// All questions of a task, oldest first.
    async fn questions_of(&self, task: TaskId) -> StoreResult<Vec<Question>>;
    /// One question.
    async fn question(&self, id: QuestionId) -> StoreResult<Option<Question>>;
    /// All notes of a task, oldest first.
    async fn notes_of(&self, task: TaskId) -> StoreResult<Vec<Note>>;
    /// Open questions whose alarm has come, with their repository, the longest waiting first.
    async fn alarms(&self, limit: u32) -> StoreResult<Vec<(Slug, Question)>>;
    /// Sets when open questions are looked at again.
    async fn set_alarms(&self, alarms: &[(QuestionId, Timestamp)]) -> StoreResult<()>;
    /// Notes that somebody who may answer has looked at these open questions; the first time
    /// counts.
    async fn mark_seen(&self, questions: &[QuestionId]) -> StoreResult<()>;
    /// When questions reached their stations beside those that they know themselves.
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

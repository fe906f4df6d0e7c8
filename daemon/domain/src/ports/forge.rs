//! Forges: what an adapter does for us. Every call may be repeated: it looks first at what is there.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    forge::{
        Check, ForgeKind, ForgeProject, ForgeUser, GitToken, MergeMethod, OpenedRequest,
        RequestSnapshot, rule::ForgeName, text::RequestText,
    },
    input::Branch,
};

/// Why a call to a forge failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// Try again, after this pause at the earliest.
    #[error("{why}")]
    Retry {
        /// The reason.
        why: String,
        /// At least this long.
        after: Duration,
    },
    /// The forge refuses it, and will refuse it again until a person acts.
    #[error("{0}")]
    Refused(String),
    /// The head is not the commit that was named.
    #[error("its branch has changed in the meantime")]
    Moved,
    /// It is there already, or conflicts with what is there.
    #[error("{0}")]
    Conflict(String),
}

/// Shorthand for results of a forge.
pub type ForgeResult<T> = Result<T, ForgeError>;

/// A request to be opened.
#[derive(Debug, Clone)]
pub struct NewRequest<'a> {
    /// The branch with the change.
    pub branch: &'a Branch,
    /// The branch to merge into.
    pub base: &'a Branch,
    /// As a draft.
    pub draft: bool,
    /// What it says.
    pub text: RequestText,
    /// Its labels.
    pub labels: &'a [ForgeName],
    /// Who is asked to review it.
    pub reviewers: &'a [ForgeName],
    /// Whom it is assigned to.
    pub assignees: &'a [ForgeName],
}

/// How a request is merged.
#[derive(Debug, Clone, Copy)]
pub struct MergeOrder<'a> {
    /// How.
    pub method: MergeMethod,
    /// The commit that its head must be.
    pub head: &'a str,
}

/// A request that was found or opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRequest {
    /// The request.
    pub opened: OpenedRequest,
    /// Whether it is a draft.
    pub draft: bool,
}

/// A forge, with our account on it.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Its kind.
    fn kind(&self) -> ForgeKind;
    /// How long to wait between two looks at a request where nothing happens.
    fn pace(&self) -> Duration;
    /// Our account.
    async fn account(&self) -> ForgeResult<ForgeUser>;
    /// What our account may not do in a project, although it needs to: each with what to do about it.
    async fn missing_rights(&self, project: &ForgeProject) -> ForgeResult<Vec<String>>;
    /// A credential for git in one project, which ends by itself; `None` if this forge has none to lend.
    async fn git_token(&self, project: &ForgeProject) -> ForgeResult<Option<GitToken>>;
    /// The branch that a project merges into.
    async fn default_branch(&self, project: &ForgeProject) -> ForgeResult<Branch>;
    /// The open request of a branch of the project itself, if there is one.
    async fn find(
        &self,
        project: &ForgeProject,
        branch: &Branch,
    ) -> ForgeResult<Option<FoundRequest>>;
    /// Opens a request.
    async fn open(&self, project: &ForgeProject, new: &NewRequest<'_>)
    -> ForgeResult<FoundRequest>;
    /// Gives a request its labels, reviewers and assignees. What the forge does not know of them is left out, and
    /// returned as notes.
    async fn decorate(
        &self,
        project: &ForgeProject,
        number: u64,
        new: &NewRequest<'_>,
    ) -> ForgeResult<Vec<String>>;
    /// Whether a reply to a remark appears below it, and not at the end of all remarks.
    fn has_thread(&self, remark: &str) -> bool;
    /// Replaces what a request says.
    async fn describe(
        &self,
        project: &ForgeProject,
        number: u64,
        text: &RequestText,
    ) -> ForgeResult<()>;
    /// What the forge shows of a request.
    async fn look(&self, project: &ForgeProject, number: u64) -> ForgeResult<RequestSnapshot>;
    /// The end of the log of a failed check; `None` if the forge has none.
    async fn log(&self, project: &ForgeProject, check: &Check) -> ForgeResult<Option<String>>;
    /// Replies to a remark, by its key, unless a comment with the mark of `key` is there.
    async fn reply(
        &self,
        project: &ForgeProject,
        number: u64,
        remark: &str,
        key: Uuid,
        text: &str,
    ) -> ForgeResult<()>;
    /// Merges a request. One that is merged already is left alone.
    async fn merge(
        &self,
        project: &ForgeProject,
        number: u64,
        order: MergeOrder<'_>,
    ) -> ForgeResult<()>;
    /// Closes a request.
    async fn close(&self, project: &ForgeProject, number: u64) -> ForgeResult<()>;
    /// Merges the base into the branch of a request.
    async fn update(&self, project: &ForgeProject, number: u64, head: &str) -> ForgeResult<()>;
}

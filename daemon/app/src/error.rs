//! Why a use case did not do what was asked.

use std::time::Duration;

use vine_domain::{
    Denied, Invalid, QuestionId, SessionId, Slug, TaskId,
    access::RequesterMayNotDecide,
    chat::{Button, file::FileHash},
    lifecycle::Refusal,
    ports::StoreError,
};

use crate::clarify::Clarification;

/// What use cases return.
pub type AppResult<T> = Result<T, AppError>;

/// What was not found, by the name it was requested with.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// A task.
    #[error("task {0}")]
    Task(TaskId),
    /// A question.
    #[error("question {0}")]
    Question(QuestionId),
    /// A session.
    #[error("session {0}")]
    Session(SessionId),
    /// A worker, by name or id.
    #[error("worker {0}")]
    Worker(String),
    /// A repository.
    #[error("repository {0}")]
    Repo(Slug),
    /// A person.
    #[error("person {0}")]
    Person(String),
    /// A token, by its id.
    #[error("token {0}")]
    Token(String),
    /// A chat platform, by name.
    #[error("chat platform `{0}` here")]
    Platform(String),
    /// Any chat platform.
    #[error("chat platform here")]
    AnyPlatform,
    /// A file that a text names.
    #[error("file `{0}`")]
    File(FileHash),
    /// A message that its author can change.
    #[error("message {0} that can be changed")]
    Message(String),
}

impl Missing {
    /// Where the existing ones are listed.
    fn hint(&self) -> &'static str {
        match self {
            Self::Task(_) => "`task list` lists tasks",
            Self::Question(_) => "`question list` lists open questions",
            Self::Session(_) => "`session list --all` lists sessions, also ended ones",
            Self::File(_) => {
                "files are removed after some time (`keep.history_days`); ask for it again"
            }
            Self::Worker(_) => "`worker list` lists workers",
            Self::Repo(_) => "`repo list` lists repositories",
            Self::Person(_) => "people are listed in the configuration, under `[[people]]`",
            Self::Token(_) => "`vine token list` shows the valid tokens",
            Self::Platform(_) | Self::AnyPlatform => {
                "platforms are set up in the configuration; `vine doctor` checks them"
            }
            Self::Message(_) => "send it again",
        }
    }
}

/// Why something was not done. Each has a code for programs, and a message and a hint for people.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// It does not exist.
    #[error("there is no {0}")]
    NotFound(#[from] Missing),
    /// The caller is not known.
    #[error("this requires a valid token")]
    Unauthenticated,
    /// The caller is not allowed to.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Somebody other than the requester has to decide.
    #[error(transparent)]
    Own(#[from] RequesterMayNotDecide),
    /// The input is not valid.
    #[error("{}", .0.message())]
    Invalid(#[from] Invalid),
    /// The task's or question's state does not permit it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The command cannot be parsed, or cannot be carried out.
    #[error("{0}")]
    Unreadable(String),
    /// The author has to choose, for example what their words are for.
    #[error("{}", .0.text)]
    Unclear(Clarification),
    /// The person who answered has changed their mind: the agent receives a correction.
    #[error("you already answered {question}: “{said}”")]
    Corrected {
        /// Which question.
        question: QuestionId,
        /// The answer that counts.
        said: String,
    },
    /// Too many attempts; the next one is allowed after this pause.
    #[error("too many attempts")]
    TooOften(Duration),
    /// It may be about a question that is being posted. It stays stored and is read again soon.
    #[error("it is not yet known what this refers to")]
    Early,
    /// The daemon is stopping; another one, or the same one later, will do it.
    #[error("the daemon is stopping")]
    Stopping,
    /// The store is unavailable, or a name is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// The author has to choose, as the hint says.
    pub fn unclear(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unclear(Clarification {
            text: text.into(),
            buttons: Vec::new(),
            hint: hint.into(),
        })
    }

    /// The code for programs. Stable: scripts and workers branch on it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::Refused(Refusal::NoQuestion(_)) => "not_found",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied(_) | Self::Own(_) => "denied",
            Self::Invalid(_) | Self::Unreadable(_) | Self::Unclear(_) => "invalid",
            Self::Refused(Refusal::Stale(_)) => "stale",
            Self::Refused(Refusal::AnsweredBefore { .. }) | Self::Corrected { .. } => {
                "answered_before"
            }
            Self::Refused(Refusal::Withdrawn { .. }) => "withdrawn",
            Self::Refused(Refusal::NobodyReads { .. }) => "nobody_reads",
            Self::Refused(Refusal::NotNow { .. }) => "not_now",
            Self::TooOften(_) => "too_often",
            Self::Early => "early",
            Self::Stopping => "stopping",
            Self::Store(StoreError::Taken(_)) => "taken",
            Self::Store(StoreError::Conflict) => "conflict",
            Self::Store(StoreError::Unavailable(_)) => "unavailable",
            Self::Store(StoreError::Corrupt(_)) => "corrupt",
        }
    }

    /// What to do next; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound(missing) => missing.hint().into(),
            Self::Unauthenticated => {
                "log in with `vine login`, or send `Authorization: Bearer …`".into()
            }
            Self::Denied(denied) => format!(
                "ask for role `{}` in the configuration, under `[[people]]`",
                denied.needs.as_str()
            ),
            Self::Own(_) => "ask someone else who may decide here".into(),
            Self::Invalid(invalid) => invalid.hint.clone(),
            Self::Refused(refusal) => refusal.hint(),
            Self::Unclear(back) => back.hint.clone(),
            Self::Corrected { .. } => "your new message goes to the agent as a correction".into(),
            Self::Unreadable(_) => "type `help` for the commands".into(),
            Self::TooOften(wait) => format!("try again in {} s", wait.as_secs() + 1),
            Self::Early | Self::Stopping => "try again in a moment".into(),
            Self::Store(StoreError::Taken(_)) => "choose another name".into(),
            Self::Store(StoreError::Conflict) => "reload it and try again".into(),
            Self::Store(_) => "try again; if it keeps failing, check the daemon's log".into(),
        }
    }

    /// Buttons to reply with.
    pub fn buttons(&self) -> &[Button] {
        match self {
            Self::Unclear(back) => &back.buttons,
            _ => &[],
        }
    }

    /// Message and hint as one text for people.
    pub fn told(&self) -> String {
        let hint = self.hint();
        if let Self::Unclear(back) = self
            && !back.buttons.is_empty()
        {
            return format!("{self}\n\nOr {hint}.");
        }
        if hint.is_empty() {
            self.to_string()
        } else {
            format!("{self}\n{hint}")
        }
    }
}

//! What a use case says when it does not do what was asked.

use std::time::Duration;

use vine_domain::{
    Denied, Invalid, QuestionId, SessionId, Slug, TaskId, access::RequesterMayNotDecide,
    chat::Button, lifecycle::Refusal, ports::StoreError,
};

use crate::clarify::Clarification;

/// Shorthand for what use cases give back.
pub type AppResult<T> = Result<T, AppError>;

/// What is not there, by the name that it was asked for with.
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
    /// A chat platform.
    #[error("{0} here")]
    Platform(String),
    /// A message that its author could change.
    #[error("message {0} that could be changed")]
    Message(String),
}

impl Missing {
    /// Where what there is can be seen.
    fn hint(&self) -> &'static str {
        match self {
            Self::Task(_) => "`task list` shows what there is",
            Self::Question(_) => "`question list` shows those that wait",
            Self::Session(_) => "`session list --all` shows what there is",
            Self::Worker(_) => "`worker list` shows what there is",
            Self::Repo(_) => "`repo list` shows what there is",
            Self::Person(_) => "people are named under `[[people]]` in the configuration",
            Self::Token(_) => "`vine token list` shows what there is",
            Self::Platform(_) => {
                "platforms are named in the configuration; `doctor` says how they do"
            }
            Self::Message(_) => "say it anew",
        }
    }
}

/// Why something was not done. Each has a word for programs, a message and a hint for people.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(#[from] Missing),
    /// The caller could not be told from a stranger.
    #[error("this needs a valid token")]
    Unauthenticated,
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Others have to decide.
    #[error(transparent)]
    Own(#[from] RequesterMayNotDecide),
    /// What was handed in cannot be used.
    #[error("{}", .0.message())]
    Invalid(#[from] Invalid),
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The command cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Only their author knows what words are for.
    #[error("{}", .0.text)]
    Unclear(Clarification),
    /// Whoever answered says something else now: the agent reads it as a correction.
    #[error("you answered {question} before: “{said}”")]
    Corrected {
        /// Which question.
        question: QuestionId,
        /// The answer that counts.
        said: String,
    },
    /// It was tried too often; not before this pause.
    #[error("that was tried too often")]
    TooOften(Duration),
    /// It may be about a question that is just being posted. It stays where it was stored and is
    /// read in a moment.
    #[error("it is not known yet what this is about")]
    Early,
    /// The daemon is being stopped; another one, or the same one later, will do it.
    #[error("the daemon is stopping")]
    Stopping,
    /// The store cannot serve, or a name is taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// The word for programs. Stable: scripts and workers branch on it.
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
            Self::Store(StoreError::Unavailable(_) | StoreError::Corrupt(_)) => "unavailable",
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
                "ask somebody with the role `admin` to give you `{}`",
                denied.needs.as_str()
            ),
            Self::Own(_) => "ask somebody else who may decide here".into(),
            Self::Invalid(invalid) => invalid.hint.clone(),
            Self::Refused(refusal) => refusal.hint(),
            Self::Unclear(back) => back.hint.clone(),
            Self::Corrected { .. } => "what you said now goes to the agent as a correction".into(),
            Self::Unreadable(_) => "say `help` for how to say things".into(),
            Self::TooOften(wait) => format!("try again in {} s", wait.as_secs() + 1),
            Self::Early | Self::Stopping => "try again in a moment".into(),
            Self::Store(StoreError::Taken(_)) => "choose another name".into(),
            Self::Store(StoreError::Conflict) => "look at it again and repeat".into(),
            Self::Store(_) => "try again; if it stays, look at the daemon's log".into(),
        }
    }

    /// What can be pressed in reply.
    pub fn buttons(&self) -> &[Button] {
        match self {
            Self::Unclear(back) => &back.buttons,
            _ => &[],
        }
    }

    /// Message and hint as one text for people.
    pub fn told(&self) -> String {
        let hint = self.hint();
        if hint.is_empty() {
            self.to_string()
        } else {
            format!("{self}\n{hint}")
        }
    }
}

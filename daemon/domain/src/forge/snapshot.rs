//! What a forge shows of a request, as one adapter read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Somebody on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForgeUser {
    /// The number that stays when the name changes.
    pub id: String,
    /// The name, which anybody may change.
    pub name: String,
}

/// What a forge shows of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSnapshot {
    /// Whether it is open.
    pub state: SeenState,
    /// The commit at its head.
    pub head: String,
    /// Whether its branch is in the project itself, and not in a fork of it.
    pub is_of_project: bool,
    /// Whether it cannot be merged because of conflicts; `None` while the forge computes that.
    pub conflict: Option<bool>,
    /// The checks of its head, each with its latest run.
    pub checks: Vec<Check>,
    /// What people said there, oldest first, including ourselves.
    pub remarks: Vec<Remark>,
}

/// Whether a request is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenState {
    /// It is open.
    Open {
        /// As a draft.
        draft: bool,
    },
    /// It is merged.
    Merged {
        /// By whom, if the forge tells.
        by: Option<ForgeUser>,
    },
    /// It was closed without being merged.
    Closed {
        /// By whom, if the forge tells.
        by: Option<ForgeUser>,
    },
}

/// A check of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: CheckState,
    /// What the adapter needs to fetch its log; `None` if the forge has none.
    pub log: Option<String>,
    /// What it says of itself; shown if there is no log.
    pub summary: String,
    /// Whether it surely ran for this request of the project itself, and not for a fork's.
    pub is_own: bool,
}

/// The state of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It has not ended.
    Running,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It ended without either: skipped, cancelled, neutral.
    Neither,
}

/// The checks of a commit together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChecksVerdict {
    /// There are none.
    #[default]
    None,
    /// Some have not ended.
    Running,
    /// All have ended, and at least one failed.
    Failed,
    /// All have ended, and none failed.
    Passed,
}

impl ChecksVerdict {
    /// The verdict of these checks.
    pub fn of(checks: &[Check]) -> Self {
        let any = |state: CheckState| checks.iter().any(|check| check.state == state);
        match () {
            () if checks.is_empty() => Self::None,
            () if any(CheckState::Running) => Self::Running,
            () if any(CheckState::Failed) => Self::Failed,
            () if any(CheckState::Passed) => Self::Passed,
            // Nothing but skipped and cancelled ones: nobody knows.
            () => Self::None,
        }
    }

    /// In words, for cards; `None` if there are none.
    pub fn said(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Running => Some("checks are running"),
            Self::Failed => Some("checks failed"),
            Self::Passed => Some("checks passed"),
        }
    }
}

/// Something that somebody said at a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Identifies it among all remarks of the request.
    pub key: String,
    /// Who said it.
    pub author: ForgeUser,
    /// The text. It may hold our own marks, see [`crate::forge::text::mark`].
    pub text: String,
    /// The file and line that it is about.
    pub place: Option<String>,
    /// Whether its text was changed after it was written, perhaps by somebody else.
    pub edited: bool,
    /// Whether it is a verdict of a review.
    pub verdict: Option<ReviewVerdict>,
}

/// The verdict of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// Approved.
    Approved,
    /// Changes are wanted.
    ChangesWanted,
    /// Neither.
    Commented,
}

impl RequestSnapshot {
    /// The authors of remarks, each once.
    pub fn authors(&self) -> BTreeMap<&str, &ForgeUser> {
        let authors = self.remarks.iter().map(|remark| &remark.author);
        authors.map(|author| (author.id.as_str(), author)).collect()
    }
}

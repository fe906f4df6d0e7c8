//! What a person decided.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{chat::file::FileRef, clock::Timestamp, ids::UserId};

/// What a person decided; who, when and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Answer {
    /// Made where the answer was received, so that answering twice has the same effect as answering
    /// once. It is also the uuid under which the text enters a session, which drops a second copy.
    pub key: Uuid,
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: UserId,
    /// That person's name.
    pub name: String,
    /// Where the answer was given: a platform, `console` or `api`.
    pub via: String,
    /// When.
    pub at: Timestamp,
}

/// A decision, in the shape of its question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Clarify: for each item the chosen labels, in the order of the items.
    Chosen {
        /// As many entries as the question has items, none empty.
        labels: Vec<Vec<String>>,
    },
    /// Clarify: free text for all items together.
    Words {
        /// Not empty.
        text: String,
    },
    /// Permission: do it.
    Allow {
        /// Also allow further calls of this kind during the session.
        session: bool,
    },
    /// Permission: do not do it.
    Deny {
        /// Read by the agent; may be empty.
        reason: String,
    },
    /// Plan: go ahead.
    Approve,
    /// Plan: not like this.
    SendBack {
        /// What to change; read by the agent.
        words: String,
    },
}

impl Decision {
    /// The decision in one line of at most 300 characters, as it is shown in the thread.
    pub fn headline(&self) -> String {
        FileRef::named_in(&self.whole()).chars().take(300).collect()
    }

    /// The texts that a person wrote.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Chosen { labels } => labels.iter().flatten().map(String::as_str).collect(),
            Self::Words { text } | Self::Deny { reason: text } | Self::SendBack { words: text } => {
                vec![text]
            }
            Self::Allow { .. } | Self::Approve => Vec::new(),
        }
    }

    /// The same with each of its texts changed.
    #[must_use]
    pub fn mapped(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Chosen { labels } => Self::Chosen {
                labels: labels
                    .iter()
                    .map(|item| item.iter().map(|label| change(label)).collect())
                    .collect(),
            },
            Self::Words { text } => Self::Words {
                text: change(&text),
            },
            Self::Deny { reason } => Self::Deny {
                reason: change(&reason),
            },
            Self::SendBack { words } => Self::SendBack {
                words: change(&words),
            },
            Self::Allow { .. } | Self::Approve => self,
        }
    }

    /// The complete decision.
    pub fn whole(&self) -> String {
        match self {
            Self::Chosen { labels } => labels
                .iter()
                .map(|item| item.join(", "))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Words { text } => text.clone(),
            Self::Allow { session: false } => "allowed once".to_owned(),
            Self::Allow { session: true } => "allowed for this session".to_owned(),
            Self::Deny { reason } if reason.is_empty() => "denied".to_owned(),
            Self::Deny { reason } => format!("denied: {reason}"),
            Self::Approve => "approved".to_owned(),
            Self::SendBack { words } => format!("sent back: {words}"),
        }
    }
}

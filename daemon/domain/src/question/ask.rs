//! What an agent asks.

use serde::{Deserialize, Serialize};

use crate::{secrets, visible_text::is_nothing};

/// Maximum characters of a label that is made from a choice's description.
const LABEL: usize = 60;

/// What is asked, in the shape of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Ask {
    /// One to four clarifying questions, asked together.
    Clarify {
        /// At least one.
        items: Vec<Item>,
    },
    /// May the agent do this?
    Permission {
        /// The agent's tool: `Bash`, `Write`.
        tool: String,
        /// The whole command or diff; what cannot be shown in full cannot be approved.
        what: String,
        /// Why the agent wants it, in its own words; may be empty.
        why: String,
        /// What allowing it for the session covers, in the agent's rule syntax: `Bash(npm test *)`.
        #[serde(default)]
        rules: Vec<String>,
    },
    /// Should the agent carry out this plan?
    Plan {
        /// The plan, in Markdown.
        plan: String,
    },
}

/// One clarifying question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Item {
    /// The question itself.
    pub question: String,
    /// A word or two for a heading; may be empty.
    #[serde(default)]
    pub header: String,
    /// The choices; if empty, any text is an answer.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// Several choices may be made.
    #[serde(default)]
    pub multi: bool,
}

/// One choice of a clarifying question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Choice {
    /// What is chosen.
    pub label: String,
    /// What choosing it means; may be empty.
    #[serde(default)]
    pub description: String,
    /// A preview of the result, as multi-line text; may be empty.
    #[serde(default)]
    pub preview: String,
}

impl Item {
    /// The question with its heading.
    pub fn asked(&self) -> String {
        match self.header.as_str() {
            "" => self.question.clone(),
            head => format!("{head}: {}", self.question),
        }
    }
}

impl Ask {
    /// The same with a visible label on each choice: an empty one is replaced by the description or
    /// the choice's number. No platform shows an empty button.
    pub fn labelled(mut self) -> Self {
        if let Self::Clarify { items } = &mut self {
            for item in items {
                for (place, choice) in (1..).zip(&mut item.options) {
                    if !is_nothing(&choice.label) {
                        continue;
                    }
                    let meaning = choice.description.lines().next().unwrap_or_default();
                    choice.label = match is_nothing(meaning) {
                        true => format!("Choice {place}"),
                        false => meaning.chars().take(LABEL).collect(),
                    };
                }
            }
        }
        self
    }

    /// The word for this kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Clarify { .. } => "clarify",
            Self::Permission { .. } => "permission",
            Self::Plan { .. } => "plan",
        }
    }

    /// The same without anything that looks like a secret. The stored text stays unchanged, since
    /// people can only approve what they can see completely; fewer people may read it.
    pub fn masked(&self) -> Self {
        secrets::without_any(self.clone()).0
    }

    /// Whether this is a permission that contains what looks like a secret. It is decided only
    /// where it can be shown completely, and only to those who may decide it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Permission { what, .. } if secrets::are_in(what))
    }

    /// The question in one line of at most 160 characters, for listings; without secrets.
    pub fn headline(&self) -> String {
        let line = match &self.masked() {
            Self::Clarify { items } => items
                .first()
                .map_or_else(String::new, |item| item.question.clone()),
            Self::Permission { tool, what, .. } => {
                format!("Allow {tool}: {}", what.lines().next().unwrap_or_default())
            }
            Self::Plan { plan } => format!(
                "Approve this plan: {}",
                plan.lines().next().unwrap_or_default()
            ),
        };
        line.chars().take(160).collect()
    }
}

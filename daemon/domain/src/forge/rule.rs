//! What a repository wants of its pull requests.

use serde::{Deserialize, Serialize};

use super::request::MergeMethod;
use crate::{
    invalid::{Invalid, shown},
    words::words,
};

/// Whether the work of a task is offered to its forge by itself, once it is pushed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OpenRule {
    /// Only when somebody asks for it.
    #[default]
    Off,
    /// As a draft.
    Draft,
    /// Ready for review.
    Ready,
}

words!(
    OpenRule,
    "request rule",
    Off = "off",
    Draft = "draft",
    Ready = "ready"
);

/// The most rounds that a rule may start by itself, for one request.
pub const MOST_FIXES: u8 = 5;

/// What a repository wants of its pull requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RequestRule {
    /// Whether they are opened by themselves.
    pub open: OpenRule,
    /// Labels that each gets.
    pub labels: Vec<ForgeName>,
    /// Who is asked to review, by their names on the forge.
    pub reviewers: Vec<ForgeName>,
    /// Whom each is assigned to, by their names on the forge.
    pub assignees: Vec<ForgeName>,
    /// How they are merged, unless a person says otherwise.
    pub merge: MergeMethod,
    /// How often a failed check starts a round by itself: 0 for never, at most [`MOST_FIXES`].
    pub fix_checks: u8,
}

/// A name on a forge: of a person, or of a label. 1 to 100 characters, no control characters or commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ForgeName(String);

impl ForgeName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ForgeName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim().trim_start_matches('@');
        let is_fine = |c: char| !c.is_control() && c != ',';
        match !text.is_empty() && text.chars().count() <= 100 && text.chars().all(is_fine) {
            true => Ok(Self(text.to_owned())),
            false => Err(Invalid::new(
                "name",
                format!("`{}`", shown(text)),
                "use the name as the forge shows it, without commas",
            )),
        }
    }
}

impl TryFrom<String> for ForgeName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<ForgeName> for String {
    fn from(name: ForgeName) -> Self {
        name.0
    }
}

impl std::fmt::Display for ForgeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Several names, written with commas between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgeNames(pub Vec<ForgeName>);

impl std::str::FromStr for ForgeNames {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl RequestRule {
    /// For people: `pull requests as drafts, failed checks fixed up to 2 times`; empty if nothing is set.
    pub fn said(&self) -> Vec<String> {
        let open = match self.open {
            OpenRule::Off => None,
            OpenRule::Draft => Some("pull requests as drafts".to_owned()),
            OpenRule::Ready => Some("pull requests ready for review".to_owned()),
        };
        let list = |what: &str, names: &[ForgeName]| {
            let names: Vec<&str> = names.iter().map(ForgeName::as_str).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(" and ")))
        };
        let fixes = match self.fix_checks {
            0 => None,
            1 => Some("failed checks fixed once".to_owned()),
            times => Some(format!("failed checks fixed up to {times} times")),
        };
        let merge = match self.merge {
            MergeMethod::Merge => None,
            other => Some(format!("merged by {other}")),
        };
        [
            open,
            list("labelled", &self.labels),
            list("reviewed by", &self.reviewers),
            list("assigned to", &self.assignees),
            merge,
            fixes,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

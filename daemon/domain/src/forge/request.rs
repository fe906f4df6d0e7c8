//! The pull request of a task: what is known of it, and what is to be done with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    finding::{Finding, FindingState},
    project::{ForgeKind, ForgeProject},
    snapshot::ChecksVerdict,
};
use crate::{ids::TaskId, input::Branch, words::words};

/// The pull request of a task. There is at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRequest {
    /// The task.
    pub task: TaskId,
    /// The project; it stays, even if the repository's address changes.
    pub project: Option<ForgeProject>,
    /// Its number and address, once the forge has it.
    pub opened: Option<OpenedRequest>,
    /// The branch with the change, and the one to merge into.
    #[serde(default)]
    pub branches: Option<(Branch, Branch)>,
    /// Its state, as last seen.
    pub state: RequestState,
    /// Somebody asked for it, although the repository opens none by itself.
    pub wanted: bool,
    /// The commit that its description is about: the last one that we pushed.
    pub described: Option<String>,
    /// The commit at its head, as last seen.
    pub head: Option<String>,
    /// We pushed since: the head is the commit that its description is about.
    #[serde(default)]
    pub is_pushed: bool,
    /// The checks of that commit.
    pub checks: ChecksVerdict,
    /// The commit and the verdict that people were last told.
    #[serde(default)]
    pub told_checks: Option<(String, ChecksVerdict)>,
    /// Whether it conflicts with its base.
    pub conflict: bool,
    /// The commit at which it conflicted when it was last looked at: forges need a moment to find out, and say so meanwhile.
    #[serde(default)]
    pub may_conflict: Option<String>,
    /// What checks and reviews found, oldest first.
    pub findings: Vec<Finding>,
    /// What is to be done with it, oldest first.
    pub acts: Vec<Act>,
    /// The remarks that people were shown, by their keys.
    pub heard: BTreeSet<String>,
    /// Remarks of strangers that were shown.
    pub strangers: u32,
    /// Rounds that the repository's rule started, since a person last started one.
    pub own_fixes: u8,
    /// Why the forge cannot be used, as people were told.
    pub trouble: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Counts changes; the store refuses a change that is based on an older count.
    #[serde(skip)]
    pub version: u64,
}

/// A request that a forge has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedRequest {
    /// The kind of forge.
    pub kind: ForgeKind,
    /// Its number in the project.
    pub number: u64,
    /// Its address, for people.
    pub url: String,
}

impl OpenedRequest {
    /// For people: `Pull request #12`.
    pub fn title(&self) -> String {
        let noun = self.kind.noun();
        let (first, rest) = noun.split_at(1);
        format!(
            "{}{rest} {}",
            first.to_uppercase(),
            self.kind.numbered(self.number)
        )
    }

    /// Within a sentence: `pull request #12`.
    pub fn named(&self) -> String {
        format!("{} {}", self.kind.noun(), self.kind.numbered(self.number))
    }
}

/// The state of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// The forge does not have it yet.
    #[default]
    Wanted,
    /// A draft.
    Draft,
    /// Ready for review.
    Open,
    /// Merged.
    Merged,
    /// Closed without being merged.
    Closed,
}

impl RequestState {
    /// The word for it in the API and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }

    /// Whether it can still be merged.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Wanted | Self::Draft | Self::Open)
    }
}

/// How a change is merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    /// With a merge commit.
    #[default]
    Merge,
    /// As one commit.
    Squash,
    /// Its commits on top of the base.
    Rebase,
}

words!(
    MergeMethod,
    "merge method",
    Merge = "merge",
    Squash = "squash",
    Rebase = "rebase"
);

/// Something to be done with a request, carried out until the forge has done it or refused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Identifies it: the same key is the same act.
    pub key: Uuid,
    /// Who asked for it.
    pub by: String,
    /// What.
    pub kind: ActKind,
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act")]
pub enum ActKind {
    /// Merge it.
    Merge {
        /// How.
        method: MergeMethod,
        /// The commit that its head must be: what the person saw.
        head: String,
        /// As soon as its checks pass: we wait for that, since forges would merge later commits too.
        when_passed: bool,
    },
    /// Close it without merging.
    Close,
    /// Merge the base into its branch.
    Update {
        /// The commit that its head must be.
        head: String,
    },
    /// Reply to the remarks of a finding that an agent has taken up.
    Reply {
        /// The finding, by its number.
        finding: u32,
        /// What was done.
        text: String,
    },
    /// Begin a round about a finding, by the repository's rule.
    Fix {
        /// The finding, by its number.
        finding: u32,
    },
}

/// A request in the shortest form, for cards and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RequestBrief {
    /// The kind of forge.
    pub forge: ForgeKind,
    /// Its number in the project.
    pub number: u64,
    /// Its address.
    pub url: String,
    /// Its state.
    pub state: RequestState,
    /// Its checks.
    pub checks: ChecksVerdict,
    /// Whether it conflicts with its base.
    pub conflict: bool,
}

impl RequestBrief {
    /// For a card: `Pull request #12 · open, checks passed · https://…`.
    pub fn said(&self) -> String {
        let title = OpenedRequest {
            kind: self.forge,
            number: self.number,
            url: String::new(),
        }
        .title();
        let checks = self.checks.said().filter(|_| self.state.is_live());
        let conflict = (self.conflict && self.state.is_live()).then_some("conflicts with its base");
        let state = [Some(self.state.as_str()), checks, conflict];
        let state: Vec<&str> = state.into_iter().flatten().collect();
        format!("{title} · {} · {}", state.join(", "), self.url)
    }
}

impl ChangeRequest {
    /// One that nobody has opened yet.
    pub fn of(task: TaskId) -> Self {
        Self {
            task,
            project: None,
            opened: None,
            branches: None,
            state: RequestState::Wanted,
            wanted: false,
            described: None,
            head: None,
            is_pushed: false,
            checks: ChecksVerdict::None,
            told_checks: None,
            conflict: false,
            may_conflict: None,
            findings: Vec::new(),
            acts: Vec::new(),
            heard: BTreeSet::new(),
            strangers: 0,
            own_fixes: 0,
            trouble: None,
            failures: 0,
            version: 0,
        }
    }

    /// Its shortest form; `None` before the forge has it.
    pub fn brief(&self) -> Option<RequestBrief> {
        let opened = self.opened.as_ref()?;
        Some(RequestBrief {
            forge: opened.kind,
            number: opened.number,
            url: opened.url.clone(),
            state: self.state,
            checks: self.checks,
            conflict: self.conflict,
        })
    }

    /// The commit that people have seen at its head.
    pub fn seen_head(&self) -> String {
        let head = match self.is_pushed {
            true => &self.described,
            false => &self.head,
        };
        head.clone().unwrap_or_default()
    }

    /// Whether the next look decides about something that the last one saw.
    pub fn is_unsure(&self) -> bool {
        let told = self.told_checks.as_ref().map(|(_, verdict)| *verdict);
        let may_pass = self.checks == ChecksVerdict::Passed && told != Some(ChecksVerdict::Passed);
        may_pass || self.may_conflict.is_some() && !self.conflict
    }

    /// The oldest act that can be carried out now.
    pub fn ready_act(&self) -> Option<&Act> {
        self.acts.iter().find(|act| match &act.kind {
            ActKind::Merge {
                head,
                when_passed: true,
                ..
            } => {
                // Another head is a reason to refuse it.
                *head != self.seen_head() || self.checks == ChecksVerdict::Passed
            }
            _ => true,
        })
    }

    /// The branch that it is to be merged into.
    pub fn base(&self) -> &str {
        self.branches
            .as_ref()
            .map_or("its base", |(_, base)| base.as_str())
    }

    /// Adds an act, unless it is there already.
    pub fn add(&mut self, act: Act) {
        if !self.acts.iter().any(|known| known.key == act.key) {
            self.acts.push(act);
        }
    }

    /// One of its findings.
    pub fn finding(&self, number: u32) -> Option<&Finding> {
        self.findings.iter().find(|one| one.number == number)
    }

    /// Notes the outcome of a finding.
    pub fn settle(&mut self, number: u32, state: FindingState) {
        for finding in &mut self.findings {
            if finding.number == number {
                finding.state = state;
            }
        }
    }

    /// The number of the next finding.
    pub fn next_finding(&self) -> u32 {
        self.findings
            .iter()
            .map(|one| one.number)
            .max()
            .unwrap_or(0)
            + 1
    }
}

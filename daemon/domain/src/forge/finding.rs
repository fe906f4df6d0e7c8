//! Findings: what a check or a review found, and whether an agent was told.

use serde::{Deserialize, Serialize};

/// What a check or a review found. People may have an agent fix it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its number within the request, from 1.
    pub number: u32,
    /// Where it comes from.
    pub source: FindingSource,
    /// Whether somebody wrote it who is not on the list.
    #[serde(default)]
    pub foreign: bool,
    /// What the agent reads, complete, with foreign words marked as such.
    pub text: String,
    /// Whether an agent was told.
    pub state: FindingState,
}

/// Where a finding comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum FindingSource {
    /// Failed checks.
    Checks {
        /// The commit that they ran on.
        head: String,
    },
    /// Remarks of one person.
    Remarks {
        /// Each by its key.
        keys: Vec<String>,
    },
    /// Conflicts with the base.
    Conflict,
}

/// Whether an agent was told of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum FindingState {
    /// Nobody has asked for it to be fixed.
    Open,
    /// A round takes it up.
    Given {
        /// Which.
        round: u32,
    },
    /// That round is over.
    Over,
}

impl Finding {
    /// The remarks that get a reply when it is fixed.
    pub fn remarks(&self) -> &[String] {
        match &self.source {
            FindingSource::Remarks { keys } => keys,
            FindingSource::Checks { .. } | FindingSource::Conflict => &[],
        }
    }
}

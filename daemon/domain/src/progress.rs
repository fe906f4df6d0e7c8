//! Progress: an agent's own list of steps, and what it is at.

use serde::{Deserialize, Serialize};

/// Steps beyond this many are left out.
const STEPS: usize = 50;
/// Characters of a step, and of what it is at.
const LONGEST: usize = 120;

/// What an agent says of its work; the latest replaces all earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Progress {
    /// Its steps, in its order.
    pub steps: Vec<Step>,
    /// What it is at, in one line; may be empty.
    pub doing: String,
}

/// One of an agent's steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Step {
    /// In its words, in one line.
    pub text: String,
    /// How far it is.
    pub state: StepState,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Being done.
    Active,
    /// Done.
    Done,
}

impl Progress {
    /// The same with each text cleaned, in one line, and cut; and with a bounded number of steps.
    pub fn cleaned(self, clean: impl Fn(String) -> String) -> Self {
        let line = |text: String| -> String {
            let one: Vec<&str> = text.split_whitespace().collect();
            // Half a secret is not recognised, so cleaning comes first.
            clean(one.join(" ")).chars().take(LONGEST).collect()
        };
        let step = |step: Step| Step {
            text: line(step.text),
            ..step
        };
        Self {
            steps: self.steps.into_iter().take(STEPS).map(step).collect(),
            doing: line(self.doing),
        }
    }
}

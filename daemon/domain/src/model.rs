//! Which model an agent uses, and how much it thinks.

use serde::{Deserialize, Serialize};

use crate::{input::ModelName, invalid::Invalid, words::words};

/// How much an agent thinks, as Claude Code names it (`claude --help`, 2.1.332).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Least.
    Low,
    /// Less than usual.
    Medium,
    /// More than usual.
    High,
    /// Much more than usual.
    Xhigh,
    /// As much as the model can.
    Max,
}

words!(
    Effort,
    "effort",
    Low = "low",
    Medium = "medium",
    High = "high",
    Xhigh = "xhigh",
    Max = "max",
);

/// A model and an effort; what is not set is left to the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelChoice {
    /// Which model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelName>,
    /// How much it thinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
}

impl ModelChoice {
    /// The choice of a form, in which an empty text chooses nothing.
    pub fn named(model: &str, effort: &str) -> Result<Self, Invalid> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Self {
            model: given(model).map(|name| name.parse()).transpose()?,
            effort: given(effort).map(|word| word.parse()).transpose()?,
        })
    }

    /// This choice, completed by another: a task's by its repository's.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            model: self.model.clone().or_else(|| other.model.clone()),
            effort: self.effort.or(other.effort),
        }
    }

    /// For people: ``model `opus`, effort high``; `None` if nothing is set.
    pub fn said(&self) -> Option<String> {
        let model = self.model.as_ref().map(|model| format!("model `{model}`"));
        let effort = self.effort.map(|effort| format!("effort {effort}"));
        let parts: Vec<String> = model.into_iter().chain(effort).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_chooses_and_its_repository_completes() {
        let choice = |model: Option<&str>, effort| ModelChoice {
            model: model.map(|name| name.parse().expect("a model")),
            effort,
        };
        let of_repo = choice(Some("opus"), Some(Effort::Low));
        assert_eq!(ModelChoice::default().or(&of_repo), of_repo);
        let both = choice(Some("haiku"), None).or(&of_repo);
        assert_eq!(both, choice(Some("haiku"), Some(Effort::Low)));
        assert_eq!(both.said().as_deref(), Some("model `haiku`, effort low"));
        assert_eq!(ModelChoice::default().said(), None);
    }

    #[test]
    fn a_models_name_is_no_option_and_no_words() {
        for name in [
            "opus",
            "claude-opus-4-5-20251101",
            "us.anthropic.claude:0",
            "arn:aws/x",
            "opus[1m]",
        ] {
            assert!(name.parse::<ModelName>().is_ok(), "{name}");
        }
        for name in ["", "--help", "two words", "a`b", "a\nb"] {
            assert!(name.parse::<ModelName>().is_err(), "{name}");
        }
    }
}

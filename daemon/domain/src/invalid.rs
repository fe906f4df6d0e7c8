//! Invalid input, and how untrusted text is shown in messages.

/// Invalid input: what it is, why it is invalid, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what}: {why}; {hint}")]
pub struct Invalid {
    /// The thing, as people call it: `branch name`, `task id`.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
    /// What to do next.
    pub hint: String,
}

impl Invalid {
    /// An error about `what`.
    pub fn new(what: &'static str, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
            hint: hint.into(),
        }
    }

    /// What is wrong, without the advice.
    pub fn message(&self) -> String {
        format!("invalid {}: {}", self.what, self.why)
    }
}

/// Untrusted text as an error may quote it: at most 60 characters, control characters escaped.
pub fn shown(text: &str) -> String {
    let escaped: String = text
        .chars()
        .take(60)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if text.chars().nth(60).is_some() {
        format!("{escaped}…")
    } else {
        escaped
    }
}

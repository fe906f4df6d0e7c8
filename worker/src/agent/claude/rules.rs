//! Presets as Claude Code's own settings: a mode and rules that it applies by itself. So what a
//! preset allows never becomes a question, and AgentVine answers none for it.

use serde_json::{Value, json};
use vine_domain::guard::Preset;

/// The permission settings that Claude Code is started with.
#[derive(Debug, PartialEq, Eq)]
pub struct ClaudeRules {
    /// `--permission-mode`
    pub mode: &'static str,
    /// `--allowedTools`
    pub allowed: &'static [&'static str],
    /// Tools that always ask.
    asked: &'static [&'static str],
}

/// Reading what the sandbox exposes anyway.
const READS: &[&str] = &["Read", "Glob", "Grep"];
/// Tools that reach outside the sandbox.
const REACHES: &[&str] = &["WebFetch", "WebSearch", "mcp__*"];
/// Asks only about [`REACHES`] and calls that insist on a person. With rules for single tools
/// Claude Code would still ask about shell lines that start background processes (measured with
/// 2.1.332), so the sandbox is not expressed by rules. [`Preset::Test`] and [`Preset::Open`] rely
/// on the sandbox, in which the agent is not root.
const UNASKED: &str = "bypassPermissions";

/// The rules of a preset. `walled`: the agent sees the sandbox, not the machine.
pub fn of(preset: Option<Preset>, walled: bool) -> ClaudeRules {
    let allowed = if walled { READS } else { &[] };
    let rules = |mode, allowed, asked| ClaudeRules {
        mode,
        allowed,
        asked,
    };
    match preset {
        // Without a wall, everything that people did not allow is asked about.
        Some(Preset::Test | Preset::Open) if !walled => rules("default", &[], &[]),
        None => rules("default", &[], &[]),
        Some(Preset::Read) => rules("default", allowed, &[]),
        // In this mode it writes in its folder without asking, and nowhere else.
        Some(Preset::Edit) => rules("acceptEdits", allowed, &[]),
        Some(Preset::Test) => rules(UNASKED, &[], REACHES),
        Some(Preset::Open) => rules(UNASKED, &[], &[]),
        Some(Preset::Auto) => rules("auto", &[], &[]),
    }
}

impl ClaudeRules {
    /// The settings that contain them. Web pages are fetched through the keeper, so the vendor need
    /// not be asked about a host first.
    pub fn settings(&self) -> Value {
        json!({ "permissions": { "ask": self.asked }, "skipWebFetchPreflight": true })
    }
}

/// Whether a skill may run a shell line, which never comes as a question; the agent reads the
/// error.
pub fn skill(preset: Option<Preset>) -> Result<(), &'static str> {
    match preset {
        Some(Preset::Test | Preset::Open) => Ok(()),
        _ => Err(
            "This repository's preset does not allow commands inside skills. Run the command yourself, so that people can be asked.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Option<Preset>; 6] = [
        None,
        Some(Preset::Read),
        Some(Preset::Edit),
        Some(Preset::Test),
        Some(Preset::Open),
        Some(Preset::Auto),
    ];

    #[test]
    fn nothing_goes_unasked_where_no_wall_stands() {
        for preset in ALL {
            let rules = of(preset, false);
            assert_ne!(rules.mode, UNASKED, "{preset:?}");
            assert!(rules.allowed.is_empty(), "{preset:?}");
        }
    }

    #[test]
    fn under_test_what_reaches_out_is_asked_about() {
        let asks = |preset| of(Some(preset), true).settings()["permissions"]["ask"].to_string();
        assert!(asks(Preset::Test).contains("WebFetch"));
        assert_eq!(asks(Preset::Open), "[]");
        assert_eq!(of(None, true).mode, "default");
    }

    #[test]
    fn lines_of_skills_run_where_any_command_does() {
        for preset in ALL {
            let any = matches!(preset, Some(Preset::Test | Preset::Open));
            assert_eq!(skill(preset).is_ok(), any, "{preset:?}");
        }
    }
}

//! What a preset is in Claude Code's own words: a mode and rules that it keeps by itself. So what is
//! allowed never becomes a question, and nothing of ours answers one.

use serde_json::{Value, json};
use vine_domain::guard::Preset;

/// What Claude Code is started with.
#[derive(Debug, PartialEq, Eq)]
pub struct ClaudeRules {
    /// `--permission-mode`
    pub mode: &'static str,
    /// `--allowedTools`
    pub allowed: &'static [&'static str],
    /// What is asked about all the same.
    asked: &'static [&'static str],
}

/// Reading what the sandbox shows anyway.
const READS: &[&str] = &["Read", "Glob", "Grep"];
/// What reaches out of the sandbox.
const REACHES: &[&str] = &["WebFetch", "WebSearch", "mcp__*"];
/// It asks about nothing but what [`REACHES`] or insists on a person. With rules for single tools it
/// still asks about shell lines that start something in the background (measured with 2.1.332), so a
/// sandbox is not said by rules; that there is one is what [`Preset::Test`] and [`Preset::Open`] stand
/// on, and the agent is no root in it.
const UNASKED: &str = "bypassPermissions";

/// The rules of a preset. `walled`: what is seen is the sandbox, not the machine.
pub fn of(preset: Option<Preset>, walled: bool) -> ClaudeRules {
    let allowed = if walled { READS } else { &[] };
    let rules = |mode, allowed, asked| ClaudeRules {
        mode,
        allowed,
        asked,
    };
    match preset {
        // Without a wall nothing goes unasked but what people said.
        Some(Preset::Test | Preset::Open) if !walled => rules("default", &[], &[]),
        None => rules("default", &[], &[]),
        Some(Preset::Read) => rules("default", allowed, &[]),
        // In this mode it writes in its folder, and nowhere else, unasked.
        Some(Preset::Edit) => rules("acceptEdits", allowed, &[]),
        Some(Preset::Test) => rules(UNASKED, &[], REACHES),
        Some(Preset::Open) => rules(UNASKED, &[], &[]),
        Some(Preset::Auto) => rules("auto", &[], &[]),
    }
}

impl ClaudeRules {
    /// The settings that hold them. What a page holds is asked for by way of the keeper, so the vendor
    /// need not be asked about its host first.
    pub fn settings(&self) -> Value {
        json!({ "permissions": { "ask": self.asked }, "skipWebFetchPreflight": true })
    }
}

/// Whether a shell line of a skill may run, which never comes as a question; an error is what the
/// agent reads.
pub fn skill(preset: Option<Preset>) -> Result<(), &'static str> {
    match preset {
        Some(Preset::Test | Preset::Open) => Ok(()),
        _ => Err(
            "Commands inside skills do not run under this repository's preset; run the command yourself, so that people can be asked.",
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

//! What "allow for this session" covers, and whether a call is covered.
//!
//! Grants are kept here and never given to Claude Code: its own rules outlive the task in a reused
//! session, its `acceptEdits` also allows commands, and a rule for a whole tool has no bounds. So
//! Claude Code keeps asking, and AgentVine answers calls that people have already allowed, for the
//! duration of the task's round they allowed them for.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;
use vine_domain::{
    Answer, Ask, Decision, Question, QuestionId,
    assignment::Assignment,
    grants::{FILES, WRITERS},
};

use super::tools::ToolCall;

/// What allowing this call for the session would cover; empty if it can only be allowed once.
///
/// - files: writing inside the worktree, for a call that does so
/// - other tools: the rules that Claude Code suggests; a whole tool only if it suggests exactly
///   that, and never for tools that take commands or files
pub fn offered(call: &ToolCall, worktree: &Path) -> Vec<String> {
    if call.insists() || leaves(call, worktree) {
        return Vec::new();
    }
    if WRITERS.contains(&call.tool()) {
        return vec![FILES.to_owned()];
    }
    let suggested = call.suggestions().iter();
    let updates = suggested.filter(|one| one["type"] == "addRules" && one["behavior"] == "allow");
    let rules: Vec<Value> = updates
        .flat_map(|update| update["rules"].as_array().cloned().unwrap_or_default())
        .collect();
    let shown: Option<Vec<String>> = rules.iter().map(shown).collect();
    shown.unwrap_or_default()
}

/// A rule as people see it; `None` if it is too wide.
fn shown(rule: &Value) -> Option<String> {
    let tool = rule["toolName"].as_str()?;
    match rule["ruleContent"].as_str() {
        Some(content) => Some(format!("{tool}({content})")),
        None => tool.starts_with("mcp__").then(|| tool.to_owned()),
    }
}

/// People's grants, each with the question that it came from.
#[derive(Debug, Default)]
pub struct SessionGrants(Vec<(QuestionId, Vec<String>)>);

impl SessionGrants {
    /// The grants given in this round of the task, in this session.
    pub fn of(task: &Assignment, session: vine_domain::SessionId) -> Self {
        let mut grants = Self::default();
        let began = task.rounds.last().map(|round| round.at);
        task.answered
            .iter()
            .filter(|question| question.session == Some(session))
            .filter(|question| began.is_none_or(|began| question.asked_at >= began))
            .for_each(|question| grants.add(question));
        grants
    }

    /// Adds what the answer to a question allowed, if that was for the session.
    pub fn add(&mut self, question: &Question) {
        let for_session = matches!(
            question.answer(),
            Some(Answer {
                decision: Decision::Allow { session: true },
                ..
            })
        );
        if let Ask::Permission { rules, .. } = &question.ask
            && for_session
            && !rules.is_empty()
        {
            self.0.push((question.id, rules.clone()));
        }
    }

    /// The question whose answer allows the call: every rule that the call needs was granted.
    pub fn covering(&self, call: &ToolCall, worktree: &Path) -> Option<QuestionId> {
        let needed = offered(call, worktree);
        let granted = |rule: &String| self.0.iter().find(|(_, rules)| rules.contains(rule));
        let by: Option<Vec<QuestionId>> = needed
            .iter()
            .map(|rule| granted(rule).map(|(question, _)| *question))
            .collect();
        by?.last().copied()
    }
}

/// Whether a call reaches a path outside its worktree, according to its input or to Claude Code.
fn leaves(call: &ToolCall, worktree: &Path) -> bool {
    let directories = call.suggestions().iter();
    let directories = directories
        .filter(|one| one["type"] == "addDirectories")
        .flat_map(|one| one["directories"].as_array().cloned().unwrap_or_default());
    let mut paths: Vec<Option<PathBuf>> = directories
        .map(|one| one.as_str().map(PathBuf::from))
        .collect();
    paths.extend(call.blocked_path().map(|path| Some(PathBuf::from(path))));
    if WRITERS.contains(&call.tool()) {
        let file = ["file_path", "notebook_path"]
            .iter()
            .find_map(|key| call.input()[*key].as_str());
        paths.push(file.map(PathBuf::from));
    }
    paths
        .iter()
        .any(|path| !path.as_ref().is_some_and(|path| is_inside(path, worktree)))
}

/// Whether writing to `path` stays inside `worktree`, following links, and avoids `.git` and
/// `.claude`.
pub fn is_inside(path: &Path, worktree: &Path) -> bool {
    let Ok(worktree) = worktree.canonicalize() else {
        return false;
    };
    let path = worktree.join(path);
    if path.components().any(|part| part == Component::ParentDir) {
        return false;
    }
    // Check the nearest existing ancestor; a dangling link is refused.
    let known = path
        .ancestors()
        .find(|part| part.symlink_metadata().is_ok());
    let Some(Ok(real)) = known.map(Path::canonicalize) else {
        return false;
    };
    let rest = path.strip_prefix(known.unwrap_or(&path)).ok();
    let real = rest.map_or(real.clone(), |rest| real.join(rest));
    let Ok(within) = real.strip_prefix(&worktree) else {
        return false;
    };
    !within
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some(".git" | ".claude")))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_worktree_ends_where_links_lead_out_of_it() {
        let place = tempfile::tempdir().expect("a folder");
        let tree = place.path().join("tree");
        let other = place.path().join("other");
        fs::create_dir_all(tree.join("src")).expect("made");
        fs::create_dir_all(&other).expect("made");
        fs::write(tree.join(".git"), "gitdir: elsewhere").expect("written");
        symlink(&other, tree.join("out")).expect("linked");
        symlink(other.join("new"), tree.join("dangling")).expect("linked");
        for inside in ["a", "src/b/c", "src"] {
            assert!(is_inside(&tree.join(inside), &tree), "{inside}");
            assert!(is_inside(Path::new(inside), &tree), "{inside}");
        }
        for outside in [
            "../other/a",
            "src/../../other/a",
            "out/a",
            "dangling",
            ".git",
            ".git/hooks/x",
            ".claude/settings.json",
        ] {
            assert!(!is_inside(&tree.join(outside), &tree), "{outside}");
        }
        assert!(!is_inside(&other.join("a"), &tree));
        assert!(!is_inside(Path::new("/etc/passwd"), &tree));
    }

    fn call(tool: &str, input: &Value, suggestions: &Value) -> ToolCall {
        ToolCall::read(
            &json!({ "tool_use_id": "t", "tool_name": tool, "input": input, "permission_suggestions": suggestions }),
        )
    }

    fn rule(tool: &str, content: Option<&str>) -> Value {
        let mut rule = json!({ "toolName": tool });
        if let Some(content) = content {
            rule["ruleContent"] = json!(content);
        }
        json!({ "type": "addRules", "rules": [rule], "behavior": "allow", "destination": "localSettings" })
    }

    #[test]
    fn what_is_offered_is_never_wider_than_what_is_suggested() {
        let place = tempfile::tempdir().expect("a folder");
        let tree = place.path();
        let bash = json!({ "command": "touch a" });
        let edits = json!([{ "type": "setMode", "mode": "acceptEdits", "destination": "session" }]);
        let offers = |tool, input: &Value, suggestions: &Value| {
            offered(&call(tool, input, suggestions), tree)
        };
        assert_eq!(
            offers("Bash", &bash, &json!([rule("Bash", Some("touch a *"))])),
            ["Bash(touch a *)"]
        );
        assert!(offers("Bash", &bash, &json!([rule("Bash", None)])).is_empty());
        assert!(offers("Bash", &bash, &edits).is_empty());
        let outside = json!([rule("Bash", Some("touch *")), { "type": "addDirectories", "directories": ["/etc"] }]);
        assert!(offers("Bash", &bash, &outside).is_empty());
        let wide = json!([rule("mcp__tracker__close", None)]);
        assert_eq!(
            offers("mcp__tracker__close", &json!({}), &wide),
            ["mcp__tracker__close"]
        );
        assert_eq!(
            offers("Write", &json!({ "file_path": tree.join("a") }), &edits),
            [FILES]
        );
        assert!(offers("Write", &json!({ "file_path": "/etc/a" }), &edits).is_empty());
        assert!(offers("Write", &json!({}), &edits).is_empty());
    }

    #[test]
    fn a_call_is_covered_when_each_rule_that_it_needs_was_granted() {
        let place = tempfile::tempdir().expect("a folder");
        let both = json!([rule("Bash", Some("touch *")), rule("Bash", Some("rm *"))]);
        let needs_both = call("Bash", &json!({ "command": "touch a && rm a" }), &both);
        let one = SessionGrants(vec![(QuestionId(1), vec!["Bash(touch *)".into()])]);
        assert_eq!(one.covering(&needs_both, place.path()), None);
        let mut two = one;
        two.0.push((QuestionId(2), vec!["Bash(rm *)".into()]));
        assert_eq!(two.covering(&needs_both, place.path()), Some(QuestionId(2)));
        let nothing = call("Bash", &json!({ "command": "touch a" }), &json!([]));
        assert_eq!(two.covering(&nothing, place.path()), None);
    }
}

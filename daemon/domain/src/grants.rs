//! Describes what allowing a call for a session covers.

/// Tools of Claude Code that write one file, named in their input.
pub const WRITERS: [&str; 4] = ["Write", "Edit", "MultiEdit", "NotebookEdit"];
/// The rule that allows all of them inside the task's worktree.
pub const FILES: &str = "Edit(./**)";

/// What a rule allows, as a phrase without a full stop.
pub fn sentence(rule: &str) -> String {
    if rule == FILES {
        return "writing and changing files inside the worktree, except `.git` and `.claude`"
            .into();
    }
    let Some((tool, content)) = rule.strip_suffix(')').and_then(|rule| rule.split_once('(')) else {
        return format!("every call of {rule}, with any input");
    };
    let head = content
        .strip_suffix(":*")
        .or_else(|| content.strip_suffix(" *"));
    match (tool, head) {
        ("Bash", Some(head)) => format!(
            "every command that begins with “{head}”, with any files and addresses after it"
        ),
        ("Bash", None) => format!("exactly the command “{content}”"),
        _ => format!("{tool} for “{content}”"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_in_sentences() {
        for (rule, told) in [
            (
                "Bash(npm test *)",
                "every command that begins with “npm test”, with any files and addresses after it",
            ),
            (
                "Bash(npm test:*)",
                "every command that begins with “npm test”, with any files and addresses after it",
            ),
            ("Bash(git status)", "exactly the command “git status”"),
            (
                "WebFetch(domain:example.org)",
                "WebFetch for “domain:example.org”",
            ),
            (
                "mcp__tracker__close",
                "every call of mcp__tracker__close, with any input",
            ),
        ] {
            assert_eq!(sentence(rule), told);
        }
    }
}

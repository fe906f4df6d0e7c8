//! Scans what is about to be pushed for secrets: files with telling names, and texts that redaction
//! would mask. What the source already has is not scanned.

use std::collections::BTreeSet;

use vine_domain::secrets::{self, KnownSecrets};

use super::Keeper;
use crate::git::{GitError, TOO_MUCH};

/// A larger change is not scanned, and this is reported.
const LIMIT: u64 = 64 << 20;
/// Maximum number of names to list; the rest is counted.
const NAMED: usize = 10;
/// Maximum length of a name.
const LONGEST: usize = 200;

impl Keeper {
    /// What looks like a secret in commits up to `tip` that are neither on a branch of the source
    /// nor in what was `kept` there, as file names for people. `known` are secrets that the agent
    /// was given.
    pub async fn secrets(
        &self,
        tip: &str,
        kept: Option<&str>,
        known: &KnownSecrets,
    ) -> Result<Vec<String>, GitError> {
        let mut new = vec![tip, "--not", "--remotes=origin"];
        new.extend(kept);
        let names = [
            "log",
            "-z",
            "--format=",
            "--name-only",
            "--cc",
            "--no-renames",
        ];
        let names = [&names[..], &["--diff-filter=d"], &new].concat();
        let texts = [
            "-c",
            "core.quotePath=false",
            "log",
            "--format=",
            "--patch",
            "--cc",
            "--text",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--unified=0",
        ];
        let texts = [&texts[..], &new].concat();
        let messages = [&["log", "--no-patch", "--format=%B"][..], &new].concat();
        let git = self.git().reading(LIMIT);
        let mut outputs = Vec::new();
        let mut is_too_much = false;
        for arguments in [names, texts, messages] {
            match git.run(&arguments).await {
                Ok(output) => outputs.push(output),
                Err(error) if error.said == TOO_MUCH => {
                    is_too_much = true;
                    outputs.push(String::new());
                }
                Err(error) => return Err(error),
            }
        }
        let known = known.clone();
        // Megabytes and dozens of patterns: keep it off the async threads.
        let looked = tokio::task::spawn_blocking(move || found_in(&outputs, &known));
        let found = looked
            .await
            .map_err(|error| GitError::new("log", error.to_string()))?;
        Ok(named(&found, is_too_much))
    }
}

/// Findings in the three outputs: names, patches, messages.
fn found_in(outputs: &[String], known: &KnownSecrets) -> BTreeSet<String> {
    let [names, patches, messages] = outputs else {
        return BTreeSet::new();
    };
    let holds = |text: &str| secrets::are_in(text) || known.is_in(text);
    let mut found: BTreeSet<String> = names
        .split('\0')
        .map(|name| name.trim_start_matches('\n'))
        .filter(|name| secrets::is_named_like_one(name))
        .map(shown)
        .collect();
    let texts = texts_of(patches).into_iter();
    found.extend(
        texts
            .filter(|(_, text)| holds(text))
            .map(|(name, _)| shown(&name)),
    );
    if holds(messages) {
        found.insert("a commit message".into());
    }
    found
}

/// A name that an agent chose, made safe to show.
fn shown(name: &str) -> String {
    let plain = |c: char| match c {
        '`' => '\'',
        c if c.is_control() => '?',
        c => c,
    };
    let name: String = name.chars().take(LONGEST).map(plain).collect();
    format!("`{name}`")
}

fn named(found: &BTreeSet<String>, is_too_much: bool) -> Vec<String> {
    let mut names: Vec<String> = found.iter().take(NAMED).cloned().collect();
    if let Some(more @ 1..) = found.len().checked_sub(NAMED) {
        names.push(format!("and {more} more"));
    }
    if is_too_much {
        names.push("more changes than can be scanned".into());
    }
    names
}

/// The added text of each file in a list of patches.
fn texts_of(patches: &str) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut is_header = false;
    for line in patches.lines() {
        if line.starts_with("diff --") {
            is_header = true;
            texts.push((String::new(), String::new()));
        } else if line.starts_with("@@") {
            is_header = false;
        } else if let Some((name, text)) = texts.last_mut() {
            if !is_header {
                if !line.starts_with('-') {
                    text.push_str(line.trim_start_matches(['+', ' ']));
                    text.push('\n');
                }
            } else if let Some(file) = line.strip_prefix("+++ ") {
                *name = file.strip_prefix("b/").unwrap_or(file).to_owned();
            }
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_patch_adds_belongs_to_its_file() {
        let patch = "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x y\n@@ -0,0 +1 @@\n+one\n-two\n\
                     diff --cc z\n--- a/z\n+++ b/z\n@@@ -1 -1 +1 @@@\n++three\n";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            texts_of(patch),
            [pair("x y", "one\n"), pair("z", "three\n")]
        );
    }

    #[test]
    fn names_are_one_word_each_and_none_goes_unsaid() {
        assert_eq!(shown("a\n[x](y)`/.env"), "`a?[x](y)'/.env`");
        let many: BTreeSet<String> = (0..12).map(|number| format!("{number:02}")).collect();
        let named = named(&many, true);
        assert_eq!(named.len(), 12);
        assert_eq!(
            named[10..],
            ["and 2 more", "more changes than can be scanned"]
        );
    }
}

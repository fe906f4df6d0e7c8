//! Looks through what is about to leave the house for what should not: files that are named like
//! secrets, and texts that redaction would mask. What the source has already has left.

use std::{collections::BTreeSet, path::Path};

use vine_domain::secrets::{self, Known};

use super::Keeper;
use crate::git::GitError;

/// A change larger than this is not looked through to its end, and is named for that.
const LIMIT: u64 = 64 << 20;
/// So many are named.
const NAMED: usize = 10;
/// Begins each commit in git's listing.
const COMMIT: &str = "\u{1}";

impl Keeper {
    /// What looks like a secret in the commits up to `tip` that the source does not have, on a branch
    /// or as what was `kept` there: names of files for people, at most ten. `known` are secrets that
    /// the agent was given.
    pub async fn secrets(
        &self,
        tip: &str,
        kept: Option<&str>,
        known: &Known,
    ) -> Result<Vec<String>, GitError> {
        let mut new = vec![tip, "--not", "--remotes=origin"];
        new.extend(kept);
        let names = [
            "log",
            "-z",
            "--format=",
            "--name-only",
            "--diff-filter=A",
            "--no-renames",
            "-m",
        ];
        let git = self.git().reading(LIMIT);
        let added = git.run(&[&names[..], &new].concat()).await?;
        let mut found: BTreeSet<String> = added
            .split('\0')
            .map(str::trim)
            .filter(|name| is_secret_file(name))
            .map(str::to_owned)
            .collect();
        let texts = [
            "-c",
            "core.quotePath=false",
            "log",
            "--format=%x01%B",
            "--patch",
            "--cc",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
            "--unified=0",
        ];
        let patches = git.run(&[&texts[..], &new].concat()).await?;
        let holds = |text: &str| secrets::are_in(text) || known.named(text.to_owned()) != text;
        found.extend(
            texts_of(&patches)
                .into_iter()
                .filter(|(_, text)| holds(text))
                .map(|(name, _)| name),
        );
        let mut found: Vec<String> = found
            .into_iter()
            .take(NAMED)
            .map(|name| format!("`{}`", name.replace('`', "'")))
            .collect();
        if patches.len() as u64 >= LIMIT {
            found.push("more than can be looked through".into());
        }
        Ok(found)
    }
}

/// The texts that a listing of patches adds, each with the file that holds it.
fn texts_of(patches: &str) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut is_header = false;
    for line in patches.lines() {
        if let Some(message) = line.strip_prefix(COMMIT) {
            is_header = false;
            texts.push(("the words of a commit".into(), format!("{message}\n")));
        } else if line.starts_with("diff --") {
            is_header = true;
            texts.push((String::new(), String::new()));
        } else if line.starts_with("@@") {
            is_header = false;
        } else if let Some((name, text)) = texts.last_mut() {
            match (is_header, name.as_str()) {
                (true, _) => {
                    if let Some(file) = line.strip_prefix("+++ ") {
                        *name = file.strip_prefix("b/").unwrap_or(file).to_owned();
                    }
                }
                // Removals are no news, and a message has no marks.
                (false, _) if line.starts_with('-') && !name.starts_with("the words") => {}
                (false, _) => {
                    text.push_str(line.trim_start_matches(['+', ' ']));
                    text.push('\n');
                }
            }
        }
    }
    texts
}

/// Files that hold secrets by what people call them; what such a file is an example of does not.
fn is_secret_file(name: &str) -> bool {
    let path = Path::new(name);
    let base = path.file_name().unwrap_or_default().to_string_lossy();
    let base = base.to_lowercase();
    let examples = ["example", "sample", "template", "dist", "defaults"];
    let is_example = base
        .split(['.', '-', '_'])
        .any(|part| examples.contains(&part));
    let environment = base == ".env" || base.starts_with(".env.") || base.ends_with(".env");
    let exact = [
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".netrc",
        ".pgpass",
        ".git-credentials",
        ".pypirc",
        ".htpasswd",
        "credentials.json",
        ".dockercfg",
    ];
    let ends = [".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];
    let is_cloud = base == "credentials" && name.contains(".aws/");
    !is_example
        && (environment
            || is_cloud
            || exact.contains(&base.as_str())
            || ends.iter().any(|end| base.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_people_call_them() {
        for secret in [
            ".env",
            "web/.env.production",
            "prod.env",
            "deploy/id_ed25519",
            "certs/site.key",
            "Store.P12",
            "home/.aws/credentials",
        ] {
            assert!(is_secret_file(secret), "{secret}");
        }
        for fine in [
            ".env.example",
            "env.rs",
            "id_ed25519.pub",
            "keys.rs",
            "src/credentials/mod.rs",
            ".env.sample",
            "monkey",
        ] {
            assert!(!is_secret_file(fine), "{fine}");
        }
    }

    #[test]
    fn what_a_patch_adds_belongs_to_its_file() {
        let patch = "\u{1}Paint\n\ndiff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x y\n@@ -0,0 +1 @@\n+one\n-two\n\
                     \u{1}Other\n- a point\ndiff --cc z\n--- a/z\n+++ b/z\n@@@ -1 -1 +1 @@@\n++three\n";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            texts_of(patch),
            [
                pair("the words of a commit", "Paint\n\n"),
                pair("x y", "one\n"),
                pair("the words of a commit", "Other\n- a point\n"),
                pair("z", "three\n"),
            ]
        );
    }
}

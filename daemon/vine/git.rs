//! What the binary asks git.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The top folder of the git repository that `folder` is in.
pub fn top_level(folder: &Path) -> Result<PathBuf> {
    let said = match run_git(folder, &["rev-parse", "--show-toplevel"]) {
        Ok(top) => return Ok(top.into()),
        Err(said) => said,
    };
    let folder = folder.display();
    // Git puts the repository in quotes, and it may be another folder than this one.
    if said.contains("dubious ownership") {
        let whose = said.split('\'').nth(1).unwrap_or_default();
        bail!(
            "the repository {whose} belongs to another user, so git does not read it; if you trust \
             it: git config --global --add safe.directory {whose}"
        );
    }
    bail!(
        "{folder} is not in a git repository; change to one, create one with `git init`, or try \
         `vine up --demo`"
    )
}

/// The branch that is checked out; it must have a commit to start from.
pub fn base_branch(folder: &Path) -> Result<String> {
    ask_git(folder, &["rev-parse", "--verify", "--quiet", "HEAD"]).with_context(|| {
        format!(
            "{} has no commit yet; create one, so that tasks have something to start from",
            folder.display()
        )
    })?;
    let named = ask_git(folder, &["symbolic-ref", "--quiet", "--short", "HEAD"]);
    named.with_context(|| {
        format!(
            "{} has no branch checked out; check out the one that tasks start from",
            folder.display()
        )
    })
}

/// What git prints; `None` if it fails.
pub fn ask_git(folder: &Path, arguments: &[&str]) -> Option<String> {
    run_git(folder, arguments).ok()
}

/// What git prints, or its error message.
pub fn run_git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| error.to_string())?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(said(&output.stdout)),
        false => Err(said(&output.stderr)),
    }
}

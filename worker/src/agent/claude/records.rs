//! What Claude Code keeps in its own folder, as far as we read it: a session's record, and plans.

use std::{fs, path::PathBuf};

use crate::agent::Job;

/// Its folder: `CLAUDE_CONFIG_DIR`, or `.claude` in its home.
fn folder(job: &Job<'_>) -> Option<PathBuf> {
    let env = |name: &str| {
        job.config
            .env
            .get(name)
            .cloned()
            .or_else(|| std::env::var(name).ok())
    };
    env("CLAUDE_CONFIG_DIR")
        .map(Into::into)
        .or_else(|| Some(PathBuf::from(env("HOME")?).join(".claude")))
}

/// The session's own record, to see whether an answer had reached it before the process was cut
/// off. The format is Claude Code's own, so it is only searched, never read as something.
pub fn transcript(job: &Job<'_>) -> Option<String> {
    if !job.resume
        || !job
            .task
            .answered
            .iter()
            .any(|question| question.untold().is_some())
    {
        return None;
    }
    let name = format!("{}.jsonl", job.session);
    let projects = fs::read_dir(folder(job)?.join("projects")).ok()?;
    projects
        .flatten()
        .find_map(|project| fs::read_to_string(project.path().join(&name)).ok())
}

/// The plan that it wrote to `file`. A plan is not part of the call that presents it (measured with
/// 2.1.330); it lies in a file of its own, and only such a file is read.
pub fn plan(job: &Job<'_>, file: &str) -> Option<String> {
    let file = fs::canonicalize(file).ok()?;
    let plans = fs::canonicalize(folder(job)?.join("plans")).ok()?;
    let text = file
        .starts_with(plans)
        .then(|| fs::read_to_string(file).ok())??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

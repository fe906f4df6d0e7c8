//! What Claude Code keeps in its own folder, as far as we read it: a session's record, and plans.

use std::path::{Path, PathBuf};

use crate::{
    agent::AgentRun,
    agent_folder::{AgentFolder, read_inside},
};

/// More of a record is not looked at.
const RECORD: u64 = 256 << 20;

/// Claude Code's own folder: one of ours, and the way from there.
fn folder(job: &AgentRun<'_>) -> Option<(PathBuf, PathBuf)> {
    job.sandbox.claude_folder(job.worker)
}

/// The agent can write there.
fn read(ours: &Path, file: &Path) -> Option<String> {
    let bytes = read_inside(ours, file, RECORD).ok()?;
    String::from_utf8(bytes).ok()
}

/// The session's own record, to see whether an answer had reached it before the process was cut
/// off. The format is Claude Code's own, so it is only searched, never read as something.
pub fn transcript(job: &AgentRun<'_>) -> Option<String> {
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
    let (ours, way) = folder(job)?;
    let projects = way.join("projects");
    let known = AgentFolder::ours(&ours).and_then(|ours| ours.below(&projects)?.entries());
    known
        .ok()?
        .iter()
        .find_map(|(project, _)| read(&ours, &projects.join(project).join(&name)))
}

/// The plan that it wrote to `file`. A plan is not part of the call that presents it (measured with
/// 2.1.330); it lies in a file of its own, and only such a file is read.
pub fn plan(job: &AgentRun<'_>, file: &str) -> Option<String> {
    let (ours, way) = folder(job)?;
    let plans = way.join("plans");
    let file = Path::new(file).strip_prefix(&ours).ok()?;
    let text = file.starts_with(&plans).then(|| read(&ours, file))??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

//! The files in Claude Code's own folder that AgentVine reads: session records and plans.

use std::path::{Path, PathBuf};

use crate::{
    agent::AgentRun,
    agent_folder::{AgentFolder, read_inside},
};

/// Limit for reading a record.
const RECORD: u64 = 256 << 20;

/// Claude Code's own folder: a folder of ours, and the relative path from it.
fn folder(job: &AgentRun<'_>) -> Option<(PathBuf, PathBuf)> {
    job.sandbox.claude_folder(job.worker)
}

/// Reads a file that the agent could have written.
fn read(ours: &Path, file: &Path) -> Option<String> {
    let bytes = read_inside(ours, file, RECORD).ok()?;
    String::from_utf8(bytes).ok()
}

/// The session's own record, to check whether an answer reached it before the process was
/// interrupted. The format is Claude Code's own, so the text is searched, never parsed.
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

/// The plan that the agent wrote to `file`. The call that presents a plan does not contain it
/// (measured with 2.1.330); it is in a separate file, and only files in the plans folder are read.
pub fn plan(job: &AgentRun<'_>, file: &str) -> Option<String> {
    let (ours, way) = folder(job)?;
    let plans = way.join("plans");
    let file = Path::new(file).strip_prefix(&ours).ok()?;
    let text = file.starts_with(&plans).then(|| read(&ours, file))??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

//! Parking: how a question outlives the process that asked it.
//!
//! Claude Code can *defer* a call that a PreToolUse hook holds: the turn ends with `tool_deferred`,
//! the process may exit, and resuming the session repeats the call under the same id without a
//! model call (measured with 2.1.330). So clarifying questions come through our hook. The deferred
//! call of a session is recorded in the worker's state folder, since no other machine can resume
//! that session.

use std::{fs, io, path::PathBuf};

use serde_json::{Value, json};
use vine_domain::Question;

use super::{frames::SKILL, words::reached};
use crate::agent::AgentRun;

/// The hook that receives clarifying questions. Its timeout (seconds) far exceeds any hold time.
pub fn hooks() -> Value {
    json!({
        "PreToolUse": [{ "matcher": "AskUserQuestion", "hookCallbackIds": ["ask"], "timeout": 7 * 86_400 }],
        // Shell lines in a skill never come as a question (2.1.332).
        "PreSkillShellCommand": [{ "hookCallbackIds": [SKILL] }],
    })
}

fn file(job: &AgentRun<'_>) -> PathBuf {
    job.worker
        .state
        .join("deferred")
        .join(job.session.to_string())
}

/// Records the session's deferred call before deferring it.
pub fn keep(job: &AgentRun<'_>, call: &str) -> io::Result<()> {
    let file = file(job);
    fs::create_dir_all(file.parent().unwrap_or(&job.worker.state))?;
    fs::write(&file, call)
}

/// Deletes the record of a deferred call.
pub fn forget(job: &AgentRun<'_>) {
    let _was_not_there = fs::remove_file(file(job));
}

/// Deletes the record if the deferred call is among the calls with a result.
pub fn arrived(job: &AgentRun<'_>, calls: &[String]) {
    if job.resume && fs::read_to_string(file(job)).is_ok_and(|deferred| calls.contains(&deferred)) {
        forget(job);
    }
}

/// The question of a resumed session's deferred call, with its outcome.
pub fn take_up(job: &AgentRun<'_>, transcript: Option<&str>) -> Option<Question> {
    let call = fs::read_to_string(file(job)).ok().filter(|_| job.resume)?;
    let question = job
        .task
        .answered
        .iter()
        .rev()
        .find(|question| question.call == call && question.untold().is_some())?;
    if reached(transcript, question) {
        forget(job);
        return None;
    }
    Some(question.clone())
}

//! Parking: how a question outlives the process that asked it.
//!
//! Claude Code can *defer* a call that a PreToolUse hook holds: the turn ends with `tool_deferred`,
//! the process may go, and resuming the session makes the same call again under the same id, with
//! no model call in between (measured with
//! 2.1.330). So clarifying questions come through a hook of ours. Which call a session deferred is
//! kept in a file beside the worker's state, since no other machine can resume that session.

use std::{fs, io, path::PathBuf};

use serde_json::{Value, json};
use vine_domain::Question;

use super::{frames::SKILL, words::reached};
use crate::agent::AgentRun;

/// The hook through which clarifying questions come. Its deadline (seconds) is far beyond any time
/// that we hold.
pub fn hooks() -> Value {
    json!({
        "PreToolUse": [{ "matcher": "AskUserQuestion", "hookCallbackIds": ["ask"], "timeout": 7 * 86_400 }],
        // What a skill's own shell lines may do comes as no question (2.1.332).
        "PreSkillShellCommand": [{ "hookCallbackIds": [SKILL] }],
    })
}

fn file(job: &AgentRun<'_>) -> PathBuf {
    job.worker
        .state
        .join("deferred")
        .join(job.session.to_string())
}

/// Keeps which call the session has deferred, before it is told to.
pub fn keep(job: &AgentRun<'_>, call: &str) -> io::Result<()> {
    let file = file(job);
    fs::create_dir_all(file.parent().unwrap_or(&job.worker.state))?;
    fs::write(&file, call)
}

/// The session has deferred nothing after all.
pub fn forget(job: &AgentRun<'_>) {
    let _was_not_there = fs::remove_file(file(job));
}

/// Calls have their results; if the deferred one is among them, it is over.
pub fn arrived(job: &AgentRun<'_>, calls: &[String]) {
    if job.resume && fs::read_to_string(file(job)).is_ok_and(|deferred| calls.contains(&deferred)) {
        forget(job);
    }
}

/// The question of the deferred call of a session that is resumed, with what came of it meanwhile.
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

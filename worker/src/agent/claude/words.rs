//! What we say to Claude in our own words: the task, and what was answered while it was away.

use uuid::Uuid;
use vine_domain::{Answer, Ask, Decision, Question, QuestionId, QuestionState};

use super::tools::ToolCall;
use crate::agent::Job;

/// The first message of a run.
pub struct Opening {
    /// The words.
    pub text: String,
    /// Drops a second copy of the same message, also across a resume.
    pub uuid: Uuid,
    /// Questions whose answers are in the words, or were in the session already.
    pub told: Vec<QuestionId>,
    /// Permissions that were given while the agent was away.
    pub granted: Vec<(QuestionId, ToolCall)>,
}

/// The first message of a run. `transcript` is the session's own record: an answer that is in it is not told again.
pub fn opening(job: &Job<'_>, transcript: Option<&str>) -> Opening {
    let answered: Vec<(&Question, &Answer)> =
        job.task.answered.iter().filter_map(|question| Some((question, question.answer()?))).collect();
    let fresh = |(question, _): &&(&Question, &Answer)| matches!(question.state, QuestionState::Answered { .. });
    let undelivered: Vec<(&Question, &Answer)> = answered.iter().filter(fresh).copied().collect();
    let told: Vec<QuestionId> = undelivered.iter().map(|(question, _)| question.id).collect();
    let news: Vec<(&Question, &Answer)> =
        if job.resume { undelivered.into_iter().filter(|(question, _)| !reached(transcript, &question.call)).collect() } else { answered };
    let granted = news.iter().filter(fresh).filter_map(|(question, answer)| Some((question.id, grant(question, answer)?))).collect();
    let known: String = news.iter().map(|(question, answer)| retold(question, answer)).collect();
    let uuid = match (job.resume, news.last()) {
        (true, Some((_, answer))) => answer.key,
        _ => attempt_uuid(job),
    };
    Opening { text: composed(job, &known), uuid, told, granted }
}

/// The words of the message. A fresh session gets the whole task; a resumed one only the news.
fn composed(job: &Job<'_>, known: &str) -> String {
    let prompt = job.task.prompt.as_str();
    match (job.resume, known.is_empty()) {
        (true, true) => "You were interrupted while you worked. Go on with the task from where you left off.".into(),
        (true, false) => format!("You were interrupted while you waited for an answer. It has come:\n\n{known}\nGo on with the task."),
        (false, true) => prompt.to_owned(),
        (false, false) => {
            format!("{prompt}\n\n---\nThis task was begun before, in a session that is gone. What was asked and answered then:\n\n{known}")
        }
    }
}

/// The answer is in the session's record: its call has a result, and not the one that stands for a lost answer.
fn reached(transcript: Option<&str>, call: &str) -> bool {
    let mark = format!("\"tool_use_id\":\"{call}\"");
    let stand_ins = ["[Tool call interrupted", "doesn't want to proceed"];
    let of_call = |line: &&str| line.contains(&mark) && !stand_ins.iter().any(|text| line.contains(text));
    transcript.is_some_and(|text| text.lines().any(|line| of_call(&line)))
}

fn retold(question: &Question, answer: &Answer) -> String {
    let name = &answer.name;
    match (&question.ask, &answer.decision) {
        (Ask::Permission { tool, what, .. }, Decision::Allow { .. }) if matches!(question.state, QuestionState::Answered { .. }) => {
            format!(
                "You wanted to use {tool}:
{what}
{name} allowed it. Make the same call again now.

"
            )
        }
        (Ask::Permission { tool, what, .. }, Decision::Allow { .. }) => {
            format!(
                "You used {tool}, which {name} had allowed:
{what}
It may have run already; look before you ask for it again.

"
            )
        }
        (Ask::Permission { tool, what, .. }, decision) => format!("You wanted to use {tool}:\n{what}\n{name} {}.\n\n", decision.headline()),
        (Ask::Plan { .. }, decision) => format!("You presented a plan. {name} {}.\n\n", decision.headline()),
        (Ask::Clarify { items }, decision) => {
            let asked: Vec<_> = items.iter().map(|item| item.question.as_str()).collect();
            let words = match decision {
                Decision::Words { text } => text.clone(),
                other => other.headline(),
            };
            format!("You asked: {}\n{name} answered: {words}\n\n", asked.join(" / "))
        }
    }
}

fn grant(question: &Question, answer: &Answer) -> Option<ToolCall> {
    match (&question.ask, &answer.decision) {
        (Ask::Permission { tool, what, .. }, Decision::Allow { .. }) => Some(ToolCall::granted(tool, what)),
        _ => None,
    }
}

/// The same for every repetition of this attempt's first message.
fn attempt_uuid(job: &Job<'_>) -> Uuid {
    let text = format!("{}/{}", job.session, job.task.attempt.epoch.0);
    let hash = vine_domain::token::Token::presented(text).hash();
    Uuid::parse_str(&hash[..32]).expect("32 hex digits are a UUID")
}

const NOTES_LIMIT: usize = 64 * 1024;

/// The text of an untrusted repository's CLAUDE.md, which its settings source would bring otherwise: people expect it.
/// It goes in as plain words; nothing of it is executed.
pub fn repository_notes(job: &Job<'_>) -> Option<String> {
    if job.task.repo.trusted {
        return None;
    }
    let file = job.folder.join("CLAUDE.md");
    let plain = std::fs::symlink_metadata(&file).ok()?.is_file();
    let text = plain.then(|| std::fs::read_to_string(&file).ok())??;
    let text: String = text.chars().take(NOTES_LIMIT).collect();
    Some(format!("The repository's CLAUDE.md says:\n\n{text}"))
}

/// Two or three lines of what was said, for people.
pub fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("\n");
    last.chars().take(500).collect()
}

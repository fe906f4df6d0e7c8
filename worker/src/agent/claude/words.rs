//! What we say to Claude in our own words: the task, and what was answered while it was away.

use std::path::Path;

use uuid::Uuid;
use vine_domain::{
    Answer, Ask, Decision, DeliveredOutcome, Note, Question, QuestionId, QuestionOutcome, uuid_of,
};

use super::tools::{NOBODY, ToolCall};
use crate::{agent::AgentRun, agent_folder::read_inside};

/// The first message of a run.
pub struct FirstMessage {
    /// The words.
    pub text: String,
    /// Drops a second copy of the same message, also across a resume.
    pub uuid: Uuid,
    /// Questions whose answers are in the words, or were in the session already.
    pub told: Vec<DeliveredOutcome>,
    /// Permissions that were given while the agent was away.
    pub granted: Vec<(QuestionId, ToolCall)>,
}

/// The first message of a run. `transcript` is the session's own record: an answer that is in it is
/// not told again.
pub fn opening(job: &AgentRun<'_>, transcript: Option<&str>) -> FirstMessage {
    let untold: Vec<&Question> = job
        .task
        .answered
        .iter()
        .filter(|question| question.untold().is_some())
        .collect();
    let news: Vec<&Question> = match job.resume {
        true => untold
            .iter()
            .filter(|question| !reached(transcript, question))
            .copied()
            .collect(),
        false => job.task.answered.iter().collect(),
    };
    let granted = news.iter().filter_map(|question| grant(question)).collect();
    let mut known: String = news.iter().map(|question| retold(question)).collect();
    if !job.resume {
        known.push_str(&remembered(&news));
    }
    FirstMessage {
        text: composed(job, &known),
        uuid: attempt_uuid(job),
        told: untold.iter().map(|question| question.heard()).collect(),
        granted,
    }
}

/// A note as the agent reads it.
pub fn noted(note: &Note) -> String {
    format!(
        "{} writes to you while you work:\n\n{}",
        note.author, note.text
    )
}

/// The answer to a question in the agent's last words, as the agent reads it.
pub fn to_last_words(question: &Question) -> String {
    match question.reply() {
        Some(QuestionOutcome::Answered(Answer {
            name,
            decision: Decision::Words { text },
            ..
        })) => format!("{name} answers: {text}"),
        Some(QuestionOutcome::Answered(Answer { name, decision, .. })) => {
            format!("{name} answers: {}", decision.whole())
        }
        Some(QuestionOutcome::Nobody) | None => NOBODY.into(),
    }
}

/// An answer that came after its question was given up, as the agent reads it.
pub fn late(question: &Question) -> String {
    format!("An answer has come after all.\n\n{}", retold(question))
}

/// The words of the message. A fresh session gets the whole task; a resumed one only the news; one
/// that may not have heard of the task gets the whole of it, and where it is now.
fn composed(job: &AgentRun<'_>, known: &str) -> String {
    let prompt = job.task.prompt.as_str();
    if job.resume && job.task.unheard {
        let (folder, branch, base) = (job.folder.display(), &job.branch, &job.task.base);
        return format!(
            "A new task in this repository. You are in the worktree {folder} now, on the branch \
             {branch}, which starts from {base}. \
             What you changed for other tasks is not in it, and the folders that you worked in may \
             be gone.\n\n{prompt}{}",
            if known.is_empty() {
                String::new()
            } else {
                format!("\n\n---\nWhat was asked and answered already:\n\n{known}")
            }
        );
    }
    match (job.resume, known.is_empty()) {
        (true, true) => {
            "You were interrupted while you worked. Go on with the task from where you left off."
                .into()
        }
        (true, false) => format!(
            "You were interrupted while you waited for an answer. It has come:\n\n{known}\nGo on \
             with the task."
        ),
        (false, true) => prompt.to_owned(),
        (false, false) => {
            format!(
                "{prompt}\n\n---\nThis task was begun before, in a session that is gone. What was \
                 asked and answered then:\n\n{known}"
            )
        }
    }
}

/// The answer is in the session's record: its call has a result, and not the one that stands for a
/// lost answer. What came late is never the result of its call.
pub fn reached(transcript: Option<&str>, question: &Question) -> bool {
    let mark = format!("\"tool_use_id\":\"{}\"", question.call);
    let stand_ins = ["[Tool call interrupted", "doesn't want to proceed"];
    let of_call =
        |line: &&str| line.contains(&mark) && !stand_ins.iter().any(|text| line.contains(text));
    let in_time = question.expired.is_none() || question.answer().is_none();
    in_time && transcript.is_some_and(|text| text.lines().any(|line| of_call(&line)))
}

/// What was asked and what came of it.
fn retold(question: &Question) -> String {
    match question.reply() {
        Some(QuestionOutcome::Answered(answer)) => answered(question, answer),
        Some(QuestionOutcome::Nobody) => format!("{}{NOBODY}\n\n", asked(&question.ask)),
        None => String::new(),
    }
}

/// What was said around the questions, for an agent that remembers nothing of it.
fn remembered(questions: &[&Question]) -> String {
    let said = questions
        .iter()
        .filter(|question| !question.context.is_empty());
    said.map(|question| format!("Before {} you said: {}\n", question.id, question.context))
        .collect()
}

fn asked(ask: &Ask) -> String {
    match ask {
        Ask::Permission { tool, what, .. } => format!("You wanted to use {tool}:\n{what}\n"),
        Ask::Plan { .. } => "You presented a plan. ".into(),
        Ask::Clarify { items } => {
            let questions: Vec<_> = items.iter().map(|item| item.question.as_str()).collect();
            format!("You asked: {}\n", questions.join(" / "))
        }
    }
}

fn answered(question: &Question, answer: &Answer) -> String {
    let (name, asked) = (&answer.name, asked(&question.ask));
    match (&question.ask, &answer.decision) {
        (Ask::Permission { .. }, Decision::Allow { .. }) if question.untold().is_some() => {
            format!("{asked}{name} allowed it. Make the same call again now.\n\n")
        }
        (Ask::Permission { .. }, Decision::Allow { .. }) => {
            format!(
                "{asked}{name} had allowed it. It may have run already; look before you ask for it \
                 again.\n\n"
            )
        }
        (Ask::Permission { .. } | Ask::Plan { .. }, decision) => {
            format!("{asked}{name} {}.\n\n", decision.whole())
        }
        (Ask::Clarify { .. }, Decision::Words { text }) => {
            format!("{asked}{name} answered: {text}\n\n")
        }
        (Ask::Clarify { items }, Decision::Chosen { labels }) if items.len() > 1 => {
            let lines: Vec<String> = items
                .iter()
                .zip(labels)
                .map(|(item, labels)| format!("{} {}", item.question, labels.join(", ")))
                .collect();
            format!("{name} answered your questions:\n{}\n\n", lines.join("\n"))
        }
        (Ask::Clarify { .. }, decision) => {
            format!("{asked}{name} answered: {}\n\n", decision.whole())
        }
    }
}

/// A permission that the agent does not know of is good for one call.
pub fn grant(question: &Question) -> Option<(QuestionId, ToolCall)> {
    match (&question.ask, question.untold()?) {
        (
            Ask::Permission { tool, what, .. },
            QuestionOutcome::Answered(Answer {
                decision: Decision::Allow { .. },
                ..
            }),
        ) => Some((question.id, ToolCall::granted(tool, what))),
        _ => None,
    }
}

/// The same for every repetition of this attempt's first message.
fn attempt_uuid(job: &AgentRun<'_>) -> Uuid {
    // With the task: a session that did another one before would drop a message of the same name as
    // a repetition.
    uuid_of(&format!(
        "{}/{}/{}",
        job.session, job.task.attempt.task, job.task.attempt.epoch.0
    ))
}

const NOTES_LIMIT: usize = 64 * 1024;

/// The text of an untrusted repository's CLAUDE.md, which its settings source would bring
/// otherwise: people expect it. It goes in as plain words; nothing of it is executed.
pub fn repository_notes(job: &AgentRun<'_>) -> Option<String> {
    if job.task.repo.trusted {
        return None;
    }
    let text = read_inside(&job.folder, Path::new("CLAUDE.md"), 16 << 20).ok()?;
    let text: String = String::from_utf8(text)
        .ok()?
        .chars()
        .take(NOTES_LIMIT)
        .collect();
    Some(format!("The repository's CLAUDE.md says:\n\n{text}"))
}

/// Two or three lines of what was said, for people.
pub fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("\n");
    last.chars().take(500).collect()
}

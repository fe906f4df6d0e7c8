//! What AgentVine writes to Claude: the task, and what was answered while Claude was away.

use std::path::Path;

use uuid::Uuid;
use vine_domain::{
    Answer, Ask, Decision, DeliveredOutcome, Note, Question, QuestionId, QuestionOutcome, Round,
    uuid_of,
};

use super::tools::{NOBODY, ToolCall};
use crate::{agent::AgentRun, agent_folder::read_inside};

/// The first message of a run.
pub struct FirstMessage {
    /// The text.
    pub text: String,
    /// Identifies the message, so that a second copy is dropped, also across a resume.
    pub uuid: Uuid,
    /// Questions whose answers are in the text, or were in the session already.
    pub told: Vec<DeliveredOutcome>,
    /// Permissions that were given while the agent was away.
    pub granted: Vec<(QuestionId, ToolCall)>,
}

/// The first message of a run. `transcript` is the session's own record: an answer that it contains
/// is not repeated.
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

/// A note, as the agent reads it.
pub fn noted(note: &Note) -> String {
    format!(
        "{} sent you a message while you were working:\n\n{}",
        note.author, note.text
    )
}

/// The answer to a question in the agent's last message, as the agent reads it.
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

/// An answer that came after its question had expired, as the agent reads it.
pub fn late(question: &Question) -> String {
    format!("A late answer has arrived.\n\n{}", retold(question))
}

/// The text of the message. A new session gets the whole task; a resumed one only what is new; one
/// that may not know the task gets all of it, and where to work.
fn composed(job: &AgentRun<'_>, known: &str) -> String {
    let prompt = job.task.prompt.as_str();
    if let Some(round) = job.task.rounds.last()
        && (!job.resume || job.task.unheard)
    {
        return in_round(job, round, known);
    }
    if job.resume && job.task.unheard {
        let folder = job.folder.display();
        let branch = &job.branch;
        let base = &job.task.base;
        return format!(
            "This is a new task in this repository. You are now in the worktree {folder}, on the \
             branch {branch}, which starts from {base}. It does not contain your changes for other \
             tasks, and the folders that you worked in before may be gone.\n\n{prompt}{}",
            if known.is_empty() {
                String::new()
            } else {
                format!("\n\n---\nQuestions and answers so far:\n\n{known}")
            }
        );
    }
    match (job.resume, known.is_empty()) {
        (true, true) => {
            "You were interrupted while working. Continue the task from where you left off.".into()
        }
        (true, false) => format!(
            "You were interrupted while waiting for an answer. Here it is:\n\n{known}\nContinue the \
             task."
        ),
        (false, true) => prompt.to_owned(),
        (false, false) => {
            format!(
                "{prompt}\n\n---\nThis task was started in an earlier session that no longer exists. \
                 Questions and answers from that session:\n\n{known}"
            )
        }
    }
}

/// The first message of a round: to a session that remembers the task only what is new, to a new one
/// everything that happened.
fn in_round(job: &AgentRun<'_>, round: &Round, known: &str) -> String {
    let changed = job.changed.as_ref().map_or_else(String::new, |changed| {
        format!(
            "\n\n---\nOthers have committed to the branch {} since you last saw it:\n\n{changed}",
            job.branch
        )
    });
    let known = match known.is_empty() {
        true => String::new(),
        false => format!("\n\n---\nQuestions and answers so far:\n\n{known}"),
    };
    if job.resume {
        let author = &round.author;
        return format!(
            "{author} continues this task:\n\n{}{changed}{known}",
            round.text
        );
    }
    let so_far: String = job.task.rounds.iter().map(retold_round).collect();
    let branch = &job.branch;
    format!(
        "{}\n\n---\nThis task has continued in an earlier session that is not available here. Its work is on the \
         branch {branch}, which you are on.\n\n{so_far}Do what {} wrote last.{changed}{known}",
        job.task.prompt.as_str(),
        round.author
    )
}

/// What a round ended with, and what was asked for then.
fn retold_round(round: &Round) -> String {
    format!(
        "Round {} ended with:\n\n{}\n\nThen {} wrote:\n\n{}\n\n",
        round.number.saturating_sub(1),
        round.before,
        round.author,
        round.text
    )
}

/// Whether the answer is in the session's record: its call has a result other than the placeholder
/// for a lost answer. A late answer is never the result of its call.
pub fn reached(transcript: Option<&str>, question: &Question) -> bool {
    let mark = format!("\"tool_use_id\":\"{}\"", question.call);
    let stand_ins = ["[Tool call interrupted", "doesn't want to proceed"];
    let of_call =
        |line: &&str| line.contains(&mark) && !stand_ins.iter().any(|text| line.contains(text));
    let in_time = question.expired.is_none() || question.answer().is_none();
    in_time && transcript.is_some_and(|text| text.lines().any(|line| of_call(&line)))
}

/// What was asked and the outcome.
fn retold(question: &Question) -> String {
    match question.reply() {
        Some(QuestionOutcome::Answered(answer)) => answered(question, answer),
        Some(QuestionOutcome::Nobody) => format!("{}{NOBODY}\n\n", asked(&question.ask)),
        None => String::new(),
    }
}

/// What the agent said before the questions, for a session that does not remember it.
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
    let name = &answer.name;
    let asked = asked(&question.ask);
    match (&question.ask, &answer.decision) {
        (Ask::Permission { .. }, Decision::Allow { .. }) if question.untold().is_some() => {
            format!("{asked}{name} allowed it. Make the same call again now.\n\n")
        }
        (Ask::Permission { .. }, Decision::Allow { .. }) => {
            format!(
                "{asked}{name} allowed it earlier. It may have run already; check before you ask for \
                 it again.\n\n"
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

/// A permission that the agent does not know of yet covers one call.
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

/// Identical for each repetition of this attempt's first message.
fn attempt_uuid(job: &AgentRun<'_>) -> Uuid {
    // Includes the task: a session reused from another task would otherwise drop the message as a
    // duplicate.
    uuid_of(&format!(
        "{}/{}/{}",
        job.session, job.task.attempt.task, job.task.attempt.epoch.0
    ))
}

const NOTES_LIMIT: usize = 64 * 1024;

/// The text of an untrusted repository's CLAUDE.md, which people expect Claude to read and which
/// its settings source would otherwise provide. It is passed as plain text; nothing in it is
/// executed.
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
    Some(format!("Contents of the repository's CLAUDE.md:\n\n{text}"))
}

/// The last lines of the agent's text (at most three), for people.
pub fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("\n");
    last.chars().take(500).collect()
}

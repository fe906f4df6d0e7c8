//! Messages about the outcome of an attempt, a note or a message.

use vine_domain::{
    MessageId, Note, NoteState, Slug, Task, TaskState,
    attempt::Usage,
    chat::{MessagePlace, Outbound, OutboundKind, file::FileRef},
    markdown::{fenced, literal, quoted},
    task::Report,
};

use crate::{fleet::KeptWorkReport, texts::words::spent};

/// Where the work of an attempt is that did not finish or was not pushed.
pub(crate) fn kept(task: &Task, kept: &KeptWorkReport) -> String {
    let id = task.id;
    let said = kept.commit.as_ref().map(|commit| {
        let commit: String = commit.chars().take(10).collect();
        let branch = kept
            .name
            .as_deref()
            .and_then(|name| name.strip_prefix("refs/heads/"));
        match (&kept.name, branch) {
            (Some(_), Some(branch)) => {
                format!("**Pushed** to the branch `{branch}` (commit `{commit}`).")
            }
            (Some(name), None) => format!(
                "**The work so far is saved.** Get it with `git fetch origin {name}` (commit `{commit}`)."
            ),
            (None, _) if !kept.held.is_empty() => format!(
                "**Not pushed yet: this looks like a secret.** {}\nCheck it first. Then `task push {id}` pushes the work as it is, \
                 or `task push {id} --leave` leaves it on its worker (commit `{commit}`).",
                kept.held.join(", ")
            ),
            (None, _) if task.is_over() => format!(
                "**The work is saved but not pushed.** Its worker has it as commit `{commit}`; `task push {id}` pushes it."
            ),
            (None, _) => format!(
                "**The work so far is saved.** Its worker has it as commit `{commit}`; a retry on that worker continues from it."
            ),
        }
    });
    let lines: Vec<String> = said.into_iter().chain(kept.notes.iter().cloned()).collect();
    lines.join("\n")
}

/// A message that an agent posts in its thread.
pub(crate) fn of_agent(words: &str) -> String {
    format!("The agent says:\n\n{}", quoted(words))
}

/// A file that an agent shows.
pub(crate) fn shown(id: MessageId, task: vine_domain::TaskId, file: FileRef) -> Outbound {
    let text = format!("The agent shows `{}` ({}).", file.name, file.described());
    Outbound {
        file: Some(file),
        ..notice(id, task, text)
    }
}

/// A task is done. Work in a folder is merged by hand: there is no request that could be merged.
pub(crate) fn done(task: &Task, report: &Report, is_folder: bool) -> String {
    // Scripts report no usage.
    let spent = match report.usage == Usage::default() {
        true => String::new(),
        false => format!("\n{}", spent(&report.usage)),
    };
    let outcome = match &report.commit {
        Some(_) if report.diffstat.is_empty() => {
            format!("No changes in round {}.", task.round.number)
        }
        Some(commit) => {
            let place = match &report.branch {
                Some(branch) => format!("on `{branch}`"),
                None => "is not pushed yet".to_owned(),
            };
            format!(
                "Commit `{}` {place}:\n{}",
                commit.get(..12).unwrap_or(commit),
                fenced(report.diffstat.trim_end())
            )
        }
        None => format!("No changes; `{}` is untouched.", task.branch),
    };
    let denied: String = report
        .denied
        .iter()
        .map(|what| what.chars().take(DENIED).collect::<String>())
        .map(|what| format!("\n- not allowed: {}", literal(&what)))
        .collect();
    let has_changed = report.commit.is_some() && !report.diffstat.is_empty();
    let head = if has_changed {
        "is done"
    } else {
        "ended without changes"
    };
    let summary = if report.summary.is_empty() {
        String::new()
    } else {
        format!("{}\n\n", quoted(&report.summary))
    };
    let branch = report.branch.as_ref().filter(|_| is_folder && has_changed);
    let merge = branch.map_or_else(String::new, |branch| {
        format!(
            "\nMerge it with `git merge {branch}`, or with `vine task merge {}` in your clone.",
            task.id
        )
    });
    format!(
        "**{} {head}.**\n\n{summary}{outcome}{merge}{denied}{spent}",
        task.id
    )
}

/// Characters shown of a call that was not allowed.
const DENIED: usize = 200;

/// Whether the agent has read a note.
pub(crate) fn noted(task: &Task, note: &Note) -> String {
    let author = &note.author;
    match (note.state, &task.state) {
        (NoteState::Delivered { .. }, _) => {
            format!("The agent has received the note from {author}.")
        }
        (NoteState::Missed, state) => format!(
            "{} is {}: no agent has read the note from {author}.",
            task.id,
            state.as_str()
        ),
        (NoteState::Waiting, TaskState::Running { .. }) => {
            format!("The note from {author} reaches the agent at its next step.")
        }
        (NoteState::Waiting, TaskState::Waiting { .. }) => {
            format!(
                "The note from {author} is saved; the agent reads it after the answer that it is \
                 waiting for."
            )
        }
        (NoteState::Waiting, _) => {
            format!("The note from {author} is saved; the agent reads it when it starts.")
        }
    }
}

/// The notice that a message was deleted after it was used as `used`.
pub fn deleted(by: Option<&str>, used: &str) -> String {
    let what = by.map_or_else(
        || format!("The message with {used} was deleted"),
        |by| format!("{by} deleted the message with {used}"),
    );
    let counts = match used.starts_with("the answer") {
        true => "answer",
        false => "note",
    };
    format!("{what}. The {counts} still counts.")
}

/// Messages in a repository's room could not be read.
pub fn missed(id: MessageId, repo: &Slug, platform: &str) -> Outbound {
    let text = format!(
        "{platform} did not let AgentVine read every message that was posted here while it was \
         disconnected. If you answered a question and see no ✅ on \
         your answer, send it again."
    );
    Outbound::new(
        id,
        MessagePlace::Room(repo.clone()),
        OutboundKind::Notice,
        text,
    )
}

/// A plain message.
pub(crate) fn notice(id: MessageId, task: vine_domain::TaskId, text: String) -> Outbound {
    Outbound::new(id, MessagePlace::Thread(task), OutboundKind::Notice, text)
}

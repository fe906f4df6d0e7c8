//! The card of a task: the root of its thread.

use vine_domain::{
    Branch, MessageId, Slug, Task, TaskId, TaskState, Timestamp, Title,
    chat::{MessagePlace, Outbound, OutboundKind},
    markdown::literal,
    ports::NewTask,
};

use crate::texts::{
    context::{TextContext, link},
    words::when,
};

/// The root of a new task's thread.
pub(crate) fn new_card(
    id: MessageId,
    page: &str,
    isolation: Option<&str>,
    task: &NewTask,
) -> Outbound {
    let head = CardHead {
        id: task.id,
        title: &task.title,
        repo: &task.repo,
        base: &task.base,
        branch: &task.branch,
        requester: &task.requester,
    };
    let text = head.with("Queued", isolation, &link(page, task.id));
    Outbound::new(id, MessagePlace::Thread(task.id), OutboundKind::Card, text)
}

/// A task's card as it is now.
pub(crate) fn card(context: &TextContext<'_>, task: &Task) -> String {
    let head = CardHead {
        id: task.id,
        title: &task.title,
        repo: &task.repo,
        base: &task.base,
        branch: &task.branch,
        requester: &task.requester,
    };
    let state = state(&task.state, context.now);
    head.with(&state, context.isolation, &context.link(task.id))
}

/// What stays the same on a card.
struct CardHead<'a> {
    id: TaskId,
    title: &'a Title,
    repo: &'a Slug,
    base: &'a Branch,
    branch: &'a Branch,
    requester: &'a str,
}

impl CardHead<'_> {
    fn with(&self, state: &str, isolation: Option<&str>, link: &str) -> String {
        let isolation = isolation.map_or_else(String::new, |what| format!(" · {what}"));
        format!(
            "**{}** {}\n`{}` · from `{}` to `{}` · requested by {}\n{state}{isolation} · {link}",
            self.id,
            literal(self.title.as_str()),
            self.repo,
            self.base,
            self.branch,
            self.requester,
        )
    }
}

/// The state of a task, in a few words.
pub fn state(state: &TaskState, now: Timestamp) -> String {
    match state {
        TaskState::Queued { due, .. } if *due > now => {
            format!("Queued, starts {}", when(*due, now))
        }
        TaskState::Queued { .. } => "Queued".into(),
        TaskState::Running { .. } => "Running".into(),
        TaskState::Waiting { lease: Some(_) } => "Waiting for an answer".into(),
        TaskState::Waiting { lease: None } => "Waiting for an answer (agent parked)".into(),
        TaskState::Done { .. } => "Done".into(),
        TaskState::Failed { .. } => "Failed".into(),
        TaskState::Cancelled { by } => format!("Cancelled by {by}"),
    }
}

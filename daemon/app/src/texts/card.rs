//! The card of a task: the root of its thread.

use vine_domain::{
    Branch, MessageId, Slug, Task, TaskId, TaskState, Timestamp, Title,
    chat::{Button, ButtonKind, MessagePlace, Outbound, OutboundKind},
    forge::RequestBrief,
    form::Form,
    markdown::literal,
    ports::NewTask,
};

use crate::texts::{
    context::{TextContext, is_local, link},
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
        request: None,
    };
    let state = CardState {
        sign: QUEUED,
        words: queued_words(task.waits_for),
        actions: &[TaskButton::Cancel],
    };
    head.with(id, &state, isolation, page)
}

/// A task's card as it is now.
pub(crate) fn card(context: &TextContext<'_>, id: MessageId, task: &Task) -> Outbound {
    let head = CardHead {
        id: task.id,
        title: &task.title,
        repo: &task.repo,
        base: &task.base,
        branch: &task.branch,
        requester: &task.requester,
        request: task.request.as_ref(),
    };
    let state = CardState {
        sign: sign(&task.state),
        words: progress(task, context.now),
        actions: TaskButton::offered(&task.state),
    };
    head.with(id, &state, context.isolation, &context.settings.link)
}

/// The state, with the round if it is not the first, and with what it waits for.
pub fn progress(task: &Task, now: Timestamp) -> String {
    let state = match (&task.state, task.waits_for) {
        (TaskState::Queued { .. }, Some(_)) => queued_words(task.waits_for),
        (other, _) => state(other, now),
    };
    match task.round.is_later() {
        true => format!("{state} · round {}", task.round.number),
        false => state,
    }
}

fn queued_words(after: Option<TaskId>) -> String {
    after.map_or_else(|| "Queued".into(), |first| format!("Queued after {first}"))
}

/// What a new task is, in a sentence: queued, and after which.
pub(crate) fn queued(task: &Task) -> String {
    let after = task
        .waits_for
        .map(|first| format!("queued until {first} is done"));
    after.unwrap_or_else(|| "queued".into())
}

/// What stays the same on a card.
struct CardHead<'a> {
    id: TaskId,
    title: &'a Title,
    repo: &'a Slug,
    base: &'a Branch,
    branch: &'a Branch,
    requester: &'a str,
    request: Option<&'a RequestBrief>,
}

/// What changes on a card.
struct CardState {
    sign: &'static str,
    words: String,
    actions: &'static [TaskButton],
}

impl CardHead<'_> {
    fn with(
        &self,
        message: MessageId,
        state: &CardState,
        isolation: Option<&str>,
        page: &str,
    ) -> Outbound {
        let isolation = isolation.map_or_else(String::new, |what| format!(" · {what}"));
        // An address on the daemon's own machine helps nobody in a chat.
        let link = match is_local(page) {
            true => String::new(),
            false => format!(" · {}", link(page, self.id)),
        };
        let request = self
            .request
            .map_or_else(String::new, |one| format!("\n{}", one.said()));
        let text = format!(
            "**{}** {}\n{} {} · requested by {}\n`{}` · from `{}` to `{}`{isolation}{link}{request}",
            self.id,
            literal(self.title.as_str()),
            state.sign,
            state.words,
            self.requester,
            self.repo,
            self.base,
            self.branch,
        );
        let place = MessagePlace::Thread(self.id);
        let card = Outbound::new(message, place, OutboundKind::Card, text);
        let buttons = TaskButton::ALL.map(|one| {
            let button = one.button(self.id, self.title);
            match state.actions.contains(&one) {
                true => button,
                false => button.of(ButtonKind::Absent),
            }
        });
        Outbound {
            buttons: buttons.into(),
            ..card
        }
    }
}

/// What people do with a task by a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskButton {
    /// Cancels it.
    Cancel,
    /// Runs it again.
    Retry,
    /// Shows the end of its log.
    Log,
    /// Shows what it changed.
    Diff,
    /// Asks what to do next.
    Continue,
}

impl TaskButton {
    /// All of them, in the order on a card. A press names a place in it.
    pub const ALL: [Self; 5] = [
        Self::Cancel,
        Self::Retry,
        Self::Log,
        Self::Diff,
        Self::Continue,
    ];

    /// Those that do something in this state.
    pub fn offered(state: &TaskState) -> &'static [Self] {
        match state {
            TaskState::Queued { .. } => &[Self::Cancel],
            TaskState::Running { .. } | TaskState::Waiting { .. } => &[Self::Cancel, Self::Log],
            TaskState::Done { .. } => &[Self::Continue, Self::Diff, Self::Log],
            TaskState::Failed { .. } | TaskState::Cancelled { .. } => {
                &[Self::Retry, Self::Continue, Self::Log]
            }
        }
    }

    /// Its label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel",
            Self::Retry => "Retry",
            Self::Log => "Log",
            Self::Diff => "Diff",
            Self::Continue => "Continue…",
        }
    }

    /// The command that it runs, without the head word. One opens a form instead.
    pub fn command(self, task: TaskId) -> Option<String> {
        match self {
            Self::Cancel => Some(format!("task cancel {task}")),
            Self::Retry => Some(format!("task retry {task}")),
            Self::Log => Some(format!("task log {task} --limit 20")),
            Self::Diff => Some(format!("task diff {task}")),
            Self::Continue => None,
        }
    }

    fn button(self, task: TaskId, title: &Title) -> Button {
        let Some(command) = self.command(task) else {
            return Button::saying(Form::next_round().opens, "").of(ButtonKind::Form);
        };
        let says = format!("/vine {command}");
        let button = Button::saying(self.label(), says).of(ButtonKind::Command);
        match self {
            Self::Cancel => button.dangerous(format!("Cancel {task}, {title}?")),
            _ => button,
        }
    }
}

const QUEUED: &str = "⏳";

/// One sign for each state, to be seen at a glance.
fn sign(state: &TaskState) -> &'static str {
    match state {
        TaskState::Queued { .. } => QUEUED,
        TaskState::Running { .. } => "🔵",
        TaskState::Waiting { .. } => "✋",
        TaskState::Done { .. } => "✅",
        TaskState::Failed { .. } => "🔴",
        TaskState::Cancelled { .. } => "⚪",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_means_the_same_whatever_state_the_card_shows() {
        let branch = || "main".parse::<Branch>().expect("a branch");
        let head = CardHead {
            id: TaskId(7),
            title: &"Fix the login".parse().expect("a title"),
            repo: &Slug::from_text("site"),
            base: &branch(),
            branch: &branch(),
            requester: "Ann",
            request: None,
        };
        let state = CardState {
            sign: QUEUED,
            words: "Queued".into(),
            actions: &[TaskButton::Cancel],
        };
        let id = MessageId(uuid::Uuid::nil());
        let card = head.with(id, &state, None, "http://127.0.0.1:1");
        let says: Vec<&str> = card.buttons.iter().map(|one| one.says.as_str()).collect();
        assert_eq!(
            says,
            [
                "/vine task cancel T-7",
                "/vine task retry T-7",
                "/vine task log T-7 --limit 20",
                "/vine task diff T-7",
                ""
            ]
        );
        let shown: Vec<&str> = Button::shown(&card.buttons)
            .map(|(_, one)| one.label.as_str())
            .collect();
        assert_eq!(shown, ["Cancel"]);
        assert_eq!(card.buttons[0].confirm, "Cancel T-7, Fix the login?");
        assert!(!card.text.contains("http"), "{}", card.text);
    }
}

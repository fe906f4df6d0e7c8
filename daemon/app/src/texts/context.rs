//! What sentences depend on besides what happened.

use vine_domain::{QuestionId, TaskId, Timestamp};

use crate::Settings;

/// What sentences depend on besides what happened.
pub(crate) struct TextContext<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The time now.
    pub now: Timestamp,
    /// The preset and wall of the task's agent, as its card shows them.
    pub isolation: Option<&'a str>,
    /// The task's repository is a folder, so its work is merged by hand.
    pub is_folder: bool,
}

impl TextContext<'_> {
    /// The address of a task on the page.
    pub fn link(&self, task: TaskId) -> String {
        link(&self.settings.link, task)
    }

    /// The address of a question on the page. Where a platform shows the question, it shows the address
    /// of that message instead ([`crate::rooms`]).
    pub fn question_link(&self, question: QuestionId) -> String {
        format!("{}{QUESTIONS}{question}", self.settings.link)
    }

    /// Whether the page can only be opened on the daemon's own machine.
    pub fn is_local(&self) -> bool {
        is_local(&self.settings.link)
    }
}

/// Whether the page at `page` can only be opened on the daemon's own machine.
pub(crate) fn is_local(page: &str) -> bool {
    let host = page.split_once("://").map_or("", |(_, host)| host);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|own| host.starts_with(own))
}

/// Where the page shows questions.
pub(crate) const QUESTIONS: &str = "/questions/";
/// Where tasks are on the page.
pub(crate) const TASKS: &str = "/tasks/";

/// The address of a task on the page at `page`.
pub(crate) fn link(page: &str, task: TaskId) -> String {
    format!("{page}{TASKS}{task}")
}

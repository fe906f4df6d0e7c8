//! Texts of a bounded length.

use std::time::Duration;

use vine_domain::assignment::Assignment;

use crate::config::CommitConfig;

pub(super) const SUMMARY_LIMIT: usize = 64 * 1024;
/// Time limit for pushing unfinished work: the task waits for it.
pub(super) const PUSHING: Duration = Duration::from_secs(60);

pub(super) fn message(task: &Assignment, commit: &CommitConfig) -> String {
    let id = task.attempt.task;
    let trailers = task.repo.conventions.trailers(id, &task.requester);
    let lines = [trailers.as_str(), commit.trailer.as_str()];
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    match lines.is_empty() {
        true => task.title.to_string(),
        false => format!("{}\n\n{}", task.title, lines.join("\n")),
    }
}

pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str("\n… truncated; see the branch or the log for the rest\n");
    }
    text
}

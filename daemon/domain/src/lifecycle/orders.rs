//! People's actions: cancel, retry, move to another lane, discard.

use super::{Announcement, Change, ChangeBuilder, DecideResult, Refusal, TaskAction};
use crate::task::TaskState;

impl ChangeBuilder<'_> {
    pub(super) fn ordered(mut self, order: TaskAction, by: &str) -> DecideResult {
        let wish = match order {
            TaskAction::Cancel => "cancelled",
            TaskAction::Retry => "retried",
            TaskAction::Prioritise(_) => "moved to another lane",
            TaskAction::Discard => "discarded",
        };
        self.change.log.push(format!("{wish} by {by}"));
        match (order, &self.current.task.state) {
            (TaskAction::Cancel, TaskState::Cancelled { .. }) => {
                Ok(Change::none(&self.current.task))
            }
            (TaskAction::Cancel, _) if !self.current.task.is_over() => self.cancel(by),
            (
                TaskAction::Retry,
                TaskState::Failed { .. } | TaskState::Cancelled { .. } | TaskState::Queued { .. },
            ) => self.retry(by),
            (TaskAction::Prioritise(lane), _) if !self.current.task.is_over() => {
                self.change.task.lane = lane;
                self.change.says.push(Announcement::Card);
                Ok(self.change)
            }
            (
                TaskAction::Discard,
                TaskState::Failed {
                    failure,
                    discarded: false,
                },
            ) => {
                let state = TaskState::Failed {
                    failure: failure.clone(),
                    discarded: true,
                };
                self.next(state)
            }
            (_, state) => Err(Refusal::NotNow {
                task: self.current.task.id,
                state: state.as_str(),
                wish,
            }),
        }
    }

    fn cancel(mut self, by: &str) -> DecideResult {
        self.withdraw_all("the task was cancelled");
        self.miss_notes();
        if self.current.task.lease().is_some() {
            self.end("cancelled", None);
        }
        self.change.says.extend([
            Announcement::Cancelled { by: by.into() },
            Announcement::Card,
        ]);
        self.next(TaskState::Cancelled { by: by.into() })
    }

    fn retry(mut self, by: &str) -> DecideResult {
        self.change.task.failures = 0;
        self.change.task.losses.clear();
        self.change
            .says
            .extend([Announcement::Retried { by: by.into() }, Announcement::Card]);
        let due = self.now;
        let resumes = matches!(
            self.current.task.state,
            TaskState::Queued { resumes: true, .. }
        );
        self.next(TaskState::Queued { due, resumes })
    }
}

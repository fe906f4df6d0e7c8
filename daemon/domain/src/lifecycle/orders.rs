//! What people order: cancel, retry, another lane, discard.

use super::{Change, Decided, Order, Refusal, Say, Step};
use crate::task::TaskState;

impl Step<'_> {
    pub(super) fn ordered(mut self, order: Order, by: &str) -> Decided {
        let wish = match order {
            Order::Cancel => "cancelled",
            Order::Retry => "retried",
            Order::Prioritise(_) => "moved to another lane",
            Order::Discard => "discarded",
        };
        self.change.log.push(format!("{wish} by {by}"));
        match (order, &self.current.task.state) {
            (Order::Cancel, TaskState::Cancelled { .. }) => Ok(Change::none(&self.current.task)),
            (Order::Cancel, _) if !self.current.task.is_over() => self.cancel(by),
            (
                Order::Retry,
                TaskState::Failed { .. } | TaskState::Cancelled { .. } | TaskState::Queued { .. },
            ) => self.retry(by),
            (Order::Prioritise(lane), _) if !self.current.task.is_over() => {
                self.change.task.lane = lane;
                self.change.says.push(Say::Card);
                Ok(self.change)
            }
            (
                Order::Discard,
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

    fn cancel(mut self, by: &str) -> Decided {
        self.withdraw_all("the task was cancelled");
        self.miss_notes();
        if self.current.task.lease().is_some() {
            self.end("cancelled", None);
        }
        self.change
            .says
            .extend([Say::Cancelled { by: by.into() }, Say::Card]);
        self.next(TaskState::Cancelled { by: by.into() })
    }

    fn retry(mut self, by: &str) -> Decided {
        self.change.task.failures = 0;
        self.change.task.losses.clear();
        self.change
            .says
            .extend([Say::Retried { by: by.into() }, Say::Card]);
        let (due, resumes) = (
            self.now,
            matches!(
                self.current.task.state,
                TaskState::Queued { resumes: true, .. }
            ),
        );
        self.next(TaskState::Queued { due, resumes })
    }
}

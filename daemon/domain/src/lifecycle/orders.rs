//! People's actions: cancel, retry, continue, move to another lane, discard.

use uuid::Uuid;

use super::{Announcement, Change, ChangeBuilder, DecideResult, Refusal, TaskAction};
use crate::{
    ids::Epoch,
    input::Branch,
    round::Round,
    task::{TaskRound, TaskState},
};

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
            ) if self.current.task.waits_for.is_none() => self.retry(by),
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

    /// A task that is over continues with what a person asks for. The same request begins one round.
    pub(super) fn continued(mut self, key: Uuid, author: String, text: String) -> DecideResult {
        let task = &self.current.task;
        if task.round.key == Some(key) {
            return Ok(self.change);
        }
        if !task.is_over() {
            return Err(Refusal::NotNow {
                task: task.id,
                state: task.state.as_str(),
                wish: "continued",
            });
        }
        let round = Round {
            number: task.round.number + 1,
            key,
            author,
            text,
            before: task.state.ended_with(),
            tip: match &task.state {
                TaskState::Done { report } => report.commit.clone(),
                _ => None,
            },
            clean: matches!(task.state, TaskState::Cancelled { .. }),
            epoch: task.epoch,
            withdrawn: false,
            former: Some(task.state.clone()),
            at: self.now,
        };
        self.change.log.push(format!(
            "round {} begins: {} writes: {}",
            round.number, round.author, round.text
        ));
        self.change.task.round = TaskRound {
            number: round.number,
            key: Some(key),
        };
        self.change.task.failures = 0;
        self.change.task.losses.clear();
        self.change
            .says
            .extend([Announcement::Continued(round.clone()), Announcement::Card]);
        self.change.round = Some(round);
        let due = self.now;
        self.next(TaskState::Queued { due, resumes: true })
    }

    /// A round that no worker has begun is taken back: the task is what it was.
    pub(super) fn taken_back(
        mut self,
        by: String,
        began: Epoch,
        former: TaskState,
    ) -> DecideResult {
        let task = &self.current.task;
        if !matches!(task.state, TaskState::Queued { .. }) || task.epoch != began {
            return Err(Refusal::NotNow {
                task: task.id,
                state: task.state.as_str(),
                wish: "taken back",
            });
        }
        let round = task.round.number;
        self.miss_notes();
        self.change.withdrawn = Some(round);
        self.change
            .log
            .push(format!("round {round} was taken back by {by}"));
        self.change
            .says
            .extend([Announcement::TakenBack { by, round }, Announcement::Card]);
        self.next(former)
    }

    /// The task that it waited for is done.
    pub(super) fn unblocked(mut self, base: Option<Branch>) -> DecideResult {
        let Some(first) = self.change.task.waits_for.take() else {
            return Ok(self.change);
        };
        if !matches!(self.current.task.state, TaskState::Queued { .. }) {
            return Ok(Change::none(&self.current.task));
        }
        if let Some(base) = base {
            self.change.task.base = base;
        }
        self.change.log.push(format!(
            "{first} is done; it starts from {}",
            self.change.task.base
        ));
        self.change.says.push(Announcement::Card);
        let due = self.now;
        let resumes = false;
        self.next(TaskState::Queued { due, resumes })
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
        // A later round continues in the session.
        let goes_on = self.current.task.round.is_later();
        self.change.task.failures = 0;
        self.change.task.losses.clear();
        self.change
            .says
            .extend([Announcement::Retried { by: by.into() }, Announcement::Card]);
        let due = self.now;
        let resumes = goes_on
            || matches!(
                self.current.task.state,
                TaskState::Queued { resumes: true, .. }
            );
        self.next(TaskState::Queued { due, resumes })
    }
}

//! How attempts end: finished, failed, handed back, parked, lost.

use std::time::Duration;

use super::{Announcement, ChangeBuilder, DecideResult, Refusal};
use crate::{
    attempt::Attempt,
    clock::Timestamp,
    failure::{self, Failure, FailureKind, FailureOwner, Remedy},
    ids::WorkerId,
    question::{Question, QuestionState},
    task::{Loss, Report, TaskState},
};

/// The pause after the second loss. A first one says nothing about the task, which runs again at once;
/// one that loses workers repeatedly may be what stops them, and must not take all of them at once.
const LOSS_PAUSE: Duration = Duration::from_secs(5);
/// A task that is handed back repeatedly keeps only its latest losses.
const KEPT_LOSSES: usize = 20;

impl ChangeBuilder<'_> {
    pub(super) fn finished(
        mut self,
        by: WorkerId,
        attempt: Attempt,
        report: Report,
    ) -> DecideResult {
        if matches!(self.current.task.state, TaskState::Done { .. })
            && self.current.task.attempt() == attempt
        {
            return Ok(self.change);
        }
        self.held(by, attempt)?;
        self.withdraw_all("the agent finished without the answer");
        self.end("done", Some(report.usage));
        if let Some(branch) = &report.branch {
            self.change.task.branch.clone_from(branch);
        }
        if self.has_late_answer() {
            let due = self.now;
            self.change
                .log
                .push("done; continues with an answer that came late".into());
            self.change
                .says
                .extend([Announcement::Done(report), Announcement::Card]);
            return self.next(TaskState::Queued { due, resumes: true });
        }
        self.miss_notes();
        self.change.log.push("done".into());
        self.change
            .says
            .extend([Announcement::Done(report.clone()), Announcement::Card]);
        self.next(TaskState::Done { report })
    }

    pub(super) fn failed(
        mut self,
        by: WorkerId,
        attempt: Attempt,
        failure: Failure,
    ) -> DecideResult {
        self.held(by, attempt)?;
        self.withdraw_all("the agent ended before the answer came");
        self.end("failed", None);
        let task = &mut self.change.task;
        let again = match failure.remedy(self.now) {
            Remedy::HandBack(due) => return self.handed_back(by, failure, due),
            Remedy::GiveUp => None,
            Remedy::Backoff => {
                task.failures += 1;
                (task.failures < failure::ATTEMPTS)
                    .then(|| self.now.plus(failure::backoff(task.id, task.failures)))
            }
        };
        self.set_back(failure, again)
    }

    /// The worker is unhealthy, not the task: the task continues elsewhere, or here when the worker
    /// is healthy again. Each kind of problem is announced once.
    fn handed_back(mut self, by: WorkerId, failure: Failure, due: Timestamp) -> DecideResult {
        let is_new = |loss: &Loss| loss.of != Some(failure.kind);
        let is_news = self.current.task.losses.iter().all(is_new);
        let losses = self.note_loss(Loss {
            at: self.now,
            by: Some(by),
            of: Some(failure.kind),
            during: failure.during,
        });
        let made = losses.iter().filter(|loss| loss.during).count();
        // A worker takes work only while it is healthy. If it becomes unhealthy with the same task
        // each time, the task is the cause.
        let same = |loss: &&Loss| loss.by == Some(by) && loss.of == Some(failure.kind);
        let again = losses.iter().filter(same).count();
        let of_place = failure.kind.owner() == FailureOwner::Worker;
        if made >= failure::ILLNESSES || of_place && again >= failure::LOSSES {
            let what = format!(
                "Workers became unhealthy {} times within 72 hours while running this task, and \
                 were healthy without it; the last time: {}",
                made.max(again),
                failure.what
            );
            return self.set_back(Failure::new(FailureKind::MakesIll, what), None);
        }
        self.change
            .log
            .push(format!("handed back (not a failure): {}", failure.what));
        if is_news {
            self.change.says.push(Announcement::HandedBack(failure));
        }
        self.change.says.push(Announcement::Card);
        let state = self.without_lease(due);
        self.next(state)
    }

    /// The losses that still count, including this one.
    fn note_loss(&mut self, loss: Loss) -> &[Loss] {
        let losses = &mut self.change.task.losses;
        losses.push(loss);
        losses.retain(|loss| self.now.since(loss.at) < failure::LOSS_WINDOW);
        let surplus = losses.len().saturating_sub(KEPT_LOSSES);
        losses.drain(..surplus);
        losses
    }

    pub(super) fn released(mut self, by: WorkerId, attempt: Attempt) -> DecideResult {
        self.held(by, attempt)?;
        self.end("released", None);
        self.change.log.push("handed back by its worker".into());
        self.change
            .says
            .extend([Announcement::Released, Announcement::Card]);
        let state = self.without_lease(self.now);
        self.next(state)
    }

    /// If an answer came in the meantime, the task continues at once.
    pub(super) fn parked(mut self, by: WorkerId, attempt: Attempt) -> DecideResult {
        self.held(by, attempt)?;
        self.end("parked", None);
        self.change
            .log
            .push("parked: the agent has ended; its session and worktree are kept".into());
        self.change.says.push(Announcement::Card);
        let state = self.without_lease(self.now);
        self.next(state)
    }

    pub(super) fn lost(mut self, attempt: Attempt, why: String) -> DecideResult {
        let task = &self.current.task;
        if task.attempt() != attempt || task.lease().is_none() {
            return Err(Refusal::Stale(attempt));
        }
        self.end("lost", None);
        self.change.log.push(format!("attempt lost: {why}"));
        if self.open_questions().next().is_some() {
            self.change
                .says
                .extend([Announcement::Lost { why, again: None }, Announcement::Card]);
            return self.next(TaskState::Waiting { lease: None });
        }
        let lost = Loss {
            at: self.now,
            by: task.lease().map(|lease| lease.worker),
            of: None,
            during: false,
        };
        let losses = self.note_loss(lost);
        let count = losses.iter().filter(|loss| loss.of.is_none()).count();
        if count >= failure::LOSSES {
            let what = format!(
                "Workers were lost {count} times within 72 hours while running this task; the last \
                 time: {why}."
            );
            return self.set_back(Failure::new(FailureKind::WorkersLost, what), None);
        }
        let due = match count {
            1 => self.now,
            _ => self.now.plus(LOSS_PAUSE),
        };
        self.change.says.extend([
            Announcement::Lost {
                why,
                again: Some(due),
            },
            Announcement::Card,
        ]);
        let state = self.without_lease(due);
        self.next(state)
    }

    /// Retries at `again`, or fails the task for good.
    fn set_back(mut self, failure: Failure, again: Option<Timestamp>) -> DecideResult {
        self.change.log.push(format!("failed: {}", failure.what));
        if again.is_none() {
            self.miss_notes();
        }
        self.change.says.extend([
            Announcement::Failed {
                failure: failure.clone(),
                again,
            },
            Announcement::Card,
        ]);
        self.next(match again {
            Some(due) => TaskState::Queued {
                due,
                resumes: false,
            },
            None => TaskState::Failed {
                failure,
                discarded: false,
            },
        })
    }

    /// Whether an answer came after its question expired and the agent does not have it.
    fn has_late_answer(&self) -> bool {
        let late = |question: &Question| {
            question.expired.is_some() && matches!(question.state, QuestionState::Answered { .. })
        };
        self.current.questions.iter().any(late)
    }

    /// The state of a task whose attempt ended without a result: parked while it waits for people,
    /// otherwise queued.
    fn without_lease(&self, due: Timestamp) -> TaskState {
        if self.open_questions().next().is_some() {
            return TaskState::Waiting { lease: None };
        }
        let resumes = self
            .current
            .questions
            .iter()
            .any(|question| question.untold().is_some());
        TaskState::Queued { due, resumes }
    }
}

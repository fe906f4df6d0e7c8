//! Traces of questions that are over, for exporters.

use std::sync::OnceLock;

use tokio::sync::mpsc::{self, error::TrySendError};
use vine_domain::{
    Question, QuestionState, Slug, Timestamp, lifecycle::TaskSnapshot, ports::Commit,
    question::Milestones,
};

use crate::App;

/// The trace of one question.
#[derive(Debug)]
pub struct QuestionTrace {
    /// The question as it ended.
    pub question: Question,
    /// Its repository.
    pub repo: Slug,
    /// When it ended.
    pub at: Timestamp,
    /// The milestones that are not part of the question.
    pub stations: Milestones,
}

/// At most this many wait for a slow listener; more are dropped.
const WAITING: usize = 1000;

/// Where traces are sent, once somebody listens.
pub(crate) type TraceListener = OnceLock<mpsc::Sender<QuestionTrace>>;

impl App {
    /// The traces of questions that end in this daemon from now on.
    pub fn journeys(&self) -> mpsc::Receiver<QuestionTrace> {
        let (tell, told) = mpsc::channel(WAITING);
        let _only_once = self.journeys.set(tell);
        told
    }

    /// A change of a task was stored.
    pub(crate) fn tell_of_journeys(&self, before: &TaskSnapshot, commit: &Commit) {
        let Some(listener) = self.journeys.get() else {
            return;
        };
        let was_over = |question: &Question| {
            before
                .questions
                .iter()
                .any(|known| known.id == question.id && is_over(known))
        };
        for question in commit
            .change
            .questions
            .iter()
            .filter(|question| is_over(question) && !was_over(question))
        {
            let (app, listener, question) = (self.clone(), listener.clone(), question.clone());
            let (repo, at) = (before.task.repo.clone(), self.clock.now());
            tokio::spawn(async move {
                let stations = app.milestones(question.id).await.unwrap_or_default();
                if let Err(TrySendError::Full(untold)) = listener.try_send(QuestionTrace {
                    question,
                    repo,
                    at,
                    stations,
                }) {
                    tracing::warn!(
                        "traces are not exported fast enough: dropped the one of {}",
                        untold.question.id
                    );
                }
            });
        }
    }
}

fn is_over(question: &Question) -> bool {
    matches!(
        question.state,
        QuestionState::Delivered { .. }
            | QuestionState::Withdrawn { .. }
            | QuestionState::Expired { told: true }
    )
}

//! Traces of questions that are over, for exporters.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::{self, error::TrySendError};
use vine_domain::{
    Question, QuestionState, Slug, Timestamp,
    lifecycle::TaskSnapshot,
    ports::{Commit, Store},
    question::Milestones,
};

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
pub(crate) struct TraceListener {
    store: Arc<dyn Store>,
    listener: OnceLock<mpsc::Sender<QuestionTrace>>,
}

impl TraceListener {
    /// Nobody listens yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            listener: OnceLock::new(),
        }
    }

    /// The traces of questions that end in this daemon from now on.
    pub fn listen(&self) -> mpsc::Receiver<QuestionTrace> {
        let (send, receive) = mpsc::channel(WAITING);
        let _only_once = self.listener.set(send);
        receive
    }

    /// A change of a task was stored.
    pub fn stored(&self, before: &TaskSnapshot, commit: &Commit, at: Timestamp) {
        let Some(listener) = self.listener.get() else {
            return;
        };
        for question in ended(before, commit) {
            let store = Arc::clone(&self.store);
            let listener = listener.clone();
            let question = question.clone();
            let repo = before.task.repo.clone();
            tokio::spawn(async move {
                let stations = store.milestones(&[question.id]).await;
                let stations = stations.unwrap_or_default().remove(&question.id);
                let trace = QuestionTrace {
                    question,
                    repo,
                    at,
                    stations: stations.unwrap_or_default(),
                };
                if let Err(TrySendError::Full(dropped)) = listener.try_send(trace) {
                    let id = dropped.question.id;
                    tracing::warn!("traces are not exported fast enough: dropped the one of {id}");
                }
            });
        }
    }
}

/// The questions that a change ended.
fn ended<'a>(
    before: &'a TaskSnapshot,
    commit: &'a Commit,
) -> impl Iterator<Item = &'a Question> + 'a {
    let was_over = |question: &Question| {
        let mut known = before.questions.iter();
        known.any(|known| known.id == question.id && is_over(known))
    };
    let changed = commit.change.questions.iter();
    changed.filter(move |question| is_over(question) && !was_over(question))
}

fn is_over(question: &Question) -> bool {
    matches!(
        question.state,
        QuestionState::Delivered { .. }
            | QuestionState::Withdrawn { .. }
            | QuestionState::Expired { told: true }
    )
}

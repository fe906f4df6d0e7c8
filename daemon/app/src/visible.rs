//! What people could see when they said something. Words that were said before a question was shown cannot be its answer, however
//! long ago it was asked: platforms are slow at times, and away at others.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use vine_domain::{
    Question, QuestionId, TaskId, Timestamp,
    chat::{Inbound, OutboundKind, Spot},
};

use crate::{App, Done};

/// Questions that are being posted, by platform, each with since when: people may see one before its platform tells us that it is
/// there, and that may take half a minute.
#[derive(Debug, Default)]
pub(crate) struct OnTheWay(Mutex<HashMap<(&'static str, QuestionId), Timestamp>>);

impl OnTheWay {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<(&'static str, QuestionId), Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posting begins.
    pub fn begin(&self, platform: &'static str, kind: OutboundKind, now: Timestamp) {
        if let OutboundKind::Question { question } = kind {
            self.all().entry((platform, question)).or_insert(now);
        }
    }

    /// It is on record that it was posted, or certain that it was not.
    pub fn end(&self, platform: &'static str, kind: OutboundKind) {
        if let OutboundKind::Question { question } = kind {
            self.all().remove(&(platform, question));
        }
    }

    fn on(&self, platform: &str) -> Vec<(QuestionId, Timestamp)> {
        self.all().iter().filter(|((where_to, _), _)| *where_to == platform).map(|((_, id), since)| (*id, *since)).collect()
    }
}

impl App {
    /// The open questions of a task that stood before the eyes of whoever said this.
    pub(crate) async fn visible(&self, task: TaskId, event: &Inbound) -> Done<Vec<Question>> {
        let open: Vec<_> = self.store.questions_of(task).await?.into_iter().filter(Question::is_open).collect();
        if matches!(event.spot, Spot::Ours { .. }) || open.is_empty() {
            return Ok(open);
        }
        // In this order: what arrives in between is in both.
        let mut shown = self.on_the_way.on(&event.platform);
        let begun = self.platforms.served_since(&event.platform);
        shown.extend(self.store.shown_questions(&event.platform, task, begun).await?);
        let stood = |question: &Question| shown.iter().any(|(id, since)| *id == question.id && !event.is_before(*since));
        Ok(open.into_iter().filter(stood).collect())
    }
}

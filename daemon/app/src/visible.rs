//! What people could see when they said something. Words that were said before a question was shown cannot be its answer, however
//! long ago it was asked: platforms are slow at times, and away at others.

use std::time::Duration;

use vine_domain::{
    Question, TaskId,
    chat::{Inbound, Spot},
};

use crate::{App, Done};

/// Posting is noted a moment after people can see it.
const NOTED: Duration = Duration::from_millis(50);
const LOOKS: u32 = 10;

impl App {
    /// The open questions of a task that stood before the eyes of whoever said this.
    pub(crate) async fn visible(&self, task: TaskId, event: &Inbound) -> Done<Vec<Question>> {
        let open: Vec<_> = self.store.questions_of(task).await?.into_iter().filter(Question::is_open).collect();
        if matches!(event.spot, Spot::Ours { .. }) || open.is_empty() {
            return Ok(open);
        }
        let mut shown = self.store.shown_questions(&event.platform, task).await?;
        for _ in 0..LOOKS {
            if open.iter().all(|question| shown.iter().any(|(id, _)| *id == question.id)) {
                break;
            }
            tokio::time::sleep(NOTED).await;
            shown = self.store.shown_questions(&event.platform, task).await?;
        }
        let stood = |question: &Question| shown.iter().any(|(id, at)| *id == question.id && !event.is_before(*at));
        Ok(open.into_iter().filter(stood).collect())
    }
}

//! Which questions people could see when they wrote a message. Words in a thread wait until it is
//! known whether their author could already see a question that is being posted there.

use std::{collections::HashMap, time::Duration};

use vine_domain::{
    Question, QuestionId, TaskId, Timestamp,
    chat::{self, Inbound, Location, PostStatus, ShownQuestion, Visibility},
    lifecycle::TaskSnapshot,
};

use crate::{AppError, AppResult, Caller, Inbox, inbox::turn::InboxTurn};

/// How long words wait until it is known which questions their author could see, or what they reply
/// to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Only this many of the latest messages of a thread are searched for settlements.
const SETTLED: u32 = 200;

impl Inbox {
    /// The questions of a task that the author of this message could see and may answer;
    /// [`AppError::Early`] while that is not known. Words wait while earlier ones of the thread wait,
    /// so that the first ones are the answer.
    pub(super) async fn shown_before(
        &self,
        known: &TaskSnapshot,
        caller: &Caller,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Vec<ShownQuestion>> {
        let task = known.task.id;
        if self.waiting().contains(&task) && matches!(event.spot, Location::Theirs { .. }) {
            return Err(AppError::Early);
        }
        let shown = self.shown_to(known, caller, event, turn.stored).await;
        if matches!(shown, Err(AppError::Early)) {
            self.waiting().insert(task);
        }
        shown
    }

    async fn shown_to(
        &self,
        known: &TaskSnapshot,
        caller: &Caller,
        event: &Inbound,
        stored: Timestamp,
    ) -> AppResult<Vec<ShownQuestion>> {
        if known.questions.is_empty() {
            return Ok(Vec::new());
        }
        let task = known.task.id;
        let questions = known.questions.clone();
        let seen: Vec<Question> = match &event.spot {
            Location::Ours { .. } => questions
                .into_iter()
                .filter(|question| !event.is_before(question.asked_at))
                .collect(),
            Location::Theirs { .. } => self.shown_when(task, event, stored, questions).await?,
        };
        let settings = self.app.settings();
        let may = |question: &Question| {
            let user = caller.user.as_ref();
            settings.rules.allow(user, &known.task.repo, &question.ask)
        };
        // An author who may answer none of them is refused by the one that they try.
        let mine = seen.iter().any(may);
        let settled = self.settlements(task).await?;
        let shown = seen
            .into_iter()
            .filter(|question| !mine || may(question))
            .map(|question| {
                // If the latest messages do not show it, it was settled long ago.
                let until = settled.get(&question.id).unwrap_or(&question.asked_at);
                ShownQuestion {
                    until: Some(*until).filter(|_| !question.is_open()),
                    question,
                }
            });
        Ok(shown.collect())
    }

    /// Those of the questions that a platform showed when this was written.
    async fn shown_when(
        &self,
        task: TaskId,
        event: &Inbound,
        stored: Timestamp,
        questions: Vec<Question>,
    ) -> AppResult<Vec<Question>> {
        // In this order, so that what changes in between is in both.
        let mut showings = self.app.rooms.in_flight.on(&event.platform);
        let begun = self.app.rooms.platforms.served_since(&event.platform);
        showings.extend(
            self.store
                .post_statuses(&event.platform, task, begun)
                .await?,
        );
        let patient = self.clock.now().since(stored) < PATIENCE;
        let mut shown = Vec::new();
        for question in questions {
            let of_it: Vec<PostStatus> = showings
                .iter()
                .filter(|(id, _)| *id == question.id)
                .map(|(_, showing)| *showing)
                .collect();
            match chat::visibility(event, &of_it) {
                Visibility::No => {}
                Visibility::NotYetKnown if patient && question.is_open() => {
                    return Err(AppError::Early);
                }
                // If in doubt, words are an answer: better than refusing one while the agent waits.
                Visibility::Yes | Visibility::NotYetKnown => shown.push(question),
            }
        }
        Ok(shown)
    }

    /// When questions of a task were settled, if its latest messages show it.
    async fn settlements(&self, task: TaskId) -> AppResult<HashMap<QuestionId, Timestamp>> {
        let latest = self.store.latest(task, SETTLED).await?;
        Ok(latest
            .iter()
            .filter(|message| message.kind == "settled")
            .filter_map(|message| Some((message.question?, message.at)))
            .collect())
    }
}

//! Questions of an agent, and the words of people.

use std::time::Duration;

use uuid::Uuid;
use vine_api::{CloseQuestion, ConfirmDelivery, PostQuestion, PostedQuestion};
use vine_domain::{
    Ask, DeliveredOutcome, Question, QuestionId, SessionId, attempt::Attempt, uuid_of,
};

use crate::{
    active::PersonMessage,
    agent_host::{AgentHost, AttemptOver, FIRST_PAUSE},
    config::WorkerConfig,
};

/// Long enough for Claude Code to save its session before it is parked.
pub(super) const SHORT_HOLD: Duration = Duration::from_secs(2);

/// While it exists, the attempt waits for a person and its slot is lent to other work.
pub(super) struct WaitGuard<'a> {
    host: &'a AgentHost,
    id: QuestionId,
}

impl<'a> WaitGuard<'a> {
    fn begin(host: &'a AgentHost, id: QuestionId) -> Self {
        host.held.slot.lend();
        Self { host, id }
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.host.held.forget(self.id);
        self.host.held.slot.end_wait();
    }
}

impl AgentHost {
    /// Asks people and waits, for however long, until the question has an outcome
    /// ([`Question::reply`]). `call` is the agent's own name for it: asking twice with the same
    /// name is asking once.
    pub async fn ask(
        &self,
        session: Option<SessionId>,
        call: &str,
        ask: Ask,
        context: String,
    ) -> Result<Question, AttemptOver> {
        self.tell_refused().await;
        let post = PostQuestion {
            attempt: self.attempt(),
            key: key(self.attempt(), call),
            session,
            call: call.into(),
            ask: self.known.named_in(ask),
            context: self.named(context),
        };
        let PostedQuestion { id } = self.send("/questions", &post).await?;
        let question = self.attempts.wait_for(&self.held, id);
        let waiting = WaitGuard::begin(self, id);
        let question = tokio::select! {
            () = self.stopped() => return Err(AttemptOver),
            question = question => question.map_err(|_| AttemptOver)?,
        };
        drop(waiting);
        tokio::select! {
            () = self.stopped() => return Err(AttemptOver),
            () = self.held.slot.reclaim() => {}
        }
        Ok(question)
    }

    /// The agent continues by itself: it gets its slot back, ahead of new work.
    pub async fn reclaim(&self) {
        tokio::select! {
            () = self.stopped() => {}
            () = self.held.slot.reclaim() => {}
        }
    }

    /// Waits until the agent must be parked, if it is waiting, because its worker is shutting down.
    pub async fn parking(&self) {
        self.held.park.cancelled().await;
    }

    /// Waits until the worker is shutting down and this agent waits for people.
    pub async fn stopped_waiting(&self) {
        self.parking().await;
        while self.waiting() == 0 {
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// How many stored questions of this attempt wait for people.
    pub fn waiting(&self) -> usize {
        self.held.waiting()
    }

    /// How long a waiting agent may be held; only briefly if too many wait already.
    pub fn hold(&self, config: &WorkerConfig) -> Duration {
        if self.attempts.waiting() > config.max_held {
            SHORT_HOLD.min(config.hold)
        } else {
            config.hold
        }
    }

    /// Reports that the agent has received its question's outcome.
    pub async fn delivered(&self, heard: DeliveredOutcome) -> Result<(), AttemptOver> {
        let delivered = ConfirmDelivery {
            attempt: self.attempt(),
            answer: heard.answer,
        };
        let done = self
            .send::<_, ()>(
                &format!("/questions/{}/delivered", heard.question),
                &delivered,
            )
            .await;
        self.attempts.handled(heard.question);
        done
    }

    /// Waits for messages for the agent; take them with [`AgentHost::take_words`].
    pub async fn worded(&self) {
        self.held.worded().await;
    }

    /// The next message for the agent, if there is one.
    pub fn take_words(&self) -> Option<PersonMessage> {
        self.held.take_words()
    }

    /// Reports that the agent has the message.
    pub async fn words_delivered(&self, words: &PersonMessage) -> Result<(), AttemptOver> {
        match words {
            PersonMessage::Late(question) => self.delivered(question.heard()).await,
            PersonMessage::Note(note) => {
                let delivered = ConfirmDelivery {
                    attempt: self.attempt(),
                    answer: None,
                };
                let done = self
                    .send::<_, ()>(&format!("/notes/{}/delivered", note.key), &delivered)
                    .await;
                self.attempts.noted(note.key);
                done
            }
        }
    }

    /// Withdraws the question that the agent asked as `call`.
    pub async fn withdraw(&self, call: &str, session: Option<SessionId>, ask: Ask) {
        let post = PostQuestion {
            attempt: self.attempt(),
            key: key(self.attempt(), call),
            session,
            call: call.into(),
            ask,
            context: String::new(),
        };
        let Ok(PostedQuestion { id }) = self.send("/questions", &post).await else {
            return;
        };
        let close = CloseQuestion {
            attempt: self.attempt(),
            why: "the agent withdrew it".into(),
        };
        let _over = self
            .send::<_, ()>(&format!("/questions/{id}/withdraw"), &close)
            .await;
    }
}

/// The same call of the same attempt has the same key.
pub(super) fn key(attempt: Attempt, call: &str) -> Uuid {
    uuid_of(&format!("{}/{}/{call}", attempt.task, attempt.epoch.0))
}

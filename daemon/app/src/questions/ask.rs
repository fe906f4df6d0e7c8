//! An agent asks: its question is stored before it is posted anywhere.

use vine_domain::{Ask, Question, QuestionId, WorkerId, attempt::Attempt, lifecycle::Event};

use crate::{
    AppResult,
    questions::{Questions, request::QuestionRequest},
};

impl Questions {
    /// Stores a question durably before it is posted anywhere.
    pub async fn ask(&self, by: WorkerId, asked: QuestionRequest) -> AppResult<QuestionId> {
        if let Some(known) = self.asked_as(&asked).await? {
            return Ok(known);
        }
        let id = self.store.next_question().await?;
        let ask = self.fit_to_show(asked.ask.clone().labelled());
        let context = self.metrics.without_secrets(asked.context.clone());
        let fresh = Question::new(id, asked.key, asked.attempt, ask, self.clock.now());
        let mut question = Question {
            session: asked.session,
            call: asked.call.clone(),
            context,
            ..fresh
        };
        question.alarm = Some(
            self.settings
                .get()
                .patience
                .alarm(&question, question.asked_at),
        );
        self.tasks
            .transition(
                asked.attempt.task,
                Event::Asked {
                    by,
                    question: Box::new(question),
                },
                None,
            )
            .await?;
        // Two calls with the same key may have run at the same time; only one was stored.
        Ok(self.asked_as(&asked).await?.unwrap_or(id))
    }

    /// An ask without the secrets in it. What a person has to allow is left unchanged: they must
    /// see all of it to approve it, and the worker compares what was allowed with what is done.
    fn fit_to_show(&self, ask: Ask) -> Ask {
        match ask {
            Ask::Permission {
                tool,
                what,
                why,
                rules,
            } => Ask::Permission {
                tool,
                what,
                why: self.metrics.without_secrets(why),
                rules,
            },
            other => self.metrics.without_secrets(other),
        }
    }

    /// The question that is already stored for this call.
    async fn asked_as(&self, asked: &QuestionRequest) -> AppResult<Option<QuestionId>> {
        let known = self
            .store
            .questions_of(asked.attempt.task)
            .await?
            .into_iter()
            .find(|question| question.key == asked.key);
        Ok(known.map(|question| question.id))
    }

    /// The agent no longer needs the answer.
    pub async fn withdraw(
        &self,
        by: WorkerId,
        id: QuestionId,
        attempt: Attempt,
        why: String,
    ) -> AppResult<()> {
        self.tasks
            .transition(
                attempt.task,
                Event::Withdrawn {
                    by,
                    attempt,
                    question: id,
                    why,
                },
                None,
            )
            .await
            .map(|_| ())
    }
}

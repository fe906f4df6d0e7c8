//! An agent asks: its question is stored before it is posted anywhere.

use vine_domain::{Ask, Question, QuestionId, WorkerId, attempt::Attempt, lifecycle::Event};

use crate::{
    AppResult,
    questions::{Questions, request::QuestionRequest},
};

impl Questions {
    /// Stores a question durably before it is posted anywhere.
    pub async fn ask(&self, by: WorkerId, asked: QuestionRequest) -> AppResult<QuestionId> {
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
        let key = question.key;
        let question = Box::new(question);
        let event = Event::Asked { by, question };
        let before = self.tasks.transition(asked.attempt.task, event).await?;
        // The same call may have been made before.
        let known = before.questions.iter().find(|known| known.key == key);
        Ok(known.map_or(id, |known| known.id))
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
            )
            .await
            .map(|_| ())
    }
}

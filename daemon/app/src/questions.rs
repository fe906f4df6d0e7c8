//! A question's way: asked by a worker, answered by a person, delivered by the worker.

use uuid::Uuid;
use vine_domain::{
    Answer, Ask, Decision, Heard, Question, QuestionId, SessionId, Slug, Task, Verb, WorkerId,
    access,
    lifecycle::{Event, Refusal},
    ports::Stations,
    reading,
    worker::Attempt,
};

use crate::{App, AppError, Caller, Done, Missing};

/// What a worker hands in when its agent needs a person.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which attempt asks.
    pub attempt: Attempt,
    /// Made by the worker: asking again with the same key is asking once.
    pub key: Uuid,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's own name for the waiting call.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// What the agent said just before.
    pub context: String,
}

impl App {
    /// Stores a question, durably, before anybody hears of it.
    pub async fn ask(&self, by: WorkerId, asked: Asked) -> Done<QuestionId> {
        if let Some(known) = self.asked_as(&asked).await? {
            return Ok(known);
        }
        let id = self.store.next_question().await?;
        let (ask, context) = (
            self.fit_to_show(asked.ask.clone()),
            self.without_secrets(asked.context.clone()),
        );
        let fresh = Question::new(id, asked.key, asked.attempt, ask, self.clock.now());
        let mut question = Question {
            session: asked.session,
            call: asked.call.clone(),
            context,
            ..fresh
        };
        question.alarm = Some(self.settings.patience.alarm(&question, question.asked_at));
        self.step(
            asked.attempt.task,
            Event::Asked {
                by,
                question: Box::new(question),
            },
            None,
        )
        .await?;
        // The same call may have been under way twice; only one of them was stored, under its own
        // id.
        Ok(self.asked_as(&asked).await?.unwrap_or(id))
    }

    /// What an agent asks, without the secrets in it. What a person is to allow stays as it is:
    /// what cannot be seen whole cannot be approved, and the worker holds what was allowed against
    /// what is done.
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
                why: self.without_secrets(why),
                rules,
            },
            other => self.without_secrets(other),
        }
    }

    /// The question that was stored for this call before.
    async fn asked_as(&self, asked: &Asked) -> Done<Option<QuestionId>> {
        let known = self
            .store
            .questions_of(asked.attempt.task)
            .await?
            .into_iter()
            .find(|question| question.key == asked.key);
        Ok(known.map(|question| question.id))
    }

    /// Reads a person's words as the answer to a question. The first one wins.
    ///
    /// `key` makes a repetition harmless. Words that come second are kept in the thread as a note.
    pub async fn answer(
        &self,
        caller: &Caller,
        id: QuestionId,
        text: &str,
        key: Uuid,
    ) -> Done<Question> {
        let question = self.question(id).await?;
        let task = self.task(question.task()).await?;
        let audit = self
            .permit(
                caller,
                question.ask.verb(),
                Some(&task.repo),
                &id.to_string(),
            )
            .await?;
        let decision = reading::decision(&question.ask, text)?;
        let answer = self.signed(caller, decision, key)?;
        let reply = (caller.name().to_owned(), text.trim().to_owned());
        let step = self
            .step_for(
                task.id,
                Event::Answered {
                    question: id,
                    answer,
                },
                Some(reply),
                Some(audit),
            )
            .await;
        if let Err(AppError::Refused(Refusal::AnsweredBefore { .. } | Refusal::Withdrawn { .. })) =
            &step
        {
            self.keep_words(caller, task.id, text).await?;
        }
        step?;
        self.question(id).await
    }

    fn signed(&self, caller: &Caller, decision: Decision, key: Uuid) -> Done<Answer> {
        let user = caller.user.as_ref().ok_or(AppError::Unauthenticated)?;
        Ok(Answer {
            key,
            decision,
            by: user.id,
            name: user.name.clone(),
            via: caller.via.clone(),
            at: self.clock.now(),
        })
    }

    /// The agent has the answer, or knows that there is none.
    pub async fn delivered(&self, by: WorkerId, attempt: Attempt, heard: Heard) -> Done<()> {
        self.step(attempt.task, Event::Delivered { by, attempt, heard }, None)
            .await
            .map(|_| ())
    }

    /// The agent no longer needs the answer.
    pub async fn withdraw(
        &self,
        by: WorkerId,
        id: QuestionId,
        attempt: Attempt,
        why: String,
    ) -> Done<()> {
        self.step(
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

    /// Somebody looks at these questions; it counts when that person may answer them.
    pub async fn seen(&self, caller: &Caller, repo: &Slug, questions: &[Question]) -> Done<()> {
        self.noticed(caller, questions.iter().map(|question| (question, repo)))
            .await
    }

    async fn noticed<'a>(
        &self,
        caller: &Caller,
        shown: impl Iterator<Item = (&'a Question, &'a Slug)>,
    ) -> Done<()> {
        let may = |question: &Question, repo: &Slug| {
            access::decide(caller.user.as_ref(), question.ask.verb(), Some(repo)).is_ok()
        };
        let open: Vec<QuestionId> = shown
            .filter(|(one, repo)| one.is_open() && may(one, repo))
            .map(|(one, _)| one.id)
            .collect();
        if !open.is_empty() {
            self.store.mark_seen(&open).await?;
        }
        Ok(())
    }

    /// Open questions that somebody looks at, oldest first, each with its task.
    pub async fn waiting(&self, caller: &Caller, limit: u32) -> Done<Vec<(Question, Task)>> {
        let questions = self.open_questions(caller, limit).await?;
        let waiting = self.with_tasks(questions).await?;
        self.noticed(
            caller,
            waiting
                .iter()
                .map(|(question, task)| (question, &task.repo)),
        )
        .await?;
        Ok(waiting)
    }

    /// One question.
    pub async fn question(&self, id: QuestionId) -> Done<Question> {
        self.store
            .question(id)
            .await?
            .ok_or_else(|| Missing::Question(id).into())
    }

    /// The same for a person who may see its task, and who sees it now.
    pub async fn look_at_question(&self, caller: &Caller, id: QuestionId) -> Done<Question> {
        let question = self.question(id).await?;
        let repo = self.task(question.task()).await?.repo;
        self.allow(caller, Verb::See, Some(&repo), &id.to_string())
            .await?;
        self.seen(caller, &repo, std::slice::from_ref(&question))
            .await?;
        Ok(question)
    }

    /// When a question reached its stations.
    pub async fn stations(&self, id: QuestionId) -> Done<Stations> {
        Ok(self
            .store
            .stations(&[id])
            .await?
            .remove(&id)
            .unwrap_or_default())
    }
}

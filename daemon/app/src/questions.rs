//! Questions: asked by a worker, answered by a person, delivered by the worker.

use uuid::Uuid;
use vine_domain::{
    Answer, Ask, AuditEntry, Decision, DeliveredOutcome, Denied, Invalid, Question, QuestionId,
    SessionId, Slug, Task, Verb, WorkerId,
    access::verb_for,
    attempt::Attempt,
    lifecycle::{Event, Refusal},
    question::Milestones,
    reading,
};

use crate::{App, AppError, AppResult, Caller, Missing, clarify};

/// What a worker sends when its agent needs a person.
#[derive(Debug, Clone)]
pub struct QuestionRequest {
    /// Which attempt asks.
    pub attempt: Attempt,
    /// Created by the worker: asking again with the same key has no effect.
    pub key: Uuid,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's id for the waiting call.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// What the agent wrote just before.
    pub context: String,
}

/// Characters of a command or file that the audit stores.
const AUDITED: usize = 10_000;

/// A decision with what it was about, for the audit: `allowed once: Bash npm test`.
fn decided(ask: &Ask, decision: &Decision) -> String {
    let about = match ask.masked() {
        Ask::Permission { tool, what, .. } => {
            format!("{tool} {}", what.chars().take(AUDITED).collect::<String>())
        }
        other => other.headline(),
    };
    format!("{}: {about}", decision.headline())
}

impl App {
    /// Stores a question durably before it is posted anywhere.
    pub async fn ask(&self, by: WorkerId, asked: QuestionRequest) -> AppResult<QuestionId> {
        if let Some(known) = self.asked_as(&asked).await? {
            return Ok(known);
        }
        let id = self.store.next_question().await?;
        let (ask, context) = (
            self.fit_to_show(asked.ask.clone().labelled()),
            self.without_secrets(asked.context.clone()),
        );
        let fresh = Question::new(id, asked.key, asked.attempt, ask, self.clock.now());
        let mut question = Question {
            session: asked.session,
            call: asked.call.clone(),
            context,
            ..fresh
        };
        question.alarm = Some(self.settings().patience.alarm(&question, question.asked_at));
        self.transition(
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
                why: self.without_secrets(why),
                rules,
            },
            other => self.without_secrets(other),
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

    /// Reads a person's words as the answer to a question. The first one wins.
    ///
    /// `key` makes it idempotent. Words that come second are kept in the thread.
    pub async fn answer(
        &self,
        caller: &Caller,
        id: QuestionId,
        text: &str,
        key: Uuid,
    ) -> AppResult<Question> {
        let question = self.question(id).await?;
        let task = self.task(question.task()).await?;
        let mut audit = self
            .permit(
                caller,
                self.verb_for(&task.repo, &question.ask),
                Some(&task.repo),
                &id.to_string(),
            )
            .await?;
        self.may_decide(caller, &task, &question, &audit).await?;
        if task.is_over() {
            // A late answer would start the task again.
            self.repo(&task.repo).await?;
        }
        let decision = reading::decision(&question.ask, text)
            .map_err(|invalid| self.asked_back(&question, text, invalid))?;
        let allows = matches!(decision, Decision::Allow { .. });
        if allows && question.ask.is_secret() && caller.is_in_a_room() {
            return Err(AppError::Unreadable(format!(
                "{id} contains what looks like a secret and is masked here, so it cannot be \
                 allowed here; view all of it and decide at {}/tasks/{}",
                self.settings().link,
                task.id
            )));
        }
        audit.subject = format!("{id}: {}", decided(&question.ask, &decision));
        let answer = self.signed(caller, decision, key)?;
        let reply = (caller.name().to_owned(), text.trim().to_owned());
        let step = self
            .transition_for(
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
            if let Some(said) = self.own_answer(caller, id).await?
                && !self.task(task.id).await?.is_over()
            {
                let read = format!(
                    "Correction of the answer to {id} (“{said}”): {}",
                    text.trim()
                );
                self.note_as(caller, task.id, text, &read, key).await?;
                return Err(AppError::Corrected { question: id, said });
            }
            self.keep_words(caller, task.id, text).await?;
        }
        step?;
        self.question(id).await
    }

    /// The verb for deciding this; a repository may let more people decide.
    fn verb_for(&self, repo: &Slug, ask: &Ask) -> Verb {
        let asks_less = self.settings().rules.needs(repo, ask) < verb_for(ask).needs();
        if asks_less {
            Verb::Answer
        } else {
            verb_for(ask)
        }
    }

    /// Checks the repository's own rules, in addition to the role.
    async fn may_decide(
        &self,
        caller: &Caller,
        task: &Task,
        question: &Question,
        audit: &AuditEntry,
    ) -> AppResult<()> {
        let (settings, ask) = (self.settings(), &question.ask);
        let rules = &settings.rules;
        let refused = if !rules.allow(caller.user.as_ref(), &task.repo, ask) {
            AppError::Denied(Denied {
                who: caller.name().to_owned(),
                verb: verb_for(ask),
                needs: rules.needs(&task.repo, ask),
            })
        } else if let Err(own) = rules.not_own(caller.name(), &task.requester, &task.repo, ask) {
            AppError::Own(own)
        } else {
            return Ok(());
        };
        self.audit(AuditEntry {
            allowed: false,
            reason: refused.to_string(),
            ..audit.clone()
        })
        .await?;
        Err(refused)
    }

    /// Asks for clarification of words that neither agree nor refuse.
    fn asked_back(&self, question: &Question, text: &str, invalid: Invalid) -> AppError {
        let is_decision = !matches!(question.ask, Ask::Clarify { .. });
        if is_decision && question.is_open() && reading::has_words(text) {
            AppError::Unclear(clarify::neither(text.trim(), question, invalid.hint))
        } else {
            invalid.into()
        }
    }

    /// What this person decided on a question, if they did.
    async fn own_answer(&self, caller: &Caller, id: QuestionId) -> AppResult<Option<String>> {
        let question = self.question(id).await?;
        let by = caller.user.as_ref().map(|user| user.id);
        let own = question.answer().filter(|answer| Some(answer.by) == by);
        Ok(own.map(|answer| answer.decision.headline()))
    }

    fn signed(&self, caller: &Caller, decision: Decision, key: Uuid) -> AppResult<Answer> {
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

    /// The agent has received the answer, or that there is none.
    pub async fn delivered(
        &self,
        by: WorkerId,
        attempt: Attempt,
        heard: DeliveredOutcome,
    ) -> AppResult<()> {
        self.transition(attempt.task, Event::Delivered { by, attempt, heard }, None)
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
    ) -> AppResult<()> {
        self.transition(
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

    /// Notes that somebody views these questions; it counts if that person may answer them.
    pub async fn seen(
        &self,
        caller: &Caller,
        repo: &Slug,
        questions: &[Question],
    ) -> AppResult<()> {
        self.noticed(caller, questions.iter().map(|question| (question, repo)))
            .await
    }

    async fn noticed<'a>(
        &self,
        caller: &Caller,
        shown: impl Iterator<Item = (&'a Question, &'a Slug)>,
    ) -> AppResult<()> {
        let settings = self.settings();
        let may = |question: &Question, repo: &Slug| {
            settings
                .rules
                .allow(caller.user.as_ref(), repo, &question.ask)
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

    /// Open questions, oldest first, each with its task; notes that the caller saw them.
    pub async fn waiting(&self, caller: &Caller, limit: u32) -> AppResult<Vec<(Question, Task)>> {
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
    pub async fn question(&self, id: QuestionId) -> AppResult<Question> {
        self.store
            .question(id)
            .await?
            .ok_or_else(|| Missing::Question(id).into())
    }

    /// The same for a person who may view its task, and notes that they saw it. It is masked except
    /// for those who may approve it, and always in a room.
    pub async fn look_at_question(&self, caller: &Caller, id: QuestionId) -> AppResult<Question> {
        let mut question = self.question(id).await?;
        let repo = self.task(question.task()).await?.repo;
        self.allow(caller, Verb::See, Some(&repo), &id.to_string())
            .await?;
        self.seen(caller, &repo, std::slice::from_ref(&question))
            .await?;
        question.ask = self.shown_to(caller, &repo, &question);
        Ok(question)
    }

    /// The ask, masked unless this person may see all of it where they are.
    pub fn shown_to(&self, caller: &Caller, repo: &Slug, question: &Question) -> Ask {
        let may = self
            .settings()
            .rules
            .allow(caller.user.as_ref(), repo, &question.ask);
        match may && !caller.is_in_a_room() {
            true => question.ask.clone(),
            false => question.ask.masked(),
        }
    }

    /// The milestones of a question.
    pub async fn milestones(&self, id: QuestionId) -> AppResult<Milestones> {
        Ok(self
            .store
            .milestones(&[id])
            .await?
            .remove(&id)
            .unwrap_or_default())
    }
}

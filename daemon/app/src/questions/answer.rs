//! A person answers, and the worker delivers the answer.

use uuid::Uuid;
use vine_domain::{
    Answer, Ask, AuditEntry, Decision, DeliveredOutcome, Denied, Invalid, Question, QuestionId,
    Slug, Task, TaskId, Verb, WorkerId,
    access::{self, verb_for},
    attempt::Attempt,
    form::{self, FilledForm},
    lifecycle::{About, Event, Refusal, TaskSnapshot},
    reading,
};

use crate::{
    AppError, AppResult, Caller, Missing, clarify, questions::Questions, tasks::Transition,
};

/// Characters of a command or file that the audit stores.
const AUDITED: usize = 10_000;

/// A decision with what it was about, for the audit: `allowed once: Bash npm test`.
fn for_audit(ask: &Ask, decision: &Decision) -> String {
    let about = match ask.masked() {
        Ask::Permission { tool, what, .. } => {
            format!("{tool} {}", what.chars().take(AUDITED).collect::<String>())
        }
        other => other.headline(),
    };
    format!("{}: {about}", decision.headline())
}

/// What a person gives as the answer to a question.
#[derive(Debug, Clone, Copy)]
pub enum GivenAnswer<'a> {
    /// Words, as people write them.
    Words(&'a str),
    /// The question's form, filled in.
    Form(&'a FilledForm),
}

impl<'a> From<&'a str> for GivenAnswer<'a> {
    fn from(text: &'a str) -> Self {
        Self::Words(text)
    }
}

impl GivenAnswer<'_> {
    fn decision(self, ask: &Ask) -> Result<Decision, Invalid> {
        match self {
            Self::Words(text) => reading::decision(ask, text),
            Self::Form(filled) => form::decision(ask, filled),
        }
    }

    /// As the thread shows it.
    fn in_words(self, ask: &Ask) -> String {
        match self {
            Self::Words(text) => text.to_owned(),
            Self::Form(filled) => form::in_words(ask, filled),
        }
    }
}

impl Questions {
    /// Takes a person's answer to a question. The first one wins.
    ///
    /// `key` makes it idempotent. Words that come second are kept in the thread; a second answer of the
    /// same person reaches the agent as a correction.
    pub async fn answer(
        &self,
        caller: &Caller,
        id: QuestionId,
        given: impl Into<GivenAnswer<'_>>,
        key: Uuid,
    ) -> AppResult<Question> {
        let given = given.into();
        let task = self.get(id).await?.task();
        let known = self.tasks.snapshot(task, About::Question(id)).await?;
        self.answer_in(caller, known, id, given, key).await?;
        self.get(id).await
    }

    /// The same for a task that was just loaded.
    pub(crate) async fn answer_in(
        &self,
        caller: &Caller,
        known: TaskSnapshot,
        id: QuestionId,
        given: GivenAnswer<'_>,
        key: Uuid,
    ) -> AppResult<()> {
        let question = known.question(id).ok_or(Missing::Question(id))?;
        let task = known.task.id;
        let repo = &known.task.repo;
        let verb = self.verb_for(repo, &question.ask);
        let mut audit = self
            .people
            .permit(caller, verb, Some(repo), &id.to_string())
            .await?;
        self.may_decide(caller, &known.task, question, &audit)
            .await?;
        if known.task.is_over() {
            // A late answer starts the task again, so its repository must still exist.
            self.tasks.repo(repo).await?;
        }
        let decision = given
            .decision(&question.ask)
            .map_err(|invalid| self.asked_back(question, given, invalid))?;
        let text = given.in_words(&question.ask);
        self.refuse_in_rooms(caller, question, &decision)?;
        audit.subject = format!("{id}: {}", for_audit(&question.ask, &decision));
        let answer = self.signed(caller, decision, key)?;
        let reply = self.reply(caller, &text);
        let event = Event::Answered {
            question: id,
            answer,
        };
        let step = self
            .tasks
            .transition_for(known, Transition::from(event).reply(reply), audit)
            .await;
        match step {
            Err(AppError::Refused(
                refusal @ (Refusal::AnsweredBefore { .. } | Refusal::Withdrawn { .. }),
            )) => {
                self.came_second(caller, task, id, &text, key, refusal)
                    .await
            }
            other => other.map(|_| ()),
        }
    }

    /// What is masked in a room is not allowed from there.
    fn refuse_in_rooms(
        &self,
        caller: &Caller,
        question: &Question,
        decision: &Decision,
    ) -> AppResult<()> {
        let allows = matches!(decision, Decision::Allow { .. });
        if !(allows && question.ask.is_secret() && caller.is_in_a_room()) {
            return Ok(());
        }
        Err(AppError::Unreadable(format!(
            "{} contains what looks like a secret and is masked here, so it cannot be \
             allowed here; view all of it and decide at {}/tasks/{}",
            question.id,
            self.settings.get().link,
            question.task()
        )))
    }

    /// Words that came second: a correction of one's own answer reaches the agent; others are kept in
    /// the thread.
    async fn came_second(
        &self,
        caller: &Caller,
        task: TaskId,
        id: QuestionId,
        text: &str,
        key: Uuid,
        refusal: Refusal,
    ) -> AppResult<()> {
        if let Some(said) = self.own_answer(caller, id).await?
            && !self.tasks.get(task).await?.is_over()
        {
            let read = format!(
                "Correction of the answer to {id} (“{said}”): {}",
                text.trim()
            );
            self.note_as(caller, task, text, &read, key).await?;
            return Err(AppError::Corrected { question: id, said });
        }
        self.keep_words(caller, task, text).await?;
        Err(refusal.into())
    }

    /// The verb for deciding this. If the repository's rules ask for a lower role than usual, it is
    /// [`Verb::Answer`].
    fn verb_for(&self, repo: &Slug, ask: &Ask) -> Verb {
        let asks_less = self.settings.get().rules.needs(repo, ask) < verb_for(ask).needs();
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
        let settings = self.settings.get();
        let ask = &question.ask;
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
        self.people
            .audit(AuditEntry {
                allowed: false,
                reason: refused.to_string(),
                ..audit.clone()
            })
            .await?;
        Err(refused)
    }

    /// Why this person would not be allowed to answer a question of a task; `None` if they are.
    pub fn refusal(&self, caller: &Caller, task: &Task, ask: &Ask) -> Option<String> {
        let settings = self.settings.get();
        let (rules, repo, user) = (&settings.rules, &task.repo, caller.user.as_ref());
        let decides = access::decide(user, self.verb_for(repo, ask), Some(repo)).is_ok();
        if !decides || !rules.allow(user, repo, ask) {
            let role = rules.needs(repo, ask).as_str();
            return Some(format!(
                "Only people with the role `{role}` can answer this."
            ));
        }
        let own = rules.not_own(caller.name(), &task.requester, repo, ask);
        own.err().map(|own| AppError::Own(own).told())
    }

    /// Asks for clarification of words that neither agree nor refuse.
    fn asked_back(
        &self,
        question: &Question,
        given: GivenAnswer<'_>,
        invalid: Invalid,
    ) -> AppError {
        let is_decision = !matches!(question.ask, Ask::Clarify { .. });
        match given {
            GivenAnswer::Words(text)
                if is_decision && question.is_open() && reading::has_words(text) =>
            {
                AppError::Unclear(clarify::neither(text.trim(), question, invalid.hint))
            }
            _ => invalid.into(),
        }
    }

    /// What this person decided on a question, if they did.
    async fn own_answer(&self, caller: &Caller, id: QuestionId) -> AppResult<Option<String>> {
        let question = self.get(id).await?;
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
        self.tasks
            .transition(attempt.task, Event::Delivered { by, attempt, heard })
            .await
            .map(|_| ())
    }
}

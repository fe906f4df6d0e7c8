//! Sessions: mapped by workers, ended or kept by people.

use std::cmp::Reverse;

use vine_domain::{
    AuditEntry, Decision, Question, Session, SessionId, SessionState, Slug, TaskId, Verb, Worker,
    WorkerId,
    access::ListScope,
    attempt::Attempt,
    ports::{StoreError, StoreResult},
};

use crate::{AppResult, Caller, Missing, fleet::Fleet, lists::merged};

impl Fleet {
    /// Maps a session to the task whose attempt `by` holds; refuses to map it to another task.
    pub async fn map_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
        worktree: String,
        agent: String,
    ) -> AppResult<()> {
        let now = self.clock.now();
        let state = SessionState::Active;
        let session = Session {
            id,
            task: attempt.task,
            worker: by,
            worktree,
            agent,
            state,
            started: now,
            active: now,
            context: None,
            kept: false,
            reused: 0,
        };
        self.fenced(attempt, self.store.map_session(&session, attempt).await)?;
        self.wakeups.page();
        Ok(())
    }

    /// Records that a session is active.
    pub async fn session_beat(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
        context: Option<u8>,
    ) -> AppResult<()> {
        match self.store.touch_session(by, attempt, id, context).await {
            Err(StoreError::Conflict) => self.correct_session(by, attempt, id).await,
            other => Ok(other?),
        }
    }

    /// The worker uses a session that is not mapped to its task here: the worker is right.
    async fn correct_session(
        &self,
        by: WorkerId,
        attempt: Attempt,
        id: SessionId,
    ) -> AppResult<()> {
        if !self.store.correct_session(by, attempt, id).await? {
            return Err(self.stale(attempt));
        }
        let worker = self
            .store
            .worker(by)
            .await?
            .map_or_else(|| by.to_string(), |worker| worker.name);
        let entry = AuditEntry {
            actor: format!("{worker} (worker)"),
            verb: "correct".into(),
            subject: format!("session {id}"),
            allowed: true,
            reason: format!("a heartbeat reports that it belongs to {}", attempt.task),
        };
        self.people.audit(entry).await
    }

    /// Whether a session cannot be resumed: it has ended, was removed, or is another worker's.
    pub async fn is_session_over(&self, by: WorkerId, id: SessionId) -> AppResult<bool> {
        let known = self.store.session(id).await?;
        let policy = self.settings.get().sessions;
        let now = self.clock.now();
        Ok(known.is_none_or(|session| session.worker != by || session.is_over(&policy, now)))
    }

    /// One session.
    pub async fn session(&self, id: SessionId) -> AppResult<Session> {
        self.store
            .session(id)
            .await?
            .ok_or_else(|| Missing::Session(id).into())
    }

    /// The same for a person who may view its task.
    pub async fn look_at_session(&self, caller: &Caller, id: SessionId) -> AppResult<Session> {
        let session = self.session(id).await?;
        let repo = self.tasks.get(session.task).await?.repo;
        self.people
            .allow(caller, Verb::See, Some(&repo), &format!("session {id}"))
            .await?;
        Ok(session)
    }

    /// The grants of a session; they end with the task that they were given for.
    pub async fn grants_of(&self, session: &Session) -> AppResult<Vec<Question>> {
        if self.tasks.get(session.task).await?.is_over() {
            return Ok(Vec::new());
        }
        let questions = self.store.questions_of(session.task).await?;
        let for_session = |question: &Question| {
            question.session == Some(session.id)
                && question
                    .answer()
                    .is_some_and(|answer| answer.decision == Decision::Allow { session: true })
        };
        // Rules contain parts of commands, which may contain secrets.
        Ok(questions
            .into_iter()
            .filter(for_session)
            .map(|question| Question {
                ask: question.ask.masked(),
                ..question
            })
            .collect())
    }

    /// Ends or keeps a session for a person.
    pub async fn order_session(
        &self,
        caller: &Caller,
        id: SessionId,
        end: bool,
    ) -> AppResult<Session> {
        let session = self.session(id).await?;
        let task = self.tasks.get(session.task).await?;
        self.people
            .allow(
                caller,
                Verb::Operate,
                Some(&task.repo),
                &format!("session {id} ({})", if end { "end" } else { "keep" }),
            )
            .await?;
        if end && task.lease().is_some() {
            let hint = format!("cancel {} first, or wait until it ends", task.id);
            return Err(vine_domain::Invalid::new("session", "its agent is running", hint).into());
        }
        match end {
            true => self.store.end_session(id, "command").await?,
            false => self.store.pin_session(id).await?,
        }
        self.wakeups.page();
        self.session(id).await
    }

    /// Sessions with their repositories, most recently active first; without ended ones unless
    /// `ended_too`.
    pub async fn sessions(
        &self,
        caller: &Caller,
        ended_too: bool,
        limit: u32,
    ) -> AppResult<Vec<(Slug, Session)>> {
        let sight = self.people.sight(caller, "sessions").await?;
        Ok(self.sessions_in(&sight, ended_too, limit).await?)
    }

    pub(crate) async fn sessions_in(
        &self,
        sight: &ListScope,
        ended_too: bool,
        limit: u32,
    ) -> StoreResult<Vec<(Slug, Session)>> {
        merged(
            sight,
            limit,
            |repo| self.store.sessions(repo, ended_too, limit),
            |(_, session)| Reverse(session.active),
        )
        .await
    }

    /// A session, if it is known.
    pub(crate) async fn find_session(&self, id: SessionId) -> AppResult<Option<Session>> {
        Ok(self.store.session(id).await?)
    }

    /// The worker that holds the session of a task.
    pub(crate) async fn session_holder(&self, task: TaskId) -> AppResult<Option<Worker>> {
        match self.store.session_of(task).await? {
            Some(session) => Ok(self.store.worker(session.worker).await?),
            None => Ok(None),
        }
    }

    /// Live sessions, for those who see everything.
    pub async fn live_sessions(&self, limit: u32) -> AppResult<Vec<(Slug, Session)>> {
        Ok(self.store.sessions(None, false, limit).await?)
    }
}

//! Workers: enrolment, the end of their attempts, their sessions.

use serde::{Serialize, de::DeserializeOwned};
use vine_domain::{
    AuditEntry, Decision, Question, Session, SessionId, SessionState, TaskState, Timestamp, Verb,
    Worker, WorkerId, WorkerState,
    attempt::{Attempt, Usage},
    lifecycle::{Event, Refusal},
    ports::{KeptWork, StoreError, StoreResult},
    secrets,
    task::Report,
    token::{Token, TokenKind},
    worker::WorkerLimits,
};

use crate::{App, AppError, AppResult, Caller, Missing};

/// What a machine reports about itself when it enrols as a worker.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// Its name for people.
    pub name: String,
    /// How many agents at once.
    pub slots: u32,
    /// Program and version.
    pub version: String,
}

/// The work of an attempt that a worker keeps.
#[derive(Debug, Clone)]
pub struct KeptWorkReport {
    /// When the task was created, which distinguishes it from tasks of other installations.
    pub created: Timestamp,
    /// The commit that holds it; `None` if there is none.
    pub commit: Option<String>,
    /// The ref in the source that it was pushed to.
    pub name: Option<String>,
    /// What looks like a secret in it, because of which it is not pushed.
    pub held: Vec<String>,
    /// What else people should know, one sentence each.
    pub notes: Vec<String>,
}

impl App {
    /// Exchanges an enrolment code for a worker's identity and token.
    pub async fn enrol(&self, code: &Token, candidate: NewWorker) -> AppResult<(WorkerId, Token)> {
        let worker = Worker {
            id: WorkerId(self.ids.uuid()),
            name: worker_name(&candidate.name)?,
            slots: candidate.slots,
            version: candidate.version,
            draining: false,
            trouble: None,
            without: Vec::new(),
            boot: None,
            seen: self.clock.now(),
            worktree_bytes: 0,
            limits: WorkerLimits::default(),
            gone: None,
            standing: None,
        };
        let unknown = self
            .store
            .token_owner(&code.hash(), TokenKind::Enrolment)
            .await?
            .is_none();
        // Only those who may enrol learn which names are taken.
        if unknown {
            return Err(self.unknown());
        }
        if self
            .store
            .workers()
            .await?
            .iter()
            .any(|(known, ..)| known.name == worker.name)
        {
            return Err(StoreError::Taken(worker.name).into());
        }
        self.store
            .spend_token(&code.hash(), TokenKind::Enrolment)
            .await?
            .ok_or_else(|| self.unknown())?;
        self.store.add_worker(&worker).await?;
        let token = self.make_token(TokenKind::Worker, worker.id.0).await?;
        self.wakes.page();
        Ok((worker.id, token))
    }

    /// The agent finished.
    pub async fn complete(
        &self,
        by: WorkerId,
        attempt: Attempt,
        report: Report,
        patch: &str,
    ) -> AppResult<()> {
        let report = self.without_secrets(report);
        if !patch.is_empty() {
            self.keep_patch(by, attempt, &self.without_secrets(patch.to_owned()))
                .await?;
        }
        self.transition(
            attempt.task,
            Event::Finished {
                by,
                attempt,
                report,
            },
            None,
        )
        .await
        .map(|_| ())
    }

    /// Stores the patch under the lease, so before the attempt ends; a repeated completion finds
    /// it.
    async fn keep_patch(&self, by: WorkerId, attempt: Attempt, patch: &str) -> AppResult<()> {
        match self.store.keep_patch(by, attempt, patch).await {
            Err(StoreError::Conflict) if self.task(attempt.task).await?.is_over() => Ok(()),
            other => self.fenced(attempt, other),
        }
    }

    /// Turns a conflict in the store into a refusal: the attempt is over.
    fn fenced(&self, attempt: Attempt, stored: StoreResult<()>) -> AppResult<()> {
        match stored {
            Err(StoreError::Conflict) => Err(self.stale(attempt)),
            other => Ok(other?),
        }
    }

    fn stale(&self, attempt: Attempt) -> AppError {
        self.meter.stale();
        Refusal::Stale(attempt).into()
    }

    /// The output of an agent, without the secrets in it.
    pub(crate) fn without_secrets<T: Serialize + DeserializeOwned>(&self, said: T) -> T {
        let (said, found) = secrets::without_any(said);
        self.meter.redacted(found);
        said
    }

    /// The attempt ended without a result: failed, released or parked. Returns whether the task is
    /// over.
    pub async fn give_up(&self, attempt: Attempt, event: Event) -> AppResult<bool> {
        let event = match event {
            Event::Failed {
                by,
                attempt,
                failure,
            } => Event::Failed {
                by,
                attempt,
                failure: self.without_secrets(failure),
            },
            other => other,
        };
        self.transition(attempt.task, event, None).await?;
        Ok(self.task(attempt.task).await?.is_over())
    }

    /// The worker keeps the unfinished work of one of its attempts, which may be over by now.
    pub async fn keep(
        &self,
        by: WorkerId,
        attempt: Attempt,
        kept: KeptWorkReport,
    ) -> AppResult<()> {
        let task = self.task(attempt.task).await?;
        if task.created != kept.created {
            return Err(Missing::Task(attempt.task).into());
        }
        let kept = self.without_secrets_in(kept);
        let work = KeptWork {
            commit: kept.commit.clone(),
            pushed: kept.name.clone(),
            held: Some(kept.held.join(", ")).filter(|held| !held.is_empty()),
        };
        let stored = self.store.keep_work(by, attempt, &work).await;
        self.fenced(attempt, stored)?;
        self.wakes.page();
        // While the task waits for people, the thread is about their question.
        if kept.notes.is_empty()
            && kept.held.is_empty()
            && matches!(task.state, TaskState::Waiting { .. })
        {
            return Ok(());
        }
        let text = crate::texts::kept(&task, &kept);
        let message =
            crate::texts::notice(vine_domain::MessageId(self.ids.uuid()), attempt.task, text);
        self.store
            .add_messages(attempt.task, None, &[message])
            .await?;
        self.meter.said(1, 0);
        self.wakes.outbox();
        Ok(())
    }

    /// The report about kept work may quote what an agent wrote.
    fn without_secrets_in(&self, kept: KeptWorkReport) -> KeptWorkReport {
        KeptWorkReport {
            held: self.without_secrets(kept.held),
            notes: self.without_secrets(kept.notes),
            ..kept
        }
    }

    /// Records what an attempt has cost so far.
    pub async fn record_usage(
        &self,
        by: WorkerId,
        attempt: Attempt,
        usage: &Usage,
    ) -> AppResult<()> {
        self.fenced(attempt, self.store.record_usage(by, attempt, usage).await)
    }

    /// Posts something that people should know about an attempt to the thread and the log; quoted
    /// if they are the agent's words.
    pub async fn tell(
        &self,
        by: WorkerId,
        attempt: Attempt,
        lines: &[String],
        of_agent: bool,
    ) -> AppResult<()> {
        self.log(by, attempt, lines).await?;
        let (lines, _) = secrets::without_any(lines.to_vec());
        let text = match of_agent {
            true => crate::texts::of_agent(&lines.join("\n")),
            false => lines.join("\n"),
        };
        let message =
            crate::texts::notice(vine_domain::MessageId(self.ids.uuid()), attempt.task, text);
        self.store
            .add_messages(attempt.task, None, &[message])
            .await?;
        self.meter.said(1, 0);
        self.wakes.outbox();
        Ok(())
    }

    /// Adds the agent's output to the task's log.
    pub async fn log(&self, by: WorkerId, attempt: Attempt, lines: &[String]) -> AppResult<()> {
        let lines: Vec<String> = lines
            .iter()
            .take(1000)
            .map(|line| line.chars().take(2000).collect())
            .collect();
        // Joined: a key may span several lines.
        let lines: Vec<String> = self
            .without_secrets(lines.join("\n"))
            .split('\n')
            .map(str::to_owned)
            .collect();
        let cap = self.settings().retention.attempt;
        self.fenced(attempt, self.store.log(by, attempt, &lines, &cap).await)
    }

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
        self.wakes.page();
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
        self.audit(entry).await
    }

    /// Whether a session cannot be resumed: it has ended, was removed, or is another worker's.
    pub async fn is_session_over(&self, by: WorkerId, id: SessionId) -> AppResult<bool> {
        let known = self.store.session(id).await?;
        Ok(known.is_none_or(|session| {
            session.worker != by || matches!(session.state, SessionState::Ended { .. })
        }))
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
        let repo = self.task(session.task).await?.repo;
        self.allow(caller, Verb::See, Some(&repo), &format!("session {id}"))
            .await?;
        Ok(session)
    }

    /// The grants of a session; they end with the task that they were given for.
    pub async fn grants_of(&self, session: &Session) -> AppResult<Vec<Question>> {
        if self.task(session.task).await?.is_over() {
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
        let task = self.task(session.task).await?;
        self.allow(
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
        self.wakes.page();
        self.session(id).await
    }

    /// One worker by its name.
    pub async fn worker_named(&self, name: &str) -> AppResult<(Worker, usize, usize)> {
        let found = self
            .store
            .workers()
            .await?
            .into_iter()
            .find(|(worker, ..)| worker.name == name);
        found.ok_or_else(|| Missing::Worker(vine_domain::invalid::shown(name)).into())
    }

    /// Stops or resumes assigning work to a worker.
    pub async fn drain(
        &self,
        caller: &Caller,
        name: &str,
        draining: bool,
    ) -> AppResult<(Worker, usize, usize)> {
        self.allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, running, waiting) = self.worker_named(name).await?;
        let worker = Worker { draining, ..worker };
        self.store.set_draining(worker.id, draining).await?;
        self.wakes.work();
        self.wakes.page();
        Ok((worker, running, waiting))
    }

    /// Removes a worker and its token; it loses what it holds.
    pub async fn remove_worker(&self, caller: &Caller, name: &str) -> AppResult<()> {
        self.allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, ..) = self.worker_named(name).await?;
        self.store.remove_worker(worker.id).await?;
        self.known.forget();
        self.lose_all(worker.id, "the worker was removed").await?;
        self.wakes.page();
        Ok(())
    }

    /// Removes all offline workers if `confirm` is their number; returns whether it did, and their
    /// names.
    pub async fn remove_gone(
        &self,
        caller: &Caller,
        confirm: Option<u64>,
    ) -> AppResult<(bool, Vec<String>)> {
        self.allow(caller, Verb::Administer, None, "offline workers")
            .await?;
        let (all, now) = (self.store.workers().await?, self.clock.now());
        let gone = all.into_iter().filter(|(worker, running, waiting)| {
            worker.state(*running, *waiting, now) == WorkerState::Offline
        });
        let names: Vec<String> = gone.map(|(worker, ..)| worker.name).collect();
        let confirmed = !names.is_empty() && confirm == Some(names.len() as u64);
        if confirmed {
            for name in &names {
                self.remove_worker(caller, name).await?;
            }
        }
        Ok((confirmed, names))
    }

    /// Sets the limits of a worker, whatever it reports.
    pub async fn limit(
        &self,
        caller: &Caller,
        name: &str,
        limits: WorkerLimits,
    ) -> AppResult<(Worker, usize, usize)> {
        self.allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, running, waiting) = self.worker_named(name).await?;
        for repo in limits.repos.iter().flatten() {
            self.repo(repo).await?;
        }
        self.store.set_limits(worker.id, &limits).await?;
        self.wakes.work();
        self.wakes.page();
        Ok((Worker { limits, ..worker }, running, waiting))
    }

    /// A worker stops for a while: what it holds is handed back without a failure.
    pub async fn goodbye(&self, id: WorkerId) -> AppResult<()> {
        self.hand_back(id).await?;
        self.presence.leaves(id);
        self.store.set_gone(id).await?;
        self.wakes.page();
        Ok(())
    }

    /// A worker leaves for good: what it holds is handed back without a failure. It is removed
    /// first, so that it claims nothing more.
    pub async fn deregister(&self, id: WorkerId) -> AppResult<()> {
        self.store.remove_worker(id).await?;
        self.known.forget();
        self.hand_back(id).await?;
        self.wakes.page();
        Ok(())
    }

    async fn hand_back(&self, id: WorkerId) -> AppResult<()> {
        for attempt in self.store.leases_of(id).await? {
            self.give_up(attempt, Event::Released { by: id, attempt })
                .await?;
        }
        Ok(())
    }
}

/// Accepts a name that people can type and that is safe in shells and paths.
fn worker_name(text: &str) -> AppResult<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fine) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    let hint = "use letters, digits, `-`, `_` and `.`, at most 64";
    Err(vine_domain::Invalid::new(
        "worker name",
        format!("`{}`", vine_domain::invalid::shown(text)),
        hint,
    )
    .into())
}

//! What workers report about their attempts.

use std::time::Duration;

use vine_domain::{
    Invalid, MessageId, Progress, TaskState, WorkerId,
    assignment::Assignment,
    attempt::{Attempt, Usage},
    chat::file::{FileContent, FileHash, showable},
    lifecycle::{Event, Refusal},
    ports::{KeptWork, Say, StoreError, StoreResult},
    schedule::ClaimRequest,
    secrets,
    task::Report,
    uuid_of,
};

use crate::{
    AppError, AppResult, Missing,
    fleet::{Fleet, kept_work::KeptWorkReport},
    tasks::Transition,
};

/// An attempt that its agent finished.
#[derive(Debug, Clone)]
pub struct CompletedAttempt {
    /// Which.
    pub attempt: Attempt,
    /// What the agent reports.
    pub report: Report,
    /// Its changes, for `task diff`; perhaps empty.
    pub patch: String,
}

impl CompletedAttempt {
    /// One without changes.
    pub fn new(attempt: Attempt, report: Report) -> Self {
        let patch = String::new();
        Self {
            attempt,
            report,
            patch,
        }
    }
}

impl Fleet {
    /// The agent finished, and its worker claims more. Returns the tasks that it gets.
    pub async fn complete(
        &self,
        by: WorkerId,
        done: CompletedAttempt,
        next: u32,
    ) -> AppResult<Vec<Assignment>> {
        let CompletedAttempt {
            attempt,
            report,
            patch,
        } = done;
        let report = self.metrics.without_secrets(report);
        let patch = Some(patch).filter(|patch| !patch.is_empty());
        let (claim, reply) = match next {
            0 => (None, None),
            next => {
                let want = ClaimRequest::of(by, next);
                let (claim, reply) = self.pending(want, Duration::ZERO).await?;
                (Some(claim), Some(reply))
            }
        };
        let finished = Event::Finished {
            by,
            attempt,
            report,
        };
        let finished = Transition::from(finished)
            .patch(patch.map(|patch| self.metrics.without_secrets(patch)))
            .then(claim.filter(|_| !self.stop.is_cancelled()));
        self.tasks.transition(attempt.task, finished).await?;
        match reply {
            Some(reply) => Ok(reply.tasks().await),
            None => Ok(Vec::new()),
        }
    }

    /// Turns a conflict in the store into a refusal: the attempt is over.
    pub(super) fn fenced(&self, attempt: Attempt, stored: StoreResult<()>) -> AppResult<()> {
        match stored {
            Err(StoreError::Conflict) => Err(self.stale(attempt)),
            other => Ok(other?),
        }
    }

    pub(super) fn stale(&self, attempt: Attempt) -> AppError {
        self.metrics.stale();
        Refusal::Stale(attempt).into()
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
                failure: self.metrics.without_secrets(failure),
            },
            other => other,
        };
        self.tasks.transition(attempt.task, event).await?;
        Ok(self.tasks.get(attempt.task).await?.is_over())
    }

    /// The worker keeps the unfinished work of one of its attempts, which may be over by now.
    pub async fn keep(
        &self,
        by: WorkerId,
        attempt: Attempt,
        kept: KeptWorkReport,
    ) -> AppResult<()> {
        let task = self.tasks.get(attempt.task).await?;
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
        self.wakeups.page();
        // While the task waits for people, the thread is about their question.
        if kept.notes.is_empty()
            && kept.held.is_empty()
            && matches!(task.state, TaskState::Waiting { .. })
        {
            return Ok(());
        }
        let text = crate::texts::kept(&task, &kept);
        let message = crate::texts::notice(MessageId(self.ids.uuid()), attempt.task, text);
        self.writes.say(Say::one(message)).await
    }

    /// The report about kept work may quote what an agent wrote.
    fn without_secrets_in(&self, kept: KeptWorkReport) -> KeptWorkReport {
        KeptWorkReport {
            held: self.metrics.without_secrets(kept.held),
            notes: self.metrics.without_secrets(kept.notes),
            ..kept
        }
    }

    /// Records what an attempt has cost so far, and what its agent is at.
    pub async fn record_usage(
        &self,
        by: WorkerId,
        attempt: Attempt,
        usage: &Usage,
        progress: Option<Progress>,
    ) -> AppResult<()> {
        let clean = |text| self.metrics.without_secrets(text);
        let progress = progress.map(|progress| progress.cleaned(clean));
        let recorded = self
            .store
            .record_usage(by, attempt, usage, progress.as_ref());
        self.fenced(attempt, recorded.await)
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
        let message = crate::texts::notice(MessageId(self.ids.uuid()), attempt.task, text);
        self.writes.say(Say::one(message)).await
    }

    /// Shows a file of the agent in the thread. The same file under the same name is shown once in a round, however
    /// often it is sent.
    pub async fn show(
        &self,
        by: WorkerId,
        attempt: Attempt,
        content: FileContent,
    ) -> AppResult<()> {
        let FileContent { file, bytes } = &content;
        showable(&file.name, bytes)?;
        let said = String::from_utf8_lossy(bytes);
        if secrets::are_in(&file.name) || secrets::are_in(&said) {
            let why = "something in it, or in its name, looks like a secret";
            return Err(Invalid::new("file", why, "remove that first").into());
        }
        let line = format!("shows {} ({})", file.name, file.described());
        self.log(by, attempt, &[line]).await?;
        let task = self.store.task(attempt.task).await?;
        let round = task.map_or(1, |task| task.round.number);
        self.store.put_file(&content).await?;
        let key = format!("{} {round} {} {}", attempt.task, file.hash, file.name);
        let message = crate::texts::shown(MessageId(uuid_of(&key)), attempt.task, content.file);
        self.writes.say(Say::one(message)).await
    }

    /// A file that a text names.
    pub async fn file(&self, hash: &FileHash) -> AppResult<Vec<u8>> {
        let found = self.store.file(hash).await?;
        found.ok_or_else(|| Missing::File(hash.clone()).into())
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
            .metrics
            .without_secrets(lines.join("\n"))
            .split('\n')
            .map(str::to_owned)
            .collect();
        let cap = self.settings.get().retention.attempt;
        self.fenced(attempt, self.store.log(by, attempt, &lines, &cap).await)
    }
}

//! A daemon without a network: the use cases over a real store, one person, and one worker.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;
use vine_app::{
    App, Caller, Settings,
    fleet::{CompletedAttempt, WorkerHeartbeat},
    questions::QuestionRequest,
    tasks::TaskRequest,
};
use vine_domain::{
    Ask, Clock, Question, QuestionId, Repo, Role, Timestamp, User, UserId, Worker, WorkerId,
    assignment::WorkerMessage,
    attempt::Attempt,
    clock::{Ids, System},
    ports::Store,
    question::Item,
    repo::Source,
    schedule::ClaimRequest,
    task::Report,
    worker::WorkerLimits,
};

/// Enough slots for all tasks that a measurement holds.
const SLOTS: u32 = 1000;

/// The use cases, and who calls them.
pub struct Bed {
    app: App,
    person: Caller,
    worker: WorkerId,
    beat: WorkerHeartbeat,
}

impl Bed {
    /// An installation with one repository, one person, one worker and no room.
    pub async fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self> {
        store.save_repo(&repo()?).await?;
        let user = User {
            id: UserId(System.uuid()),
            name: "Ann".into(),
            role: Some(Role::Admin),
            repos: [].into(),
        };
        let subject = user.id.to_string();
        store.save_user(&user, &[("vine", &subject)]).await?;
        let worker = worker(clock.now());
        store.add_worker(&worker).await?;
        let (app, _dispatcher) = App::new(
            store,
            clock,
            Arc::new(System),
            Settings::at("http://vine"),
            CancellationToken::new(),
        );
        let bed = Self {
            app,
            person: Caller {
                user: Some(user),
                via: "api".into(),
            },
            worker: worker.id,
            beat: beat(),
        };
        // The first heartbeat of a process is stored.
        bed.beat(&[]).await?;
        Ok(bed)
    }

    /// A person creates a task.
    pub async fn create(&self) -> Result<()> {
        let wish = TaskRequest::titled("Fix the login page".parse()?);
        self.app.tasks.create(&self.person, wish).await?;
        Ok(())
    }

    /// The worker claims one.
    pub async fn claim(&self) -> Result<Attempt> {
        let want = ClaimRequest::of(self.worker, 1);
        let claimed = self.app.fleet.claim(want, Duration::ZERO).await?;
        Ok(claimed.first().context("nothing to claim")?.attempt)
    }

    /// The worker completes one and claims the next.
    pub async fn complete(&self, attempt: Attempt) -> Result<Attempt> {
        let done = CompletedAttempt::new(attempt, Report::default());
        let claimed = self.app.fleet.complete(self.worker, done, 1).await?;
        Ok(claimed.first().context("nothing to claim")?.attempt)
    }

    /// The agent asks.
    pub async fn ask(&self, attempt: Attempt) -> Result<QuestionId> {
        let item = Item {
            question: "Which of the two login forms?".into(),
            header: String::new(),
            options: Vec::new(),
            multi: false,
        };
        let asked = QuestionRequest {
            attempt,
            key: System.uuid(),
            session: None,
            call: "call".into(),
            ask: Ask::Clarify { items: vec![item] },
            context: String::new(),
        };
        Ok(self.app.questions.ask(self.worker, asked).await?)
    }

    /// The person answers.
    pub async fn answer(&self, question: QuestionId) -> Result<()> {
        let key = System.uuid();
        let questions = &self.app.questions;
        questions
            .answer(&self.person, question, "The new one", key)
            .await?;
        Ok(())
    }

    /// The worker sends a heartbeat, which does not wait. Returns the answers that it brings.
    pub async fn beat(&self, held: &[Attempt]) -> Result<Vec<Question>> {
        let mut beat = self.beat.clone();
        beat.leases.extend(held);
        let messages = self.app.fleet.beat(self.worker, beat).await?;
        let answers = messages.into_iter().filter_map(|message| match message {
            WorkerMessage::Answer { question } => Some(*question),
            _ => None,
        });
        Ok(answers.collect())
    }

    /// The worker confirms that the agent has the answer.
    pub async fn confirm(&self, attempt: Attempt, answered: &Question) -> Result<()> {
        let heard = answered.heard();
        let questions = &self.app.questions;
        Ok(questions.delivered(self.worker, attempt, heard).await?)
    }
}

fn repo() -> Result<Repo> {
    Ok(Repo::new(
        "site".parse()?,
        Source::try_from("/srv/site".to_owned())?,
        "main".parse()?,
    ))
}

fn worker(seen: Timestamp) -> Worker {
    Worker {
        id: WorkerId(System.uuid()),
        name: "worker".into(),
        slots: SLOTS,
        version: "cost".into(),
        draining: false,
        trouble: None,
        without: Vec::new(),
        boot: None,
        seen,
        worktree_bytes: 0,
        limits: WorkerLimits::default(),
        gone: None,
        standing: None,
    }
}

fn beat() -> WorkerHeartbeat {
    WorkerHeartbeat {
        boot: System.uuid(),
        slots: SLOTS,
        leases: Vec::new(),
        handling: Vec::new(),
        noting: Vec::new(),
        pushing: Vec::new(),
        trouble: None,
        without: Vec::new(),
        worktree_bytes: 0,
        standing: None,
        wait: Duration::ZERO,
    }
}

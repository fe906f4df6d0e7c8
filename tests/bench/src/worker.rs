//! A worker that does nothing by itself.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::time::Instant;
use uuid::Uuid;
use vine_api::{
    Claim, Claimed, Client, Complete, Completed, CompletionResults, Completions, CreateToken,
    CreatedToken, Enrol, Enrolled, Heartbeat,
};
use vine_domain::{
    WorkerId,
    assignment::{Assignment, WorkerMessage},
    attempt::Attempt,
    clock::{Ids, System},
    task::Report,
};

/// An enrolled worker. Cheap to clone.
#[derive(Clone)]
pub struct WorkerClient {
    pub client: Client,
    pub id: WorkerId,
    boot: Uuid,
    slots: u32,
    held: Arc<Mutex<Vec<Attempt>>>,
}

/// Which answer came when, by its key.
pub type Heard = (Instant, Option<Uuid>);

impl WorkerClient {
    /// Enrols one, on a person's word.
    pub async fn enrol(user: &Client, name: &str, slots: u32) -> Result<Self> {
        let code: CreatedToken = user
            .post(
                "/tokens",
                &CreateToken {
                    kind: "enrolment".into(),
                    whom: None,
                    new_password: false,
                    days: None,
                },
            )
            .await?;
        let enrol = Enrol {
            code: code.token,
            name: name.into(),
            slots,
            version: "bench".into(),
        };
        let Enrolled { id, token } = Client::new(user.base(), None)
            .post("/workers", &enrol)
            .await?;
        Ok(Self {
            client: user.with_token(token),
            id,
            boot: System.uuid(),
            slots,
            held: Arc::default(),
        })
    }

    /// What it holds, for its beats.
    pub fn hold(&self, attempt: Attempt) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(attempt);
    }

    /// It holds this no more.
    pub fn release(&self, attempt: Attempt) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|held| *held != attempt);
    }

    /// Waits for one task.
    pub async fn claim_one(self) -> Result<(Assignment, Instant)> {
        let mut claimed = self
            .client
            .claim(&Claim {
                slots: 1,
                wait: 30.0,
                except_repos: Vec::new(),
            })
            .await?;
        let at = Instant::now();
        Ok((claimed.assignments.pop().context("a task")?, at))
    }

    /// Ends a task, and claims so many more in the same call.
    pub async fn complete(&self, task: &Assignment, next: u32) -> Result<Vec<Assignment>> {
        let complete = Complete {
            attempt: task.attempt,
            report: Report::default(),
            patch: String::new(),
            next,
        };
        Ok(self
            .client
            .post::<_, Claimed>("/queue/complete", &complete)
            .await?
            .assignments)
    }

    /// Ends several tasks together, and claims as many.
    pub async fn complete_all(&self, tasks: Vec<Assignment>) -> Result<Vec<Assignment>> {
        let next = u32::try_from(tasks.len())?;
        let done = |task: Assignment| Completed {
            attempt: task.attempt,
            report: Report::default(),
            patch: String::new(),
        };
        let all = Completions {
            completed: tasks.into_iter().map(done).collect(),
            next,
        };
        let accepted: CompletionResults = self.client.post("/queue/completions", &all).await?;
        match accepted.refused.into_iter().flatten().next() {
            Some(refused) => anyhow::bail!("refused: {refused:?}"),
            None => Ok(accepted.assignments),
        }
    }

    fn beat(&self) -> Heartbeat {
        let leases = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Heartbeat {
            boot: self.boot,
            slots: self.slots,
            leases,
            handling: vec![],
            noting: vec![],
            pushing: Vec::new(),
            trouble: None,
            paused_repos: Vec::new(),
            worktree_bytes: 0,
            isolation: None,
            wait: 10.0,
        }
    }

    /// Beats and listens to nothing.
    pub async fn beat_for_ever(self) {
        loop {
            let _nothing_to_tell = self.client.beat(self.id, &self.beat()).await;
        }
    }

    /// Beats in the background; tells when an answer came, and which.
    pub fn beats(&self) -> Arc<tokio::sync::broadcast::Sender<Heard>> {
        let (tell, _) = tokio::sync::broadcast::channel(16);
        let (tell, worker) = (Arc::new(tell), self.clone());
        let told = Arc::clone(&tell);
        tokio::spawn(async move {
            let mut handling = Vec::new();
            loop {
                let Ok(beaten) = worker
                    .client
                    .beat(
                        worker.id,
                        &Heartbeat {
                            handling: handling.clone(),
                            ..worker.beat()
                        },
                    )
                    .await
                else {
                    continue;
                };
                let at = Instant::now();
                for delivery in beaten.messages {
                    if let WorkerMessage::Answer { question } = delivery {
                        handling.push(question.id);
                        let _nobody_listens = told.send((at, question.heard().answer));
                    }
                }
            }
        });
        tell
    }
}

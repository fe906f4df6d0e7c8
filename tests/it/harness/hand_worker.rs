//! A worker that only the test moves: it claims tasks and asks whatever the test wants.

use serde_json::Value;
use uuid::Uuid;
use vine_api::{AppendLog, Claim, Client, Heartbeat, PostQuestion, PostedQuestion, ReportUsage};
use vine_domain::{
    Ask, Progress, WorkerId,
    attempt::{Attempt, Usage},
    clock::{Ids as _, System},
    question::{Choice, Item},
};

use super::{Place, api::enrolled};

/// A worker with tasks in its hands.
pub struct HandWorker {
    client: Client,
    id: WorkerId,
    boot: Uuid,
    /// What it holds, in the order of the claim.
    pub attempts: Vec<Attempt>,
}

impl HandWorker {
    /// Claims so many tasks.
    pub async fn claims(place: &Place, tasks: u32) -> Self {
        let (client, id) = enrolled(place, tasks).await;
        let mut attempts = Vec::new();
        while attempts.len() < tasks as usize {
            let claim = Claim {
                slots: tasks - attempts.len() as u32,
                wait: 10.0,
                except_repos: Vec::new(),
            };
            let claimed = client.claim(&claim).await.expect("claimed");
            attempts.extend(claimed.assignments.iter().map(|one| one.attempt));
        }
        attempts.sort_by_key(|attempt| attempt.task);
        Self {
            client,
            id,
            boot: System.uuid(),
            attempts,
        }
    }

    /// One of its tasks asks.
    pub async fn asks(&self, which: usize, ask: Ask) {
        let asked = PostQuestion {
            attempt: self.attempts[which],
            key: System.uuid(),
            session: None,
            call: "call".into(),
            ask,
            context: "Here is what I want to do.".into(),
        };
        let posted = self
            .client
            .post::<_, PostedQuestion>("/questions", &asked)
            .await;
        posted.expect("asked");
    }

    /// Sends one heartbeat, which waits so many seconds for messages.
    pub async fn beats(&self, wait: f64) {
        let beat = Heartbeat {
            boot: self.boot,
            slots: self.attempts.len() as u32,
            leases: self.attempts.clone(),
            handling: Vec::new(),
            noting: Vec::new(),
            pushing: Vec::new(),
            trouble: None,
            paused_repos: Vec::new(),
            worktree_bytes: 0,
            isolation: None,
            wait,
        };
        self.client.beat(self.id, &beat).await.expect("heard");
    }

    /// One of its tasks tells what it is at.
    pub async fn is_at(&self, which: usize, progress: Progress) {
        let spent = ReportUsage {
            attempt: self.attempts[which],
            usage: Usage::default(),
            progress: Some(progress),
        };
        let path = format!("/workers/{}/spent", self.id);
        let told = self.client.post::<_, Value>(&path, &spent).await;
        told.expect("told");
    }

    /// One of its tasks says something in its thread.
    pub async fn says(&self, which: usize, words: &str) {
        let said = AppendLog {
            attempt: self.attempts[which],
            lines: vec![words.to_owned()],
            tell: true,
            of_agent: false,
        };
        let told = self.client.post::<_, Value>("/queue/log", &said).await;
        told.expect("told");
    }
}

/// A question with these options.
pub fn item(question: &str, options: &[&str], multi: bool) -> Item {
    let choice = |label: &&str| Choice {
        label: (*label).into(),
        description: String::new(),
        preview: String::new(),
    };
    Item {
        question: question.into(),
        header: String::new(),
        options: options.iter().map(choice).collect(),
        multi,
    }
}

/// A permission for a command.
pub fn bash(command: &str) -> Ask {
    Ask::Permission {
        tool: "Bash".into(),
        what: command.into(),
        why: "It is needed.".into(),
        rules: Vec::new(),
    }
}

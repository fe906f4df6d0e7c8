//! A question's way, one task after the other on an otherwise idle daemon.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::Instant;
use vine_api::{ConfirmDelivery, GiveAnswer, PostQuestion, PostedQuestion};
use vine_domain::{
    Ask,
    assignment::Assignment,
    clock::{Ids, System},
    question::Item,
};

use crate::{place::Place, worker::WorkerClient};

/// How long each part of the way took, sample by sample.
#[derive(Default)]
pub struct Ways {
    /// From the call that creates a task to its claim by a worker that waits.
    pub claimed: Vec<Duration>,
    /// From a question to the reply that it is stored.
    pub asked: Vec<Duration>,
    /// From an answer to the worker that hears it.
    pub answered: Vec<Duration>,
}

/// Goes it so many times.
pub async fn ways(place: &Place, samples: usize) -> Result<Ways> {
    let worker = WorkerClient::enrol(&place.user, "latency", 1).await?;
    let beats = worker.beats();
    let mut ways = Ways::default();
    for _ in 0..samples {
        let waiting = tokio::spawn(worker.clone().claim_one());
        // The claim must be waiting before the task comes.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        place.create().await?;
        let (task, at) = waiting.await??;
        ways.claimed.push(at - start);
        let start = Instant::now();
        let question = ask(&worker, &task).await?;
        ways.asked.push(start.elapsed());
        let mut heard = beats.subscribe();
        let start = Instant::now();
        let answer = GiveAnswer {
            form: None,
            text: "yes".into(),
            key: None,
        };
        place
            .user
            .post::<_, Value>(&format!("/questions/{}/answer", question.id), &answer)
            .await?;
        let (at, answer) = heard.recv().await.context("the beat tells the answer")?;
        ways.answered.push(at - start);
        let delivered = ConfirmDelivery {
            attempt: task.attempt,
            answer,
        };
        worker
            .client
            .post::<_, ()>(&format!("/questions/{}/delivered", question.id), &delivered)
            .await?;
        worker.complete(&task, 0).await?;
    }
    Ok(ways)
}

async fn ask(worker: &WorkerClient, task: &Assignment) -> Result<PostedQuestion> {
    let item = Item {
        question: "Go on?".into(),
        header: String::new(),
        options: vec![],
        multi: false,
    };
    let ask = Ask::Clarify { items: vec![item] };
    let post = PostQuestion {
        attempt: task.attempt,
        key: System.uuid(),
        session: None,
        call: "call".into(),
        ask,
        context: String::new(),
    };
    Ok(worker.client.post("/questions", &post).await?)
}

//! Fifty agents at work on each platform, at the limits that it has by default: what they are at is shown, and no
//! question waits for it longer than for one call.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use vine_domain::{
    Ask,
    progress::{Progress, Step, StepState},
};

use crate::harness::{
    Agent, Place,
    channel::Channel,
    guild::Guild,
    hand_worker::{HandWorker, item},
    room::Room,
    synapse::Limits,
    until,
};

/// Cards and questions of all tasks have to be posted at the platform's pace.
const PATIENCE: Duration = Duration::from_secs(600);
/// What polling a platform and a busy machine add.
const SLACK: Duration = Duration::from_millis(700);

const TASKS: u32 = 50;

/// A platform, as far as this story needs it.
struct Platform<'a> {
    name: &'a str,
    place: &'a Place,
    /// The time from one call that it grants to the next.
    call: Duration,
}

impl Platform<'_> {
    /// Asks, and measures how long it takes until `shows` has seen it.
    async fn asks(
        &self,
        worker: &HandWorker,
        task: usize,
        words: &str,
        shows: &impl AsyncFn(&str),
    ) -> Duration {
        let asked = Instant::now();
        let items = vec![item(words, &["Red", "Blue"], false)];
        worker.asks(task, Ask::Clarify { items }).await;
        shows(words).await;
        asked.elapsed()
    }

    async fn is_quiet(&self) {
        let waiting = "SELECT count(*) FROM outbox WHERE posted IS NULL";
        until(PATIENCE, "all is posted", || {
            (self.place.base.sql(waiting) == ["0"]).then_some(())
        })
        .await;
    }

    async fn shows_progress(&self, is: bool) {
        let state = if is { "on" } else { "off" };
        let line = format!("repo room site --platform {} --progress {state}", self.name);
        self.place.say(&line).await;
    }

    async fn story(&self, questions: usize, shows: impl AsyncFn(&str)) {
        let place = self.place;
        place.say("worker drain w-1").await;
        for number in 0..TASKS {
            place.task(&format!("Work {number}"), "Work.").await;
        }
        let worker = Arc::new(HandWorker::claims(place, TASKS).await);
        let beating = Arc::clone(&worker);
        let beats = tokio::spawn(async move {
            loop {
                beating.beats(5.0).await;
            }
        });
        self.is_quiet().await;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for number in 0..questions {
            self.shows_progress(false).await;
            tokio::time::sleep(self.call).await;
            let quiet = format!("Quiet {number}?");
            without.push(self.asks(&worker, number, &quiet, &shows).await);
            self.shows_progress(true).await;
            for task in 0..TASKS as usize {
                worker.is_at(task, doing(number)).await;
            }
            tokio::time::sleep(self.call).await;
            let busy = format!("Busy {number}?");
            with.push(self.asks(&worker, number, &busy, &shows).await);
        }
        without.sort();
        with.sort();
        let p95 = |all: &[Duration]| all[all.len() * 95 / 100];
        println!(
            "{}: {} tasks, a question stood there after {:?} (p95 {:?}) without progress, {:?} (p95 {:?}) with it",
            self.name,
            TASKS,
            without[without.len() / 2],
            p95(&without),
            with[with.len() / 2],
            p95(&with)
        );
        assert!(
            p95(&with) <= p95(&without) + self.call + SLACK,
            "{with:?} {without:?}"
        );
        // As long as they work, their cards tell of it.
        shows("stroke").await;
        beats.abort();
    }
}

fn doing(number: usize) -> Progress {
    let step = Step {
        text: "Paint the door".into(),
        state: StepState::Active,
    };
    Progress {
        steps: vec![step],
        doing: format!("stroke {number}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_questions_of_fifty_working_tasks_wait_for_no_card() {
    let channel = Channel::new(Agent::Script("true")).await;
    // One message a second for each channel, which Slack documents.
    channel.act("limit", json!({ "millis": 1000 })).await;
    let platform = Platform {
        name: "slack",
        place: &channel.place,
        call: Duration::from_secs(1),
    };
    let shows = async |words: &str| drop(channel.hears(words).await);
    platform.story(20, shows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_questions_of_fifty_working_tasks_wait_for_no_card() {
    let guild = Guild::new(Agent::Script("true")).await;
    // Five messages in five seconds for each channel, as its headers say.
    guild.act("limit", json!({ "millis": 1000 })).await;
    let platform = Platform {
        name: "discord",
        place: &guild.place,
        call: Duration::from_secs(1),
    };
    let shows = async |words: &str| drop(guild.hears(words).await);
    platform.story(20, shows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matrix_questions_of_fifty_working_tasks_wait_for_no_card() {
    let room = Room::with(Agent::Script("true"), Limits::Default).await;
    let platform = Platform {
        name: "matrix",
        place: &room.place,
        // Synapse grants one message in five seconds, after the first ten.
        call: Duration::from_secs(5),
    };
    let shows = async |words: &str| drop(room.ann.hears(&room.id, words).await);
    platform.story(10, shows).await;
}

//! Several daemons on one database.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vine_api::{Client, GiveAnswer};
use vine_domain::token::Token;
use vine_doubles::slack;

use crate::harness::{Agent, PATIENCE, Place, Process, Sections, path, until, workspace};

/// One of several daemons.
struct Replica {
    process: Process,
    client: Client,
}

/// A daemon with a state folder of its own, on the database of the place.
async fn replica(place: &Place, name: &str) -> Replica {
    let state = place.folder.path().join(name);
    let process = Process::start(name, place.vine(&["daemon", "--listen", "127.0.0.1:0", "--state", path(&state)]));
    let endpoint: Value =
        until(PATIENCE, "the daemon serves", || serde_json::from_slice(&std::fs::read(state.join("endpoint.json")).ok()?).ok()).await;
    let token = Token::presented(endpoint["token"].as_str().expect("a token"));
    let client = Client::new(endpoint["url"].as_str().expect("a url"), Some(token));
    for _ in 0..200 {
        if client.get::<Value>("/queue/status").await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Replica { process, client }
}

impl Replica {
    async fn show(&self, task: &str) -> Value {
        self.client.run(&["task".into(), "show".into(), task.into()], "").await.expect("shown").data
    }

    async fn wait(&self, task: &str, state: &str) {
        let end = Instant::now() + PATIENCE;
        while self.show(task).await["state"] != state {
            assert!(Instant::now() < end, "{task} is not {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const ASKS: &str = "answer=$(vine ask 'Which?'); echo \"it is $answer\"";

#[tokio::test(flavor = "multi_thread")]
async fn replicas_hand_out_work_and_answers_that_came_to_another_within_moments() {
    let mut place = Place::new(Agent::Script(ASKS)).await;
    let _first = place.daemon().await;
    let second = replica(&place, "second").await;
    // The worker talks to the first daemon, people to the second.
    let _worker = place.worker("w-1", 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    let created: Value = second.client.post("/tasks", &json!({ "title": "Ask" })).await.expect("created");
    let task = created["id"].as_str().expect("an id").to_owned();
    second.wait(&task, "waiting").await;
    let asked = begun.elapsed();
    let begun = Instant::now();
    let answer = GiveAnswer { text: "Blue".into(), key: None };
    second.client.post::<_, Value>("/questions/Q-1/answer", &answer).await.expect("answered");
    second.wait(&task, "done").await;
    let answered = begun.elapsed();
    println!("asked within {asked:?}, went on within {answered:?}");
    assert!(asked < Duration::from_secs(3) && answered < Duration::from_secs(3), "{asked:?}, {answered:?}: by hints, not by the clock");
    assert!(place.log(&task).await.contains("it is Blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_an_adapter_over_when_its_daemon_is_killed_or_stopped() {
    let double = slack::Slack::serve(slack::Settings::default()).await;
    let place = Place::with_sections(Agent::Script(ASKS), Sections { more: &workspace::sections(&double), ..Sections::default() }).await;
    let mut replicas = vec![replica(&place, "a").await, replica(&place, "b").await, replica(&place, "c").await];
    drop(replicas.pop());
    let _ = (&double, &mut replicas);
}

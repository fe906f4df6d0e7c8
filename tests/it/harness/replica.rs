//! A further daemon on the database of a place, with a state folder of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vine_api::Client;
use vine_domain::token::Token;

use super::{PATIENCE, Place, Process, path, until};

pub struct Replica {
    pub process: Process,
    pub client: Client,
    token: Token,
}

/// Starts one; a second time with the same state.
pub async fn replica(place: &Place, name: &str) -> Replica {
    let state = place.folder.path().join(name);
    let _first_start = std::fs::remove_file(state.join("endpoint.json"));
    let mut command = place.vine(&["daemon", "--listen", "127.0.0.1:0", "--state", path(&state)]);
    command.env("VINE_DAEMON__DRAIN_SECONDS", "1");
    let process = Process::start(name, command);
    let endpoint: Value = until(PATIENCE, "the daemon serves", || {
        serde_json::from_slice(&std::fs::read(state.join("endpoint.json")).ok()?).ok()
    })
    .await;
    let token = Token::presented(endpoint["token"].as_str().expect("a token"));
    let client = Client::new(
        endpoint["url"].as_str().expect("a url"),
        Some(token.clone()),
    );
    let replica = Replica {
        process,
        client,
        token,
    };
    let end = Instant::now() + PATIENCE;
    while replica.client.get::<Value>("/queue/status").await.is_err() {
        assert!(Instant::now() < end, "{name} does not answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    replica
}

impl Replica {
    /// The same person at another address.
    pub fn client_at(&self, url: &str) -> Client {
        Client::new(url, Some(self.token.clone()))
    }

    pub async fn say(&self, line: &str) -> Value {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.client
            .run(&words, "")
            .await
            .unwrap_or_else(|error| panic!("`{line}`: {error}"))
            .data
    }

    pub async fn add_repo(&self, place: &Place) {
        self.say(&format!("repo add site {} --base main", path(&place.repo)))
            .await;
    }

    pub async fn create(&self, title: &str) -> String {
        let created: Value = self
            .client
            .post("/tasks", &json!({ "title": title }))
            .await
            .expect("created");
        created["id"].as_str().expect("an id").to_owned()
    }

    pub async fn show(&self, task: &str) -> Value {
        self.say(&format!("task show {task}")).await
    }

    pub async fn wait(&self, task: &str, state: &str) {
        let end = Instant::now() + PATIENCE;
        while self.show(task).await["state"] != state {
            assert!(Instant::now() < end, "{task} is not {state}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

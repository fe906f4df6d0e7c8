//! A Matrix room of a repository, with people in it and the program at work.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;
use vine_doubles::gate::Gate;

use super::{
    Agent, PATIENCE, Place, Process, Sections,
    synapse::{Human, Limits, Synapse, sections},
    until,
};

/// A room with Ann, an operator, in it; daemon and worker run.
pub struct Room {
    pub place: Place,
    pub synapse: Synapse,
    pub ann: Human,
    pub id: String,
    pub processes: Vec<Process>,
}

impl Room {
    pub async fn new(agent: Agent<'_>) -> Self {
        Self::with(agent, Limits::Off).await
    }

    pub async fn with(agent: Agent<'_>, limits: Limits) -> Self {
        Self::of(agent, limits, &[("Ann", "operator")]).await
    }

    /// With these people; the first is Ann.
    pub async fn of(agent: Agent<'_>, limits: Limits, people: &[(&str, &str)]) -> Self {
        let synapse = Synapse::start(limits).await;
        synapse.person("vine").await;
        let ann = synapse.person("ann").await;
        for (name, _) in &people[1..] {
            synapse.person(&name.to_lowercase()).await;
        }
        let more = sections(&synapse, people);
        let mut place = Place::with_sections(
            agent,
            Sections {
                more: &more,
                ..Sections::default()
            },
        )
        .await;
        let daemon = place.daemon().await;
        let worker = place.worker("w-1", 1).await;
        let id = ann.join("#vine-site:vine.test").await;
        Self {
            place,
            synapse,
            ann,
            id,
            processes: vec![worker, daemon],
        }
    }

    /// What the SDK has written lately.
    pub fn sdk_log(&self) -> PathBuf {
        self.place
            .folder
            .path()
            .join("daemon/matrix/matrix-sdk-state.sqlite3-wal")
    }

    /// What `vine doctor` says.
    pub fn doctor(&self) -> String {
        let state = self.place.folder.path().join("daemon");
        let output = self
            .place
            .vine(&["doctor"])
            .env("VINE_STATE", state)
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until nothing waits to be posted.
    pub async fn all_is_posted(&self) {
        let waiting = "SELECT count(*) FROM outbox WHERE platform = 'matrix' AND posted IS NULL";
        until(PATIENCE, "all is posted", || {
            (self.place.base.sql(waiting) == ["0"]).then_some(())
        })
        .await;
    }

    /// Waits until the SDK has written nothing for a second: echoes of our own posts come a little
    /// later than they are noted.
    pub async fn sdk_is_quiet(&self) {
        let written = || {
            fs::metadata(self.sdk_log())
                .and_then(|log| log.modified())
                .expect("the SDK's store")
        };
        let end = Instant::now() + PATIENCE;
        let mut before = written();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = written();
            if now == before {
                return;
            }
            before = now;
            assert!(Instant::now() < end, "the SDK writes on and on");
        }
    }

    /// Puts a gate before the homeserver, for the daemon alone, and starts that again.
    pub async fn behind_a_gate(&mut self) -> Gate {
        let gate = Gate::open(&self.synapse.url).await;
        let file = self.place.folder.path().join("vine.toml");
        let config = fs::read_to_string(&file).expect("the configuration");
        fs::write(&file, config.replace(&self.synapse.url, &gate.url)).expect("written");
        if self.processes.len() > 1 {
            self.kill_daemon();
        }
        self.start_daemon().await;
        gate
    }

    pub fn kill_daemon(&mut self) {
        self.processes.pop().expect("the daemon").kill();
    }

    pub async fn start_daemon(&mut self) {
        let daemon = self.place.daemon().await;
        self.processes.push(daemon);
    }

    /// Waits until something is wrong with the adapter, and gives it in words.
    pub async fn adapter_trouble(&self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.place.say("status").await;
            let adapters = status["adapters"].as_array().expect("adapters");
            if let Some(trouble) = adapters
                .iter()
                .find(|adapter| adapter["id"] == "matrix")
                .and_then(|adapter| adapter["trouble"].as_str())
            {
                return trouble.to_owned();
            }
            assert!(Instant::now() < end, "nothing is wrong: {status:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Creates a task by a command in the room and gives its id and the root of its thread.
    pub async fn task(&self, title: &str, prompt: &str) -> (String, String) {
        self.ann
            .say(&self.id, &format!("!vine task new {title}\n{prompt}"))
            .await;
        let card = self.ann.hears(&self.id, title).await;
        let listed = self.place.say("task list").await;
        let task = listed.as_array().expect("tasks")[0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        (task, event_id(&card))
    }
}

pub fn event_id(event: &Value) -> String {
    event["event_id"].as_str().expect("an id").to_owned()
}

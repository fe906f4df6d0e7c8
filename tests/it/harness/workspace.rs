//! A Slack workspace for a story: the double, and the hands of the people in it.

use std::ops::Deref;

use serde_json::{Value, json};
use vine_doubles::slack::{Slack, world::BOT_USER};

use super::double::{Double, messages};

pub struct Workspace(Double);

impl Deref for Workspace {
    type Target = Double;

    fn deref(&self) -> &Double {
        &self.0
    }
}

impl Workspace {
    pub async fn open() -> Self {
        let (listener, double) = Double::at_a_free_port().await;
        tokio::spawn(Slack::serve(listener));
        Self(double)
    }

    /// Says something and gives its `ts`.
    pub async fn say(&self, user: &str, channel: &str, text: &str, root: Option<&str>) -> String {
        let said = self
            .act(
                "say",
                json!({ "user": user, "channel": channel, "text": text, "thread_ts": root }),
            )
            .await;
        said["ts"].as_str().expect("a ts").to_owned()
    }
}

/// What the bot says.
pub fn of_bot(state: &Value) -> impl Iterator<Item = &Value> {
    messages(state).filter(|message| message["user"] == BOT_USER)
}

/// Whether a message has a reaction.
pub fn reacted(state: &Value, ts: &str, name: &str) -> bool {
    let is = |message: &Value| {
        message["ts"] == ts
            && message["reactions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["name"] == name))
    };
    messages(state).any(is)
}

//! A Slack channel of a repository, with people in it and the program at work. The workspace is our
//! double, which Slack's own SDKs have judged (`double_slack.rs`).

use serde_json::{Value, json};
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN};

use super::{
    Agent, Place, Process, Sections,
    workspace::{Workspace, of_bot},
};

/// What Slack signs its requests with.
pub const SIGNING_SECRET: &str = "a secret for tests";

/// The channel of a repository, with Ann, an operator, and Ben, who is nobody to us; daemon and
/// worker run.
pub struct Channel {
    pub place: Place,
    pub slack: Workspace,
    pub id: String,
    pub processes: Vec<Process>,
}

impl Channel {
    /// Slack is heard over sockets.
    pub async fn new(agent: Agent<'_>) -> Self {
        Self::of(Workspace::open().await, agent, "").await
    }

    /// With more lines in `[questions]`.
    pub async fn with_questions(agent: Agent<'_>, questions: &str) -> Self {
        let sections = Sections {
            questions,
            ..Sections::default()
        };
        Self::with(agent, sections).await
    }

    /// With more lines in sections of the configuration.
    pub async fn with(agent: Agent<'_>, sections: Sections<'_>) -> Self {
        let slack = Workspace::open().await;
        let more = format!("{}{}", sections.more, by_sockets(&slack));
        let sections = Sections {
            more: &more,
            ..sections
        };
        let place = Place::with_sections(agent, sections).await;
        Self::begin(slack, place).await
    }

    /// In a workspace that is there already, with more lines in `[chat.slack]`.
    pub async fn of(slack: Workspace, agent: Agent<'_>, more: &str) -> Self {
        let sections = sections(&slack, &format!("app_token = \"{APP_TOKEN}\"\n{more}"));
        let place = Place::with_sections(
            agent,
            Sections {
                more: &sections,
                ..Sections::default()
            },
        )
        .await;
        Self::begin(slack, place).await
    }

    /// Slack sends requests.
    pub async fn by_requests(agent: Agent<'_>) -> Self {
        let slack = Workspace::open().await;
        let own = format!("signing_secret = \"{SIGNING_SECRET}\"\n");
        let sections = format!(
            "{}[daemon]\npublic_url = \"https://vine.test\"\n",
            sections(&slack, &own)
        );
        let place = Place::with_sections(
            agent,
            Sections {
                more: &sections,
                ..Sections::default()
            },
        )
        .await;
        Self::begin(slack, place).await
    }

    async fn begin(slack: Workspace, mut place: Place) -> Self {
        let daemon = place.daemon().await;
        let worker = place.worker("w-1", 1).await;
        Self::at_work(slack, place, vec![worker, daemon]).await
    }

    /// A daemon serves the workspace already.
    pub async fn at_work(slack: Workspace, place: Place, processes: Vec<Process>) -> Self {
        let mut channel = Self {
            place,
            slack,
            id: String::new(),
            processes,
        };
        let made = |state: &Value| {
            state["channels"]
                .as_array()?
                .iter()
                .find(|one| {
                    one["name"] == "vine-site" && one["members"].to_string().contains("U0ANN")
                })
                .cloned()
        };
        let state = channel
            .wait("the channel is made and Ann is in it", |state| {
                made(state).is_some()
            })
            .await;
        made(&state).expect("just seen")["id"]
            .as_str()
            .expect("an id")
            .clone_into(&mut channel.id);
        channel
            .act("admit", json!({ "channel": channel.id, "user": "U0BEN" }))
            .await;
        channel
    }

    /// Where Slack is to send its requests.
    pub fn door(&self) -> String {
        format!("{}/chat/slack", self.place.client().base())
    }

    /// The modal that is open now.
    pub async fn modal(&self) -> Value {
        let open = |state: &Value| state["views"][0]["view"].is_object();
        self.wait("a modal opens", open).await["views"][0]["view"].clone()
    }

    /// Sends a modal with these texts by field.
    pub async fn submit(&self, view: &Value, texts: &[(&str, &str)]) {
        let values: serde_json::Map<_, _> = texts
            .iter()
            .map(|(field, text)| {
                // The form of a question names its fields `words:0`; others have one name.
                let action = field.split_once(':').map_or("text", |(action, _)| action);
                ((*field).to_owned(), json!({ action: text }))
            })
            .collect();
        self.act("submit", json!({ "view": view["id"], "values": values }))
            .await;
    }

    pub fn kill_daemon(&mut self) {
        self.processes.pop().expect("the daemon").kill();
    }

    pub async fn start_daemon(&mut self) {
        let daemon = self.place.daemon().await;
        self.processes.push(daemon);
    }

    pub async fn act(&self, what: &str, args: Value) -> Value {
        self.slack.act(what, args).await
    }

    pub async fn say(&self, user: &str, text: &str, root: Option<&str>) -> String {
        self.slack.say(user, &self.id, text, root).await
    }

    pub async fn click(&self, user: &str, ts: &str, action: &str) {
        self.act(
            "click",
            json!({ "user": user, "channel": self.id, "ts": ts, "action": action }),
        )
        .await;
    }

    pub async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.slack.wait(what, is).await
    }

    /// Waits for words of the bot in the channel.
    pub async fn hears(&self, words: &str) -> Value {
        let state = self
            .wait(&format!("the bot says `{words}`"), |state| {
                said(state, words).is_some()
            })
            .await;
        said(&state, words).expect("just seen").clone()
    }

    /// Waits for words of the bot that one person alone sees.
    pub async fn whispers(&self, user: &str, words: &str) {
        let is = |one: &Value| {
            one["user"] == user
                && one["content"]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(words))
        };
        self.wait(&format!("{user} is told `{words}`"), |state| {
            state["ephemerals"]
                .as_array()
                .is_some_and(|all| all.iter().any(is))
        })
        .await;
    }

    /// Creates a task by a command and gives its id and the root of its thread.
    pub async fn task(&self, title: &str) -> (String, String) {
        self.act(
            "command",
            json!({ "user": "U0ANN", "channel": self.id, "line": format!("/vine task new {title}") }),
        )
        .await;
        let card = self.hears(title).await;
        let listed = self.place.say("task list").await;
        let task = listed.as_array().expect("tasks")[0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        (task, card["ts"].as_str().expect("a ts").to_owned())
    }
}

/// A message of the bot with these words.
pub fn said<'a>(state: &'a Value, words: &str) -> Option<&'a Value> {
    of_bot(state).find(|message| {
        message["text"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    })
}

/// Sections of the configuration for a workspace that is heard over sockets.
pub fn by_sockets(slack: &Workspace) -> String {
    sections(slack, &format!("app_token = \"{APP_TOKEN}\"\n"))
}

fn sections(slack: &Workspace, more: &str) -> String {
    format!(
        "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nslack = \"U0ANN\"\n\
         [chat.slack]\nbot_token = \"{BOT_TOKEN}\"\napi_url = \"{}/api\"\n{more}",
        slack.url
    )
}

//! A Discord server for a story: the double, the hands of the people in it, and the program at work
//! in a channel of it.

use std::ops::Deref;

use serde_json::{Value, json};
use vine_doubles::discord::{
    Discord, TOKEN,
    world::{ANN, BOT, GUILD},
};

use super::{
    Agent, Place, Process, Sections,
    double::{Double, messages},
};

/// The double.
pub struct Server(Double);

impl Deref for Server {
    type Target = Double;

    fn deref(&self) -> &Double {
        &self.0
    }
}

impl Server {
    pub async fn open() -> Self {
        let (listener, double) = Double::at_a_free_port().await;
        tokio::spawn(Discord::serve(listener));
        Self(double)
    }
}

/// What the bot says.
pub fn of_bot(state: &Value) -> impl Iterator<Item = &Value> {
    messages(state).filter(|message| message["author"]["id"] == BOT)
}

/// A message of the bot with these words.
pub fn said<'a>(state: &'a Value, words: &str) -> Option<&'a Value> {
    of_bot(state).find(|message| {
        message["content"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    })
}

/// Whether a message has a reaction.
pub fn reacted(state: &Value, id: &str, sign: &str) -> bool {
    let is = |message: &Value| {
        message["id"] == id
            && message["reactions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["emoji"]["name"] == sign))
    };
    messages(state).any(is)
}

/// The text at a key.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {value}"))
}

/// The channel of a repository, with Ann, an operator, and Ben, who is nobody to us; daemon and
/// worker run.
pub struct Guild {
    pub place: Place,
    pub server: Server,
    pub id: String,
    pub processes: Vec<Process>,
}

impl Guild {
    pub async fn new(agent: Agent<'_>) -> Self {
        Self::of(Server::open().await, agent, "").await
    }

    /// On a server that is there already, with more lines in `[chat.discord]`.
    pub async fn of(server: Server, agent: Agent<'_>, more: &str) -> Self {
        let mut guild = Self::begun(server, agent, more).await;
        let of_site = |state: &Value| {
            state["channels"]
                .as_array()?
                .iter()
                .find(|one| one["name"] == "vine-site")
                .cloned()
        };
        let state = guild
            .server
            .wait("the channel is made", |state| of_site(state).is_some())
            .await;
        text(&of_site(&state).expect("just seen"), "id").clone_into(&mut guild.id);
        guild
    }

    /// The same, without waiting for the channel.
    pub async fn begun(server: Server, agent: Agent<'_>, more: &str) -> Self {
        let sections = format!(
            "[[people]]\nname = \"Ann\"\nrole = \"operator\"\ndiscord = \"{ANN}\"\n\
             [chat.discord]\ntoken = \"{TOKEN}\"\nguild = \"{GUILD}\"\napi_url = \"{}\"\n{more}",
            server.url
        );
        let mut place = Place::with_sections(
            agent,
            Sections {
                more: &sections,
                ..Sections::default()
            },
        )
        .await;
        let daemon = place.daemon().await;
        let worker = place.worker("w-1", 1).await;
        Self {
            place,
            server,
            id: String::new(),
            processes: vec![worker, daemon],
        }
    }

    pub async fn act(&self, what: &str, args: Value) -> Value {
        self.server.act(what, args).await
    }

    pub async fn wait(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.server.wait(what, is).await
    }

    /// Says something in a thread, or in the channel, and gives the message's id.
    pub async fn say(&self, user: &str, words: &str, thread: Option<&str>) -> String {
        let said = self
            .act(
                "say",
                json!({ "user": user, "channel": thread.unwrap_or(&self.id), "content": words }),
            )
            .await;
        text(&said, "id").to_owned()
    }

    pub async fn press(&self, user: &str, message: &Value, button: &str) {
        self.act("press", json!({ "user": user, "channel": message["channel_id"], "message": message["id"], "custom_id": button })).await;
    }

    pub async fn command(&self, user: &str, channel: &str, words: &[&str], options: Value) {
        self.act(
            "command",
            json!({ "user": user, "channel": channel, "words": words, "options": options }),
        )
        .await;
    }

    /// Waits for words of the bot.
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
                && one["content"]
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

    /// Creates a task by a command and gives its id and its thread.
    pub async fn task(&self, title: &str) -> (String, String) {
        self.command(ANN, &self.id, &["task", "new"], json!({ "title": title }))
            .await;
        let card = self.hears(title).await;
        let listed = self.place.say("task list").await;
        let task = text(&listed.as_array().expect("tasks")[0], "id").to_owned();
        let thread = text(&card, "id").to_owned();
        self.wait("the thread is open", |state| {
            state["channels"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["id"] == thread.as_str()))
        })
        .await;
        (task, thread)
    }

    pub fn kill_daemon(&mut self) {
        self.processes.pop().expect("the daemon").kill();
    }

    pub async fn start_daemon(&mut self) {
        let daemon = self.place.daemon().await;
        self.processes.push(daemon);
    }
}

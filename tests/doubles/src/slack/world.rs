//! A workspace in memory: people, channels, messages, modals, files, and what the app does with
//! them. Pure: what is done to it answers with JSON in Slack's shape and leaves events for the app;
//! nothing here sends anything.

mod files;
mod modals;
mod people;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

pub use crate::json::merge;

/// Ids of the one app and the one workspace.
pub const TEAM: &str = "T0TEAM";
/// The organisation, when the app is installed for a whole one.
pub const ENTERPRISE: &str = "E0ORG";
pub const APP: &str = "A0APP";
pub const BOT_USER: &str = "U0BOT";
pub const BOT: &str = "B0BOT";

/// Milliseconds for which a trigger opens a modal, and for which a response URL takes messages.
const TRIGGER_LIFE: i64 = 3_000;
const HOOK_LIFE: i64 = 30 * 60 * 1000;
const HOOK_USES: u32 = 5;
/// Characters of text beyond which Slack cuts, and blocks beyond which it refuses (reference of
/// chat.postMessage).
const TEXT: usize = 40_000;
const BLOCKS: usize = 50;
/// Characters of a section, and of all of a message (slackapi/bolt-js#2509).
const SECTION: usize = 3_000;
const SECTIONS: usize = 13_200;

/// An error code, as methods answer it.
pub type Code = &'static str;

/// Somebody in the workspace, or a guest of another one.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub name: String,
    pub team: String,
}

#[derive(Debug, Clone, Default)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub topic: String,
    pub private: bool,
    pub archived: bool,
    pub members: Vec<String>,
    /// In order of `ts`.
    pub messages: Vec<Value>,
}

/// A message that one person alone sees.
#[derive(Debug, Clone)]
pub struct Ephemeral {
    pub ts: String,
    pub channel: String,
    pub user: String,
    pub content: Value,
}

/// Where a command or a click may be answered later.
#[derive(Debug, Clone)]
struct Hook {
    channel: String,
    user: String,
    /// The message that it may replace.
    ts: Option<String>,
    until: i64,
    left: u32,
}

/// What is on its way to the app.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// `event_callback`, redelivered until it is acknowledged.
    Event(Value),
    /// A slash command.
    Command(Value),
    /// A click, a shortcut, a modal.
    Interaction(Value),
}

/// All of it.
#[derive(Debug, Default)]
pub struct World {
    /// Milliseconds since 1970, set by whoever calls.
    pub now: i64,
    pub users: BTreeMap<String, User>,
    pub channels: BTreeMap<String, Channel>,
    pub ephemerals: Vec<Ephemeral>,
    /// Open modals by id, with the person who sees each.
    pub views: BTreeMap<String, (String, Value)>,
    pub files: BTreeMap<String, Value>,
    /// Uploaded bytes by file id.
    pub bytes: HashMap<String, Vec<u8>>,
    /// Where the app's response URLs lead.
    pub base: String,
    /// The workspaces for which the app is installed at once; usually it is installed for one, and
    /// this is empty.
    pub organisation: Vec<String>,
    notices: Vec<Notice>,
    triggers: HashMap<String, (i64, String)>,
    hooks: HashMap<String, Hook>,
    count: u64,
    /// The time of the latest message, in microseconds.
    last_ts: i64,
}

impl World {
    /// A workspace with the bot, Ann and Ben, and `#general`.
    pub fn new(base: &str) -> Self {
        let mut world = Self {
            base: base.into(),
            ..Self::default()
        };
        world.add_user("U0ANN", "ann", TEAM);
        world.add_user("U0BEN", "ben", TEAM);
        world.add_user(BOT_USER, "vine", TEAM);
        let members = ["U0ANN", "U0BEN", BOT_USER].map(str::to_owned).to_vec();
        world.channels.insert(
            "C0GENERAL".into(),
            Channel {
                id: "C0GENERAL".into(),
                name: "general".into(),
                members,
                ..Channel::default()
            },
        );
        world
    }

    pub fn add_user(&mut self, id: &str, name: &str, team: &str) {
        self.users.insert(
            id.into(),
            User {
                id: id.into(),
                name: name.into(),
                team: team.into(),
            },
        );
    }

    /// What has come up for the app since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn id(&mut self, letter: &str) -> String {
        self.count += 1;
        format!("{letter}{:08X}", self.count)
    }

    /// Microseconds since 1970; later ones are larger, and no two are the same.
    fn ts(&mut self) -> String {
        self.last_ts = (self.now * 1000).max(self.last_ts + 1);
        format!(
            "{}.{:06}",
            self.last_ts / 1_000_000,
            self.last_ts % 1_000_000
        )
    }

    pub fn channel(&self, id: &str) -> Result<&Channel, Code> {
        self.channels.get(id).ok_or("channel_not_found")
    }

    fn channel_mut(&mut self, id: &str) -> Result<&mut Channel, Code> {
        self.channels.get_mut(id).ok_or("channel_not_found")
    }

    fn message_mut(&mut self, channel: &str, ts: &str) -> Result<&mut Value, Code> {
        let found = self
            .channel_mut(channel)?
            .messages
            .iter_mut()
            .find(|message| message["ts"] == ts);
        found.ok_or("message_not_found")
    }

    /// A message as it is now.
    pub fn message(&self, channel: &str, ts: &str) -> Option<&Value> {
        self.channels
            .get(channel)?
            .messages
            .iter()
            .find(|message| message["ts"] == ts)
    }

    /// Something happens of which the app is told.
    pub fn event(&mut self, event: &Value) {
        let id = self.id("Ev");
        self.notices.push(Notice::Event(json!({
            "token": "verification", "team_id": TEAM, "api_app_id": APP, "event": event, "type": "event_callback", "event_id": id,
            "event_time": self.now / 1000, "is_ext_shared_channel": false,
            "authorizations": [{ "enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true, "is_enterprise_install": false }],
        })));
    }

    fn hear(&mut self, channel: &str, mut message: Value) {
        let Some(known) = self
            .channels
            .get(channel)
            .filter(|known| known.members.iter().any(|member| member == BOT_USER))
        else {
            return;
        };
        message["channel"] = json!(channel);
        message["channel_type"] = json!(match known.private {
            _ if channel.starts_with('D') => "im",
            true => "group",
            false => "channel",
        });
        message["event_ts"] = message["ts"].clone();
        let text = message["text"].as_str().unwrap_or_default().to_owned();
        let mentioned = message["bot_id"].is_null()
            && message["subtype"].is_null()
            && text.contains(&format!("<@{BOT_USER}>"));
        let mut mention = message.clone();
        self.event(&message);
        if mentioned {
            mention["type"] = json!("app_mention");
            self.event(&mention);
        }
    }

    /// `chat.postMessage`; `by` is the author's part of the message.
    pub fn post(&mut self, by: &Value, args: &Value) -> Result<Value, Code> {
        let channel = text(args, "channel").ok_or("channel_not_found")?;
        let known = self.channel(channel)?;
        if known.archived {
            return Err("is_archived");
        }
        let author = by["user"].as_str().unwrap_or_default();
        if !known.members.iter().any(|member| member == author) {
            return Err("not_in_channel");
        }
        let blocks = args["blocks"].as_array().map_or(0, Vec::len);
        let others = !args["files"].is_null() || !args["attachments"].is_null();
        if text(args, "text").is_none_or(str::is_empty) && blocks == 0 && !others {
            return Err("no_text");
        }
        if blocks > BLOCKS {
            return Err("invalid_blocks");
        }
        let sections: Vec<usize> = args["blocks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|block| Some(block["text"]["text"].as_str()?.chars().count()))
            .collect();
        if sections.iter().any(|length| *length > SECTION) {
            return Err("invalid_blocks");
        }
        let mut buttons = args["blocks"].as_array().into_iter().flatten();
        let unlabelled = |one: &Value| one["text"]["text"].as_str().is_some_and(str::is_empty);
        if buttons.any(|block| {
            block["elements"]
                .as_array()
                .is_some_and(|all| all.iter().any(unlabelled))
        }) {
            return Err("invalid_blocks");
        }
        if sections.iter().sum::<usize>() > SECTIONS {
            return Err("msg_blocks_too_long");
        }
        let root = text(args, "thread_ts").map(str::to_owned);
        if let Some(root) = &root
            && !known
                .messages
                .iter()
                .any(|message| message["ts"] == root.as_str())
        {
            return Err("thread_not_found");
        }
        let ts = self.ts();
        let words: String = text(args, "text")
            .unwrap_or_default()
            .chars()
            .take(TEXT)
            .collect();
        let mut message = json!({ "type": "message", "ts": ts, "text": words, "team": TEAM });
        merge(&mut message, by);
        for key in [
            "attachments",
            "blocks",
            "metadata",
            "files",
            "subtype",
            "client_msg_id",
        ] {
            if !args[key].is_null() {
                message[key] = args[key].clone();
            }
        }
        if let Some(root) = root {
            message["thread_ts"] = json!(root);
            let parent = self.message_mut(channel, &root)?;
            parent["thread_ts"] = json!(root);
            parent["reply_count"] = json!(parent["reply_count"].as_u64().unwrap_or(0) + 1);
            message["parent_user_id"] = parent["user"].clone();
        }
        self.channel_mut(channel)?.messages.push(message.clone());
        self.hear(channel, message.clone());
        Ok(message)
    }

    /// `chat.update`: own messages only. What is not given stays.
    pub fn update(&mut self, author: &str, args: &Value) -> Result<Value, Code> {
        let (channel, ts) = (
            text(args, "channel").ok_or("channel_not_found")?,
            text(args, "ts").ok_or("message_not_found")?,
        );
        let now = format!("{}.000000", self.now / 1000);
        let message = self.message_mut(channel, ts)?;
        if message["user"] != author {
            return Err("cant_update_message");
        }
        let before = message.clone();
        for key in ["text", "blocks", "metadata"] {
            if !args[key].is_null() {
                message[key] = args[key].clone();
            }
        }
        message["edited"] = json!({ "user": author, "ts": now });
        let after = message.clone();
        self.changed(
            channel,
            "message_changed",
            &json!({ "message": after, "previous_message": before }),
        );
        Ok(after)
    }

    /// `chat.delete`, and what a person does to their own message.
    pub fn delete(&mut self, author: &str, channel: &str, ts: &str) -> Result<(), Code> {
        if self.message_mut(channel, ts)?["user"] != author {
            return Err("cant_delete_message");
        }
        let known = self.channel_mut(channel)?;
        let at = known
            .messages
            .iter()
            .position(|message| message["ts"] == ts)
            .ok_or("message_not_found")?;
        let before = known.messages.remove(at);
        self.changed(
            channel,
            "message_deleted",
            &json!({ "deleted_ts": ts, "previous_message": before }),
        );
        Ok(())
    }

    fn changed(&mut self, channel: &str, subtype: &str, more: &Value) {
        let ts = self.ts();
        let mut event = json!({ "type": "message", "subtype": subtype, "hidden": true, "ts": ts });
        merge(&mut event, more);
        self.hear(channel, event);
    }

    /// `chat.postEphemeral`.
    pub fn whisper(&mut self, args: &Value) -> Result<Value, Code> {
        let (channel, user) = (
            text(args, "channel").ok_or("channel_not_found")?,
            text(args, "user").ok_or("user_not_in_channel")?,
        );
        if !self
            .channel(channel)?
            .members
            .iter()
            .any(|member| member == user)
        {
            return Err("user_not_in_channel");
        }
        let known = self.channel(channel)?;
        if !known.members.iter().any(|member| member == BOT_USER) {
            return Err("not_in_channel");
        }
        let (channel, user) = (channel.to_owned(), user.to_owned());
        let ts = self.ts();
        self.ephemerals.push(Ephemeral {
            ts: ts.clone(),
            channel,
            user,
            content: args.clone(),
        });
        Ok(json!({ "message_ts": ts }))
    }

    /// `reactions.add`.
    pub fn react(&mut self, user: &str, args: &Value) -> Result<(), Code> {
        let (channel, ts) = (
            text(args, "channel").ok_or("channel_not_found")?,
            text(args, "timestamp").ok_or("no_item_specified")?,
        );
        let name = text(args, "name").ok_or("invalid_name")?.to_owned();
        let message = self.message_mut(channel, ts)?;
        if message["reactions"].is_null() {
            message["reactions"] = json!([]);
        }
        let reactions = message["reactions"].as_array_mut().ok_or("invalid_name")?;
        match reactions
            .iter_mut()
            .find(|reaction| reaction["name"] == name.as_str())
        {
            Some(reaction) => {
                let users = reaction["users"].as_array_mut().ok_or("invalid_name")?;
                if users.iter().any(|one| one == user) {
                    return Err("already_reacted");
                }
                users.push(json!(user));
                reaction["count"] = json!(reaction["count"].as_u64().unwrap_or(0) + 1);
            }
            None => reactions.push(json!({ "name": name, "count": 1, "users": [user] })),
        }
        Ok(())
    }

    /// The app hears that a person reacted.
    pub fn reacted(&mut self, user: &str, args: &Value) {
        let at = self.ts();
        let item =
            json!({ "type": "message", "channel": args["channel"], "ts": args["timestamp"] });
        self.event(&json!({ "type": "reaction_added", "user": user, "reaction": args["name"], "item": item, "item_user": BOT_USER, "event_ts": at }));
    }

    /// `conversations.create`: members are the bot alone.
    pub fn create(&mut self, args: &Value) -> Result<Value, Code> {
        let name = text(args, "name").ok_or("invalid_name_required")?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.len() > 80 || !name.chars().all(fits) {
            return Err("invalid_name_specials");
        }
        if self.channels.values().any(|channel| channel.name == name) {
            return Err("name_taken");
        }
        // An app of a whole organisation has to say where.
        if !self.organisation.is_empty()
            && text(args, "team_id")
                .is_none_or(|team| !self.organisation.iter().any(|one| one == team))
        {
            return Err("missing_argument");
        }
        let id = self.id("C");
        let private = flag(args, "is_private");
        let channel = Channel {
            id: id.clone(),
            name: name.into(),
            private,
            members: vec![BOT_USER.into()],
            ..Channel::default()
        };
        self.channels.insert(id.clone(), channel);
        Ok(self.shown(&id))
    }

    /// A channel as methods show it.
    pub fn shown(&self, id: &str) -> Value {
        let Some(channel) = self.channels.get(id) else {
            return Value::Null;
        };
        json!({
            "id": id, "name": channel.name, "is_channel": !channel.private, "is_private": channel.private, "is_archived": channel.archived,
            "is_member": channel.members.iter().any(|member| member == BOT_USER), "is_ext_shared": false, "creator": BOT_USER,
            "topic": { "value": channel.topic, "creator": "", "last_set": 0 }, "num_members": channel.members.len(),
        })
    }

    /// Adds people to a channel: `conversations.join` and `conversations.invite`.
    pub fn admit(&mut self, channel: &str, users: &[String]) -> Result<(), Code> {
        if users.iter().any(|user| !self.users.contains_key(user)) {
            return Err("user_not_found");
        }
        for user in users {
            let known = self.channel_mut(channel)?;
            if !known.members.contains(user) {
                known.members.push(user.clone());
                self.event(&json!({ "type": "member_joined_channel", "user": user, "channel": channel, "team": TEAM }));
            }
        }
        Ok(())
    }

    /// Somebody puts a person or the bot out of a channel.
    pub fn remove(&mut self, channel: &str, user: &str) -> Result<(), Code> {
        let known = self.channel_mut(channel)?;
        known.members.retain(|member| member != user);
        let kind = if known.private {
            "group_left"
        } else {
            "channel_left"
        };
        if user == BOT_USER {
            self.event(&json!({ "type": kind, "channel": channel }));
        }
        Ok(())
    }

    /// Somebody closes a channel for good, or opens it again.
    pub fn archive(&mut self, channel: &str, archived: bool) -> Result<(), Code> {
        let known = self.channel_mut(channel)?;
        known.archived = archived;
        let kind = format!(
            "{}_{}",
            if known.private { "group" } else { "channel" },
            if archived { "archive" } else { "unarchive" }
        );
        self.event(&json!({ "type": kind, "channel": channel, "user": "U0ANN" }));
        Ok(())
    }

    /// `conversations.history` and `.replies`: newest first without `thread`, oldest first in one.
    pub fn read(
        &self,
        channel: &str,
        thread: Option<&str>,
        args: &Value,
    ) -> Result<Vec<Value>, Code> {
        let known = self.channel(channel)?;
        if !known.members.iter().any(|member| member == BOT_USER) {
            return Err("not_in_channel");
        }
        let (after, until) = (text(args, "oldest").unwrap_or("0"), text(args, "latest"));
        let inclusive = flag(args, "inclusive");
        let metadata = flag(args, "include_all_metadata");
        let shown = |message: &&Value| {
            let ts = message["ts"].as_str().unwrap_or_default();
            let in_thread = message["thread_ts"].as_str();
            let here = thread.map_or_else(
                || in_thread.is_none_or(|root| root == ts),
                |root| ts == root || in_thread == Some(root),
            );
            let in_time = (ts > after || (inclusive && ts == after))
                && until.is_none_or(|until| ts < until || (inclusive && ts == until));
            here && (in_time || thread == Some(ts))
        };
        let mut found: Vec<Value> = known.messages.iter().filter(shown).cloned().collect();
        if let Some(root) = thread
            && !found.iter().any(|message| message["ts"] == root)
        {
            return Err("thread_not_found");
        }
        if !metadata {
            found
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|message| drop(message.remove("metadata")));
        }
        if thread.is_none() {
            found.reverse();
        }
        Ok(found)
    }

    /// `views.open`, with a trigger that is fresh and unused.
    pub fn open(&mut self, args: &Value) -> Result<Value, Code> {
        let trigger = text(args, "trigger_id").ok_or("invalid_arguments")?;
        let (until, user) = self
            .triggers
            .remove(trigger)
            .ok_or("exchanged_trigger_id")?;
        if until < self.now {
            return Err("expired_trigger_id");
        }
        let view = &args["view"];
        if !modals::is_valid(view) {
            return Err("invalid_arguments");
        }
        let id = self.id("V");
        let mut view = view.clone();
        merge(
            &mut view,
            &json!({ "id": id, "team_id": TEAM, "app_id": APP, "bot_id": BOT, "hash": format!("{}.x", self.now), "state": { "values": {} },
            "root_view_id": id, "previous_view_id": null, "app_installed_team_id": TEAM }),
        );
        self.views.insert(id, (user, view.clone()));
        Ok(view)
    }

    /// What the app posts to a response URL.
    pub fn respond(&mut self, id: &str, body: &Value) -> Result<(), Code> {
        let now = self.now;
        let hook = self
            .hooks
            .get_mut(id)
            .filter(|hook| hook.until >= now && hook.left > 0)
            .ok_or("expired_url")?;
        hook.left -= 1;
        let hook = hook.clone();
        if let (true, Some(ts)) = (body["replace_original"] == true, &hook.ts) {
            let message = self.message_mut(&hook.channel, ts)?;
            message["text"] = body["text"].clone();
            message["blocks"] = body["blocks"].clone();
            return Ok(());
        }
        if body["response_type"] == "in_channel" {
            let mut args = body.clone();
            args["channel"] = json!(hook.channel);
            return self.post(&bot(), &args).map(|_| ());
        }
        let ts = self.ts();
        self.ephemerals.push(Ephemeral {
            ts,
            channel: hook.channel,
            user: hook.user,
            content: body.clone(),
        });
        Ok(())
    }
}

/// The author's part of what the app posts.
pub fn bot() -> Value {
    json!({ "user": BOT_USER, "bot_id": BOT, "app_id": APP })
}

/// A flag among arguments: forms have it as text.
fn flag(args: &Value, key: &str) -> bool {
    args[key] == true || matches!(args[key].as_str(), Some("true" | "1"))
}

/// A text among arguments.
pub fn text<'a>(args: &'a Value, key: &str) -> Option<&'a str> {
    args[key].as_str()
}

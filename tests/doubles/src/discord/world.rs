//! A guild in memory: channels, threads, messages, people, commands, interactions. Pure: what is
//! done to it answers with JSON in Discord's shape and leaves events for the gateway; nothing here
//! sends anything.

mod channels;
mod interactions;
mod modals;
mod people;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use vine_domain::Timestamp;

/// Ids of the one guild, the one app, and who is there.
pub const GUILD: &str = "1000000000000000002";
pub const GENERAL: &str = "1000000000000000003";
pub const APP: &str = "1000000000000000004";
pub const BOT: &str = "1000000000000000004";
pub const ANN: &str = "1000000000000000011";
pub const BEN: &str = "1000000000000000012";

/// Milliseconds since 1970 of snowflake 0 (reference, "Snowflakes").
const EPOCH: i64 = 1_420_070_400_000;
/// Characters of a message, and of an input of a modal.
const TEXT: usize = 2_000;
/// The same nonce of the same author within this is the same message (documented as "the past few
/// minutes").
const NONCE: i64 = 120_000;

/// What a bot may, by bit (reference, "Permissions").
pub mod may {
    pub const MANAGE_CHANNELS: u64 = 1 << 4;
    pub const ADD_REACTIONS: u64 = 1 << 6;
    pub const VIEW: u64 = 1 << 10;
    pub const SEND: u64 = 1 << 11;
    pub const ATTACH: u64 = 1 << 15;
    pub const HISTORY: u64 = 1 << 16;
    pub const MANAGE_ROLES: u64 = 1 << 28;
    pub const MANAGE_THREADS: u64 = 1 << 34;
    pub const CREATE_THREADS: u64 = 1 << 35;
    pub const SEND_IN_THREADS: u64 = 1 << 38;
    /// What the invitation of a bot like ours asks for, and a little more.
    pub const USUAL: u64 = MANAGE_CHANNELS
        | ADD_REACTIONS
        | VIEW
        | SEND
        | 1 << 14
        | ATTACH
        | HISTORY
        | MANAGE_ROLES
        | MANAGE_THREADS
        | CREATE_THREADS
        | SEND_IN_THREADS;
}

/// How a call is refused: status, code, words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub u16, pub u32, pub &'static str);

pub const UNKNOWN_CHANNEL: Refusal = Refusal(404, 10003, "Unknown Channel");
pub const UNKNOWN_MESSAGE: Refusal = Refusal(404, 10008, "Unknown Message");
pub const UNKNOWN_INTERACTION: Refusal = Refusal(404, 10062, "Unknown interaction");
pub const UNKNOWN_WEBHOOK: Refusal = Refusal(404, 10015, "Unknown Webhook");
pub const ACKNOWLEDGED: Refusal = Refusal(400, 40060, "Interaction has already been acknowledged.");
pub const NO_ACCESS: Refusal = Refusal(403, 50001, "Missing Access");
pub const NO_PERMISSION: Refusal = Refusal(403, 50013, "Missing Permissions");
pub const EMPTY: Refusal = Refusal(400, 50006, "Cannot send an empty message");
pub const FORM: Refusal = Refusal(400, 50035, "Invalid Form Body");
pub const ARCHIVED: Refusal = Refusal(400, 50083, "Thread is archived");
pub const HAS_THREAD: Refusal = Refusal(
    400,
    160_004,
    "A thread has already been created for this message",
);
pub const LOCKED: Refusal = Refusal(400, 160_005, "Thread is locked");
pub const TOKEN_OVER: Refusal = Refusal(401, 50027, "Invalid Webhook Token");
pub const NOT_FOUND: Refusal = Refusal(404, 0, "404: Not Found");

/// Somebody in the guild.
#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub name: String,
    pub bot: bool,
}

/// A channel (type 0), a forum (15) or a thread (11).
#[derive(Debug, Clone, Default)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub kind: u8,
    pub parent: Option<String>,
    pub topic: String,
    pub overwrites: Vec<Value>,
    pub archived: bool,
    pub locked: bool,
    /// What the bot may not here, whatever its role says.
    pub denied: u64,
    /// In order of their ids.
    pub messages: Vec<Value>,
}

/// The type of a conversation of one person with the bot (reference, "Channel Types").
pub const DIRECT: u8 = 1;

/// An event on its way to the bot.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    pub kind: &'static str,
    pub data: Value,
}

/// All of it.
#[derive(Debug, Default)]
pub struct World {
    /// Milliseconds since 1970, set by whoever calls.
    pub now: i64,
    /// Where files lie.
    pub base: String,
    pub users: BTreeMap<String, User>,
    pub channels: BTreeMap<String, Channel>,
    pub commands: Vec<Value>,
    /// What the bot's role lets it do.
    pub permissions: u64,
    /// Messages that one person alone sees.
    pub ephemerals: Vec<Value>,
    /// Modals that are open.
    pub modals: Vec<Value>,
    /// The bot was put out of the guild.
    pub expelled: bool,
    /// What was last offered while somebody typed.
    pub offered: Value,
    pub bytes: HashMap<String, Vec<u8>>,
    interactions: HashMap<String, interactions::Interaction>,
    nonces: HashMap<String, (i64, String)>,
    dispatches: Vec<Dispatch>,
    count: i64,
}

impl World {
    /// A guild with the bot, Ann and Ben, and `#general`.
    pub fn new(base: &str) -> Self {
        let mut world = Self {
            base: base.into(),
            permissions: may::USUAL,
            ..Self::default()
        };
        for (id, name, bot) in [
            (ANN, "ann", false),
            (BEN, "ben", false),
            (BOT, "vine", true),
        ] {
            world.users.insert(
                id.into(),
                User {
                    id: id.into(),
                    name: name.into(),
                    bot,
                },
            );
        }
        world.channels.insert(
            GENERAL.into(),
            Channel {
                id: GENERAL.into(),
                name: "general".into(),
                ..Channel::default()
            },
        );
        world
    }

    /// What has come up for the bot since the last call.
    pub fn take_dispatches(&mut self) -> Vec<Dispatch> {
        std::mem::take(&mut self.dispatches)
    }

    fn tell(&mut self, kind: &'static str, data: Value) {
        self.dispatches.push(Dispatch { kind, data });
    }

    /// Later ones are larger, and no two are the same.
    fn id(&mut self) -> String {
        self.count += 1;
        (((self.now - EPOCH) << 22) | (self.count & 0x003f_ffff)).to_string()
    }

    /// Puts the bot out of the guild, or lets it in again.
    pub fn expel(&mut self, expelled: bool) {
        self.expelled = expelled;
        if expelled {
            self.tell("GUILD_DELETE", json!({ "id": GUILD }));
        }
    }

    /// A person reacts; the bot is told.
    pub fn reacts(&mut self, user: &str, channel: &str, id: &str, sign: &str) {
        let data = json!({
            "user_id": user, "channel_id": channel, "message_id": id, "guild_id": GUILD, "emoji": { "id": null, "name": sign },
            "member": self.member(user), "message_author_id": BOT, "burst": false, "type": 0,
        });
        self.tell("MESSAGE_REACTION_ADD", data);
    }

    /// Whether the bot may all of this in a channel; a thread is like its parent.
    pub fn allows(&self, channel: &Channel, bits: u64) -> bool {
        let parent = channel
            .parent
            .as_ref()
            .and_then(|id| self.channels.get(id))
            .map_or(0, |parent| parent.denied);
        self.permissions & bits & !(channel.denied | parent) == bits
    }

    /// Whether a channel is a conversation of one person with the bot.
    pub fn is_direct(&self, channel: &str) -> bool {
        let known = self.channels.get(channel);
        known.is_some_and(|known| known.kind == DIRECT)
    }

    /// A channel that the bot can see.
    pub fn seen(&self, id: &str) -> Result<&Channel, Refusal> {
        let channel = self.channels.get(id).ok_or(UNKNOWN_CHANNEL)?;
        if self.allows(channel, may::VIEW) {
            Ok(channel)
        } else {
            Err(NO_ACCESS)
        }
    }

    pub fn message(&self, channel: &str, id: &str) -> Result<&Value, Refusal> {
        self.channels
            .get(channel)
            .ok_or(UNKNOWN_CHANNEL)?
            .messages
            .iter()
            .find(|one| one["id"] == id)
            .ok_or(UNKNOWN_MESSAGE)
    }

    fn message_mut(&mut self, channel: &str, id: &str) -> Result<&mut Value, Refusal> {
        self.channels
            .get_mut(channel)
            .ok_or(UNKNOWN_CHANNEL)?
            .messages
            .iter_mut()
            .find(|one| one["id"] == id)
            .ok_or(UNKNOWN_MESSAGE)
    }

    /// A user as messages show one.
    pub fn user(&self, id: &str) -> Value {
        let (name, bot) = self
            .users
            .get(id)
            .map_or(("nobody", false), |user| (user.name.as_str(), user.bot));
        json!({ "id": id, "username": name, "discriminator": "0", "global_name": name, "avatar": null, "bot": bot, "system": false,
            "flags": 0, "public_flags": 0 })
    }

    /// A user as a member of the guild.
    pub fn member(&self, id: &str) -> Value {
        json!({ "user": self.user(id), "roles": [], "nick": null, "avatar": null, "joined_at": "2026-01-01T00:00:00.000000+00:00", "deaf": false,
            "mute": false, "flags": 0, "pending": false, "premium_since": null, "communication_disabled_until": null,
            "permissions": may::USUAL.to_string() })
    }

    /// Puts a message of somebody into a channel. `args` as for the create call.
    fn put(&mut self, author: &str, channel: &str, args: &Value) -> Value {
        let id = self.id();
        self.put_as(&id, author, channel, args)
    }

    fn put_as(&mut self, id: &str, author: &str, channel: &str, args: &Value) -> Value {
        let mut message = json!({
            "id": id, "channel_id": channel, "author": self.user(author), "content": args["content"].as_str().unwrap_or_default(),
            "timestamp": Timestamp(self.now), "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": args["attachments"].as_array().cloned().unwrap_or_default(), "embeds": [], "pinned": false,
            "type": if args["message_reference"].is_object() { 19 } else { 0 }, "components": numbered(&args["components"]),
            "flags": args["flags"].as_u64().unwrap_or(0),
        });
        // What no bot can send: forwards, stickers, polls.
        crate::json::merge(&mut message, &args["more"]);
        if let Some(of) = args["message_reference"]["message_id"].as_str() {
            message["message_reference"] =
                json!({ "type": 0, "message_id": of, "channel_id": channel, "guild_id": GUILD });
            message["referenced_message"] = self.message(channel, of).cloned().unwrap_or_default();
        }
        if let Some(known) = self.channels.get_mut(channel) {
            known.messages.push(message.clone());
        }
        let mut told = message.clone();
        told["nonce"] = args["nonce"].clone();
        if !self.is_direct(channel) {
            told["guild_id"] = json!(GUILD);
            told["member"] = self.member(author);
        }
        if let Some(member) = told["member"].as_object_mut() {
            member.remove("user");
        }
        self.tell("MESSAGE_CREATE", told);
        message
    }
}

/// Components with the numbers that answers have.
fn numbered(components: &Value) -> Value {
    let mut components = components.as_array().cloned().unwrap_or_default();
    for (row, one) in (1..).step_by(100).zip(&mut components) {
        one["id"] = json!(row);
        for (number, inner) in
            (row + 1..).zip(one["components"].as_array_mut().into_iter().flatten())
        {
            inner["id"] = json!(number);
            if inner["type"] == 3 {
                inner["min_values"] = json!(1);
                inner["max_values"] = json!(1);
            }
        }
    }
    json!(components)
}

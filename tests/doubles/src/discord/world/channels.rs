//! What the bot does with channels, threads and messages.

use serde_json::{Value, json};
use vine_domain::Timestamp;

use super::{
    ARCHIVED, BOT, Channel, EMPTY, FORM, GUILD, HAS_THREAD, LOCKED, NO_PERMISSION, NONCE,
    NOT_FOUND, Refusal, TEXT, UNKNOWN_MESSAGE, World, may, numbered,
};

const THREAD: u8 = 11;
const FORUM: u8 = 15;

impl World {
    /// A channel as calls show it.
    pub fn shown(&self, channel: &Channel) -> Value {
        let mut overwrites = channel.overwrites.clone();
        if channel.denied != 0 {
            overwrites.push(
                json!({ "id": BOT, "type": 1, "allow": "0", "deny": channel.denied.to_string() }),
            );
        }
        let mut shown = json!({
            "id": channel.id, "type": channel.kind, "guild_id": GUILD, "name": channel.name, "parent_id": channel.parent, "position": 0,
            "last_message_id": channel.messages.last().map(|message| message["id"].clone()), "flags": 0, "rate_limit_per_user": 0,
            "topic": channel.topic, "nsfw": false, "permission_overwrites": overwrites,
        });
        if channel.kind == THREAD {
            let metadata = json!({ "archived": channel.archived, "locked": channel.locked, "auto_archive_duration": 1440,
                "archive_timestamp": Timestamp(self.now), "create_timestamp": Timestamp(self.now) });
            crate::json::merge(
                &mut shown,
                &json!({ "thread_metadata": metadata, "owner_id": BOT, "message_count": channel.messages.len(), "member_count": 1, "total_message_sent": channel.messages.len() }),
            );
        }
        if channel.kind == FORUM {
            shown["available_tags"] = json!([]);
        }
        shown
    }

    pub fn show(&self, id: &str) -> Value {
        self.channels
            .get(id)
            .map(|channel| self.shown(channel))
            .unwrap_or_default()
    }

    /// Makes a channel; needs the permission.
    pub fn make(&mut self, args: &Value) -> Result<Value, Refusal> {
        if self.permissions & may::MANAGE_CHANNELS == 0 {
            return Err(NO_PERMISSION);
        }
        let name = args["name"]
            .as_str()
            .filter(|name| (1..=100).contains(&name.chars().count()))
            .ok_or(FORM)?
            .to_owned();
        let kind = args["type"]
            .as_u64()
            .and_then(|kind| u8::try_from(kind).ok())
            .unwrap_or(0);
        let overwrites = args["permission_overwrites"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let id = self.id();
        let topic = args["topic"].as_str().unwrap_or_default().to_owned();
        self.channels.insert(
            id.clone(),
            Channel {
                id: id.clone(),
                name,
                kind,
                topic,
                overwrites,
                ..Channel::default()
            },
        );
        let shown = self.show(&id);
        self.tell("CHANNEL_CREATE", shown.clone());
        Ok(shown)
    }

    /// Lets somebody see a channel.
    pub fn overwrite(&mut self, channel: &str, who: &str, args: &Value) -> Result<Value, Refusal> {
        self.seen(channel)?;
        if self.permissions & may::MANAGE_ROLES == 0 {
            return Err(NO_PERMISSION);
        }
        let mut overwrite = args.clone();
        overwrite["id"] = json!(who);
        if let Some(known) = self.channels.get_mut(channel) {
            known.overwrites.retain(|one| one["id"] != who);
            known.overwrites.push(overwrite);
        }
        Ok(Value::Null)
    }

    /// Changes a thread: opens or closes it, or gives it another name.
    pub fn change(&mut self, id: &str, args: &Value) -> Result<Value, Refusal> {
        let channel = self.seen(id)?;
        if channel.locked && !self.allows(channel, may::MANAGE_THREADS) {
            return Err(NO_PERMISSION);
        }
        let channel = self.channels.get_mut(id).ok_or(NOT_FOUND)?;
        channel.archived = args["archived"].as_bool().unwrap_or(channel.archived);
        channel.locked = args["locked"].as_bool().unwrap_or(channel.locked);
        channel.name = args["name"].as_str().unwrap_or(&channel.name).to_owned();
        channel.topic = args["topic"].as_str().unwrap_or(&channel.topic).to_owned();
        let (kind, shown) = (
            if channel.kind == THREAD {
                "THREAD_UPDATE"
            } else {
                "CHANNEL_UPDATE"
            },
            self.show(id),
        );
        self.tell(kind, shown.clone());
        Ok(shown)
    }

    /// The bot says something. `files` are (name, bytes).
    pub fn create(
        &mut self,
        channel: &str,
        args: &Value,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<Value, Refusal> {
        self.may_speak(channel, !files.is_empty())?;
        check(args, files.len())?;
        if let Some(known) = self.repeated(channel, args)? {
            return Ok(known);
        }
        self.wake(channel);
        let mut args = args.clone();
        args["attachments"] = json!(
            files
                .into_iter()
                .map(|(name, bytes)| self.attach(&name, "text/markdown", bytes))
                .collect::<Vec<_>>()
        );
        let mut message = self.put(BOT, channel, &args);
        if let Some(nonce) = args["nonce"].as_str() {
            self.nonces.insert(
                nonce.into(),
                (self.now, message["id"].as_str().unwrap_or_default().into()),
            );
            message["nonce"] = json!(nonce);
        }
        Ok(message)
    }

    fn may_speak(&self, id: &str, with_files: bool) -> Result<(), Refusal> {
        let channel = self.seen(id)?;
        let bits = if channel.kind == THREAD {
            may::SEND_IN_THREADS
        } else {
            may::SEND
        };
        if channel.kind == FORUM
            || !self.allows(channel, bits | if with_files { may::ATTACH } else { 0 })
        {
            return Err(NO_PERMISSION);
        }
        if channel.locked && !self.allows(channel, may::MANAGE_THREADS) {
            Err(LOCKED)
        } else {
            Ok(())
        }
    }

    /// The message that was made with this nonce a moment ago.
    fn repeated(&self, channel: &str, args: &Value) -> Result<Option<Value>, Refusal> {
        let Some(nonce) = args["nonce"]
            .as_str()
            .filter(|_| args["enforce_nonce"] == true)
        else {
            return Ok(None);
        };
        if nonce.len() > 25 {
            return Err(FORM);
        }
        match self.nonces.get(nonce) {
            Some((at, id)) if self.now - at < NONCE => self.message(channel, id).cloned().map(Some),
            _ => Ok(None),
        }
    }

    /// Speaking in an archived thread opens it.
    pub(super) fn wake(&mut self, id: &str) {
        if self
            .channels
            .get(id)
            .is_some_and(|channel| channel.archived)
            && let Some(channel) = self.channels.get_mut(id)
        {
            channel.archived = false;
            let shown = self.show(id);
            self.tell("THREAD_UPDATE", shown);
        }
    }

    pub(super) fn attach(&mut self, name: &str, kind: &str, bytes: Vec<u8>) -> Value {
        let id = self.id();
        let url = format!("{}/attachments/{id}/{name}", self.base);
        let shown = json!({ "id": id, "filename": name, "size": bytes.len(), "url": url, "proxy_url": url, "content_type": kind });
        self.bytes.insert(id, bytes);
        shown
    }

    /// Changes a message of the bot.
    pub fn edit(&mut self, channel: &str, id: &str, args: &Value) -> Result<Value, Refusal> {
        self.seen(channel)?;
        let archived = self
            .channels
            .get(channel)
            .is_some_and(|known| known.archived);
        let now = Timestamp(self.now);
        let message = self.message_mut(channel, id)?;
        if message["author"]["id"] != BOT {
            return Err(Refusal(
                403,
                50005,
                "Cannot edit a message authored by another user",
            ));
        }
        if archived {
            return Err(ARCHIVED);
        }
        if args["content"]
            .as_str()
            .is_some_and(|text| text.chars().count() > TEXT)
        {
            return Err(FORM);
        }
        for key in ["content", "flags"] {
            if !args[key].is_null() {
                message[key] = args[key].clone();
            }
        }
        if args["components"].is_array() {
            message["components"] = numbered(&args["components"]);
        }
        message["edited_timestamp"] = json!(now);
        let shown = message.clone();
        let mut told = shown.clone();
        told["guild_id"] = json!(GUILD);
        self.tell("MESSAGE_UPDATE", told);
        Ok(shown)
    }

    pub fn delete(&mut self, channel: &str, id: &str) -> Result<Value, Refusal> {
        let known = self.channels.get_mut(channel).ok_or(NOT_FOUND)?;
        let at = known
            .messages
            .iter()
            .position(|one| one["id"] == id)
            .ok_or(UNKNOWN_MESSAGE)?;
        known.messages.remove(at);
        self.tell(
            "MESSAGE_DELETE",
            json!({ "id": id, "channel_id": channel, "guild_id": GUILD }),
        );
        Ok(Value::Null)
    }

    /// Messages of a channel, newest first; `after` and `before` are ids.
    pub fn history(
        &self,
        channel: &str,
        after: Option<u64>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Value, Refusal> {
        let known = self.seen(channel)?;
        if !self.allows(known, may::HISTORY) {
            return Ok(json!([]));
        }
        let number = |message: &Value| {
            message["id"]
                .as_str()
                .and_then(|id| id.parse().ok())
                .unwrap_or(0_u64)
        };
        let fits = |message: &&Value| {
            after.is_none_or(|after| number(message) > after)
                && before.is_none_or(|before| number(message) < before)
        };
        let all: Vec<Value> = known.messages.iter().filter(fits).cloned().collect();
        // After an id the ones next to it are meant, else the latest.
        let mut page: Vec<Value> = match after {
            Some(_) => all.into_iter().take(limit).collect(),
            None => all[all.len().saturating_sub(limit)..].to_vec(),
        };
        page.reverse();
        Ok(json!(page))
    }

    /// Makes a thread under a message; its id is the message's.
    pub fn thread(&mut self, channel: &str, message: &str, args: &Value) -> Result<Value, Refusal> {
        let parent = self.seen(channel)?;
        if !self.allows(parent, may::CREATE_THREADS) {
            return Err(NO_PERMISSION);
        }
        self.message(channel, message)?;
        if self.channels.contains_key(message) {
            return Err(HAS_THREAD);
        }
        self.open_thread(channel, message, args)
    }

    fn open_thread(&mut self, parent: &str, id: &str, args: &Value) -> Result<Value, Refusal> {
        let name = args["name"]
            .as_str()
            .filter(|name| (1..=100).contains(&name.chars().count()))
            .ok_or(FORM)?
            .to_owned();
        let channel = Channel {
            id: id.into(),
            name,
            kind: THREAD,
            parent: Some(parent.into()),
            ..Channel::default()
        };
        self.channels.insert(id.into(), channel);
        let shown = self.show(id);
        if let Ok(starter) = self.message_mut(parent, id) {
            starter["thread"] = shown.clone();
            starter["flags"] = json!(starter["flags"].as_u64().unwrap_or(0) | 1 << 5);
        }
        self.tell("THREAD_CREATE", shown.clone());
        Ok(shown)
    }

    /// Makes a post in a forum: a thread with its first message, which has its id.
    pub fn forum_post(&mut self, forum: &str, args: &Value) -> Result<Value, Refusal> {
        let channel = self.seen(forum)?;
        if channel.kind != FORUM || !self.allows(channel, may::SEND) {
            return Err(NO_PERMISSION);
        }
        check(&args["message"], 0)?;
        let id = self.id();
        let mut shown = self.open_thread(forum, &id, args)?;
        let mut message = args["message"].clone();
        message["nonce"] = Value::Null;
        shown["message"] = self.put_as(&id, BOT, &id, &message);
        Ok(shown)
    }

    /// Adds the bot's reaction.
    pub fn react(&mut self, channel: &str, id: &str, sign: &str) -> Result<Value, Refusal> {
        let known = self.seen(channel)?;
        if !self.allows(known, may::ADD_REACTIONS) {
            return Err(NO_PERMISSION);
        }
        if known.archived {
            return Err(ARCHIVED);
        }
        let message = self.message_mut(channel, id)?;
        let mut reactions = message["reactions"].as_array().cloned().unwrap_or_default();
        if !reactions.iter().any(|one| one["emoji"]["name"] == sign) {
            reactions
                .push(json!({ "count": 1, "me": true, "me_burst": false, "burst_colors": [], "count_details": { "burst": 0, "normal": 1 },
                "emoji": { "id": null, "name": sign } }));
        }
        message["reactions"] = json!(reactions);
        Ok(Value::Null)
    }

    /// Threads that are open.
    pub fn active(&self) -> Value {
        let threads: Vec<_> = self
            .channels
            .values()
            .filter(|one| one.kind == THREAD && !one.archived)
            .map(|one| self.shown(one))
            .collect();
        json!({ "threads": threads, "members": [], "has_more": false })
    }
}

fn check(args: &Value, files: usize) -> Result<(), Refusal> {
    let text = args["content"].as_str().unwrap_or_default();
    if text.is_empty() && files == 0 && args["embeds"].as_array().is_none_or(Vec::is_empty) {
        return Err(EMPTY);
    }
    let rows = args["components"].as_array().cloned().unwrap_or_default();
    let inner = || {
        rows.iter()
            .flat_map(|row| row["components"].as_array().cloned().unwrap_or_default())
    };
    let crowded = rows.len() > 5
        || rows.iter().any(|row| {
            row["components"]
                .as_array()
                .is_some_and(|all| all.len() > 5)
        });
    let long = |one: &Value, key: &str, most: usize| {
        one[key]
            .as_str()
            .is_some_and(|text| text.chars().count() > most)
    };
    let wrong = inner().any(|one| long(&one, "label", 80) || long(&one, "custom_id", 100));
    if text.chars().count() > TEXT || crowded || wrong {
        Err(FORM)
    } else {
        Ok(())
    }
}

impl World {
    /// Somebody has changed what the bot may in a channel.
    pub fn changed(&mut self, id: &str) {
        let shown = self.show(id);
        self.tell("CHANNEL_UPDATE", shown);
    }

    /// Somebody deletes a channel.
    pub fn vanish(&mut self, id: &str) -> Result<Value, Refusal> {
        let shown = self.show(id);
        self.channels.remove(id).ok_or(NOT_FOUND)?;
        self.tell("CHANNEL_DELETE", shown);
        Ok(json!({}))
    }
}

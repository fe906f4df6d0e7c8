//! How the bot answers what people press, type and send: within three seconds, once; what follows
//! within a quarter of an hour.

use serde_json::{Value, json};

use super::{
    ACKNOWLEDGED, APP, BOT, FORM, GUILD, Refusal, TOKEN_OVER, UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK,
    World, may, modals, numbered,
};

/// Milliseconds (reference, "Responding to an Interaction").
const ACKNOWLEDGE: i64 = 3_000;
const TOKEN: i64 = 15 * 60 * 1000;
const EPHEMERAL: u64 = 64;

/// Kinds of interactions.
pub const COMMAND: u8 = 2;
pub const COMPONENT: u8 = 3;
pub const COMPLETE: u8 = 4;
pub const MODAL: u8 = 5;

#[derive(Debug, Clone)]
pub struct Interaction {
    token: String,
    kind: u8,
    user: String,
    channel: String,
    at: i64,
    /// The message whose button was pressed.
    message: Option<String>,
    acknowledged: bool,
}

impl World {
    /// Somebody does something; the bot hears of it.
    pub(super) fn interact(
        &mut self,
        user: &str,
        channel: &str,
        kind: u8,
        data: &Value,
        message: Option<&str>,
    ) -> String {
        let id = self.id();
        let token = format!("token-{id}");
        let mut event = json!({
            "id": id, "application_id": APP, "type": kind, "token": token, "version": 1, "guild_id": GUILD, "channel_id": channel,
            "channel": self.show(channel), "member": self.member(user), "data": data, "locale": "en-US", "guild_locale": "en-US",
            "app_permissions": may::USUAL.to_string(), "entitlements": [], "authorizing_integration_owners": { "0": GUILD }, "context": 0,
            "attachment_size_limit": 10_485_760,
        });
        if self.is_direct(channel)
            && let Some(event) = event.as_object_mut()
        {
            event.remove("guild_id");
            event.remove("member");
            event.insert("user".into(), self.user(user));
        }
        if let Some(shown) = message.and_then(|message| self.message(channel, message).ok()) {
            event["message"] = shown.clone();
        } else if let Some(whispered) = message {
            event["message"] =
                json!({ "id": whispered, "channel_id": channel, "flags": EPHEMERAL });
        }
        let (user, channel, message) = (
            user.to_owned(),
            channel.to_owned(),
            message.map(str::to_owned),
        );
        let interaction = Interaction {
            token,
            kind,
            user,
            channel,
            at: self.now,
            message,
            acknowledged: false,
        };
        self.interactions.insert(id.clone(), interaction);
        self.tell("INTERACTION_CREATE", event);
        id
    }

    /// `POST /interactions/<id>/<token>/callback`
    pub fn callback(&mut self, id: &str, token: &str, body: &Value) -> Result<Value, Refusal> {
        let now = self.now;
        let known = self
            .interactions
            .get_mut(id)
            .filter(|known| known.token == token && now - known.at <= ACKNOWLEDGE);
        let known = known.ok_or(UNKNOWN_INTERACTION)?;
        if known.acknowledged {
            return Err(ACKNOWLEDGED);
        }
        let (kind, data) = (body["type"].as_u64().ok_or(FORM)?, &body["data"]);
        let fits = match known.kind {
            COMPLETE => kind == 8,
            COMPONENT => [4, 5, 6, 7, 9].contains(&kind),
            MODAL => [4, 5, 6, 7].contains(&kind),
            _ => [4, 5, 9].contains(&kind),
        };
        if !fits || kind == 9 && !modals::is_valid(data) {
            return Err(FORM);
        }
        known.acknowledged = true;
        let known = known.clone();
        match kind {
            4 => self.answer(id, &known, data, false),
            5 => self.answer(id, &known, data, true),
            7 => self.update(&known, data),
            8 => self.offered = data["choices"].clone(),
            9 => self
                .modals
                .push(json!({ "interaction": id, "user": known.user, "channel": known.channel, "message": known.message, "modal": data })),
            _ => {}
        }
        Ok(Value::Null)
    }

    fn answer(&mut self, id: &str, to: &Interaction, data: &Value, thinking: bool) {
        if data["flags"].as_u64().unwrap_or(0) & EPHEMERAL == EPHEMERAL {
            self.ephemerals.push(
                json!({ "id": id, "interaction": id, "user": to.user, "channel": to.channel, "content": data["content"], "components": data["components"], "thinking": thinking }),
            );
        } else if !thinking {
            self.put(BOT, &to.channel.clone(), data);
        }
    }

    fn update(&mut self, to: &Interaction, data: &Value) {
        let Some(id) = to.message.clone() else { return };
        if let Ok(message) = self.message_mut(&to.channel, &id) {
            if data["content"].is_string() {
                message["content"] = data["content"].clone();
            }
            if data["components"].is_array() {
                message["components"] = numbered(&data["components"]);
            }
        }
    }

    fn by_token(&self, token: &str) -> Result<(String, Interaction), Refusal> {
        let (id, known) = self
            .interactions
            .iter()
            .find(|(_, known)| known.token == token)
            .ok_or(UNKNOWN_WEBHOOK)?;
        if self.now - known.at > TOKEN {
            return Err(TOKEN_OVER);
        }
        if known.acknowledged {
            Ok((id.clone(), known.clone()))
        } else {
            Err(UNKNOWN_WEBHOOK)
        }
    }

    /// `PATCH /webhooks/<app>/<token>/messages/@original`
    pub fn amend(&mut self, token: &str, body: &Value) -> Result<Value, Refusal> {
        let (id, known) = self.by_token(token)?;
        check(body)?;
        if let Some(shown) = self
            .ephemerals
            .iter_mut()
            .find(|one| one["interaction"] == id.as_str())
        {
            shown["content"] = body["content"].clone();
            shown["components"] = body["components"].clone();
            shown["thinking"] = json!(false);
        }
        Ok(self.whispered(&id, &known, body))
    }

    /// `POST /webhooks/<app>/<token>`
    pub fn follow_up(&mut self, token: &str, body: &Value) -> Result<Value, Refusal> {
        let (_, known) = self.by_token(token)?;
        check(body)?;
        let message = self.id();
        self.answer(&message, &known, body, false);
        Ok(self.whispered(&message, &known, body))
    }

    /// A message that one person sees, as calls show it.
    fn whispered(&self, id: &str, to: &Interaction, body: &Value) -> Value {
        json!({ "id": id, "channel_id": to.channel, "author": self.user(BOT), "content": body["content"], "timestamp": vine_domain::Timestamp(self.now),
            "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
            "embeds": [], "pinned": false, "type": 20, "components": [], "flags": EPHEMERAL, "webhook_id": APP, "application_id": APP })
    }
}

fn check(body: &Value) -> Result<(), Refusal> {
    if body["content"]
        .as_str()
        .is_some_and(|text| text.chars().count() > super::TEXT)
    {
        Err(FORM)
    } else {
        Ok(())
    }
}

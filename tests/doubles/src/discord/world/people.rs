//! What people do: they say, edit, press, pick, type commands, send modals, and archive threads.

use serde_json::{Value, json};

use super::{
    APP, Channel, DIRECT, GUILD, NO_PERMISSION, NOT_FOUND, Refusal, World,
    interactions::{COMMAND, COMPLETE, COMPONENT, MODAL},
    modals,
};
use crate::content_of;

impl World {
    /// A person says something: `content`, and maybe `reply_to` and `file` with `name`, `kind` and
    /// `text`.
    pub fn say(&mut self, user: &str, channel: &str, args: &Value) -> Result<Value, Refusal> {
        if self.channels.get(channel).ok_or(NOT_FOUND)?.locked {
            return Err(NO_PERMISSION);
        }
        self.wake(channel);
        let mut args = args.clone();
        if let Some(of) = args["reply_to"].as_str() {
            args["message_reference"] = json!({ "message_id": of });
        }
        if let Some(name) = args["file"]["name"].as_str() {
            let kind = args["file"]["kind"].as_str().unwrap_or("text/plain");
            let mut file = self.attach(name, kind, content_of(&args["file"]));
            if let Some(size) = args["file"]["size"].as_u64() {
                file["size"] = json!(size);
            }
            args["attachments"] = json!([file]);
        }
        Ok(self.put(user, channel, &args))
    }

    /// The conversation of a person with the bot.
    pub fn direct(&mut self, user: &str) -> Result<Value, Refusal> {
        let known = self.channels.values();
        let known = known.filter(|one| one.kind == DIRECT && one.name == user);
        let known = known.map(|one| one.id.clone()).next();
        let id = known.unwrap_or_else(|| {
            let id = self.id();
            let channel = Channel {
                id: id.clone(),
                name: user.to_owned(),
                kind: DIRECT,
                ..Channel::default()
            };
            self.channels.insert(id.clone(), channel);
            id
        });
        Ok(json!({ "channel": id }))
    }

    /// A person changes their own words.
    pub fn reword(
        &mut self,
        user: &str,
        channel: &str,
        id: &str,
        content: &str,
    ) -> Result<Value, Refusal> {
        let now = vine_domain::Timestamp(self.now);
        let message = self.message_mut(channel, id)?;
        if message["author"]["id"] != user {
            return Err(NO_PERMISSION);
        }
        message["content"] = json!(content);
        message["edited_timestamp"] = json!(now);
        let mut told = message.clone();
        told["guild_id"] = json!(GUILD);
        self.tell("MESSAGE_UPDATE", told);
        Ok(Value::Null)
    }

    /// A person presses a button, or picks `values` from a list. With `forged` the message need not
    /// have such a thing.
    pub fn press(
        &mut self,
        user: &str,
        channel: &str,
        message: &str,
        args: &Value,
    ) -> Result<Value, Refusal> {
        let wanted = args["custom_id"].as_str().ok_or(NOT_FOUND)?;
        let rows = self.message(channel, message)?["components"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut all = rows
            .iter()
            .flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
        let shown = all.find(|one| one["custom_id"] == wanted);
        if shown.is_none() && args["forged"] != true {
            return Err(NOT_FOUND);
        }
        let kind = shown.map_or(json!(2), |one| one["type"].clone());
        let mut data = json!({ "custom_id": wanted, "component_type": kind });
        if kind == 3 {
            data["values"] = args["values"].clone();
        }
        Ok(json!(self.interact(
            user,
            channel,
            COMPONENT,
            &data,
            Some(message)
        )))
    }

    /// A person sends a slash command: its `words` after `/vine`, and `options` by name.
    pub fn command(&mut self, user: &str, channel: &str, args: &Value) -> Result<Value, Refusal> {
        let data = self.typed(args, None)?;
        Ok(json!(self.interact(user, channel, COMMAND, &data, None)))
    }

    /// A person types into an option, and the client asks what there is.
    pub fn complete(&mut self, user: &str, channel: &str, args: &Value) -> Result<Value, Refusal> {
        let data = self.typed(args, args["focused"].as_str())?;
        Ok(json!(self.interact(user, channel, COMPLETE, &data, None)))
    }

    /// The data of a slash command, as the menu that was registered lets people build it.
    fn typed(&self, args: &Value, focused: Option<&str>) -> Result<Value, Refusal> {
        let name = args["name"].as_str().unwrap_or("vine");
        let command = self
            .commands
            .iter()
            .find(|one| one["name"] == name && one["type"].as_u64().unwrap_or(1) == 1)
            .ok_or(NOT_FOUND)?;
        let words: Vec<&str> = args["words"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let options = nested(&command["options"], &words, &args["options"], focused)?;
        Ok(
            json!({ "id": command["id"], "name": name, "type": 1, "options": options, "guild_id": GUILD }),
        )
    }

    /// A person uses a command of a message's menu.
    pub fn use_message(
        &mut self,
        user: &str,
        channel: &str,
        message: &str,
        name: &str,
    ) -> Result<Value, Refusal> {
        let command = self
            .commands
            .iter()
            .find(|one| one["name"] == name && one["type"] == 3)
            .ok_or(NOT_FOUND)?;
        let resolved = json!({ "messages": { message: self.message(channel, message)? } });
        let data = json!({ "id": command["id"], "name": name, "type": 3, "target_id": message, "resolved": resolved, "guild_id": GUILD });
        Ok(json!(self.interact(user, channel, COMMAND, &data, None)))
    }

    /// A person sends the modal that is open; `values` are texts by field.
    pub fn submit(&mut self, args: &Value) -> Result<Value, Refusal> {
        let open = self.modals.pop().ok_or(NOT_FOUND)?;
        let rows = modals::sent(&open["modal"], &args["values"]);
        let data = json!({ "custom_id": open["modal"]["custom_id"], "components": rows });
        let text = |key: &str| open[key].as_str().unwrap_or_default().to_owned();
        Ok(json!(self.interact(
            &text("user"),
            &text("channel"),
            MODAL,
            &data,
            open["message"].as_str()
        )))
    }

    /// Registers what the menu shows; each with an id.
    pub fn register(&mut self, commands: &Value) -> Value {
        let mut commands = commands.as_array().cloned().unwrap_or_default();
        for command in &mut commands {
            let id = self.id();
            crate::json::merge(
                command,
                &json!({ "id": id, "application_id": APP, "guild_id": GUILD, "version": id }),
            );
            for (key, default) in [
                ("type", json!(1)),
                ("description", json!("")),
                ("default_member_permissions", Value::Null),
                ("nsfw", json!(false)),
            ] {
                if command[key].is_null() {
                    command[key] = default;
                }
            }
        }
        self.commands.clone_from(&commands);
        json!(commands)
    }
}

/// The options on the way down to a verb.
fn nested(
    options: &Value,
    words: &[&str],
    values: &Value,
    focused: Option<&str>,
) -> Result<Value, Refusal> {
    let all = options.as_array().cloned().unwrap_or_default();
    if let [word, rest @ ..] = words {
        let found = all
            .iter()
            .find(|one| one["name"] == *word && matches!(one["type"].as_u64(), Some(1 | 2)))
            .ok_or(NOT_FOUND)?;
        return Ok(
            json!([{ "name": word, "type": found["type"], "options": nested(&found["options"], rest, values, focused)? }]),
        );
    }
    let mut given = Vec::new();
    for (name, value) in values.as_object().into_iter().flatten() {
        let option = all
            .iter()
            .find(|one| one["name"] == name.as_str())
            .ok_or(NOT_FOUND)?;
        let mut one = json!({ "name": name, "type": option["type"], "value": value });
        if focused == Some(name) {
            one["focused"] = json!(true);
        }
        given.push(one);
    }
    let missing = all.iter().any(|one| {
        one["required"] == true && values[one["name"].as_str().unwrap_or_default()].is_null()
    });
    if missing && focused.is_none() {
        Err(NOT_FOUND)
    } else {
        Ok(json!(given))
    }
}

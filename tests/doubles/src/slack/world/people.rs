//! What people do: they say, type, press, write, and see what the app says to that at once.

use serde_json::{Value, json};

use super::{
    APP, BOT_USER, Channel, Code, ENTERPRISE, HOOK_LIFE, HOOK_USES, Hook, Notice, TRIGGER_LIFE,
    User, World, merge, modals,
};

impl World {
    fn trigger(&mut self, user: &str) -> String {
        let id = self.id("tr");
        self.triggers
            .insert(id.clone(), (self.now + TRIGGER_LIFE, user.into()));
        id
    }

    fn hook(&mut self, channel: &str, user: &str, ts: Option<&str>) -> String {
        let id = self.id("hook");
        let hook = Hook {
            channel: channel.into(),
            user: user.into(),
            ts: ts.map(Into::into),
            until: self.now + HOOK_LIFE,
            left: HOOK_USES,
        };
        self.hooks.insert(id.clone(), hook);
        format!("{}/hooks/{id}", self.base)
    }

    fn person(&self, user: &str) -> Result<&User, Code> {
        self.users.get(user).ok_or("user_not_found")
    }

    /// The conversation of a person with the bot.
    pub fn direct(&mut self, user: &str) -> Result<Value, Code> {
        self.person(user)?;
        let id = format!("D0{user}");
        let members = vec![user.to_owned(), BOT_USER.to_owned()];
        self.channels.entry(id.clone()).or_insert_with(|| Channel {
            id: id.clone(),
            private: true,
            members,
            ..Channel::default()
        });
        Ok(json!({ "channel": id }))
    }

    /// A person says something; `args` as for `chat.postMessage`. Words are escaped as Slack
    /// escapes them.
    pub fn say(&mut self, user: &str, args: &Value) -> Result<Value, Code> {
        let team = self.person(user)?.team.clone();
        let mut args = args.clone();
        if args["file"].is_object() {
            args["files"] = json!([self.attach(&args["file"])]);
            args["subtype"] = json!("file_share");
        }
        self.post(
            &json!({ "user": user, "team": team, "user_team": team }),
            &args,
        )
    }

    /// A person types a slash command. Threads have none.
    pub fn command(&mut self, user: &str, channel: &str, line: &str) -> Result<(), Code> {
        let (name, words) = line.split_once(' ').unwrap_or((line, ""));
        let (person, shown) = (
            self.person(user)?.clone(),
            self.channel(channel)?.name.clone(),
        );
        let (trigger, hook) = (self.trigger(user), self.hook(channel, user, None));
        self.notices.push(Notice::Command(json!({
            "token": "verification", "team_id": person.team, "team_domain": "team", "channel_id": channel, "channel_name": shown, "user_id": user,
            "user_name": person.name, "command": name, "text": words, "api_app_id": APP, "is_enterprise_install": "false",
            "response_url": hook, "trigger_id": trigger,
        })));
        Ok(())
    }

    fn interaction(&mut self, user: &str, kind: &str, more: &Value) -> Result<(), Code> {
        let person = self.person(user)?.clone();
        let trigger = self.trigger(user);
        let mut payload = json!({
            "type": kind, "user": { "id": user, "username": person.name, "name": person.name, "team_id": person.team }, "api_app_id": APP,
            "token": "verification", "team": { "id": person.team, "domain": "team" }, "enterprise": null, "is_enterprise_install": false,
            "trigger_id": trigger,
        });
        if !self.organisation.is_empty() {
            merge(
                &mut payload,
                &json!({ "team": null, "enterprise": { "id": ENTERPRISE }, "is_enterprise_install": true }),
            );
        }
        merge(&mut payload, more);
        self.notices.push(Notice::Interaction(payload));
        Ok(())
    }

    /// A person presses the button with this action id.
    pub fn click(&mut self, user: &str, channel: &str, ts: &str, action: &str) -> Result<(), Code> {
        let whispered = self
            .ephemerals
            .iter()
            .find(|one| one.ts == ts && one.user == user);
        let is_ephemeral = whispered.is_some();
        let message = match whispered {
            Some(one) => one.content.clone(),
            None => self
                .message(channel, ts)
                .ok_or("message_not_found")?
                .clone(),
        };
        let elements = message["blocks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|block| Some((block["block_id"].clone(), block["elements"].as_array()?)));
        let pressed = elements
            .flat_map(|(block, all)| all.iter().map(move |one| (block.clone(), one)))
            .find(|(_, one)| one["action_id"] == action);
        let (block, element) = pressed.ok_or("no_such_button")?;
        let moment = format!("{}.000000", self.now / 1000);
        let pressed = json!({ "action_id": action, "block_id": block, "text": element["text"], "value": element["value"], "type": "button", "action_ts": moment });
        let hook = self.hook(channel, user, Some(ts));
        let name = self.channel(channel)?.name.clone();
        let more = json!({
            "container": { "type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": is_ephemeral }, "channel": { "id": channel, "name": name },
            "message": message, "state": { "values": {} }, "response_url": hook, "actions": [pressed],
        });
        self.interaction(user, "block_actions", &more)
    }

    /// A person uses a message shortcut.
    pub fn shortcut(
        &mut self,
        user: &str,
        channel: &str,
        ts: &str,
        callback: &str,
    ) -> Result<(), Code> {
        let message = self
            .message(channel, ts)
            .ok_or("message_not_found")?
            .clone();
        let (hook, name) = (
            self.hook(channel, user, None),
            self.channel(channel)?.name.clone(),
        );
        let more = json!({ "callback_id": callback, "message": message, "message_ts": ts, "response_url": hook, "channel": { "id": channel, "name": name },
            "action_ts": ts });
        self.interaction(user, "message_action", &more)
    }

    /// A person sends a modal; `values` are texts by block id and action id.
    pub fn submit(&mut self, view: &str, values: &Value) -> Result<(), Code> {
        let (user, mut shown) = self.views.get(view).cloned().ok_or("not_found")?;
        shown["state"] = json!({ "values": modals::state(&shown, values) });
        self.interaction(
            &user,
            "view_submission",
            &json!({ "view": shown, "response_urls": [] }),
        )
    }

    /// What the app said to a modal: `true` when it is closed by that.
    pub fn submitted(&mut self, view: &str, answer: &Value) {
        match answer["response_action"].as_str() {
            Some("errors") => {
                if let Some((_, shown)) = self.views.get_mut(view) {
                    shown["errors"] = answer["errors"].clone();
                }
            }
            Some("update") => {
                if let Some((_, shown)) = self.views.get_mut(view) {
                    merge(shown, &answer["view"]);
                }
            }
            _ => drop(self.views.remove(view)),
        }
    }

    /// What the app said to a command at once.
    pub fn replied(&mut self, command: &Value, answer: &Value) {
        if answer["text"].is_string() || answer["blocks"].is_array() {
            let id = command["response_url"]
                .as_str()
                .and_then(|url| url.rsplit('/').next())
                .unwrap_or_default()
                .to_owned();
            let _expired_at_once_is_impossible = self.respond(&id, answer);
        }
    }
}

//! The app's manifest for Slack: its name, command, shortcut, scopes and events.

use serde_json::{Value, json};

use crate::card;

/// The bot's scopes, with the reason for each.
pub const SCOPES: [&str; 14] = [
    "channels:history", // to receive answers, and to find missed messages and our own posts
    "channels:join",    // `repo room --room #name`
    "channels:manage",  // topics, invitations
    "channels:read",    // to find channels by name
    "chat:write",
    "commands",
    "files:read",     // text files in answers
    "files:write",    // text that is too long for messages
    "groups:history", // the same for private channels
    "groups:read",
    "groups:write", // to create a private channel for each repository
    NICETIES[0].0,
    NICETIES[1].0,
    "reactions:write", // the check mark on the answer that counts
];

/// The optional scopes, each with what is not received without it.
pub const NICETIES: [(&str, &str); 2] = [
    ("im:history", "direct messages"),
    ("reactions:read", "reactions"),
];

/// The events that the bot receives: messages, reactions, changes of its channels, and its own
/// removal.
const EVENTS: [&str; 17] = [
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_unarchive",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "reaction_added",
    "tokens_revoked",
];

/// The manifest from which Slack creates the app (schema version 1). If `door` is given, Slack
/// sends its requests to that URL (see [`crate::routes`]); if not, the app uses Socket Mode.
/// `organisation` allows installing it for many workspaces at once.
pub fn manifest(door: Option<&str>, organisation: bool) -> Value {
    let mut manifest = json!({
        "_metadata": { "major_version": 1, "minor_version": 1 },
        "display_information": { "name": "AgentVine", "description": "Questions from coding agents, and your answers" },
        "features": {
            "app_home": { "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "bot_user": { "display_name": "vine", "always_online": true },
            "shortcuts": [{ "name": "Answer with AgentVine", "type": "message", "callback_id": card::SHORTCUT, "description": "Answer the question in this thread" },
                { "name": "Make this a task", "type": "message", "callback_id": card::TASK_SHORTCUT, "description": "Give it to an agent, with the thread before it" }],
            "slash_commands": [{ "command": "/vine", "description": "AgentVine: tasks, questions, sessions", "usage_hint": "task new | question list | help", "should_escape": true }],
        },
        "oauth_config": { "scopes": { "bot": SCOPES } },
        "settings": {
            "event_subscriptions": { "bot_events": EVENTS },
            "interactivity": { "is_enabled": true },
            "org_deploy_enabled": organisation, "socket_mode_enabled": door.is_none(), "token_rotation_enabled": false,
        },
    });
    if let Some(door) = door {
        manifest["features"]["slash_commands"][0]["url"] = json!(door);
        manifest["settings"]["event_subscriptions"]["request_url"] = json!(door);
        manifest["settings"]["interactivity"]["request_url"] = json!(door);
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys and lengths of Slack's schema of manifests (github.com/slackapi/manifest-schema,
    /// version 1.0.0 at c50cfa8) that we use: path, maximum length.
    const TEXTS: [(&str, usize); 14] = [
        ("/display_information/name", 35),
        ("/display_information/description", 140),
        ("/features/bot_user/display_name", 80),
        ("/features/shortcuts/0/name", 24),
        ("/features/shortcuts/0/callback_id", 255),
        ("/features/shortcuts/0/description", 150),
        ("/features/shortcuts/1/name", 24),
        ("/features/shortcuts/1/callback_id", 255),
        ("/features/shortcuts/1/description", 150),
        ("/features/slash_commands/0/command", 32),
        ("/features/slash_commands/0/description", 2000),
        ("/features/slash_commands/0/usage_hint", 1000),
        ("/features/slash_commands/0/url", 3000),
        ("/settings/event_subscriptions/request_url", 3500),
    ];

    #[test]
    fn it_keeps_to_the_rules_of_manifests() {
        let manifest = manifest(Some("https://vine.example.org/chat/slack"), false);
        for (path, longest) in TEXTS {
            let length = manifest
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("{path}"))
                .chars()
                .count();
            assert!(length >= 1 && length <= longest, "{path}: {length}");
        }
        assert!(
            ["message", "global"].contains(
                &manifest["features"]["shortcuts"][0]["type"]
                    .as_str()
                    .expect("a type")
            )
        );
        assert!(
            SCOPES.is_sorted() && EVENTS.is_sorted(),
            "each once, and easy to compare"
        );
        assert!(SCOPES.iter().chain(&EVENTS).all(|name| name.len() <= 50));
        let keys = |path: &str| {
            manifest
                .pointer(path)
                .and_then(Value::as_object)
                .expect(path)
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            keys(""),
            [
                "_metadata",
                "display_information",
                "features",
                "oauth_config",
                "settings"
            ]
        );
        assert_eq!(
            keys("/features"),
            ["app_home", "bot_user", "shortcuts", "slash_commands"]
        );
        let settings = [
            "event_subscriptions",
            "interactivity",
            "org_deploy_enabled",
            "socket_mode_enabled",
            "token_rotation_enabled",
        ];
        assert_eq!(keys("/settings"), settings);
    }

    /// Which scope an event needs (reference of each event).
    #[test]
    fn every_event_has_its_scope() {
        for event in EVENTS {
            let scope = match event {
                "message.channels" => "channels:history",
                "message.groups" => "groups:history",
                group if group.starts_with("group_") => "groups:read",
                _ => "channels:read",
            };
            assert!(SCOPES.contains(&scope), "{event}");
        }
    }

    #[test]
    fn requests_come_to_our_door_or_over_sockets() {
        let sockets = manifest(None, false);
        let door = manifest(Some("https://x/chat/slack"), true);
        assert_eq!(
            (
                &sockets["settings"]["socket_mode_enabled"],
                &sockets["settings"]["interactivity"]["request_url"]
            ),
            (&json!(true), &Value::Null)
        );
        assert_eq!(
            (
                &door["settings"]["socket_mode_enabled"],
                &door["settings"]["org_deploy_enabled"]
            ),
            (&json!(false), &json!(true))
        );
        assert_eq!(
            door["features"]["slash_commands"][0]["url"],
            "https://x/chat/slack"
        );
    }
}

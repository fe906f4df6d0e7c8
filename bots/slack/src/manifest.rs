//! What the app is to Slack: its name, command, shortcut, scopes and events.

use serde_json::{Value, json};

use crate::card;

/// What the bot must be allowed, each for a reason of its own.
const SCOPES: [&str; 13] = [
    "app_mentions:read", // to be offered when somebody types `@vine`
    "channels:history",  // to hear answers, and to look for what was missed and posted
    "channels:join",     // `repo room --room #name`
    "channels:manage",   // topics, invitations
    "channels:read",     // to find a channel by its name
    "chat:write",
    "commands",
    "groups:history", // the same for private channels
    "groups:read",
    "groups:write", // to make a private channel for each repository
    "im:history",
    "reactions:write", // the check mark on the answer that counts
    "users:read",
];

/// The manifest from which Slack makes the app (schema version 1).
pub fn manifest() -> Value {
    json!({
        "_metadata": { "major_version": 1, "minor_version": 1 },
        "display_information": { "name": "AgentVine", "description": "Questions from coding agents, and your answers" },
        "features": {
            "bot_user": { "display_name": "vine", "always_online": true },
            "app_home": { "home_tab_enabled": false, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "shortcuts": [{ "name": "Answer with AgentVine", "type": "message", "callback_id": card::SHORTCUT, "description": "Answer the question in this thread" }],
            "slash_commands": [{ "command": "/vine", "description": "AgentVine: tasks, questions, sessions", "usage_hint": "task new | question list | help", "should_escape": true }],
        },
        "oauth_config": { "scopes": { "bot": SCOPES } },
        "settings": {
            "event_subscriptions": { "bot_events": ["app_mention", "message.channels", "message.groups"] },
            "interactivity": { "is_enabled": true },
            "org_deploy_enabled": false, "socket_mode_enabled": true, "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits of the manifest's reference.
    #[test]
    fn it_keeps_to_the_rules_of_manifests() {
        let manifest = manifest();
        let text = |path: &str| manifest.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}")).chars().count();
        assert!(text("/display_information/name") <= 35 && text("/display_information/description") <= 140);
        assert!(text("/features/shortcuts/0/name") <= 24 && text("/features/shortcuts/0/description") <= 150);
        assert!(text("/features/slash_commands/0/usage_hint") <= 1000);
        assert!(SCOPES.is_sorted(), "each once, and easy to compare");
    }
}

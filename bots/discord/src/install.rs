//! Checks the bot's installation: its identity, its server and its permissions.

use serde_json::Value;
use serenity::all::{Permissions, Route};
use vine_domain::ports::{ChatError, EventSink};

use crate::{
    ids::guild,
    menu,
    rest::{DiscordCallError, RestClient},
    session::{BotIdentity, DiscordSession, DiscordSettings},
};

/// Permissions that the bot needs in each channel.
pub const NEEDED: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::SEND_MESSAGES_IN_THREADS)
    .union(Permissions::CREATE_PUBLIC_THREADS)
    .union(Permissions::READ_MESSAGE_HISTORY)
    .union(Permissions::ATTACH_FILES)
    .union(Permissions::ADD_REACTIONS);
/// Permissions that the invitation requests: also to create channels, to add people to them, and to
/// open locked threads.
const INVITED: Permissions = NEEDED
    .union(Permissions::MANAGE_CHANNELS)
    .union(Permissions::MANAGE_ROLES)
    .union(Permissions::MANAGE_THREADS);

/// Application flags of the message content intent, for unverified or verified bots (reference,
/// "Application Flags").
const GRANTED: u64 = 1 << 18 | 1 << 19;

/// Connects to the REST API.
///
/// # Errors
/// Describes the problem and what to do about it.
pub async fn connect(
    settings: &DiscordSettings,
    ear: &dyn EventSink,
) -> Result<(DiscordSession, String), String> {
    let rest = RestClient::new(&settings.api_url, &settings.token)?;
    let said = |error| ChatError::from(error).to_string();
    let app = rest
        .get("identifying the bot", Route::Oauth2ApplicationCurrent, &[])
        .await
        .map_err(said)?;
    let id = app["id"].as_str().unwrap_or_default().to_owned();
    if settings.message_content && app["flags"].as_u64().unwrap_or(0) & GRANTED == 0 {
        return Err(
            "the bot is not allowed to read messages: turn on \"Message Content Intent\" under \"Bot\" in the developer portal, or set \
                    `message_content = false` in [chat.discord] and answer with buttons and \
                    commands"
                .into(),
        );
    }
    let server = guild(&settings.guild)?;
    let known = rest
        .get("reading the server", Route::Guild { guild_id: server }, &[])
        .await;
    let known = known.map_err(|error| match error.code() {
        Some(_) => format!(
            "the bot is not in the server {}; invite it with {}",
            settings.guild,
            invitation(&id)
        ),
        None => error.to_string(),
    })?;
    let gateway = rest
        .get("requesting the gateway", Route::GatewayBot, &[])
        .await
        .map_err(said)?;
    let me = rest
        .get("identifying the bot", Route::UserMe, &[])
        .await
        .map_err(said)?;
    let us = BotIdentity {
        id: me["id"].as_str().unwrap_or_default().to_owned(),
        app: id,
        reads: settings.message_content,
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let account = format!("{} in {}", text(&me, "username"), text(&known, "name"));
    let session = DiscordSession::new(rest, us, settings.guild.clone(), account);
    // Buttons and messages work without commands.
    let registered = menu::register(&session.rest, session.app(), server).await;
    ear.remark(
        registered
            .err()
            .map(|error| no_commands(&error, &session.us.app)),
    );
    Ok((
        session,
        gateway["url"]
            .as_str()
            .unwrap_or("wss://gateway.discord.gg")
            .to_owned(),
    ))
}

fn no_commands(error: &DiscordCallError, app: &str) -> String {
    let what = match error.code() {
        Some(50001 | 50013) => format!("invite the bot again with {}", invitation(app)),
        Some(30034) => "Discord allows two hundred new commands a day; try again tomorrow".into(),
        _ => "AgentVine retries when the bot reconnects".into(),
    };
    format!("slash commands are unavailable, use `@vine …` instead ({error}); {what}")
}

/// The link with which a server's owner invites the bot, with exactly the permissions it needs.
pub fn invitation(app: &str) -> String {
    format!(
        "https://discord.com/oauth2/authorize?client_id={app}&scope=bot+applications.commands&permissions={}",
        INVITED.bits()
    )
}

/// The permissions that the bot is missing in a channel, by name. `member` is the bot's membership,
/// `roles` are those of the server.
pub fn lacks(
    channel: &Value,
    member: &Value,
    roles: &Value,
    us: &BotIdentity,
    guild: &str,
) -> Vec<String> {
    let bits = |value: &Value| {
        Permissions::from_bits_truncate(
            value
                .as_str()
                .and_then(|bits| bits.parse().ok())
                .unwrap_or(0),
        )
    };
    let has = |id: &str| {
        id == guild
            || member["roles"]
                .as_array()
                .is_some_and(|all| all.iter().any(|role| role == id))
    };
    let mine = roles
        .as_array()
        .into_iter()
        .flatten()
        .filter(|role| has(role["id"].as_str().unwrap_or_default()));
    let base = mine.fold(Permissions::empty(), |all, role| {
        all | bits(&role["permissions"])
    });
    if base.contains(Permissions::ADMINISTRATOR) {
        return Vec::new();
    }
    // For everyone first, then for roles, then for us (reference, "Permission Overwrites").
    let overwrites = || {
        channel["permission_overwrites"]
            .as_array()
            .into_iter()
            .flatten()
    };
    let of = |keep: &dyn Fn(&str) -> bool| {
        overwrites()
            .filter(|one| keep(one["id"].as_str().unwrap_or_default()))
            .fold(
                (Permissions::empty(), Permissions::empty()),
                |(allow, deny), one| (allow | bits(&one["allow"]), deny | bits(&one["deny"])),
            )
    };
    let mut may = base;
    for (allow, deny) in [
        of(&|id| id == guild),
        of(&|id| id != guild && has(id)),
        of(&|id| id == us.id),
    ] {
        may = (may & !deny) | allow;
    }
    (NEEDED & !may)
        .get_permission_names()
        .into_iter()
        .map(|name| format!("\"{name}\""))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_in_a_channel_is_named() {
        let us = BotIdentity {
            id: "9".into(),
            app: "9".into(),
            reads: true,
        };
        let roles = |bits: Permissions| json!([{ "id": "1", "permissions": bits.bits().to_string() }, { "id": "2", "permissions": "8" }]);
        let lack = |overwrites: Value, member: Value, roles: Value| {
            lacks(
                &json!({ "permission_overwrites": overwrites }),
                &member,
                &roles,
                &us,
                "1",
            )
        };
        assert!(lack(json!([]), json!({ "roles": [] }), roles(NEEDED)).is_empty());
        let fewer = NEEDED & !Permissions::SEND_MESSAGES_IN_THREADS;
        assert_eq!(
            lack(json!([]), json!({ "roles": [] }), roles(fewer)),
            ["\"Send Messages in Threads\""]
        );
        let hidden = json!([{ "id": "1", "deny": Permissions::VIEW_CHANNEL.bits().to_string(), "allow": "0" }]);
        assert_eq!(
            lack(hidden.clone(), json!({ "roles": [] }), roles(NEEDED)),
            ["\"View Channel\""]
        );
        assert!(
            lack(hidden, json!({ "roles": ["2"] }), roles(NEEDED)).is_empty(),
            "an administrator may everything"
        );
    }

    #[test]
    fn the_invitation_asks_for_what_is_needed() {
        let address = invitation("5");
        let bits: u64 = address
            .rsplit('=')
            .next()
            .expect("bits")
            .parse()
            .expect("a number");
        assert!(
            Permissions::from_bits_truncate(bits).contains(NEEDED)
                && address.contains("client_id=5")
        );
    }
}

//! Discord's ids, parsed.

use serenity::all::{ChannelId, GuildId, MessageId};
use vine_domain::ports::ChatError;

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "discord";

pub fn number(what: &str, id: &str) -> Result<u64, String> {
    id.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{id}` is not a valid Discord {what} ID"))
}

pub fn channel(id: &str) -> Result<ChannelId, ChatError> {
    number("channel", id)
        .map(ChannelId::new)
        .map_err(ChatError::Gone)
}

pub fn message(id: &str) -> Result<MessageId, ChatError> {
    number("message", id)
        .map(MessageId::new)
        .map_err(ChatError::Gone)
}

pub fn guild(id: &str) -> Result<GuildId, String> {
    number("server", id).map(GuildId::new)
}

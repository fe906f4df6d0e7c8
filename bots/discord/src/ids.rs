//! Discord's ids, parsed.

use serenity::all::{ChannelId, GuildId, MessageId};
use vine_domain::{Timestamp, ports::ChatError};

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

/// Snowflake 0 in milliseconds since 1970 (reference, "Snowflakes").
pub const EPOCH: i64 = 1_420_070_400_000;

/// The first snowflake of this moment.
pub fn snowflake(at: Timestamp) -> u64 {
    u64::try_from(at.0 - EPOCH).unwrap_or(0) << 22
}

/// The creation time of a snowflake.
pub fn moment(id: &str) -> Option<Timestamp> {
    let number: i64 = id.parse().ok()?;
    Some(Timestamp((number >> 22) + EPOCH))
}

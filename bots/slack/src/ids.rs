//! AgentVine's ids of Slack's messages: `<channel>:<ts>`.

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "slack";

/// AgentVine's ID of a message.
pub fn reference(channel: &str, ts: &str) -> String {
    format!("{channel}:{ts}")
}

/// The `ts` of a reference.
pub fn ts_of(reference: &str) -> &str {
    reference.rsplit_once(':').map_or(reference, |(_, ts)| ts)
}

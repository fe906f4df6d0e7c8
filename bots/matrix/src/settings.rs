//! The operator's settings.

use std::path::PathBuf;

/// The platform's name in `rooms.platform`.
pub const PLATFORM: &str = "matrix";

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct MatrixSettings {
    /// The URL of the homeserver's client API.
    pub homeserver: String,
    /// The bot's user name or ID.
    pub user: String,
    /// The bot's password; used once, at the first start.
    pub password: String,
    /// Room aliases are this prefix and the repository's name.
    pub alias_prefix: String,
    /// Our folder for keys and the session.
    pub state: PathBuf,
    /// The file with the recovery key, with which a new device can read old encrypted messages.
    /// Created if missing.
    pub recovery_key: PathBuf,
}

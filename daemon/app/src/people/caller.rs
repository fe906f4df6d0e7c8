//! Who sent a request.

use vine_domain::{User, chat::PLATFORMS};

/// Who sent a request, as known when it arrived, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person; `None` for a stranger, who may do nothing.
    pub user: Option<User>,
    /// `api`, `console` or a platform.
    pub via: String,
}

impl Caller {
    /// Whether others can read what this person sees.
    pub fn is_in_a_room(&self) -> bool {
        PLATFORMS.contains(&self.via.as_str())
    }

    /// A key that distinguishes callers; empty for a stranger.
    pub fn id(&self) -> String {
        self.user
            .as_ref()
            .map(|user| user.id.to_string())
            .unwrap_or_default()
    }

    /// The name to use in messages.
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or("a stranger", |user| &user.name)
    }
}

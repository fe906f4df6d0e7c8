//! Adapters for forges. Each speaks one API, with a token of ours, and behaves as [`Forge`] says: every call
//! looks first at what is there, so that repeating it changes nothing.
//!
//! Nothing here decides anything, and nothing is stored. The token never leaves `client`.

mod app_tokens;
mod client;
mod forgejo;
mod github;
mod gitlab;
mod hooks;
mod json;
mod refusal;
mod settings;
pub mod webhook;

use std::sync::Arc;

use vine_domain::{Clock, forge::ForgeKind, ports::Forge};

pub use hooks::{NewWebhook, Webhooks};
pub use settings::{AppKey, BadSettings, ForgeAuth, ForgeSettings};

/// The adapter of a forge.
pub fn connect(
    settings: &ForgeSettings,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Forge>, BadSettings> {
    let client = client::Client::new(settings, clock)?;
    let pace = settings.pace;
    Ok(match settings.kind {
        ForgeKind::Github => Arc::new(github::Github { client, pace }),
        ForgeKind::Gitlab => Arc::new(gitlab::Gitlab { client, pace }),
        ForgeKind::Forgejo => Arc::new(forgejo::Forgejo { client, pace }),
    })
}

/// The address of the API of a forge at a host.
pub fn api_of(kind: ForgeKind, host: &str) -> String {
    match (kind, host) {
        (ForgeKind::Github, "github.com") => "https://api.github.com".into(),
        (ForgeKind::Github, host) => format!("https://{host}/api/v3"),
        (ForgeKind::Gitlab, host) => format!("https://{host}/api/v4"),
        (ForgeKind::Forgejo, host) => format!("https://{host}/api/v1"),
    }
}

//! The forges of a daemon, and what their webhooks are signed with.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use vine_app::App;
use vine_domain::{clock::System, ports::Forge};
use vine_http::{ForgeHook, ForgeHooks};

use crate::config::Config;

/// Puts the forges of a configuration in force. Nothing changes if a secret cannot be read.
pub fn adjust(app: &App, hooks: &ForgeHooks, config: &Config) -> Result<()> {
    let mut forges: BTreeMap<String, Arc<dyn Forge>> = BTreeMap::new();
    let mut signed = BTreeMap::new();
    for forge in &config.forges {
        let host = forge.host.to_lowercase();
        let settings = forge.settings()?;
        if let Some(secret) = forge.webhook_secret()? {
            let kind = settings.kind;
            signed.insert(host.clone(), ForgeHook { kind, secret });
        }
        forges.insert(host, vine_forges::connect(&settings, Arc::new(System))?);
    }
    app.change_requests.forges.set(forges);
    hooks.set(signed);
    Ok(())
}

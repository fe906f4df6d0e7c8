//! `vine setup`: connects the daemon to a forge. It says what to click, tries the token before it saves anything,
//! and has the forge send webhooks where it lets us.

mod entry;
mod token;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use vine_domain::{
    clock::System,
    forge::ForgeProject,
    ports::{Forge, ForgeError},
};
use vine_forges::{ForgeSettings, NewWebhook, Webhooks};

use self::{
    entry::{ForgeEntry, HookSecret, KeptSecrets},
    token::token,
};
use crate::{
    cli::SetupArgs,
    config::{Config, ForgeConfig, check_host},
    endpoint::refuse_agents,
    output::say,
    roles::doctor::projects,
};

/// How often requests are looked at. Nothing is looked at here.
const LOOK: Duration = Duration::from_secs(60);

/// Connects to the forge.
pub async fn run(file: Option<&Path>, args: SetupArgs) -> Result<()> {
    refuse_agents()?;
    let config = Config::load(file)?;
    let host = args.host().to_lowercase();
    check_host(&host)?;
    let known = config
        .forges
        .iter()
        .find(|one| one.host.to_lowercase() == host);
    if let Some(kind) = known
        .map(ForgeConfig::kind)
        .transpose()?
        .filter(|kind| *kind != args.forge)
    {
        bail!("the configuration has {host} as {kind}; use `vine setup {kind}`");
    }
    let given = token(&args, known, &host)?;
    let configured = known.and_then(|known| known.api_url.clone());
    let api_url = args.api_url.clone().or(configured);
    let settings = ForgeSettings {
        kind: args.forge,
        api_url: api_url.unwrap_or_else(|| vine_forges::api_of(args.forge, &host)),
        auth: given.auth(),
        pace: LOOK,
    };
    let forge = vine_forges::connect(&settings, Arc::new(System))?;
    let account = forge.account().await.map_err(|error| match error {
        ForgeError::Retry { why, .. } => anyhow::anyhow!("{host}: {why}; nothing was changed"),
        refused => anyhow::anyhow!(
            "{host} does not accept the token ({refused}); nothing was changed. Another token can be piped in: `vine setup {} < FILE`",
            args.forge
        ),
    })?;
    say!(
        "The token is that of {} (number {}).",
        account.name,
        account.id
    );
    let projects = of_host(&args.repo, &host).await?;
    try_rights(forge.as_ref(), &projects).await?;

    let kept = KeptSecrets::keep(&given, known, &host)?;
    let entry = ForgeEntry {
        args: &args,
        host: &host,
        token_file: kept.token_file.as_deref(),
        secret_file: &kept.secret.file,
    };
    match known {
        None => entry.save(&config)?,
        Some(known) if known.webhook_secret()?.is_none() => say!(
            "Add this to the entry of {host} in the configuration:\n\n    webhook_secret_file = {:?}\n",
            kept.secret.file
        ),
        Some(_) => {}
    }
    let hooks = Webhooks::of(&settings, Arc::new(System))?;
    let url = config.daemon.public_url.as_deref();
    match url.filter(|_| !args.no_webhook) {
        Some(url) => make_hooks(&hooks, &projects, url, &host, &kept.secret).await,
        None => say!(
            "No webhook was made{}. Open requests are looked at every minute anyway, and more often while something happens.",
            if args.no_webhook {
                ""
            } else {
                ": `daemon.public_url` is not set, so forges cannot reach the daemon"
            }
        ),
    }
    next(&projects, &host);
    Ok(())
}

/// The projects on this host: those that were named, or those of the daemon's repositories.
async fn of_host(named: &[String], host: &str) -> Result<Vec<ForgeProject>> {
    let projects = match named.is_empty() {
        true => projects().await,
        false => named
            .iter()
            .map(|address| {
                ForgeProject::of_address(address).with_context(|| {
                    format!("`{address}` is not the address of a repository on a forge")
                })
            })
            .collect::<Result<_>>()?,
    };
    let (ours, others): (Vec<_>, Vec<_>) = projects.into_iter().partition(|one| one.host == host);
    match others.first().filter(|_| !named.is_empty()) {
        Some(other) => bail!("{other} is not on {host}; use --host"),
        None => Ok(ours),
    }
}

async fn try_rights(forge: &dyn Forge, projects: &[ForgeProject]) -> Result<()> {
    let mut missing = Vec::new();
    for project in projects {
        let of_it = forge.missing_rights(project).await?;
        if of_it.is_empty() {
            say!("{project}: it may read, push and open pull requests.");
        }
        missing.extend(of_it);
    }
    match missing.is_empty() {
        true => Ok(()),
        false => bail!("{}; nothing was changed", missing.join("; ")),
    }
}

async fn make_hooks(
    hooks: &Webhooks,
    projects: &[ForgeProject],
    public_url: &str,
    host: &str,
    secret: &HookSecret,
) {
    let url = format!("{}/forges/{host}", public_url.trim_end_matches('/'));
    let new = NewWebhook {
        url: &url,
        secret: &secret.text,
    };
    for project in projects {
        match hooks.make(project, new).await {
            Ok(()) => say!("{project}: its webhooks are sent to {url}."),
            Err(error) => say!(
                "{project}: the webhook could not be made ({error}). Make it by hand, or leave it out: requests are looked at every minute anyway.\n  \
                 URL           {url}\n  content type  application/json\n  secret        as in {}\n  events        pull or merge requests, comments, reviews, pushes, checks",
                secret.file.display()
            ),
        }
    }
}

fn next(projects: &[ForgeProject], host: &str) {
    match projects.is_empty() {
        true => say!(
            "Next: `vine repo add NAME ADDRESS` with a repository on {host}, and this command again, to try its rights."
        ),
        false => say!(
            "Next: `vine repo set NAME --requests ready` opens a pull request for finished work. People who speak on the forge are listed under [[people]]."
        ),
    }
}

//! What of a forge is kept: its secrets in files, and its entry in the configuration.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use vine_domain::clock::{Ids as _, System};

use super::token::GivenToken;
use crate::{
    cli::SetupArgs,
    config::{Config, ForgeConfig},
    endpoint::Endpoint,
    output::say,
    paths::{private_file, private_folder, state_root},
};

/// What webhooks are signed with.
pub struct HookSecret {
    /// The secret itself.
    pub text: String,
    /// The file that holds it.
    pub file: PathBuf,
}

/// The files with the secrets of a forge.
pub struct KeptSecrets {
    /// The token, if the configuration does not name it yet.
    pub token_file: Option<PathBuf>,
    /// What webhooks are signed with.
    pub secret: HookSecret,
}

impl KeptSecrets {
    /// Writes what the configuration does not have yet.
    pub fn keep(given: &GivenToken, known: Option<&ForgeConfig>, host: &str) -> Result<Self> {
        let folder = state_root()?.join("forges");
        private_folder(&folder)?;
        let name = host.replace(':', "_");
        let configured = known.map(|known| known.token_file.as_deref());
        let token_file = match (given, configured) {
            (GivenToken::Known(_), _) => None,
            (GivenToken::InFile { file, .. }, None) => Some(file.clone()),
            (GivenToken::New(text), None) => {
                let file = folder.join(format!("{name}.token"));
                private_file(&file, text.as_bytes())?;
                Some(file)
            }
            (GivenToken::InFile { file: given, .. }, Some(Some(file))) if given == file => None,
            (GivenToken::New(text) | GivenToken::InFile { text, .. }, Some(Some(file))) => {
                rewrite(file, text.as_bytes())
                    .with_context(|| format!("could not write {}", file.display()))?;
                say!("Replaced the token in {}.", file.display());
                None
            }
            (_, Some(None)) => bail!(
                "the configuration of {host} has no `token_file`; replace what it has by the new token, and call this again without one"
            ),
        };
        let secret = secret(known, &folder.join(format!("{name}.webhook-secret")))?;
        Ok(Self { token_file, secret })
    }
}

/// The secret that the configuration has, or that an earlier call made, or a new one.
fn secret(known: Option<&ForgeConfig>, file: &Path) -> Result<HookSecret> {
    let configured = known
        .map(ForgeConfig::webhook_secret)
        .transpose()?
        .flatten();
    let named = known.and_then(|known| known.webhook_secret_file.clone());
    let earlier = || fs::read_to_string(file).ok();
    let earlier = || earlier().filter(|text| !text.is_empty());
    let text = match configured.or_else(earlier) {
        Some(text) => text.trim().to_owned(),
        None => {
            let bytes = System.secret();
            let new: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            private_file(file, new.as_bytes())?;
            new
        }
    };
    let file = named.unwrap_or_else(|| file.to_owned());
    Ok(HookSecret { text, file })
}

/// The entry of a forge in the configuration.
pub struct ForgeEntry<'a> {
    /// What was asked for.
    pub args: &'a SetupArgs,
    /// The forge's host.
    pub host: &'a str,
    /// The file with the token.
    pub token_file: Option<&'a Path>,
    /// The file with the secret of webhooks.
    pub secret_file: &'a Path,
}

impl ForgeEntry<'_> {
    fn text(&self) -> String {
        let mut lines = vec!["[[forges]]".to_owned(), format!("host = {:?}", self.host)];
        lines.push(format!("kind = \"{}\"", self.args.forge));
        lines.extend(
            self.args
                .api_url
                .iter()
                .map(|url| format!("api_url = {url:?}")),
        );
        lines.extend(self.token_file.map(|file| format!("token_file = {file:?}")));
        lines.push(format!("webhook_secret_file = {:?}", self.secret_file));
        lines.join("\n") + "\n"
    }

    /// Adds it at the end of the configuration file. Without one, or if the daemon may run as another user, who could
    /// not read the files, it is printed.
    pub fn save(&self, config: &Config) -> Result<()> {
        let entry = self.text();
        let Some(file) = &config.file else {
            say!("Add this to your configuration, `vine.toml`:\n\n{entry}");
            return Ok(());
        };
        if !is_daemons_user() {
            say!(
                "Put these files where the daemon can read them, and add this to {}:\n\n{entry}",
                file.display()
            );
            return Ok(());
        }
        let unchanged = || {
            format!(
                "{} was not changed; add this to it:\n\n{entry}",
                file.display()
            )
        };
        append(file, &entry).with_context(unchanged)?;
        say!(
            "Added {} to {}. A running daemon reads it by itself.",
            self.host,
            file.display()
        );
        Ok(())
    }
}

/// Whether the daemon reads what this user can read. Only root sets things up for others.
fn is_daemons_user() -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let state = std::env::var_os("VINE_STATE").map(PathBuf::from);
    let state = state.map_or_else(state_root, Ok);
    let owner = state.and_then(|state| Ok(fs::metadata(state)?.uid()));
    std::env::var_os("VINE_DAEMON").is_none()
        && owner.is_ok_and(|uid| uid == 0)
        && Endpoint::find().is_ok()
}

/// Adds an entry to a configuration file, if that is valid with it.
fn append(file: &Path, entry: &str) -> Result<()> {
    let before = fs::read_to_string(file)?;
    let after = format!("{}\n\n{entry}", before.trim_end());
    Config::check_text(&after)?;
    rewrite(file, after.trim_start().as_bytes())
}

/// Replaces what is in a file, whole or not at all; its owner and mode stay.
fn rewrite(file: &Path, bytes: &[u8]) -> Result<()> {
    // The file itself, if this is a link to it.
    let file = fs::canonicalize(file)?;
    let draft = file.with_extension("vine-new");
    let owner = fs::metadata(&file)?;
    fs::copy(&file, &draft)?;
    let written = fs::write(&draft, bytes)
        .and_then(|()| chown(&draft, Some(owner.uid()), Some(owner.gid())))
        .and_then(|()| fs::rename(&draft, &file));
    if written.is_err() {
        let _the_first_error_counts = fs::remove_file(&draft);
    }
    Ok(written?)
}

//! `[[forges]]`: where the change of a task goes as a pull request.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use vine_domain::forge::ForgeKind;
use vine_forges::{AppKey, ForgeAuth, ForgeSettings, api_of};

use super::secret::Secret;

/// A forge. Repositories belong to it by the host in their addresses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForgeConfig {
    pub kind: Option<ForgeKind>,
    pub host: String,
    pub api_url: Option<String>,
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
    pub app_id: Option<String>,
    pub app_key_file: Option<PathBuf>,
    pub webhook_secret: Option<String>,
    pub webhook_secret_file: Option<PathBuf>,
    pub look_seconds: u64,
}

impl Default for ForgeConfig {
    fn default() -> Self {
        Self {
            kind: None,
            host: String::new(),
            api_url: None,
            token: None,
            token_file: None,
            app_id: None,
            app_key_file: None,
            webhook_secret: None,
            webhook_secret_file: None,
            look_seconds: 60,
        }
    }
}

impl ForgeConfig {
    /// With every key that a forge can have.
    pub fn sample() -> Self {
        Self {
            kind: Some(ForgeKind::Github),
            api_url: Some(String::new()),
            token: Some(String::new()),
            token_file: Some(PathBuf::new()),
            app_id: Some(String::new()),
            app_key_file: Some(PathBuf::new()),
            webhook_secret: Some(String::new()),
            webhook_secret_file: Some(PathBuf::new()),
            ..Self::default()
        }
    }

    /// The kind, which well-known hosts tell by themselves.
    pub fn kind(&self) -> Result<ForgeKind> {
        match (self.kind, self.host.to_lowercase().as_str()) {
            (Some(kind), _) => Ok(kind),
            (None, "github.com") => Ok(ForgeKind::Github),
            (None, "gitlab.com") => Ok(ForgeKind::Gitlab),
            (None, "codeberg.org") => Ok(ForgeKind::Forgejo),
            (None, host) => bail!("forges: `{host}` has no kind; use github, gitlab or forgejo"),
        }
    }

    fn token_secret(&self) -> Secret<'_> {
        Secret {
            key: "forges.token",
            text: self.token.as_ref(),
            file: self.token_file.as_ref(),
        }
    }

    fn hook_secret(&self) -> Secret<'_> {
        Secret {
            key: "forges.webhook_secret",
            text: self.webhook_secret.as_ref(),
            file: self.webhook_secret_file.as_ref(),
        }
    }

    /// What its webhooks are signed with, if it sends any.
    pub fn webhook_secret(&self) -> Result<Option<String>> {
        let secret = self.hook_secret();
        secret.is_set().then(|| secret.read()).transpose()
    }

    /// How to reach it.
    pub fn settings(&self) -> Result<ForgeSettings> {
        let kind = self.kind()?;
        let api_url = self.api_url.clone();
        Ok(ForgeSettings {
            kind,
            api_url: api_url.unwrap_or_else(|| api_of(kind, &self.host)),
            auth: self.auth()?,
            pace: Duration::from_secs(self.look_seconds),
        })
    }

    fn auth(&self) -> Result<ForgeAuth> {
        let (Some(app), Some(file)) = (&self.app_id, &self.app_key_file) else {
            return Ok(ForgeAuth::Token(self.token_secret().read()?));
        };
        let pem = std::fs::read_to_string(file)
            .with_context(|| format!("could not read forges.app_key_file {}", file.display()))?;
        let app = app.clone();
        Ok(ForgeAuth::App(AppKey { app, pem }))
    }

    /// Files whose change is a change of the settings.
    pub fn secret_files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = self.token_file.iter().chain(&self.app_key_file);
        files.chain(&self.webhook_secret_file)
    }

    fn check(&self) -> Result<()> {
        check_host(&self.host)?;
        self.kind()?;
        self.token_secret().check()?;
        self.hook_secret().check()?;
        let has_token = self.token_secret().is_set();
        match (&self.app_id, &self.app_key_file) {
            (None, None) if !has_token => bail!(
                "forges: `{}` has no token; set `token_file` (or `token`), or `app_id` and `app_key_file` of a GitHub App",
                self.host
            ),
            (None, None) => {}
            (Some(_), Some(_)) if has_token => bail!(
                "forges: `{}` has a token and an App; use one of them",
                self.host
            ),
            (Some(_), Some(_)) if self.kind()? != ForgeKind::Github => {
                bail!(
                    "forges: only GitHub has Apps; use `token_file` for {}",
                    self.host
                )
            }
            (Some(_), Some(_)) => {}
            _ => bail!(
                "forges: `{}` needs both `app_id` and `app_key_file`",
                self.host
            ),
        }
        if let Some(url) = &self.api_url {
            super::chat::whole("forges.api_url", url, "https://api.github.com")?;
        }
        if !(1..=3600).contains(&self.look_seconds) {
            bail!(
                "forges.look_seconds is {}; use 1 to 3600",
                self.look_seconds
            );
        }
        Ok(())
    }
}

/// Whether this is a host, as the addresses of repositories have it.
pub fn check_host(host: &str) -> Result<()> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    match !host.is_empty() && host.chars().all(is_host) {
        true => Ok(()),
        false => bail!(
            "forges: `{host}` is not a host; write it as the addresses of your repositories have it, like github.com"
        ),
    }
}

/// Checks all forges without reading files or calling them. Hosts are unique.
pub fn check(forges: &[ForgeConfig]) -> Result<()> {
    let mut hosts = HashSet::new();
    let mut kinds = HashSet::new();
    for forge in forges {
        forge.check()?;
        if !hosts.insert(forge.host.to_lowercase()) {
            bail!("forges: two entries for {}", forge.host);
        }
        let kind = forge.kind()?;
        if !kinds.insert(kind) {
            bail!(
                "forges: two entries of the kind {kind}; people are listed by one number for each kind, so there can be only one"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubtful_forges_are_refused_in_words() {
        let forge = |host: &str| ForgeConfig {
            host: host.into(),
            token: Some("t".into()),
            ..ForgeConfig::default()
        };
        assert!(check(&[forge("github.com"), forge("codeberg.org")]).is_ok());
        for (wrong, word) in [
            (vec![forge("")], "is not a host"),
            (vec![forge("https://github.com")], "is not a host"),
            (vec![forge("git.example.org")], "has no kind"),
            (
                vec![forge("github.com"), forge("GitHub.com")],
                "two entries",
            ),
            (
                vec![ForgeConfig {
                    token: None,
                    ..forge("github.com")
                }],
                "has no token",
            ),
            (
                vec![
                    forge("codeberg.org"),
                    ForgeConfig {
                        kind: Some(ForgeKind::Forgejo),
                        ..forge("git.example.org")
                    },
                ],
                "only one",
            ),
            (
                vec![ForgeConfig {
                    app_id: Some("7".into()),
                    token: None,
                    ..forge("github.com")
                }],
                "needs both",
            ),
            (
                vec![ForgeConfig {
                    app_id: Some("7".into()),
                    app_key_file: Some("key.pem".into()),
                    ..forge("github.com")
                }],
                "use one of them",
            ),
            (
                vec![ForgeConfig {
                    app_id: Some("7".into()),
                    app_key_file: Some("key.pem".into()),
                    token: None,
                    ..forge("codeberg.org")
                }],
                "only GitHub has Apps",
            ),
            (
                vec![ForgeConfig {
                    look_seconds: 0,
                    ..forge("github.com")
                }],
                "look_seconds",
            ),
        ] {
            let error = check(&wrong).expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

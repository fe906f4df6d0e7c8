//! `[chat.*]`: the platforms where people are asked.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// All platforms besides the console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatConfig {
    pub matrix: MatrixConfig,
    pub slack: SlackConfig,
    pub discord: DiscordConfig,
}

/// The platforms of this build, by the features of the package.
pub const BUILT_IN: &[&str] = &[
    #[cfg(feature = "matrix")]
    "matrix",
    #[cfg(feature = "slack")]
    "slack",
    #[cfg(feature = "discord")]
    "discord",
];

impl ChatConfig {
    /// Refuses a platform that is enabled and not built in; reads no secret.
    pub fn check_built_in(&self, built_in: &[&str]) -> Result<()> {
        let enabled = [
            ("matrix", self.matrix.homeserver_url.is_some()),
            ("slack", self.slack.is_wanted()),
            ("discord", self.discord.is_wanted()),
        ];
        for (platform, _) in enabled.iter().filter(|(_, enabled)| *enabled) {
            if !built_in.contains(platform) {
                bail!(
                    "chat.{platform} is set, but this `vine` was built without {platform}; build it with \
                     `cargo install --path . --features chat`"
                );
            }
        }
        Ok(())
    }

    /// The enabled platforms, each with all its settings as text, including secrets: if the text
    /// differs, the settings have changed.
    pub fn wanted(&self) -> Result<Vec<(&'static str, String)>> {
        let mut wanted = Vec::new();
        if self.matrix.homeserver_url.is_some() {
            wanted.push((
                "matrix",
                format!("{:?} {}", self.matrix, self.matrix.secret()?),
            ));
        }
        if self.slack.is_wanted() {
            let slack = &self.slack;
            let way = match slack.by_requests() {
                true => slack.signing_secret()?,
                false => slack.app_token()?,
            };
            wanted.push(("slack", format!("{slack:?} {} {way}", slack.bot_token()?)));
        }
        if self.discord.is_wanted() {
            wanted.push((
                "discord",
                format!("{:?} {}", self.discord, self.discord.secret()?),
            ));
        }
        Ok(wanted)
    }

    /// Files that hold its secrets.
    pub fn secret_files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = [
            &self.matrix.password_file,
            &self.slack.bot_token_file,
            &self.slack.app_token_file,
            &self.slack.signing_secret_file,
            &self.discord.token_file,
        ];
        files.into_iter().flatten()
    }
}

/// Discord, used if it has a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscordConfig {
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
    pub guild: Option<String>,
    pub message_content: bool,
    pub channel_prefix: String,
    pub api_url: String,
}

impl Default for DiscordConfig {
    fn default() -> Self {
        Self {
            token: None,
            token_file: None,
            guild: None,
            message_content: true,
            channel_prefix: "vine-".into(),
            api_url: "https://discord.com".into(),
        }
    }
}

impl DiscordConfig {
    /// Whether it is enabled.
    pub fn is_wanted(&self) -> bool {
        self.token().is_set()
    }

    fn token(&self) -> Secret<'_> {
        Secret {
            key: "chat.discord.token",
            text: self.token.as_ref(),
            file: self.token_file.as_ref(),
        }
    }

    /// Checks it without reading files or calling the platform.
    pub fn check(&self) -> Result<()> {
        self.token().check()?;
        if self.is_wanted() {
            whole("chat.discord.api_url", &self.api_url, "https://discord.com")?;
            self.server()?;
        }
        Ok(())
    }

    /// The server's id.
    pub fn server(&self) -> Result<String> {
        match self.guild.as_deref() {
            Some(id) if id.len() >= 17 && id.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(id.to_owned())
            }
            Some(id) => bail!(
                "chat.discord.guild is `{id}`; copy the server's id (\"Copy Server ID\"), a long number"
            ),
            None => bail!(
                "chat.discord has no guild; set it to the server's id (\"Copy Server ID\" in its menu)"
            ),
        }
    }

    /// The bot's token.
    pub fn secret(&self) -> Result<String> {
        self.token().read()
    }
}

/// Checks that an address is complete.
pub(super) fn whole(key: &str, url: &str, like: &str) -> Result<()> {
    let host = ["https://", "http://"]
        .iter()
        .find_map(|start| url.strip_prefix(start));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        bail!("{key} is `{url}`; write the full address, like {like}");
    }
    Ok(())
}

/// Slack, used if it has a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackConfig {
    pub bot_token: Option<String>,
    pub bot_token_file: Option<PathBuf>,
    pub app_token: Option<String>,
    pub app_token_file: Option<PathBuf>,
    pub signing_secret: Option<String>,
    pub signing_secret_file: Option<PathBuf>,
    pub team_id: Option<String>,
    pub channel_prefix: String,
    pub api_url: String,
}

impl Default for SlackConfig {
    fn default() -> Self {
        Self {
            bot_token: None,
            bot_token_file: None,
            app_token: None,
            app_token_file: None,
            signing_secret: None,
            signing_secret_file: None,
            team_id: None,
            channel_prefix: "vine-".into(),
            api_url: "https://slack.com/api".into(),
        }
    }
}

impl SlackConfig {
    /// Whether it is enabled.
    pub fn is_wanted(&self) -> bool {
        self.bot().is_set() || self.app().is_set() || self.signing().is_set()
    }

    /// Whether Slack sends requests to us.
    pub fn by_requests(&self) -> bool {
        self.signing().is_set()
    }

    fn bot(&self) -> Secret<'_> {
        Secret {
            key: "chat.slack.bot_token",
            text: self.bot_token.as_ref(),
            file: self.bot_token_file.as_ref(),
        }
    }

    fn app(&self) -> Secret<'_> {
        Secret {
            key: "chat.slack.app_token",
            text: self.app_token.as_ref(),
            file: self.app_token_file.as_ref(),
        }
    }

    fn signing(&self) -> Secret<'_> {
        Secret {
            key: "chat.slack.signing_secret",
            text: self.signing_secret.as_ref(),
            file: self.signing_secret_file.as_ref(),
        }
    }

    /// Checks it without reading files or calling the platform.
    pub fn check(&self) -> Result<()> {
        if !self.is_wanted() {
            return Ok(());
        }
        whole("chat.slack.api_url", &self.api_url, "https://slack.com/api")?;
        for secret in [self.bot(), self.app(), self.signing()] {
            secret.check()?;
        }
        match (
            self.bot().is_set(),
            self.app().is_set(),
            self.signing().is_set(),
        ) {
            (false, ..) => {
                bail!("chat.slack has no bot_token; set `bot_token_file` (or `bot_token`)")
            }
            (true, false, false) => bail!(
                "chat.slack has no app_token; set `app_token_file` (or `app_token`) for Socket \
                 Mode, or `signing_secret_file` if Slack \
                 sends requests to this daemon"
            ),
            (true, true, true) => bail!(
                "chat.slack has an app_token and a signing_secret; keep one (sockets or requests)"
            ),
            _ => Ok(()),
        }
    }

    /// The bot's token.
    pub fn bot_token(&self) -> Result<String> {
        token(&self.bot(), "xoxb-")
    }

    /// The app's token, for Socket Mode.
    pub fn app_token(&self) -> Result<String> {
        token(&self.app(), "xapp-")
    }

    /// What Slack signs its requests with.
    pub fn signing_secret(&self) -> Result<String> {
        self.signing().read()
    }
}

fn token(secret: &Secret<'_>, start: &str) -> Result<String> {
    let token = secret.read()?;
    if !token.starts_with(start) {
        bail!(
            "{} does not begin with {start}; the two tokens may have been swapped",
            secret.key
        );
    }
    Ok(token)
}

/// Matrix, used if a homeserver is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixConfig {
    pub homeserver_url: Option<String>,
    pub user: String,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub alias_prefix: String,
    pub recovery_key_file: Option<PathBuf>,
}

impl Default for MatrixConfig {
    fn default() -> Self {
        Self {
            homeserver_url: None,
            user: "vine".into(),
            password: None,
            password_file: None,
            alias_prefix: "vine-".into(),
            recovery_key_file: None,
        }
    }
}

impl MatrixConfig {
    /// Checks it without reading files or calling the platform.
    pub fn check(&self) -> Result<()> {
        let Some(url) = &self.homeserver_url else {
            return Ok(());
        };
        whole(
            "chat.matrix.homeserver_url",
            url,
            "https://matrix.example.org",
        )?;
        if !self.password().is_set() {
            bail!(
                "chat.matrix has no password; set `password_file` (or `password`) for the account \
                 `{}`",
                self.user
            );
        }
        self.password().check()
    }

    fn password(&self) -> Secret<'_> {
        Secret {
            key: "chat.matrix.password",
            text: self.password.as_ref(),
            file: self.password_file.as_ref(),
        }
    }

    /// The account's password.
    pub fn secret(&self) -> Result<String> {
        self.password().read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_needs_a_bot_and_one_way_to_tell_us_things() {
        let slack = |bot: Option<&str>, app: Option<&str>, signing: Option<&str>| SlackConfig {
            bot_token: bot.map(Into::into),
            app_token: app.map(Into::into),
            signing_secret: signing.map(Into::into),
            ..SlackConfig::default()
        };
        assert!(
            SlackConfig::default().check().is_ok(),
            "no tokens, no Slack"
        );
        for (wrong, word) in [
            (slack(Some("xoxb-1"), None, None), "no app_token"),
            (slack(None, Some("xapp-1"), None), "no bot_token"),
            (slack(Some("xoxb-1"), Some("xapp-1"), Some("s")), "keep one"),
            (
                SlackConfig {
                    bot_token_file: Some("f".into()),
                    ..slack(Some("xoxb-1"), Some("xapp-1"), None)
                },
                "both",
            ),
        ] {
            let error = wrong.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
        for api_url in ["/api", "slack.com/api", "https:///api"] {
            let wrong = SlackConfig {
                api_url: api_url.into(),
                ..slack(Some("xoxb-1"), Some("xapp-1"), None)
            };
            let error = wrong.check().expect_err(api_url).to_string();
            assert!(error.contains("write the full address"), "{error}");
        }
        assert!(slack(Some("xoxb-1"), Some("xapp-1"), None).check().is_ok());
        assert!(slack(Some("xoxb-1"), None, Some("s")).check().is_ok());
        let exchanged = slack(Some("xapp-1"), Some("xoxb-1"), None)
            .bot_token()
            .expect_err("swapped")
            .to_string();
        assert!(
            exchanged.contains("swapped") && !exchanged.contains("xapp-1"),
            "{exchanged}"
        );
    }

    #[test]
    fn discord_needs_a_server_by_its_id() {
        let discord = |guild: Option<&str>| DiscordConfig {
            token: Some("t".into()),
            guild: guild.map(Into::into),
            ..DiscordConfig::default()
        };
        assert!(
            DiscordConfig::default().check().is_ok(),
            "no token, no Discord"
        );
        assert!(discord(Some("1000000000000000002")).check().is_ok());
        for (wrong, word) in [
            (discord(None), "no guild"),
            (discord(Some("Team")), "copy the server's id"),
        ] {
            let error = wrong.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_homeserver_needs_a_whole_address_and_one_password() {
        let matrix = |url: &str, password: Option<&str>, file: Option<&str>| MatrixConfig {
            homeserver_url: Some(url.into()),
            password: password.map(Into::into),
            password_file: file.map(Into::into),
            ..MatrixConfig::default()
        };
        assert!(
            MatrixConfig::default().check().is_ok(),
            "no homeserver, no Matrix"
        );
        assert!(matrix("https://x", Some("p"), None).check().is_ok());
        for (wrong, word) in [
            (matrix("x.org", Some("p"), None), "full address"),
            (matrix("https://x", None, None), "no password"),
            (matrix("https://x", Some("p"), Some("f")), "both"),
        ] {
            let error = wrong.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

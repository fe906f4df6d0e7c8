//! `[chat.*]`: the platforms where people are asked.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// All platforms besides the console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    pub matrix: Matrix,
    pub slack: Slack,
}

/// Slack, over Socket Mode. It is used when it has tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slack {
    pub bot_token: Option<String>,
    pub bot_token_file: Option<PathBuf>,
    pub app_token: Option<String>,
    pub app_token_file: Option<PathBuf>,
    pub channel_prefix: String,
    pub api_url: String,
}

impl Default for Slack {
    fn default() -> Self {
        Self {
            bot_token: None,
            bot_token_file: None,
            app_token: None,
            app_token_file: None,
            channel_prefix: "vine-".into(),
            api_url: "https://slack.com/api".into(),
        }
    }
}

impl Slack {
    /// Whether it is wanted at all.
    pub fn is_wanted(&self) -> bool {
        self.bot_token.is_some() || self.bot_token_file.is_some() || self.app_token.is_some() || self.app_token_file.is_some()
    }

    /// What is wrong with it, without looking at the world.
    pub fn check(&self) -> Result<()> {
        if !self.is_wanted() {
            return Ok(());
        }
        for (key, text, file) in
            [("bot_token", &self.bot_token, &self.bot_token_file), ("app_token", &self.app_token, &self.app_token_file)]
        {
            match (text, file) {
                (None, None) => bail!("chat.slack has no {key}; set `{key}_file` (or `{key}`): Slack needs both tokens"),
                (Some(_), Some(_)) => bail!("chat.slack has both `{key}` and `{key}_file`; keep one"),
                _ => {}
            }
        }
        Ok(())
    }

    /// The bot's token and the app's.
    pub fn tokens(&self) -> Result<(String, String)> {
        let bot = secret("chat.slack.bot_token", self.bot_token.as_ref(), self.bot_token_file.as_ref())?;
        let app = secret("chat.slack.app_token", self.app_token.as_ref(), self.app_token_file.as_ref())?;
        for (key, token, start) in [("bot_token", &bot, "xoxb-"), ("app_token", &app, "xapp-")] {
            if !token.starts_with(start) {
                bail!("chat.slack.{key} does not begin with {start}; the two tokens may have been exchanged");
            }
        }
        Ok((bot, app))
    }
}

/// A secret that stands in the configuration, or in a file of its own.
fn secret(key: &str, text: Option<&String>, file: Option<&PathBuf>) -> Result<String> {
    match (text, file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{key}_file {} cannot be read", file.display()))?;
            Ok(text.trim_end().to_owned())
        }
        (None, None) => bail!("{key} is not set"),
    }
}

/// Matrix. It is used when a homeserver is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matrix {
    pub homeserver_url: Option<String>,
    pub user: String,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
    pub alias_prefix: String,
    pub recovery_key_file: Option<PathBuf>,
}

impl Default for Matrix {
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

impl Matrix {
    /// What is wrong with it, without looking at the world.
    pub fn check(&self) -> Result<()> {
        let Some(url) = &self.homeserver_url else { return Ok(()) };
        if !url.starts_with("https://") && !url.starts_with("http://") {
            bail!("chat.matrix.homeserver_url is `{url}`; write the whole address, like https://matrix.example.org");
        }
        match (&self.password, &self.password_file) {
            (None, None) => bail!("chat.matrix has no password; set `password_file` (or `password`) for the account `{}`", self.user),
            (Some(_), Some(_)) => bail!("chat.matrix has both `password` and `password_file`; keep one"),
            _ => Ok(()),
        }
    }

    /// The account's password.
    pub fn secret(&self) -> Result<String> {
        secret("chat.matrix.password", self.password.as_ref(), self.password_file.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_needs_both_tokens_and_each_in_its_place() {
        let slack = |bot: Option<&str>, app: Option<&str>| Slack {
            bot_token: bot.map(Into::into),
            app_token: app.map(Into::into),
            ..Slack::default()
        };
        assert!(Slack::default().check().is_ok(), "no tokens, no Slack");
        assert!(slack(Some("xoxb-1"), None).check().expect_err("half").to_string().contains("no app_token"));
        assert!(slack(Some("xoxb-1"), Some("xapp-1")).tokens().is_ok());
        let exchanged = slack(Some("xapp-1"), Some("xoxb-1")).tokens().expect_err("exchanged").to_string();
        assert!(exchanged.contains("exchanged") && !exchanged.contains("xapp-1"), "{exchanged}");
    }

    #[test]
    fn a_homeserver_needs_a_whole_address_and_one_password() {
        let matrix = |url: &str, password: Option<&str>, file: Option<&str>| Matrix {
            homeserver_url: Some(url.into()),
            password: password.map(Into::into),
            password_file: file.map(Into::into),
            ..Matrix::default()
        };
        assert!(Matrix::default().check().is_ok(), "no homeserver, no Matrix");
        assert!(matrix("https://x", Some("p"), None).check().is_ok());
        for (wrong, word) in [
            (matrix("x.org", Some("p"), None), "whole address"),
            (matrix("https://x", None, None), "no password"),
            (matrix("https://x", Some("p"), Some("f")), "both"),
        ] {
            let error = wrong.check().expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}

//! `[chat.*]`: the platforms where people are asked.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// All platforms besides the console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    pub matrix: Matrix,
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
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(password.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file)
                    .with_context(|| format!("chat.matrix.password_file {} cannot be read", file.display()))?;
                Ok(text.trim_end().to_owned())
            }
            (None, None) => bail!("chat.matrix has no password"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! `[login.*]`: how people log in to the page, besides links and passwords.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// All login methods.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginConfig {
    pub oidc: OidcConfig,
}

/// Accounts of an organisation; used when `issuer_url` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    pub issuer_url: Option<String>,
    pub name: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    pub client_secret_file: Option<PathBuf>,
}

impl Default for OidcConfig {
    fn default() -> Self {
        let name = "your organisation".into();
        let client_id = "agentvine".into();
        Self {
            issuer_url: None,
            name,
            client_id,
            client_secret: None,
            client_secret_file: None,
        }
    }
}

impl OidcConfig {
    /// The issuer, if one is set. Public clients have no secret.
    pub fn settings(&self) -> Result<Option<vine_http::OidcSettings>> {
        let Some(issuer_url) = self.issuer_url.clone() else {
            return Ok(None);
        };
        let secret = Secret {
            key: "login.oidc.client_secret",
            text: self.client_secret.as_ref(),
            file: self.client_secret_file.as_ref(),
        };
        secret.check()?;
        let client_secret = secret.is_set().then(|| secret.read()).transpose()?;
        Ok(Some(vine_http::OidcSettings {
            name: self.name.clone(),
            issuer_url,
            client_id: self.client_id.clone(),
            client_secret,
        }))
    }
}

//! Tokens of a GitHub App: each is good for one repository and one hour. The App itself is known by its key,
//! which never leaves this file.
//!
//! Source: GitHub's "Authenticating as a GitHub App" and "Generating an installation access token".

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use vine_domain::{
    Clock, Timestamp,
    forge::{ForgeUser, GitToken},
    ports::{ForgeError, ForgeResult},
    token::Token,
};

use crate::{
    json::{encoded, list, text},
    refusal::{away, refused},
    settings::{AppKey, BadSettings},
};

/// A token that ends sooner than this is not used any more.
const SPARE: Duration = Duration::from_secs(10 * 60);
/// How long our own statement of who we are is good, and how far our clock may be ahead, in seconds. GitHub takes
/// at most ten minutes.
const STATED: i64 = 540;
const AHEAD: i64 = 60;
/// The user name that git sends with a token of an App.
const GIT_USER: &str = "x-access-token";

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    /// Everything that the App may do: the daemon's own calls.
    Everything,
    /// Fetching and pushing: what a worker gets.
    Git,
}

/// Makes tokens, and remembers them while they are good.
pub struct AppTokens {
    app: String,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<String, GitToken>>,
    account: Mutex<Option<ForgeUser>>,
}

impl AppTokens {
    pub fn new(key: &AppKey, clock: Arc<dyn Clock>) -> Result<Self, BadSettings> {
        let read = EncodingKey::from_rsa_pem(key.pem.as_bytes());
        Ok(Self {
            app: key.app.clone(),
            key: read
                .map_err(|_| BadSettings("the key of the App is not an RSA key in PEM".into()))?,
            clock,
            known: Mutex::default(),
            account: Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, GitToken>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says who we are, as the App.
    fn stated(&self) -> ForgeResult<String> {
        let now = self.clock.now().0 / 1000;
        let claims = json!({ "iat": now - AHEAD, "exp": now + STATED, "iss": self.app });
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map_err(|error| ForgeError::Refused(format!("the App's key cannot sign: {error}")))
    }

    /// The token for a call to this path; calls that are about no repository need none.
    pub async fn for_call(&self, at: At<'_>, path: &str) -> ForgeResult<Option<Token>> {
        match project_of(path) {
            Some(project) => Ok(Some(self.of(at, project, Scope::Everything).await?.token)),
            None => Ok(None),
        }
    }

    /// Forgets all tokens.
    pub fn forget(&self) {
        self.known().clear();
    }

    /// A new token with which git fetches and pushes in one repository.
    pub async fn for_git(&self, at: At<'_>, project: &str) -> ForgeResult<GitToken> {
        self.make(at, project, Scope::Git).await
    }

    async fn of(&self, at: At<'_>, project: &str, scope: Scope) -> ForgeResult<GitToken> {
        let now = self.clock.now();
        let known = self.known().get(project).cloned();
        if let Some(known) = known.filter(|known| known.expires_at.since(now) > SPARE) {
            return Ok(known);
        }
        let new = self.make(at, project, scope).await?;
        self.known().insert(project.to_owned(), new.clone());
        Ok(new)
    }

    /// The App's installation in a project, with what it may do there.
    pub async fn installation(&self, at: At<'_>, project: &str) -> ForgeResult<Value> {
        let path = format!("/repos/{project}/installation");
        at.call(at.http.get(at.url(&path)), &self.stated()?).await
    }

    async fn make(&self, at: At<'_>, project: &str, scope: Scope) -> ForgeResult<GitToken> {
        let installation = self.installation(at, project).await?;
        let name = project.rsplit('/').next().unwrap_or_default();
        let mut wish = json!({ "repositories": [name] });
        if scope == Scope::Git {
            wish["permissions"] = json!({ "contents": "write" });
            // Without it, changes of workflows cannot be pushed. Whether there are any is the App's owner to say.
            if installation["permissions"]["workflows"] == "write" {
                wish["permissions"]["workflows"] = json!("write");
            }
        }
        self.create(at, &installation["id"], &wish).await
    }

    async fn create(
        &self,
        at: At<'_>,
        installation: &Value,
        wish: &Value,
    ) -> ForgeResult<GitToken> {
        let path = format!("/app/installations/{installation}/access_tokens");
        let request = at.http.post(at.url(&path)).json(wish);
        let made = at.call(request, &self.stated()?).await?;
        let expires_at: Option<Timestamp> = serde_json::from_value(made["expires_at"].clone()).ok();
        match (text(&made["token"]), expires_at) {
            (token, Some(expires_at)) if !token.is_empty() => Ok(GitToken {
                host: String::new(),
                user: GIT_USER.into(),
                token: Token::presented(token),
                expires_at,
            }),
            _ => Err(ForgeError::Refused("its token names no expiry".into())),
        }
    }

    /// The account under which the App acts: `name[bot]`.
    pub async fn account(&self, at: At<'_>) -> ForgeResult<ForgeUser> {
        if let Some(known) = self
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
        {
            return Ok(known);
        }
        let stated = self.stated()?;
        let app = at.call(at.http.get(at.url("/app")), &stated).await?;
        let name = format!("{}[bot]", text(&app["slug"]));
        let first = at.http.get(at.url("/app/installations?per_page=1"));
        let first = at.call(first, &stated).await?;
        let nowhere = || ForgeError::Refused("the App is not installed anywhere".into());
        let first = list(&first).first().ok_or_else(nowhere)?;
        // Some servers tell strangers nothing about accounts.
        let wish = json!({ "permissions": { "metadata": "read" } });
        let token = self.create(at, &first["id"], &wish).await?.token;
        let user = at.http.get(at.url(&format!("/users/{}", encoded(&name))));
        let found = at.call(user, token.reveal()).await?;
        let none = || ForgeError::Refused(format!("it does not know {name}"));
        let user = crate::json::user(&found, "login").ok_or_else(none)?;
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Some(user.clone());
        Ok(user)
    }
}

/// Where the API is.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub http: &'a reqwest::Client,
    pub base: &'a str,
    pub now: Timestamp,
}

impl At<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn call(&self, request: reqwest::RequestBuilder, stated: &str) -> ForgeResult<Value> {
        let response = request.bearer_auth(stated).send().await;
        read(response.map_err(away)?, self.now).await
    }
}

async fn read(response: reqwest::Response, now: Timestamp) -> ForgeResult<Value> {
    if !response.status().is_success() {
        return Err(refused(response, now).await);
    }
    response.json().await.map_err(away)
}

/// The project that a path is about: `org/site` of `/repos/org/site/pulls`.
fn project_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/repos/")?;
    let rest = rest.split('?').next()?;
    let end = rest
        .match_indices('/')
        .nth(1)
        .map_or(rest.len(), |(at, _)| at);
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_about_a_repository_need_its_token() {
        for (path, project) in [
            ("/repos/org/site", Some("org/site")),
            ("/repos/org/site?x=1/2", Some("org/site")),
            ("/repos/org/site/pulls/7", Some("org/site")),
            ("/user", None),
        ] {
            assert_eq!(project_of(path), project, "{path}");
        }
    }
}

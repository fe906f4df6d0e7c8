//! GitHub Apps: known by a signature, and given tokens for single repositories that end.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use vine_domain::{Clock as _, Timestamp, clock::System};

use super::{
    Answer,
    world::{User, World},
};

/// An App that is installed in all projects.
pub struct App {
    pub id: String,
    pub slug: String,
    /// Its public key, in PEM.
    pub public: String,
    /// What it may do.
    pub permissions: Value,
    /// How long its tokens are good.
    pub good_for: Duration,
    /// What it was given so far.
    pub tokens: Vec<AppToken>,
}

/// A token of an installation.
#[derive(Debug, Clone)]
pub struct AppToken {
    pub token: String,
    pub repositories: Vec<String>,
    /// What it may do; everything if it says nothing.
    pub permissions: Value,
    pub ends: Timestamp,
    /// It was taken back.
    pub revoked: bool,
}

impl AppToken {
    fn is_good_for(&self, project: &str) -> bool {
        let name = project.rsplit('/').next().unwrap_or_default();
        !self.revoked && self.ends > System.now() && self.repositories.iter().any(|one| one == name)
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    exp: i64,
}

impl App {
    /// Whether this was signed by the App, and not for longer than ten minutes.
    fn signed(&self, stated: &str) -> bool {
        let key = DecodingKey::from_rsa_pem(self.public.as_bytes()).expect("a public key");
        let read = jsonwebtoken::decode::<Claims>(stated, &key, &Validation::new(Algorithm::RS256));
        read.is_ok_and(|read| {
            let Claims { iss, iat, exp } = read.claims;
            iss == self.id && iat <= System.now().0 / 1000 && exp - iat <= 600
        })
    }
}

impl World {
    /// The account that a token belongs to, for a call about this project.
    pub fn caller(&self, token: &str, project: &str) -> Option<User> {
        let app = self.app.as_ref();
        let lent = app.and_then(|app| app.tokens.iter().find(|one| one.token == token));
        match (lent, app) {
            (Some(lent), Some(app)) => {
                // A token for git alone is none for the API.
                let may = lent.is_good_for(project) && lent.permissions.is_null();
                let bot = self.named(&format!("{}[bot]", app.slug));
                bot.filter(|_| may).cloned()
            }
            _ => self.user_of(token),
        }
    }

    /// Whether a token is good for anything.
    fn knows(&self, token: &str) -> bool {
        let app = self.app.as_ref();
        let lent = app.and_then(|app| app.tokens.iter().find(|one| one.token == token));
        match lent {
            Some(lent) => !lent.revoked && lent.ends > System.now(),
            None => self.user_of(token).is_some(),
        }
    }

    /// Whether git may read and write a project with this password.
    pub fn may_use_git(&self, password: &str, project: &str) -> bool {
        let lent = self
            .app
            .as_ref()
            .and_then(|app| app.tokens.iter().find(|one| one.token == password));
        match lent {
            Some(lent) => lent.is_good_for(project) && lent.permissions["contents"] == "write",
            None => false,
        }
    }
}

/// What is answered to calls as an App, or about accounts that anybody may see; `None` for all others.
pub(super) fn answer(
    world: &mut World,
    method: &str,
    path: &[&str],
    bearer: Option<&str>,
    body: &Value,
) -> Option<Answer> {
    if let ("GET", ["users", name]) = (method, path) {
        let none = || Answer::refused(404, "Not Found");
        // As a server in private mode: strangers see nothing.
        if !world.knows(bearer.unwrap_or_default()) {
            return Some(Answer::refused(401, "Requires authentication"));
        }
        let found = world
            .named(name)
            .map(|user| json!({ "login": user.name, "id": user.id }));
        return Some(found.map_or_else(none, Answer::ok));
    }
    let is_of_app = matches!(path, ["app", ..] | ["repos", _, _, "installation"]);
    if !is_of_app {
        return None;
    }
    let number = world.id();
    let app = world
        .app
        .as_mut()
        .filter(|app| bearer.is_some_and(|text| app.signed(text)));
    let Some(app) = app else {
        return Some(Answer::refused(
            401,
            "A JSON web token could not be decoded",
        ));
    };
    Some(match (method, path) {
        ("GET", ["app"]) => Answer::ok(json!({ "id": 1, "slug": app.slug, "name": app.slug })),
        ("GET", ["app", "installations"]) => Answer::ok(json!([{ "id": 77 }])),
        ("GET", ["repos", ..]) => {
            Answer::ok(json!({ "id": 77, "app_slug": app.slug, "permissions": app.permissions }))
        }
        ("POST", ["app", "installations", "77", "access_tokens"]) => {
            let names = body["repositories"].as_array().into_iter().flatten();
            let lent = AppToken {
                token: format!("ghs_lent{number}"),
                repositories: names
                    .filter_map(|name| Some(name.as_str()?.to_owned()))
                    .collect(),
                permissions: body["permissions"].clone(),
                ends: System.now().plus(app.good_for),
                revoked: false,
            };
            let shown = json!({ "token": lent.token, "expires_at": lent.ends, "permissions": lent.permissions });
            app.tokens.push(lent);
            Answer::made(shown)
        }
        _ => Answer::refused(404, "Not Found"),
    })
}

//! Webhooks of projects: they can be listed, made and deleted by whoever administers a project. No forge shows
//! the secret of one.

use serde_json::{Value, json};

use super::{Answer, Call, world::Project};

/// A webhook.
#[derive(Debug, Clone)]
pub struct Hook {
    pub id: u64,
    /// As it was made, with its secret.
    pub made: Value,
}

impl Hook {
    /// Where it sends to.
    pub fn url(&self) -> &str {
        let url = self.made["config"]["url"].as_str();
        url.or(self.made["url"].as_str()).unwrap_or_default()
    }

    /// What it signs with.
    pub fn secret(&self) -> &str {
        let secret = self.made["config"]["secret"].as_str();
        secret.or(self.made["token"].as_str()).unwrap_or_default()
    }

    fn shown(&self, call: &Call<'_>) -> Value {
        let mut shown = self.made.clone();
        // GitHub's clients delete it there.
        if shown["name"] == "web" {
            shown["url"] = json!(format!(
                "{}/github/{}/{}",
                call.base,
                hooks_of(call),
                self.id
            ));
        }
        shown["id"] = json!(self.id);
        for (of, key) in [("config", "secret"), ("", "token")] {
            let place = if of.is_empty() {
                &mut shown
            } else {
                &mut shown[of]
            };
            if let Some(fields) = place.as_object_mut() {
                fields.remove(key);
            }
        }
        shown
    }
}

/// The path of a project's webhooks.
fn hooks_of(call: &Call<'_>) -> String {
    let parts = call.path.iter().take_while(|part| *part != "hooks");
    let parts: Vec<&str> = parts.map(String::as_str).chain(["hooks"]).collect();
    parts.join("/")
}

/// What is answered to a call about webhooks.
pub(super) fn answer(project: &mut Project, call: &Call<'_>, id: u64, rest: &[&str]) -> Answer {
    if !call.user.administers {
        return Answer::refused(403, "administrators only");
    }
    match (call.method, rest) {
        ("GET", []) => call.page(project.hooks.iter().map(|hook| hook.shown(call)).collect()),
        ("POST", []) => {
            let is_there = |hook: &Hook| {
                call.body["name"] == "web" && call.body["config"]["url"] == hook.url()
            };
            if project.hooks.iter().any(is_there) {
                return Answer::refused(422, "Hook already exists on this repository");
            }
            let hook = Hook {
                id,
                made: call.body.clone(),
            };
            let shown = hook.shown(call);
            project.hooks.push(hook);
            Answer::made(shown)
        }
        ("PATCH" | "PUT", [known]) => {
            let found = project
                .hooks
                .iter_mut()
                .find(|hook| hook.id.to_string() == *known);
            let Some(hook) = found else {
                return Answer::refused(404, "Not Found");
            };
            hook.made = call.body.clone();
            Answer::ok(hook.shown(call))
        }
        ("DELETE", [old]) => {
            project.hooks.retain(|hook| hook.id.to_string() != *old);
            Answer::Nothing(204)
        }
        _ => Answer::refused(404, "Not Found"),
    }
}

//! Has a forge send its webhooks to us.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use vine_domain::{
    Clock,
    forge::{ForgeKind, ForgeProject},
    ports::ForgeResult,
};

use crate::{
    client::Client,
    json::encoded,
    settings::{BadSettings, ForgeSettings},
    webhook,
};

/// Where a forge sends webhooks, and what it signs them with.
#[derive(Clone, Copy)]
pub struct NewWebhook<'a> {
    /// `https://vine.example.org/forges/github.com`.
    pub url: &'a str,
    /// The secret.
    pub secret: &'a str,
}

/// Makes the webhooks of projects.
pub struct Webhooks {
    client: Client,
    kind: ForgeKind,
}

impl Webhooks {
    /// With the token of these settings.
    pub fn of(settings: &ForgeSettings, clock: Arc<dyn Clock>) -> Result<Self, BadSettings> {
        Ok(Self {
            client: Client::new(settings, clock)?,
            kind: settings.kind,
        })
    }

    /// Makes the webhook of a project. One with the same address gets our secret: no forge tells which one it has.
    pub async fn make(&self, project: &ForgeProject, new: NewWebhook<'_>) -> ForgeResult<()> {
        let hooks = match self.kind {
            ForgeKind::Github | ForgeKind::Forgejo => format!("/repos/{}/hooks", project.path),
            ForgeKind::Gitlab => format!("/projects/{}/hooks", encoded(&project.path)),
        };
        let body = body(self.kind, new);
        let all = self.client.all(&hooks).await?;
        let known = all.iter().find(|one| address(one) == new.url);
        let known = known.map(|hook| format!("{hooks}/{}", hook["id"]));
        match (known, self.kind) {
            (None, _) => drop(self.client.send(Method::POST, &hooks, &body).await?),
            (Some(path), ForgeKind::Github) => {
                drop(self.client.send(Method::PATCH, &path, &body).await?);
            }
            (Some(path), ForgeKind::Gitlab) => {
                drop(self.client.send(Method::PUT, &path, &body).await?);
            }
            // Its secret cannot be changed.
            (Some(path), ForgeKind::Forgejo) => {
                self.client.send(Method::POST, &hooks, &body).await?;
                self.client.send(Method::DELETE, &path, &json!({})).await?;
            }
        }
        Ok(())
    }
}

fn address(hook: &Value) -> &str {
    let url = hook["config"]["url"].as_str();
    url.or(hook["url"].as_str()).unwrap_or_default()
}

/// What creates a webhook: GitHub's "Create a repository webhook", GitLab's "Add a webhook to a project" (18.0),
/// Forgejo's `CreateHookOption` (11.0), where `pull_request` stands for reviews and remarks too. Gitea knows only
/// its own type, which Forgejo takes as well.
fn body(kind: ForgeKind, new: NewWebhook<'_>) -> Value {
    let config = json!({ "url": new.url, "secret": new.secret, "content_type": "json" });
    match kind {
        ForgeKind::Github => {
            let events = webhook::looked_at(ForgeKind::Github);
            json!({ "name": "web", "active": true, "events": events, "config": config })
        }
        ForgeKind::Gitlab => json!({
            "url": new.url, "token": new.secret, "enable_ssl_verification": true, "push_events": true,
            "merge_requests_events": true, "note_events": true, "job_events": true, "pipeline_events": true,
        }),
        ForgeKind::Forgejo => {
            let mut events = vec!["push", "pull_request", "issue_comment"];
            let runs = webhook::looked_at(ForgeKind::Forgejo).iter();
            events.extend(runs.filter(|name| name.starts_with("action_run_")));
            json!({ "type": "gitea", "active": true, "events": events, "config": config })
        }
    }
}

//! GitHub: the REST API of 2022-11-28.

mod checks;
mod remarks;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::{
    Branch,
    forge::{
        Check, ForgeKind, ForgeProject, ForgeUser, GitToken, OpenedRequest, RequestSnapshot,
        SeenState,
        rule::ForgeName,
        text::{self, RequestText},
    },
    ports::{Forge, ForgeError, ForgeResult, FoundRequest, MergeOrder, NewRequest},
};

use crate::{
    client::Client,
    json::{encoded, list, text as words, user},
};

/// GitHub.
pub struct Github {
    pub client: Client,
    pub pace: Duration,
}

fn found(pull: &Value) -> FoundRequest {
    let opened = OpenedRequest {
        kind: ForgeKind::Github,
        number: pull["number"].as_u64().unwrap_or_default(),
        url: words(&pull["html_url"]),
    };
    FoundRequest {
        opened,
        draft: pull["draft"] == true,
    }
}

fn names(all: &[ForgeName]) -> Vec<&str> {
    all.iter().map(ForgeName::as_str).collect()
}

fn pull(project: &ForgeProject, number: u64) -> String {
    format!("/repos/{}/pulls/{number}", project.path)
}

fn issue(project: &ForgeProject, number: u64) -> String {
    format!("/repos/{}/issues/{number}", project.path)
}

impl Github {
    async fn try_open(
        &self,
        project: &ForgeProject,
        new: &NewRequest<'_>,
        draft: bool,
    ) -> ForgeResult<FoundRequest> {
        let body = json!({
            "title": new.text.title, "body": text::section(&new.text.body), "head": new.branch, "base": new.base, "draft": draft,
        });
        let path = format!("/repos/{}/pulls", project.path);
        let made = self.client.send(Method::POST, &path, &body).await?;
        Ok(found(&made))
    }
}

/// What an App may not do, although it needs to. For its tokens, a repository never says that they may push.
fn missing_of_app(project: &ForgeProject, rights: &Value) -> Vec<String> {
    let missing = ["contents", "pull_requests"]
        .into_iter()
        .filter(|right| rights[right] != "write");
    missing
        .map(|right| format!("the App may not write {right} in {project}; change its permissions, and accept them there"))
        .collect()
}

#[async_trait]
impl Forge for Github {
    fn kind(&self) -> ForgeKind {
        ForgeKind::Github
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn account(&self) -> ForgeResult<ForgeUser> {
        self.client.account("login").await
    }

    async fn missing_rights(&self, project: &ForgeProject) -> ForgeResult<Vec<String>> {
        match self.client.app_rights(&project.path).await {
            Ok(None) => {}
            Ok(Some(rights)) => return Ok(missing_of_app(project, &rights)),
            Err(ForgeError::Refused(why)) => {
                return Ok(vec![format!(
                    "the App is not installed in {project} ({why})"
                )]);
            }
            Err(error) => return Err(error),
        }
        let found = self.client.get(&format!("/repos/{}", project.path)).await;
        Ok(match found {
            Ok(found) if found["permissions"]["push"] == true => Vec::new(),
            Ok(_) => vec![format!(
                "the token may not write to {project}; give it the permissions Contents and Pull requests (read and write), and Actions and Commit statuses (read)"
            )],
            Err(ForgeError::Refused(why)) => vec![format!(
                "the token cannot see {project} ({why}); give it access to that repository"
            )],
            Err(error) => return Err(error),
        })
    }

    async fn git_token(&self, project: &ForgeProject) -> ForgeResult<Option<GitToken>> {
        self.client.git_token(&project.path).await
    }

    async fn default_branch(&self, project: &ForgeProject) -> ForgeResult<Branch> {
        self.client
            .default_branch(&format!("/repos/{}", project.path))
            .await
    }

    async fn find(
        &self,
        project: &ForgeProject,
        branch: &Branch,
    ) -> ForgeResult<Option<FoundRequest>> {
        let owner = project.path.split('/').next().unwrap_or_default();
        let head = encoded(&format!("{owner}:{branch}"));
        let path = format!("/repos/{}/pulls?state=open&head={head}", project.path);
        let open = self.client.get(&path).await?;
        let ours = |one: &&Value| one["head"]["ref"] == branch.as_str();
        Ok(list(&open).iter().find(ours).map(found))
    }

    async fn open(
        &self,
        project: &ForgeProject,
        new: &NewRequest<'_>,
    ) -> ForgeResult<FoundRequest> {
        match self.try_open(project, new, new.draft).await {
            // Private repositories of free plans have no drafts.
            Err(ForgeError::Refused(why)) if new.draft && why.to_lowercase().contains("draft") => {
                self.try_open(project, new, false).await
            }
            other => other,
        }
    }

    async fn decorate(
        &self,
        project: &ForgeProject,
        number: u64,
        new: &NewRequest<'_>,
    ) -> ForgeResult<Vec<String>> {
        let issue = issue(project, number);
        let reviews = format!("{}/requested_reviewers", pull(project, number));
        let wishes = [
            (format!("{issue}/labels"), "labels", new.labels),
            (reviews, "reviewers", new.reviewers),
            (format!("{issue}/assignees"), "assignees", new.assignees),
        ];
        let mut notes = Vec::new();
        for (path, what, wanted) in wishes {
            if wanted.is_empty() {
                continue;
            }
            let body = json!({ what: names(wanted) });
            match self.client.send(Method::POST, &path, &body).await {
                Err(ForgeError::Refused(why)) => notes.push(format!("It has no {what}: {why}.")),
                other => drop(other?),
            }
        }
        Ok(notes)
    }

    fn has_thread(&self, remark: &str) -> bool {
        remark.starts_with("line:")
    }

    async fn describe(
        &self,
        project: &ForgeProject,
        number: u64,
        said: &RequestText,
    ) -> ForgeResult<()> {
        let path = pull(project, number);
        let known = self.client.get(&path).await?;
        let body = text::with_section(known["body"].as_str().unwrap_or_default(), &said.body);
        self.client
            .send(Method::PATCH, &path, &json!({ "body": body }))
            .await
            .map(drop)
    }

    async fn look(&self, project: &ForgeProject, number: u64) -> ForgeResult<RequestSnapshot> {
        let seen = self.client.get(&pull(project, number)).await?;
        let head = words(&seen["head"]["sha"]);
        let state = match (seen["state"].as_str(), seen["merged"].as_bool()) {
            (_, Some(true)) => SeenState::Merged {
                by: user(&seen["merged_by"], "login"),
            },
            (Some("closed"), _) => {
                let issue = self.client.get(&issue(project, number)).await?;
                SeenState::Closed {
                    by: user(&issue["closed_by"], "login"),
                }
            }
            _ => SeenState::Open {
                draft: seen["draft"] == true,
            },
        };
        let is_open = matches!(state, SeenState::Open { .. });
        Ok(RequestSnapshot {
            state,
            is_of_project: seen["head"]["repo"]["full_name"] == seen["base"]["repo"]["full_name"],
            // `mergeable` is null while GitHub computes it.
            conflict: seen["mergeable"]
                .as_bool()
                .map(|_| seen["mergeable_state"] == "dirty"),
            checks: match is_open {
                true => self.checks(project, number, &head).await?,
                false => Vec::new(),
            },
            remarks: self.remarks(project, number).await?,
            head,
        })
    }

    async fn log(&self, project: &ForgeProject, check: &Check) -> ForgeResult<Option<String>> {
        match &check.log {
            Some(job) => {
                self.client
                    .log(&format!("/repos/{}/actions/jobs/{job}/logs", project.path))
                    .await
            }
            None => Ok(None),
        }
    }

    async fn reply(
        &self,
        project: &ForgeProject,
        number: u64,
        remark: &str,
        key: Uuid,
        said: &str,
    ) -> ForgeResult<()> {
        let (pull, issue) = (pull(project, number), issue(project, number));
        let (listed, path) = match remark.split_once(':') {
            Some(("line", line)) => {
                // Only the first comment of a thread can be replied to.
                let first = line.split_once('/').map_or(line, |(first, _)| first);
                let replies = format!("{pull}/comments/{first}/replies");
                (format!("{pull}/comments"), replies)
            }
            _ => (format!("{issue}/comments"), format!("{issue}/comments")),
        };
        let mark = text::mark(key);
        let known = self.client.all(&listed).await?;
        if known.iter().any(|one| words(&one["body"]).contains(&mark)) {
            return Ok(());
        }
        self.client
            .send(Method::POST, &path, &json!({ "body": said }))
            .await
            .map(drop)
    }

    async fn merge(
        &self,
        project: &ForgeProject,
        number: u64,
        order: MergeOrder<'_>,
    ) -> ForgeResult<()> {
        let path = pull(project, number);
        let seen = self.client.get(&path).await?;
        if seen["merged"] == true {
            return Ok(());
        }
        if seen["head"]["sha"] != order.head {
            return Err(ForgeError::Moved);
        }
        let body = json!({ "sha": order.head, "merge_method": order.method });
        let path = format!("{path}/merge");
        match self.client.send(Method::PUT, &path, &body).await {
            Err(ForgeError::Conflict(_)) => Err(ForgeError::Moved),
            other => other.map(drop),
        }
    }

    async fn close(&self, project: &ForgeProject, number: u64) -> ForgeResult<()> {
        let body = json!({ "state": "closed" });
        self.client
            .send(Method::PATCH, &pull(project, number), &body)
            .await
            .map(drop)
    }

    async fn update(&self, project: &ForgeProject, number: u64, head: &str) -> ForgeResult<()> {
        let path = pull(project, number);
        let seen = self.client.get(&path).await?;
        let now = words(&seen["head"]["sha"]);
        if now != head {
            return self.client.is_updated(project, &now, head).await;
        }
        let body = json!({ "expected_head_sha": head });
        self.client
            .send(Method::PUT, &format!("{path}/update-branch"), &body)
            .await
            .map(drop)
    }
}

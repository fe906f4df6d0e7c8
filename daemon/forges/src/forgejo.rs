//! Forgejo and Gitea: the REST API, version 1.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::{
    Branch,
    forge::{
        Check, CheckState, ForgeKind, ForgeProject, ForgeUser, GitToken, OpenedRequest, Remark,
        RequestSnapshot, ReviewVerdict, SeenState,
        rule::ForgeName,
        text::{self, RequestText},
    },
    ports::{Forge, ForgeError, ForgeResult, FoundRequest, MergeOrder, NewRequest},
};

use crate::{
    client::Client,
    json::{id, list, text as words, user},
};

/// Forgejo or Gitea.
pub struct Forgejo {
    pub client: Client,
    pub pace: Duration,
}

fn found(pull: &Value) -> FoundRequest {
    let opened = OpenedRequest {
        kind: ForgeKind::Forgejo,
        number: pull["number"].as_u64().unwrap_or_default(),
        url: words(&pull["html_url"]),
    };
    FoundRequest {
        opened,
        draft: is_draft(pull),
    }
}

fn is_draft(pull: &Value) -> bool {
    let title = words(&pull["title"]);
    pull["draft"] == true || title.starts_with("WIP:") || title.starts_with("[WIP]")
}

fn pull(project: &ForgeProject, number: u64) -> String {
    format!("/repos/{}/pulls/{number}", project.path)
}

fn comments(project: &ForgeProject, number: u64) -> String {
    format!("/repos/{}/issues/{number}/comments", project.path)
}

fn state(status: &Value) -> CheckState {
    match status["status"].as_str().or(status["state"].as_str()) {
        Some("success") => CheckState::Passed,
        Some("failure" | "error") => CheckState::Failed,
        Some("warning" | "skipped") => CheckState::Neither,
        _ => CheckState::Running,
    }
}

fn verdict(review: &Value) -> Option<ReviewVerdict> {
    match review["state"].as_str() {
        Some("APPROVED") => Some(ReviewVerdict::Approved),
        Some("REQUEST_CHANGES") => Some(ReviewVerdict::ChangesWanted),
        Some("COMMENT") => Some(ReviewVerdict::Commented),
        _ => None,
    }
}

fn remark(kind: &str, one: &Value) -> Option<Remark> {
    Some(Remark {
        key: format!("{kind}:{}", id(&one["id"])),
        author: user(&one["user"], "login")?,
        text: words(&one["body"]),
        place: None,
        edited: !one["updated_at"].is_null() && one["updated_at"] != one["created_at"],
        verdict: None,
    })
}

impl Forgejo {
    async fn checks(&self, project: &ForgeProject, head: &str) -> ForgeResult<Vec<Check>> {
        let path = format!("/repos/{}/commits/{head}/status", project.path);
        let statuses = self.client.all_in(&path, "statuses").await?;
        let one = |status: &Value| Check {
            name: words(&status["context"]),
            state: state(status),
            log: None,
            summary: words(&status["description"]),
            is_own: false,
        };
        Ok(statuses.iter().map(one).collect())
    }

    async fn remarks(&self, project: &ForgeProject, number: u64) -> ForgeResult<Vec<Remark>> {
        let reviews = format!("{}/reviews", pull(project, number));
        let mut remarks = Vec::new();
        for review in self.client.all(&reviews).await? {
            let Some(verdict) = verdict(&review) else {
                continue;
            };
            let found = remark("review", &review);
            remarks.extend(found.map(|remark| Remark {
                verdict: Some(verdict),
                ..remark
            }));
            if review["comments_count"].as_u64().unwrap_or(1) == 0 {
                continue;
            }
            let lines = format!("{reviews}/{}/comments", id(&review["id"]));
            for line in list(&*self.client.get(&lines).await?) {
                let number = line["position"].as_u64().filter(|line| *line > 0);
                let number = number.or(line["original_position"].as_u64());
                let number = number.map_or_else(String::new, |line| format!(" line {line}"));
                let found = remark("line", line);
                remarks.extend(found.map(|remark| Remark {
                    place: Some(format!("{}{number}", words(&line["path"]))),
                    ..remark
                }));
            }
        }
        let comments = self.client.all(&comments(project, number)).await?;
        remarks.extend(comments.iter().filter_map(|one| remark("comment", one)));
        Ok(remarks)
    }

    /// The numbers of labels; those that the project does not have are noted.
    async fn labels(
        &self,
        project: &ForgeProject,
        names: &[ForgeName],
        notes: &mut Vec<String>,
    ) -> ForgeResult<Vec<Value>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let known = self
            .client
            .all(&format!("/repos/{}/labels", project.path))
            .await?;
        let mut found = Vec::new();
        for name in names {
            match known.iter().find(|label| label["name"] == name.as_str()) {
                Some(label) => found.push(label["id"].clone()),
                None => notes.push(format!("The project has no label {name}.")),
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Forge for Forgejo {
    fn kind(&self) -> ForgeKind {
        ForgeKind::Forgejo
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn account(&self) -> ForgeResult<ForgeUser> {
        self.client.account("login").await
    }

    async fn missing_rights(&self, project: &ForgeProject) -> ForgeResult<Vec<String>> {
        let found = self.client.get(&format!("/repos/{}", project.path)).await;
        Ok(match found {
            Ok(found) if found["permissions"]["push"] == true => Vec::new(),
            Ok(_) => vec![format!(
                "the token may not write to {project}; make its account a collaborator who can write, and give the token the scopes `write:repository`, `write:issue` and `read:user`"
            )],
            Err(ForgeError::Refused(why)) => vec![format!(
                "the token cannot see {project} ({why}); make its account a collaborator"
            )],
            Err(error) => return Err(error),
        })
    }

    async fn git_token(&self, _project: &ForgeProject) -> ForgeResult<Option<GitToken>> {
        Ok(None)
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
        let open = self
            .client
            .all(&format!("/repos/{}/pulls?state=open", project.path))
            .await?;
        let ours = |one: &&Value| {
            one["head"]["ref"] == branch.as_str()
                && one["head"]["repo_id"] == one["base"]["repo_id"]
        };
        Ok(open.iter().find(ours).map(found))
    }

    async fn open(
        &self,
        project: &ForgeProject,
        new: &NewRequest<'_>,
    ) -> ForgeResult<FoundRequest> {
        let labels = self.labels(project, new.labels, &mut Vec::new()).await?;
        let assignees: Vec<&str> = new.assignees.iter().map(ForgeName::as_str).collect();
        let draft = if new.draft { "WIP: " } else { "" };
        let mut body = json!({
            "title": format!("{draft}{}", new.text.title), "body": text::section(&new.text.body), "head": new.branch, "base": new.base,
            "labels": labels, "assignees": assignees,
        });
        let path = format!("/repos/{}/pulls", project.path);
        let made = match self.client.send(Method::POST, &path, &body).await {
            Err(ForgeError::Refused(_)) if !assignees.is_empty() => {
                body["assignees"] = json!([]);
                self.client.send(Method::POST, &path, &body).await?
            }
            other => other?,
        };
        Ok(found(&made))
    }

    async fn decorate(
        &self,
        project: &ForgeProject,
        number: u64,
        new: &NewRequest<'_>,
    ) -> ForgeResult<Vec<String>> {
        let mut notes = Vec::new();
        self.labels(project, new.labels, &mut notes).await?;
        if !new.reviewers.is_empty() {
            let reviewers: Vec<&str> = new.reviewers.iter().map(ForgeName::as_str).collect();
            let path = format!("{}/requested_reviewers", pull(project, number));
            let body = json!({ "reviewers": reviewers });
            match self.client.send(Method::POST, &path, &body).await {
                Err(ForgeError::Refused(why)) => notes.push(format!("It has no reviewers: {why}.")),
                other => drop(other?),
            }
        }
        Ok(notes)
    }

    /// Its API has no replies below a line.
    fn has_thread(&self, _remark: &str) -> bool {
        false
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
        let draft = is_draft(&seen);
        let state = match (seen["state"].as_str(), seen["merged"].as_bool()) {
            (_, Some(true)) => SeenState::Merged {
                by: user(&seen["merged_by"], "login"),
            },
            (Some("closed"), _) => SeenState::Closed { by: None },
            _ => SeenState::Open { draft },
        };
        let is_open = matches!(state, SeenState::Open { .. });
        Ok(RequestSnapshot {
            state,
            is_of_project: seen["head"]["repo_id"] == seen["base"]["repo_id"],
            // A draft is never `mergeable`, whether it conflicts or not.
            conflict: seen["mergeable"]
                .as_bool()
                .filter(|_| !draft)
                .map(|can| !can),
            checks: match is_open {
                true => self.checks(project, &head).await?,
                false => Vec::new(),
            },
            remarks: self.remarks(project, number).await?,
            head,
        })
    }

    async fn log(&self, _project: &ForgeProject, _check: &Check) -> ForgeResult<Option<String>> {
        // Its API has no logs.
        Ok(None)
    }

    async fn reply(
        &self,
        project: &ForgeProject,
        number: u64,
        _remark: &str,
        key: Uuid,
        said: &str,
    ) -> ForgeResult<()> {
        let path = comments(project, number);
        let mark = text::mark(key);
        let known = self.client.all(&path).await?;
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
        let body = json!({ "Do": order.method, "head_commit_id": order.head });
        let path = format!("{path}/merge");
        match self.client.send(Method::POST, &path, &body).await {
            Err(ForgeError::Conflict(why)) if why.contains("head") => Err(ForgeError::Moved),
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
        self.client
            .send(
                Method::POST,
                &format!("{path}/update?style=merge"),
                &json!({}),
            )
            .await
            .map(drop)
    }
}

//! GitLab: the REST API, version 4.

mod remarks;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::{
    Branch,
    forge::{
        Check, CheckState, ForgeKind, ForgeProject, ForgeUser, GitToken, MergeMethod,
        OpenedRequest, RequestSnapshot, SeenState,
        rule::ForgeName,
        text::{self, RequestText},
    },
    ports::{Forge, ForgeError, ForgeResult, FoundRequest, MergeOrder, NewRequest},
};

use crate::{
    client::Client,
    json::{encoded, id, list, text as words, user},
};

/// The least access level that may push and open merge requests: Developer.
/// <https://docs.gitlab.com/api/access_requests/#valid-access-levels>
const DEVELOPER: u64 = 30;

/// GitLab.
pub struct Gitlab {
    pub client: Client,
    pub pace: Duration,
}

fn found(request: &Value) -> FoundRequest {
    let opened = OpenedRequest {
        kind: ForgeKind::Gitlab,
        number: request["iid"].as_u64().unwrap_or_default(),
        url: words(&request["web_url"]),
    };
    FoundRequest {
        opened,
        draft: request["draft"] == true,
    }
}

fn at(project: &ForgeProject) -> String {
    format!("/projects/{}", encoded(&project.path))
}

fn request(project: &ForgeProject, number: u64) -> String {
    format!("{}/merge_requests/{number}", at(project))
}

/// <https://docs.gitlab.com/api/commits/#list-commit-statuses>
fn state(status: &Value) -> CheckState {
    match status["status"].as_str() {
        Some("success") => CheckState::Passed,
        Some("failed") if status["allow_failure"] == true => CheckState::Neither,
        Some("failed") => CheckState::Failed,
        Some("canceled" | "skipped" | "manual") => CheckState::Neither,
        _ => CheckState::Running,
    }
}

impl Gitlab {
    async fn checks(&self, project: &ForgeProject, head: &str) -> ForgeResult<Vec<Check>> {
        let path = format!("{}/repository/commits/{head}/statuses", at(project));
        let statuses = self.client.all(&path).await?;
        // Of each name the newest counts, whichever pipeline it belongs to.
        let mut newest: BTreeMap<String, &Value> = BTreeMap::new();
        for status in &statuses {
            let known = newest.entry(words(&status["name"])).or_insert(status);
            if status["id"].as_u64() > known["id"].as_u64() {
                *known = status;
            }
        }
        let one = |(name, status): (String, &Value)| Check {
            name,
            state: state(status),
            log: Some(id(&status["id"])),
            summary: words(&status["description"]),
            // Pipelines of forks run in the fork.
            is_own: true,
        };
        Ok(newest.into_iter().map(one).collect())
    }

    /// The numbers of people; those that GitLab does not know are noted.
    async fn people(
        &self,
        names: &[ForgeName],
        notes: &mut Vec<String>,
    ) -> ForgeResult<Vec<Value>> {
        let mut found = Vec::new();
        for name in names {
            let path = format!("/users?username={}", encoded(name.as_str()));
            let users = self.client.get(&path).await?;
            match list(&users).first() {
                Some(user) => found.push(user["id"].clone()),
                None => notes.push(format!("GitLab knows nobody called {name}.")),
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Forge for Gitlab {
    fn kind(&self) -> ForgeKind {
        ForgeKind::Gitlab
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn account(&self) -> ForgeResult<ForgeUser> {
        self.client.account("username").await
    }

    async fn missing_rights(&self, project: &ForgeProject) -> ForgeResult<Vec<String>> {
        let found = match self.client.get(&at(project)).await {
            Ok(found) => found,
            Err(ForgeError::Refused(why)) => {
                return Ok(vec![format!(
                    "the token cannot see {project} ({why}); make it a token of that project, with the scope `api`"
                )]);
            }
            Err(error) => return Err(error),
        };
        let level = |of: &str| found["permissions"][of]["access_level"].as_u64();
        let level = level("project_access").max(level("group_access"));
        Ok(match level {
            Some(DEVELOPER..) => Vec::new(),
            _ => vec![format!(
                "the token may not write to {project}; give it the role Developer and the scope `api`"
            )],
        })
    }

    async fn git_token(&self, _project: &ForgeProject) -> ForgeResult<Option<GitToken>> {
        Ok(None)
    }

    async fn default_branch(&self, project: &ForgeProject) -> ForgeResult<Branch> {
        self.client.default_branch(&at(project)).await
    }

    async fn find(
        &self,
        project: &ForgeProject,
        branch: &Branch,
    ) -> ForgeResult<Option<FoundRequest>> {
        let branch = encoded(branch.as_str());
        let path = format!(
            "{}/merge_requests?state=opened&source_branch={branch}",
            at(project)
        );
        let open = self.client.get(&path).await?;
        let ours = |one: &&Value| one["source_project_id"] == one["target_project_id"];
        Ok(list(&open).iter().find(ours).map(found))
    }

    async fn open(
        &self,
        project: &ForgeProject,
        new: &NewRequest<'_>,
    ) -> ForgeResult<FoundRequest> {
        let mut notes = Vec::new();
        let reviewers = self.people(new.reviewers, &mut notes).await?;
        let assignees = self.people(new.assignees, &mut notes).await?;
        let labels: Vec<&str> = new.labels.iter().map(ForgeName::as_str).collect();
        let draft = if new.draft { "Draft: " } else { "" };
        let body = json!({
            "source_branch": new.branch, "target_branch": new.base, "title": format!("{draft}{}", new.text.title),
            "description": text::section(&new.text.body), "labels": labels.join(","),
            "reviewer_ids": reviewers, "assignee_ids": assignees,
        });
        let path = format!("{}/merge_requests", at(project));
        let made = self.client.send(Method::POST, &path, &body).await?;
        Ok(found(&made))
    }

    /// It has them from the beginning; what GitLab does not know is named.
    async fn decorate(
        &self,
        _project: &ForgeProject,
        _number: u64,
        new: &NewRequest<'_>,
    ) -> ForgeResult<Vec<String>> {
        let mut notes = Vec::new();
        self.people(new.reviewers, &mut notes).await?;
        self.people(new.assignees, &mut notes).await?;
        Ok(notes)
    }

    fn has_thread(&self, remark: &str) -> bool {
        !remark.starts_with("approved:")
    }

    async fn describe(
        &self,
        project: &ForgeProject,
        number: u64,
        said: &RequestText,
    ) -> ForgeResult<()> {
        let path = request(project, number);
        let known = self.client.get(&path).await?;
        let body = text::with_section(
            known["description"].as_str().unwrap_or_default(),
            &said.body,
        );
        self.client
            .send(Method::PUT, &path, &json!({ "description": body }))
            .await
            .map(drop)
    }

    async fn look(&self, project: &ForgeProject, number: u64) -> ForgeResult<RequestSnapshot> {
        let seen = self.client.get(&request(project, number)).await?;
        let head = words(&seen["sha"]);
        let state = match seen["state"].as_str() {
            Some("merged") => SeenState::Merged {
                by: user(&seen["merge_user"], "username")
                    .or_else(|| user(&seen["merged_by"], "username")),
            },
            Some("closed") => SeenState::Closed {
                by: user(&seen["closed_by"], "username"),
            },
            _ => SeenState::Open {
                draft: seen["draft"] == true,
            },
        };
        let is_open = matches!(state, SeenState::Open { .. });
        let is_computed = !matches!(
            seen["detailed_merge_status"].as_str(),
            Some("checking" | "unchecked" | "preparing")
        );
        Ok(RequestSnapshot {
            state,
            is_of_project: seen["source_project_id"] == seen["target_project_id"],
            conflict: seen["has_conflicts"].as_bool().filter(|_| is_computed),
            checks: match is_open {
                true => self.checks(project, &head).await?,
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
                    .log(&format!("{}/jobs/{job}/trace", at(project)))
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
        let request = request(project, number);
        let mark = text::mark(key);
        let discussions = self.client.all(&format!("{request}/discussions")).await?;
        let mut notes = discussions.iter().flat_map(|one| list(&one["notes"]));
        if notes.any(|note| words(&note["body"]).contains(&mark)) {
            return Ok(());
        }
        let thread = remark.split_once(':').map(|(thread, _)| thread);
        let path = match thread {
            Some(thread) if thread != "approved" => {
                format!("{request}/discussions/{}/notes", encoded(thread))
            }
            _ => format!("{request}/notes"),
        };
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
        let path = request(project, number);
        let seen = self.client.get(&path).await?;
        if seen["state"] == "merged" {
            return Ok(());
        }
        if seen["sha"] != order.head {
            return Err(ForgeError::Moved);
        }
        if order.method == MergeMethod::Rebase {
            return Err(ForgeError::Refused(
                "in GitLab, the project's own setting decides between merge commits and rebasing; merge without a method".into(),
            ));
        }
        let body = json!({ "sha": order.head, "squash": order.method == MergeMethod::Squash });
        let merged = self
            .client
            .send(Method::PUT, &format!("{path}/merge"), &body)
            .await;
        match merged {
            Err(ForgeError::Refused(why)) if why.contains("405") => Err(ForgeError::Refused(
                "GitLab does not let it be merged now: its checks, its approvals or its discussions are not done".into(),
            )),
            Err(ForgeError::Conflict(_)) => Err(ForgeError::Moved),
            other => other.map(drop),
        }
    }

    async fn close(&self, project: &ForgeProject, number: u64) -> ForgeResult<()> {
        let body = json!({ "state_event": "close" });
        self.client
            .send(Method::PUT, &request(project, number), &body)
            .await
            .map(drop)
    }

    async fn update(&self, _project: &ForgeProject, _number: u64, _head: &str) -> ForgeResult<()> {
        Err(ForgeError::Refused(
            "GitLab can only rebase, which would rewrite the branch; let the agent merge the base instead".into(),
        ))
    }
}

//! GitLab's REST API.

use serde_json::{Value, json};

use super::{
    Answer, Call, hooks,
    world::{Check, Kind, Project, Remark, Request, Stage, State, World},
};

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let none = || Answer::refused(404, "404 Not Found");
    match path.as_slice() {
        ["user"] => Answer::ok(user(world, call.user.id)),
        ["users"] => {
            let named = call.query("username").and_then(|name| world.named(name));
            Answer::ok(
                named
                    .map(|found| user(world, found.id))
                    .into_iter()
                    .collect(),
            )
        }
        ["projects", named, rest @ ..] => {
            let is_it =
                |project: &&Project| project.path == *named || project.id.to_string() == *named;
            match world
                .projects
                .values()
                .find(is_it)
                .map(|project| project.path.clone())
            {
                Some(path) => of_project(world, call, &path, rest),
                None => none(),
            }
        }
        _ => none(),
    }
}

fn of_project(world: &mut World, call: &Call<'_>, named: &str, rest: &[&str]) -> Answer {
    if call.method != "GET" && !call.user.writes {
        return Answer::refused(403, "403 Forbidden");
    }
    if let ["hooks", rest @ ..] = rest {
        let id = world.id();
        let project = world.projects.get_mut(named).expect("it is there");
        return hooks::answer(project, call, id, rest);
    }
    let project = &world.projects[named];
    match (call.method, rest) {
        ("GET", []) => {
            let level = if call.user.writes { 30 } else { 20 };
            Answer::ok(json!({
                "id": project.id, "path_with_namespace": project.path, "default_branch": project.default_branch(),
                "permissions": { "project_access": { "access_level": level }, "group_access": null },
            }))
        }
        ("GET", ["merge_requests"]) => {
            let branch = call.query("source_branch");
            let meant = |one: &&Request| {
                (call.query("state") != Some("opened") || one.stage == Stage::Open)
                    && branch.is_none_or(|branch| one.head == branch)
            };
            let found = project.requests.iter().filter(meant);
            call.page(
                found
                    .map(|one| shown(world, project, one, call.base))
                    .collect(),
            )
        }
        ("POST", ["merge_requests"]) => open(world, call, named),
        ("GET", ["repository", "commits", sha, "statuses"]) => {
            let checks = project.checks.get(*sha);
            call.page(checks.into_iter().flatten().map(status).collect())
        }
        ("GET", ["jobs", job, "trace"]) => {
            let mut checks = project.checks.values().flatten();
            let found = checks.find(|check| check.id.to_string() == *job);
            found.map_or_else(
                || Answer::refused(404, "404 Not found"),
                |check| Answer::Text(check.log.clone()),
            )
        }
        (_, ["merge_requests", number, rest @ ..]) => match number.parse() {
            Ok(number) if project.requests.iter().any(|one| one.number == number) => {
                of_request(world, call, named, number, rest)
            }
            _ => Answer::refused(404, "404 Not found"),
        },
        _ => Answer::refused(404, "404 Not Found"),
    }
}

fn of_request(
    world: &mut World,
    call: &Call<'_>,
    named: &str,
    number: u64,
    rest: &[&str],
) -> Answer {
    let id = world.id();
    let us = call.user.id;
    let project = world.projects.get_mut(named).expect("it is there");
    match (call.method, rest) {
        ("GET", []) => {}
        ("PUT", []) => {
            let request = project.request(number).expect("found");
            if let Some(text) = call.body["description"].as_str() {
                request.body = text.into();
            }
            if call.body["state_event"] == "close" {
                project.close_request(number, us);
            }
        }
        ("GET", ["discussions"]) => {
            let request = project.request(number).expect("found").clone();
            return call.page(discussions(world, &request));
        }
        ("GET", ["approvals"]) => {
            let request = project.request(number).expect("found").clone();
            let approved = request
                .remarks
                .iter()
                .filter(|one| one.kind == Kind::Review("APPROVED"));
            let by: Vec<Value> = approved
                .map(|one| json!({ "user": user(world, one.author) }))
                .collect();
            return Answer::ok(json!({ "approved_by": by }));
        }
        ("POST", ["notes"] | ["discussions", _, "notes"]) => {
            let kind = match rest {
                ["discussions", thread, _] => Kind::Reply(thread.parse().unwrap_or_default()),
                _ => Kind::Comment,
            };
            let remark = Remark {
                id,
                author: us,
                body: call.body["body"].as_str().unwrap_or_default().into(),
                kind,
            };
            project
                .request(number)
                .expect("found")
                .remarks
                .push(remark.clone());
            return Answer::made(note(world, &remark));
        }
        ("PUT", ["merge"]) => {
            let request = project
                .requests
                .iter()
                .find(|one| one.number == number)
                .expect("found");
            let sha = call.body["sha"].as_str().or_else(|| call.query("sha"));
            if sha.is_some_and(|sha| sha != project.head(request)) {
                return Answer::refused(409, "SHA does not match HEAD of source branch");
            }
            if project
                .merge_request(number, us, call.body["squash"] == true)
                .is_err()
            {
                return Answer::refused(405, "405 Method Not Allowed");
            }
        }
        _ => return Answer::refused(404, "404 Not Found"),
    }
    let project = &world.projects[named];
    let request = project
        .requests
        .iter()
        .find(|one| one.number == number)
        .expect("found");
    Answer::ok(shown(world, project, request, call.base))
}

fn open(world: &mut World, call: &Call<'_>, named: &str) -> Answer {
    let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("source_branch"), text("target_branch"));
    let names = |field: &str| -> Vec<String> {
        let ids = call.body[field].as_array().into_iter().flatten();
        ids.filter_map(|id| Some(world.user(id.as_u64()?).name.clone()))
            .collect()
    };
    let (reviewers, assignees) = (names("reviewer_ids"), names("assignee_ids"));
    let project = world.projects.get_mut(named).expect("it is there");
    match project.not_openable(&head, &base) {
        Some(why) if why.contains("already") => {
            return Answer::Json(409, json!({ "message": [why] }));
        }
        Some(why) => return Answer::Json(422, json!({ "message": [why] })),
        None => {}
    }
    let title = text("title");
    let request = project.open(&title, &text("description"), &head, &base);
    request.draft = title.starts_with("Draft: ");
    request.reviewers = reviewers;
    request.assignees = assignees;
    let labels = text("labels");
    request.labels = labels
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let project = &world.projects[named];
    let request = project.requests.last().expect("just opened");
    Answer::made(shown(world, project, request, call.base))
}

fn user(world: &World, id: u64) -> Value {
    let user = world.user(id);
    json!({ "id": user.id, "username": user.name, "name": user.name })
}

fn shown(world: &World, project: &Project, request: &Request, base: &str) -> Value {
    let head = project.head(request);
    let (state, merged, closed) = match request.stage {
        Stage::Open => ("opened", None, None),
        Stage::Merged(by) => ("merged", Some(user(world, by)), None),
        Stage::Closed(by) => ("closed", None, Some(user(world, by))),
    };
    let source = project.id + u64::from(request.fork.is_some());
    let conflicts = request.stage == Stage::Open && project.conflicts(&request.base, &head);
    json!({
        "id": project.id * 1000 + request.number, "iid": request.number, "title": request.title, "description": request.body,
        "web_url": format!("{base}/{}/-/merge_requests/{}", project.path, request.number), "state": state, "draft": request.draft,
        "source_branch": request.head, "target_branch": request.base, "source_project_id": source, "target_project_id": project.id,
        "sha": head, "has_conflicts": conflicts, "detailed_merge_status": if conflicts { "conflict" } else { "mergeable" },
        "merge_user": merged, "closed_by": closed, "labels": request.labels,
        "reviewers": request.reviewers, "assignees": request.assignees,
    })
}

fn status(check: &Check) -> Value {
    let status = match check.state {
        State::Running => "running",
        State::Passed => "success",
        State::Failed => "failed",
    };
    json!({ "id": check.id, "name": check.name, "status": status, "allow_failure": false })
}

fn note(world: &World, remark: &Remark) -> Value {
    let position = match &remark.kind {
        Kind::Line { path, line, .. } => Some(json!({ "new_path": path, "new_line": line })),
        _ => None,
    };
    json!({ "id": remark.id, "body": remark.body, "author": user(world, remark.author), "system": false, "position": position })
}

/// Each remark begins a discussion, except replies.
fn discussions(world: &World, request: &Request) -> Vec<Value> {
    let begins = request
        .remarks
        .iter()
        .filter(|one| !matches!(one.kind, Kind::Reply(_)) && !one.body.is_empty());
    let one = |first: &Remark| {
        let replies = request
            .remarks
            .iter()
            .filter(|one| one.kind == Kind::Reply(first.id));
        let notes: Vec<Value> = std::iter::once(first)
            .chain(replies)
            .map(|one| note(world, one))
            .collect();
        json!({ "id": first.id.to_string(), "notes": notes })
    };
    begins.map(one).collect()
}

//! Forgejo's REST API.

use serde_json::{Value, json};

use super::{
    Answer, Call, hooks,
    world::{Check, Kind, Project, Remark, Request, Stage, State, World},
};

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["user"] => Answer::ok(user(world, call.user.id)),
        ["repos", owner, name, rest @ ..]
            if world.projects.contains_key(&format!("{owner}/{name}")) =>
        {
            of_project(world, call, &format!("{owner}/{name}"), rest)
        }
        _ => Answer::refused(404, "not found"),
    }
}

fn of_project(world: &mut World, call: &Call<'_>, named: &str, rest: &[&str]) -> Answer {
    if call.method != "GET" && !call.user.writes {
        return Answer::refused(403, "user should be allowed to write");
    }
    if let ["hooks", rest @ ..] = rest {
        let id = world.id();
        let project = world.projects.get_mut(named).expect("it is there");
        return hooks::answer(project, call, id, rest);
    }
    let project = &world.projects[named];
    match (call.method, rest) {
        ("GET", []) => Answer::ok(json!({
            "id": project.id, "full_name": project.path, "default_branch": project.default_branch(),
            "permissions": { "admin": false, "push": call.user.writes, "pull": true },
        })),
        ("GET", ["labels"]) => call.page(
            project
                .labels
                .iter()
                .map(|(id, name)| json!({ "id": id, "name": name }))
                .collect(),
        ),
        ("GET", ["pulls"]) => {
            let open =
                |one: &&Request| call.query("state") != Some("open") || one.stage == Stage::Open;
            let found = project.requests.iter().filter(open);
            call.page(
                found
                    .map(|one| pull(world, project, one, call.base))
                    .collect(),
            )
        }
        ("POST", ["pulls"]) => open(world, call, named),
        ("GET", ["git", "commits", sha]) => Answer::ok(super::github::commit(project, sha)),
        ("GET", ["commits", sha, "status"]) => {
            let checks = project.checks.get(*sha);
            let statuses: Vec<Value> = checks.into_iter().flatten().map(status).collect();
            let mut page = call.page_in("statuses", statuses);
            if let Answer::Page(value, _) = &mut page {
                value["sha"] = (*sha).into();
                value["state"] = "".into();
            }
            page
        }
        (_, ["pulls" | "issues", number, ..]) => match number.parse() {
            Ok(number) if project.requests.iter().any(|one| one.number == number) => {
                of_request(world, call, named, number, rest)
            }
            _ => Answer::refused(404, "not found"),
        },
        _ => Answer::refused(404, "not found"),
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
    let request = project.request(number).expect("found").clone();
    match (call.method, rest) {
        ("GET", ["pulls", _]) => {}
        ("PATCH", ["pulls", _]) => {
            if let Some(body) = call.body["body"].as_str() {
                project.request(number).expect("found").body = body.into();
            }
            if call.body["state"] == "closed" {
                project.close_request(number, us);
            }
        }
        ("GET", ["pulls", _, "reviews"]) => {
            let found = request
                .remarks
                .iter()
                .filter_map(|one| review(world, &request, one));
            return call.page(found.collect());
        }
        ("GET", ["pulls", _, "reviews", review, "comments"]) => {
            let of = |one: &&Remark| matches!(&one.kind, Kind::Line { review: of, .. } if of.to_string() == *review);
            let found = request.remarks.iter().filter(of);
            return Answer::ok(found.map(|one| shown(world, one)).collect());
        }
        ("GET", ["issues", _, "comments"]) => {
            let found = request
                .remarks
                .iter()
                .filter(|one| one.kind == Kind::Comment);
            return call.page(found.map(|one| shown(world, one)).collect());
        }
        ("POST", ["issues", _, "comments"]) => {
            let remark = Remark {
                id,
                author: us,
                body: call.body["body"].as_str().unwrap_or_default().into(),
                kind: Kind::Comment,
            };
            project
                .request(number)
                .expect("found")
                .remarks
                .push(remark.clone());
            return Answer::made(shown(world, &remark));
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let names = call.body["reviewers"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let names = names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned));
            project
                .request(number)
                .expect("found")
                .reviewers
                .extend(names);
            return Answer::made(json!([]));
        }
        ("POST", ["pulls", _, "merge"]) => {
            if call.body["head_commit_id"].is_string()
                && call.body["head_commit_id"] != project.head(&request)
            {
                return Answer::refused(409, "head out of date");
            }
            return match project.merge_request(number, us, call.body["Do"] == "squash") {
                Ok(()) => Answer::Nothing(200),
                Err(why) => Answer::refused(405, why),
            };
        }
        ("POST", ["pulls", _, "update"]) => {
            let (branch, base) = (
                request.head.clone(),
                project.tip(&request.base).unwrap_or_default(),
            );
            return match project.merge(&branch, &base, false, "Merge the base") {
                true => Answer::Nothing(200),
                false => Answer::Json(
                    409,
                    json!({ "message": "merge failed because of conflict" }),
                ),
            };
        }
        _ => return Answer::refused(404, "not found"),
    }
    let project = &world.projects[named];
    let request = project
        .requests
        .iter()
        .find(|one| one.number == number)
        .expect("found");
    Answer::ok(pull(world, project, request, call.base))
}

fn open(world: &mut World, call: &Call<'_>, named: &str) -> Answer {
    let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    let (head, base, title) = (text("head"), text("base"), text("title"));
    let list = |name: &str| call.body[name].as_array().cloned().unwrap_or_default();
    let project = world.projects.get_mut(named).expect("it is there");
    match project.not_openable(&head, &base) {
        Some(why) if why.contains("already") => return Answer::refused(409, why),
        Some(why) => return Answer::refused(404, why),
        None => {}
    }
    let wanted = list("labels");
    let labels = wanted.iter().filter_map(|id| {
        let found = project
            .labels
            .iter()
            .find(|(known, _)| Some(*known) == id.as_u64());
        found.map(|(_, name)| name.clone())
    });
    let labels: Vec<String> = labels.collect();
    let request = project.open(&title, &text("body"), &head, &base);
    request.labels = labels;
    request.assignees = list("assignees")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    request.draft = title.starts_with("WIP: ");
    let project = &world.projects[named];
    let request = project.requests.last().expect("just opened");
    Answer::made(pull(world, project, request, call.base))
}

fn user(world: &World, id: u64) -> Value {
    let user = world.user(id);
    json!({ "id": user.id, "login": user.name })
}

fn pull(world: &World, project: &Project, request: &Request, base: &str) -> Value {
    let head = project.head(request);
    let is_open = request.stage == Stage::Open;
    let source = project.id + u64::from(request.fork.is_some());
    let merged_by = match request.stage {
        Stage::Merged(by) => Some(user(world, by)),
        _ => None,
    };
    json!({
        "id": project.id * 1000 + request.number, "number": request.number, "title": request.title, "body": request.body,
        "html_url": format!("{base}/{}/pulls/{}", project.path, request.number), "state": if is_open { "open" } else { "closed" },
        "draft": request.draft, "merged": matches!(request.stage, Stage::Merged(_)), "merged_by": merged_by,
        "mergeable": is_open && !request.draft && !project.conflicts(&request.base, &head),
        "head": { "ref": request.head, "sha": head, "repo_id": source }, "base": { "ref": request.base, "repo_id": project.id },
    })
}

fn status(check: &Check) -> Value {
    let status = match check.state {
        State::Running => "pending",
        State::Passed => "success",
        State::Failed => "failure",
    };
    json!({ "id": check.id, "context": check.name, "status": status, "description": check.log })
}

fn review(world: &World, request: &Request, remark: &Remark) -> Option<Value> {
    let state = match &remark.kind {
        Kind::Review("APPROVED") => "APPROVED",
        Kind::Review("CHANGES_REQUESTED") => "REQUEST_CHANGES",
        Kind::Review(_) => "COMMENT",
        _ => return None,
    };
    let of = |one: &&Remark| matches!(one.kind, Kind::Line { review, .. } if review == remark.id);
    let lines = request.remarks.iter().filter(of).count();
    let mut value = shown(world, remark);
    value["state"] = state.into();
    value["comments_count"] = lines.into();
    Some(value)
}

fn shown(world: &World, remark: &Remark) -> Value {
    let mut value =
        json!({ "id": remark.id, "user": user(world, remark.author), "body": remark.body });
    if let Kind::Line { path, line, .. } = &remark.kind {
        value["path"] = path.as_str().into();
        value["position"] = (*line).into();
    }
    value
}

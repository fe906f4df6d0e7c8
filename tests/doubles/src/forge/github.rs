//! GitHub's REST API, and the one mutation that REST lacks.

use serde_json::{Value, json};

use super::{
    Answer, Call, hooks,
    world::{Check, Kind, Project, Remark, Request, Stage, State, World},
};

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let none = || Answer::refused(404, "Not Found");
    match path.as_slice() {
        ["user"] => Answer::ok(user(world, call.user.id)),
        ["repos", owner, name, rest @ ..] => {
            let named = format!("{owner}/{name}");
            match world.projects.contains_key(&named) {
                true => of_project(world, call, &named, rest),
                false => none(),
            }
        }
        _ => none(),
    }
}

fn of_project(world: &mut World, call: &Call<'_>, named: &str, rest: &[&str]) -> Answer {
    if call.method != "GET" && !call.user.writes {
        return Answer::refused(403, "Resource not accessible by personal access token");
    }
    if let ["hooks", rest @ ..] = rest {
        let id = world.id();
        let project = world.projects.get_mut(named).expect("it is there");
        return hooks::answer(project, call, id, rest);
    }
    match (call.method, rest) {
        ("GET", []) => {
            // For tokens of Apps it always says that they may not.
            let pushes = call.user.writes && !call.user.name.ends_with("[bot]");
            Answer::ok(repository(&world.projects[named], pushes, call.base))
        }
        ("GET", ["pulls"]) => list(world, call, named),
        ("POST", ["pulls"]) => open(world, call, named),
        ("GET", ["commits", sha]) => {
            let project = &world.projects[named];
            let url = api(call.base, project, &format!("/commits/{sha}"));
            Answer::ok(json!({ "sha": sha, "url": url }))
        }
        ("GET", ["commits", _, "check-runs"]) if world.projects[named].hides_checks => {
            Answer::refused(403, "Resource not accessible by personal access token")
        }
        ("GET", ["actions", "runs"]) => {
            let sha = call.query("head_sha").unwrap_or_default();
            let project = &world.projects[named];
            let first = project.checks.get(sha).and_then(|checks| checks.first());
            let run = first.map(|check| json!({ "id": check.id, "head_sha": sha, "pull_requests": about(project, sha) }));
            Answer::ok(
                json!({ "total_count": 1, "workflow_runs": run.into_iter().collect::<Vec<_>>() }),
            )
        }
        ("GET", ["actions", "runs", id, "jobs"]) => {
            let all = &world.projects[named].checks;
            let of_run = all
                .values()
                .find(|checks| checks.iter().any(|check| check.id.to_string() == *id));
            let jobs = of_run
                .into_iter()
                .flatten()
                .map(|check| run(check, &Value::Null));
            call.page_in("jobs", jobs.collect())
        }
        ("GET", ["commits", sha, "check-runs"]) => {
            let checks = world.projects[named].checks.get(*sha);
            let about = about(&world.projects[named], sha);
            let runs: Vec<Value> = checks
                .into_iter()
                .flatten()
                .map(|one| run(one, &about))
                .collect();
            call.page_in("check_runs", runs)
        }
        ("GET", ["git", "commits", sha]) => Answer::ok(commit(&world.projects[named], sha)),
        ("GET", ["commits", sha, "status"]) => {
            Answer::ok(json!({ "sha": sha, "state": "pending", "statuses": [] }))
        }
        ("GET", ["actions", "jobs", job, "logs"]) => {
            let checks = world.projects[named].checks.values().flatten();
            let found = checks
                .into_iter()
                .find(|check| check.id.to_string() == *job);
            found.map_or_else(
                || Answer::refused(404, "Not Found"),
                |check| Answer::Text(check.log.clone()),
            )
        }
        (_, ["pulls" | "issues", number, ..]) => match number.parse() {
            Ok(number) => of_request(world, call, named, number, rest),
            Err(_) => Answer::refused(404, "Not Found"),
        },
        _ => Answer::refused(404, "Not Found"),
    }
}

fn of_request(
    world: &mut World,
    call: &Call<'_>,
    named: &str,
    number: u64,
    rest: &[&str],
) -> Answer {
    let found = world.projects[named]
        .requests
        .iter()
        .any(|one| one.number == number);
    if !found {
        return Answer::refused(404, "Not Found");
    }
    let id = world.id();
    let us = call.user.id;
    let project = world.projects.get_mut(named).expect("it is there");
    match (call.method, rest) {
        ("GET", ["pulls", _]) => {}
        ("GET", ["issues", _]) => {
            let by = project.request(number).and_then(|one| match one.stage {
                Stage::Closed(by) => Some(by),
                _ => None,
            });
            let by = by.map(|by| user(world, by));
            return Answer::ok(json!({ "number": number, "closed_by": by }));
        }
        ("PATCH", ["pulls", _]) => {
            if let (Some(body), Some(request)) =
                (call.body["body"].as_str(), project.request(number))
            {
                request.body = body.into();
            }
            if call.body["state"] == "closed" {
                project.close_request(number, us);
            }
        }
        ("GET", ["pulls", _, "reviews"]) => {
            return remarks(world, call, named, number, |kind| {
                matches!(kind, Kind::Review(_))
            });
        }
        ("GET", ["pulls", _, "comments"]) => {
            return remarks(world, call, named, number, |kind| {
                matches!(kind, Kind::Line { .. } | Kind::Reply(_))
            });
        }
        ("GET", ["issues", _, "comments"]) => {
            return remarks(world, call, named, number, |kind| *kind == Kind::Comment);
        }
        ("POST", ["issues", _, "comments"]) => {
            return said(world, call, named, number, id, Kind::Comment);
        }
        ("POST", ["pulls", _, "comments", to, "replies"]) => {
            let to = to.parse().unwrap_or_default();
            return said(world, call, named, number, id, Kind::Reply(to));
        }
        ("POST", ["issues", _, "labels"]) => extend(
            &mut project.request(number).expect("found").labels,
            &call.body["labels"],
        ),
        ("POST", ["issues", _, "assignees"]) => {
            extend(
                &mut project.request(number).expect("found").assignees,
                &call.body["assignees"],
            );
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let wanted = call.body["reviewers"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let known = |name: &Value| world.named(name.as_str().unwrap_or_default()).is_some();
            if !wanted.iter().all(known) {
                return Answer::refused(422, "Reviews may only be requested from collaborators.");
            }
            let project = world.projects.get_mut(named).expect("it is there");
            extend(
                &mut project.request(number).expect("found").reviewers,
                &call.body["reviewers"],
            );
        }
        ("PUT", ["pulls", _, "merge"]) => return merge(project, call, number),
        ("PUT", ["pulls", _, "update-branch"]) => {
            let request = project
                .requests
                .iter()
                .find(|one| one.number == number)
                .expect("found");
            let (head, branch, base) = (
                project.head(request),
                request.head.clone(),
                request.base.clone(),
            );
            if call.body["expected_head_sha"] != head {
                return Answer::refused(422, "expected head sha didn’t match current head ref.");
            }
            let base = project.tip(&base).unwrap_or_default();
            return match project.merge(&branch, &base, false, "Merge the base") {
                true => Answer::Json(202, json!({ "message": "Updating pull request branch." })),
                false => Answer::refused(422, "merge conflict between base and head"),
            };
        }
        _ => return Answer::refused(404, "Not Found"),
    }
    let project = &world.projects[named];
    let request = project
        .requests
        .iter()
        .find(|one| one.number == number)
        .expect("found");
    Answer::ok(pull(world, project, request, call.base))
}

fn extend(names: &mut Vec<String>, more: &Value) {
    let more = more.as_array().into_iter().flatten();
    names.extend(more.filter_map(|name| name.as_str().map(str::to_owned)));
}

fn user(world: &World, id: u64) -> Value {
    let user = world.user(id);
    json!({ "id": user.id, "login": user.name, "type": "User" })
}

/// The address of something in the API.
fn api(base: &str, project: &Project, rest: &str) -> String {
    format!("{base}/github/repos/{}{rest}", project.path)
}

fn repository(project: &Project, writes: bool, base: &str) -> Value {
    json!({
        "id": project.id, "url": api(base, project, ""), "full_name": project.path, "default_branch": project.default_branch(),
        "permissions": { "admin": false, "push": writes, "pull": true },
    })
}

fn pull(world: &World, project: &Project, request: &Request, base: &str) -> Value {
    let head = project.head(request);
    let is_open = request.stage == Stage::Open;
    let dirty = is_open && project.conflicts(&request.base, &head);
    let repo = match &request.fork {
        Some(owner) => format!("{owner}/site"),
        None => project.path.clone(),
    };
    let merged_by = match request.stage {
        Stage::Merged(by) => Some(user(world, by)),
        _ => None,
    };
    json!({
        "id": project.id * 1000 + request.number, "node_id": format!("PR_{}", request.number), "number": request.number,
        "url": api(base, project, &format!("/pulls/{}", request.number)), "issue_url": api(base, project, &format!("/issues/{}", request.number)),
        "html_url": format!("{base}/{}/pull/{}", project.path, request.number), "title": request.title, "body": request.body,
        "state": if is_open { "open" } else { "closed" }, "draft": request.draft, "merged": matches!(request.stage, Stage::Merged(_)),
        "merged_by": merged_by, "mergeable": !dirty, "mergeable_state": if dirty { "dirty" } else { "clean" },
        "head": { "ref": request.head, "sha": head, "repo": { "full_name": repo } },
        "base": { "ref": request.base, "repo": { "full_name": project.path } },
        "labels": request.labels.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "requested_reviewers": request.reviewers.iter().map(|name| json!({ "login": name })).collect::<Vec<_>>(),
        "assignees": request.assignees.iter().map(|name| json!({ "login": name })).collect::<Vec<_>>(),
        "user": { "id": 1, "login": "vine-bot" },
    })
}

fn list(world: &World, call: &Call<'_>, named: &str) -> Answer {
    let project = &world.projects[named];
    let head = call.query("head").and_then(|head| head.split_once(':'));
    let owner = |one: &Request| match &one.fork {
        Some(owner) => owner.clone(),
        None => named.split('/').next().unwrap_or_default().to_owned(),
    };
    let meant = |one: &&Request| {
        (call.query("state") != Some("open") || one.stage == Stage::Open)
            && head.is_none_or(|(of, branch)| one.head == branch && owner(one) == of)
    };
    let found = project.requests.iter().filter(meant);
    call.page(
        found
            .map(|one| pull(world, project, one, call.base))
            .collect(),
    )
}

fn open(world: &mut World, call: &Call<'_>, named: &str) -> Answer {
    let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let project = world.projects.get_mut(named).expect("it is there");
    if let Some(why) = project.not_openable(&head, &base) {
        return Answer::Json(
            422,
            json!({ "message": "Validation Failed", "errors": [{ "message": why }] }),
        );
    }
    let request = project.open(&text("title"), &text("body"), &head, &base);
    request.draft = call.body["draft"] == true;
    let project = &world.projects[named];
    let request = project.requests.last().expect("just opened");
    Answer::made(pull(world, project, request, call.base))
}

/// The open requests of a commit.
fn about(project: &Project, sha: &str) -> Value {
    // Runs for a fork name no request.
    let of = |one: &&Request| one.fork.is_none() && project.head(one) == sha;
    let found = project.requests.iter().filter(of);
    found.map(|one| json!({ "number": one.number })).collect()
}

/// A commit of git.
pub(super) fn commit(project: &Project, sha: &str) -> Value {
    let parents = project.parents(sha);
    let parents: Vec<Value> = parents.iter().map(|sha| json!({ "sha": sha })).collect();
    json!({ "sha": sha, "parents": parents })
}

fn run(check: &Check, about: &Value) -> Value {
    let (status, conclusion) = match check.state {
        State::Running => ("in_progress", None),
        State::Passed => ("completed", Some("success")),
        State::Failed => ("completed", Some("failure")),
    };
    json!({ "id": check.id, "name": check.name, "status": status, "conclusion": conclusion, "app": { "slug": "github-actions" }, "pull_requests": about })
}

fn remarks(
    world: &World,
    call: &Call<'_>,
    named: &str,
    number: u64,
    meant: impl Fn(&Kind) -> bool,
) -> Answer {
    let project = &world.projects[named];
    let request = project
        .requests
        .iter()
        .find(|one| one.number == number)
        .expect("found");
    let found = request.remarks.iter().filter(|remark| meant(&remark.kind));
    call.page(found.map(|remark| shown(world, remark)).collect())
}

fn shown(world: &World, remark: &Remark) -> Value {
    let mut value =
        json!({ "id": remark.id, "user": user(world, remark.author), "body": remark.body });
    match &remark.kind {
        Kind::Review(state) => value["state"] = (*state).into(),
        Kind::Line { path, line, review } => {
            value["path"] = path.as_str().into();
            value["line"] = (*line).into();
            value["pull_request_review_id"] = (*review).into();
        }
        Kind::Reply(to) => {
            value["in_reply_to_id"] = (*to).into();
            value["path"] = "".into();
        }
        Kind::Comment => {}
    }
    value
}

fn said(
    world: &mut World,
    call: &Call<'_>,
    named: &str,
    number: u64,
    id: u64,
    kind: Kind,
) -> Answer {
    let remark = Remark {
        id,
        author: call.user.id,
        body: call.body["body"].as_str().unwrap_or_default().into(),
        kind,
    };
    let project = world.projects.get_mut(named).expect("it is there");
    project
        .request(number)
        .expect("found")
        .remarks
        .push(remark.clone());
    Answer::made(shown(world, &remark))
}

fn merge(project: &mut Project, call: &Call<'_>, number: u64) -> Answer {
    let request = project
        .requests
        .iter()
        .find(|one| one.number == number)
        .expect("found");
    if call.body["sha"].is_string() && call.body["sha"] != project.head(request) {
        return Answer::refused(
            409,
            "Head branch was modified. Review and try the merge again.",
        );
    }
    let squash = call.body["merge_method"] == "squash";
    match project.merge_request(number, call.user.id, squash) {
        Ok(()) => Answer::ok(json!({ "merged": true })),
        Err(why) => Answer::refused(405, why),
    }
}

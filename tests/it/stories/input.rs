//! Bad input gets a clear error with a hint, and nothing is half-written.

use std::process::Output;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Agent, Place, api::Api};

/// Everything that a refused call could have half-written.
async fn everything(place: &Place) -> Value {
    json!({
        "tasks": place.say("task list --limit 1000").await, "questions": place.say("question list").await, "repos": place.say("repo list").await,
        "workers": place.say("worker list").await.as_array().map(Vec::len), "queues": place.say("queue status").await,
        "sessions": ageless(place.say("session list --all").await),
    })
}

/// Sessions without what changes by time alone.
fn ageless(mut sessions: Value) -> Value {
    for session in sessions.as_array_mut().into_iter().flatten() {
        let session = session.as_object_mut().expect("a session");
        session.retain(|field, _| !matches!(field.as_str(), "age_seconds" | "idle_seconds"));
    }
    sessions
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_refuses_what_it_cannot_use_and_writes_nothing() {
    let (place, _processes) = Place::new(Agent::Script("vine ask 'Go on?'"))
        .await
        .at_work()
        .await;
    let task = place.task("Ask", "ask").await;
    let (question, _) = place.question(&task).await;
    let (api, token) = (Api::of(&place), place.secret("user").await);
    let user = Some(token.as_str());
    let before = everything(&place).await;
    let (post, get, patch) = (Method::POST, Method::GET, Method::PATCH);

    let create = |fields: Value| fields.to_string();
    let cases = [
        (post.clone(), "/tasks", "{not json".to_owned(), 400),
        (post.clone(), "/tasks", "[]".into(), 422),
        (post.clone(), "/tasks", create(json!({})), 422),
        (post.clone(), "/tasks", create(json!({ "title": "" })), 422),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "two\nlines" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "color": "red" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "prompt": "x".repeat(1024 * 1024) })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "prompt": "bell \u{7}" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "branch": "--upload-pack=touch /tmp/x" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "base": "-f" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "repo": "../etc" })),
            422,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "repo": "unknown" })),
            404,
        ),
        (
            post.clone(),
            "/tasks",
            create(json!({ "title": "x", "priority": "urgent" })),
            422,
        ),
        (get.clone(), "/tasks/T-999", String::new(), 404),
        (
            get.clone(),
            "/tasks/999999999999999999999",
            String::new(),
            422,
        ),
        (get.clone(), "/tasks/%00", String::new(), 422),
        (get.clone(), "/tasks?state=lost", String::new(), 422),
        (get.clone(), "/tasks?colour=red", String::new(), 400),
        (get.clone(), "/nothing", String::new(), 404),
        (
            patch.clone(),
            &format!("/tasks/{task}"),
            json!({ "state": "done" }).to_string(),
            422,
        ),
        (
            patch.clone(),
            &format!("/tasks/{task}"),
            json!({}).to_string(),
            422,
        ),
        (
            post.clone(),
            "/questions/Q-999/answer",
            json!({ "text": "x" }).to_string(),
            404,
        ),
        (
            post.clone(),
            &format!("/questions/{question}/answer"),
            json!({ "text": "  " }).to_string(),
            422,
        ),
        (get.clone(), "/sessions/none", String::new(), 422),
        (
            post.clone(),
            "/commands",
            json!({ "words": ["tsak", "list"] }).to_string(),
            422,
        ),
        (
            post.clone(),
            "/commands",
            json!({ "words": ["repo", "add", "x", "ext::sh -c id"] }).to_string(),
            422,
        ),
        (
            post.clone(),
            "/commands",
            json!({ "words": ["task", "list", "--colour"] }).to_string(),
            422,
        ),
        (
            post.clone(),
            "/chat/messages",
            json!({ "task": "T-999", "text": "yes" }).to_string(),
            404,
        ),
        (
            post.clone(),
            "/tokens",
            json!({ "kind": "root" }).to_string(),
            422,
        ),
    ];
    for (method, path, body, status) in cases {
        api.refused(method, path, user, body, status).await;
    }
    let huge = api
        .refused(
            post.clone(),
            "/tasks",
            user,
            json!({ "title": "x", "prompt": "x".repeat(1024 * 1024) }).to_string(),
            422,
        )
        .await;
    assert!(
        huge["message"]
            .as_str()
            .expect("words")
            .contains("1024 KiB"),
        "{huge:#}"
    );
    // A server that refuses early may close while the rest is still being sent; either way it is
    // refused.
    let sent = api
        .http
        .post(format!("{}/api/v1/tasks", api.base))
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body("x".repeat(8 * 1024 * 1024));
    assert!(sent.send().await.map_or(true, |answer| answer.status()
        == StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(everything(&place).await, before, "nothing was half-written");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_strangers_and_the_wrong_kind_of_token() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    crate::harness::until(crate::harness::PATIENCE, "the worker is enrolled", || {
        place
            .folder
            .path()
            .join("w-1/worker.json")
            .exists()
            .then_some(())
    })
    .await;
    let identity: Value = serde_json::from_slice(
        &std::fs::read(place.folder.path().join("w-1/worker.json")).expect("kept"),
    )
    .expect("JSON");
    let (worker_token, worker_id) = (
        identity["token"].as_str().expect("a token"),
        identity["id"].as_str().expect("an id"),
    );
    let user_token = place.secret("user").await;
    let api = Api::of(&place);
    let for_users = [
        (Method::GET, "/tasks"),
        (Method::GET, "/workers"),
        (Method::GET, "/queue/status"),
        (Method::GET, "/sessions"),
        (Method::GET, "/questions"),
        (Method::GET, "/chat/messages"),
        (Method::POST, "/tasks"),
        (Method::POST, "/queue/enqueue"),
        (Method::POST, "/commands"),
        (Method::POST, "/tokens"),
        (Method::POST, "/questions/Q-1/answer"),
        (Method::PATCH, "/tasks/T-1"),
        (
            Method::DELETE,
            "/sessions/00000000-0000-0000-0000-000000000000",
        ),
    ];
    let heartbeat = format!("/workers/{worker_id}/heartbeat");
    let for_workers = [
        (Method::POST, "/queue/claim"),
        (Method::POST, "/queue/complete"),
        (Method::POST, "/queue/fail"),
        (Method::POST, "/queue/log"),
        (Method::POST, "/sessions"),
        (Method::POST, "/questions"),
        (Method::POST, "/questions/Q-1/delivered"),
        (Method::POST, heartbeat.as_str()),
    ];
    for (routes, wrong) in [
        (&for_users[..], worker_token),
        (&for_workers[..], user_token.as_str()),
    ] {
        for (method, path) in routes {
            for token in [None, Some(""), Some("avu_0000"), Some(wrong)] {
                api.refused(method.clone(), path, token, "{}", 401).await;
            }
        }
    }
    // A worker cannot speak for another one.
    let foreign = "/workers/00000000-0000-0000-0000-000000000000/heartbeat";
    let beat = json!({ "boot": worker_id, "slots": 1, "leases": [], "handling": [], "wait": 0 })
        .to_string();
    api.refused(Method::POST, foreign, Some(worker_token), beat, 404)
        .await;
    // A one-time code works once, and not at all when it is made up.
    let code = place.secret("enrolment").await;
    let enrol = |name: &str, code: &str| {
        json!({ "code": code, "name": name, "slots": 1, "version": "test" }).to_string()
    };
    assert_eq!(
        api.call(Method::POST, "/workers", None, enrol("w-2", &code))
            .await
            .0,
        StatusCode::CREATED
    );
    api.refused(Method::POST, "/workers", None, enrol("w-3", &code), 401)
        .await;
    api.refused(
        Method::POST,
        "/workers",
        None,
        enrol("w-3", "ave_made_up"),
        401,
    )
    .await;
    let fresh = place.secret("enrolment").await;
    api.refused(Method::POST, "/workers", None, enrol("w-2", &fresh), 409)
        .await;
    api.refused(Method::POST, "/workers", None, enrol("-rf /", &fresh), 422)
        .await;
    api.refused(
        Method::POST,
        "/workers",
        None,
        json!({ "code": fresh, "name": "w-3", "slots": 0, "version": "x" }).to_string(),
        422,
    )
    .await;
    assert_eq!(
        api.call(Method::POST, "/workers", None, enrol("w-3", &fresh))
            .await
            .0,
        StatusCode::CREATED,
        "refusals did not spend the code"
    );
    // A removed worker's token is worth nothing, at once.
    place.say("worker remove w-1").await;
    api.refused(
        Method::POST,
        "/queue/claim",
        Some(worker_token),
        json!({ "slots": 1, "wait": 0 }).to_string(),
        401,
    )
    .await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_twice_with_one_key_creates_once() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let first = place.say("task new Once --key deploy-7").await;
    let second = place.say("task new Twice --key deploy-7").await;
    assert_eq!(
        (&first["id"], &second["title"]),
        (&second["id"], &json!("Once"))
    );
    assert_eq!(
        place.say("task list").await.as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_says_what_is_wrong_and_exits_by_the_documented_codes() {
    let mut place = Place::new(Agent::Script("true")).await;
    let nowhere = run(&place, &["task", "list"]);
    assert_eq!(nowhere.status.code(), Some(5), "{}", said(&nowhere));
    assert!(said(&nowhere).contains("vine up"));
    let unset = place
        .vine(&["task", "list"])
        .env("VINE_STATE", "")
        .output()
        .expect("it runs");
    assert_eq!(
        (unset.status.code(), said(&unset)),
        (Some(5), said(&nowhere)),
        "nothing in it is as if it were not set"
    );
    let _daemon = place.daemon().await;
    let in_place = |arguments: &[&str]| {
        let mut command = place.vine(arguments);
        command
            .env("VINE_STATE", place.folder.path().join("daemon"))
            .output()
            .expect("it runs")
    };
    for (arguments, code, hint) in [
        (
            &["task", "show", "T-99"][..],
            3,
            "no task T-99\n`task list` lists tasks",
        ),
        (&["task", "show", "T-x"], 2, "like T-7"),
        (&["task", "list", "--colour"], 2, "unexpected argument"),
        (&["tsak"], 2, "similar"),
        (&["task", "new", "x", "--branch=-f"], 2, "dash"),
        (&["question", "answer", "Q-9", "yes"], 3, "no question Q-9"),
        (&["up"], 1, "git init"),
        (&["ask", "x"], 1, "inside a task"),
    ] {
        let output = in_place(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            said(&output)
        );
        assert!(
            said(&output).contains(hint),
            "{arguments:?}: {}",
            said(&output)
        );
    }
    let listed = in_place(&["task", "list", "--json"]);
    assert_eq!(
        (
            listed.status.code(),
            String::from_utf8_lossy(&listed.stdout).trim()
        ),
        (Some(0), "[]")
    );
    let stranger = place
        .vine(&["status"])
        .env("VINE_DAEMON", place.client().base())
        .env("VINE_TOKEN", "avu_made_up")
        .output()
        .expect("it runs");
    assert_eq!(stranger.status.code(), Some(4), "{}", said(&stranger));
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    place.vine(arguments).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_appears_in_any_log() {
    let mut place = Place::new(Agent::Script(
        "env; answer=$(vine ask 'Say it'); echo $answer",
    ))
    .await;
    let daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Env", "my prompt is nobody's business").await;
    let (question, _) = place.question(&task).await;
    place.answer(&task, &question, "nor is my answer").await;
    place.wait(&task, "done").await;
    let identity: Value = serde_json::from_slice(
        &std::fs::read(place.folder.path().join("w-1/worker.json")).expect("kept"),
    )
    .expect("JSON");
    let endpoint: Value = serde_json::from_slice(
        &std::fs::read(place.folder.path().join("daemon/endpoint.json")).expect("kept"),
    )
    .expect("JSON");
    let environment = place.log(&task).await;
    for secret in [&identity["token"], &endpoint["token"]] {
        let secret = secret.as_str().expect("text");
        for (sink, text) in [
            ("the daemon's log", daemon.output()),
            ("the worker's log", worker.output()),
            ("the agent's environment", environment.clone()),
        ] {
            assert!(!text.contains(&secret[4..]), "a token is in {sink}");
        }
    }
    for words in ["nobody's business", "nor is my answer"] {
        assert!(
            !daemon.output().contains(words) && !worker.output().contains(words),
            "{words} is in a log"
        );
    }
    let token = identity["token"].as_str().expect("text").as_bytes();
    assert!(
        !place
            .base
            .dump()
            .windows(token.len())
            .any(|window| window == token),
        "tokens are stored hashed only"
    );
}

//! What workers and daemons say to each other: the document tells all of it, and other versions
//! are refused before anything changes.

use std::{path::Path, process::Stdio, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
};

use crate::harness::{Agent, Place, api::Api};

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_is_not_needed_by_a_worker_that_is_written_from_the_document_alone() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let ask = place.task("Ask", "Ask which colour").await;
    let stop = place.task("Stop", "Wait to be stopped").await;
    let tool = std::env::var("VINE_TEST_SCHEMATHESIS")
        .expect("VINE_TEST_SCHEMATHESIS is not set; `tests/run` installs it and sets it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/by_document/worker.py");
    let mut worker = Command::new(Path::new(&tool).join("bin/python"))
        .arg(script)
        .arg(place.client().base())
        .arg(place.secret("enrolment").await)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python starts");
    let mut lines = BufReader::new(worker.stdout.take().expect("piped")).lines();
    let mut line = async || {
        tokio::time::timeout(Duration::from_secs(60), lines.next_line())
            .await
            .expect("in time")
            .expect("read")
            .expect("the worker goes on")
    };

    let asked = line().await;
    let (question, shown) = place.question(&ask).await;
    assert_eq!(asked, format!("asked {question}"));
    assert_eq!(shown["headline"], "Which colour?");
    place.answer(&ask, &question, "Blue").await;
    assert!(line().await.contains("Blue"));

    place
        .client()
        .post::<_, serde_json::Value>(
            "/chat/messages",
            &json!({ "task": ask, "text": "mind the dog" }),
        )
        .await
        .expect("it is taken");
    assert_eq!(line().await, "note mind the dog");
    let done = place.wait(&ask, "done").await;
    assert_eq!(done["report"]["summary"], "Painted it blue.");

    place.shell(&["task", "cancel", &stop]);
    assert_eq!(line().await, "over");
    assert!(worker.wait().await.expect("it ends").success());
    let listed = place.shell(&["worker", "list", "--json"]);
    assert!(listed.contains("OFFLINE"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_refuses_workers_of_another_version_and_changes_nothing() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let api = Api::of(&place);
    let code = place.secret("enrolment").await;
    let enrol =
        json!({ "code": code, "name": "old", "slots": 1, "version": "vine 0.0.9" }).to_string();
    for wire in [None, Some("2"), Some("6")] {
        let (status, error) = api
            .with_wire(Method::POST, "/workers", None, wire, enrol.clone())
            .await;
        assert_eq!(status, 400, "{error}");
        assert_eq!(error["code"], "other_wire");
        let message = error["message"].as_str().expect("words");
        let theirs = wire.unwrap_or("1");
        assert_eq!(
            message,
            format!(
                "this worker uses version {theirs} of the worker protocol, this daemon version 5"
            )
        );
        assert_eq!(
            error["hint"],
            "update the older one, daemons before workers"
        );
    }
    assert_eq!(place.say("worker list").await, json!([]));

    // The code is as good as before.
    let (status, enrolled) = api.call(Method::POST, "/workers", None, enrol).await;
    assert_eq!(status, 201, "{enrolled}");
    let token = enrolled["token"].as_str().expect("a token");
    let task = place.task("Wait", "wait").await;
    let claim = json!({ "slots": 1, "wait": 0.0 }).to_string();
    let (status, _) = api
        .with_wire(Method::POST, "/queue/claim", Some(token), None, claim)
        .await;
    assert_eq!(status, 400);
    assert_eq!(place.show(&task).await["epoch"], 0, "nothing was claimed");
}

/// A daemon of before versions had a number: it answers everything, and names none.
async fn old_daemon() -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call");
        let mut read = vec![0; 8192];
        let length = stream.read(&mut read).await.expect("a request");
        let body = r#"{"code":"not_found","message":"no such path","hint":""}"#;
        let reply = format!(
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).await.expect("sent");
        let request = String::from_utf8_lossy(&read[..length]).into_owned();
        request.lines().take(1).map(str::to_owned).collect()
    });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_refuses_an_older_daemon_before_it_enrols() {
    let place = Place::new(Agent::Script("true")).await;
    let (daemon, serving) = old_daemon().await;
    let code = format!("ave_{}", "0".repeat(64));
    let refused = tokio::task::block_in_place(|| {
        place.try_shell(&["worker", "--daemon", &daemon, "--enrol", &code])
    })
    .expect_err("it does not start");
    assert!(
        refused.contains(&format!(
            "the daemon at {daemon} uses version 1 of the worker protocol, this program uses version 5; update the older \
             one, daemons before workers"
        )),
        "{refused}"
    );
    assert_eq!(serving.await.expect("served"), ["GET /api/v1/ HTTP/1.1"]);
}

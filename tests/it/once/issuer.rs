//! Coming in with an account of one's organisation: a real issuer, a real browser.

use std::{path::Path, time::Duration};

use reqwest::StatusCode;
use serde_json::Value;
use tokio::{process::Command, task::JoinSet};

use crate::harness::{Agent, PATIENCE, Place, Process, Sections, until, visitor::Browser};

fn of_environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set; `tests/run` installs what it names and sets it")
    })
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/browser")
        .join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_says_nothing_keeps_only_so_many_waiting() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let login = format!(
        "[login.oidc]\nissuer_url = \"http://{}\"\nname = \"Silent Ltd\"\n",
        silent.local_addr().expect("an address")
    );
    let mut place = Place::with_sections(
        Agent::Script("true"),
        Sections {
            more: &login,
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let leave = format!("{}/login/oidc", place.client().base());
    let browser = Browser::client();
    let mut ways: JoinSet<_> = (0..40).map(|_| browser.get(&leave).send()).collect();
    for _ in 0..8 {
        let refused = ways
            .join_next()
            .await
            .expect("forty asked")
            .expect("it ends")
            .expect("an answer");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(refused.headers().contains_key("retry-after"));
    }
    let another = tokio::time::timeout(Duration::from_secs(1), ways.join_next()).await;
    assert!(
        another.is_err(),
        "the other 32 wait for their issuer: {another:?}"
    );
    // None of them waits for all the others.
    let told = tokio::time::timeout(Duration::from_secs(50), ways.join_all())
        .await
        .expect("all of them are told");
    assert!(
        told.len() == 32
            && told
                .into_iter()
                .all(|told| told.expect("an answer").status() == StatusCode::BAD_GATEWAY)
    );
}

/// A place whose people have accounts elsewhere, the address of its page, and the issuer.
async fn begun(people: &str) -> (Place, [Process; 2], String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
        .port();
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "of-the-client\n").expect("written");
    let login = format!(
        "[login.oidc]\nissuer_url = \"http://127.0.0.1:{port}\"\nname = \"Example Ltd\"\nclient_secret_file = \"{}\"\n",
        secret.path().display()
    );
    let more = format!("{people}{login}");
    let mut place = Place::with_sections(
        Agent::Script("true"),
        Sections {
            more: &more,
            ..Sections::default()
        },
    )
    .await;
    let daemon = place.daemon().await;
    let base = place.client().base().to_owned();
    (place, [issuer(port, &base).await, daemon], base)
}

async fn issuer(port: u16, base: &str) -> Process {
    let mut command = std::process::Command::new("node");
    command
        .arg(script("issuer.mjs"))
        .args([port.to_string(), format!("{base}/login/oidc/back")]);
    command.env("VINE_TEST_ISSUER", of_environment("VINE_TEST_ISSUER"));
    let issuer = Process::start("issuer", command);
    until(PATIENCE, "the issuer is ready", || {
        issuer.output().contains("ready").then_some(())
    })
    .await;
    issuer
}

async fn comes_in(base: &str, name: &str) -> Value {
    let mut command = Command::new("node");
    command
        .arg(script("account.mjs"))
        .args([&format!("{base}/login"), name])
        .kill_on_drop(true);
    command
        .env("VINE_TEST_BROWSER", of_environment("VINE_TEST_BROWSER"))
        .env("VINE_TEST_CHROMIUM", of_environment("VINE_TEST_CHROMIUM"));
    let done = tokio::time::timeout(Duration::from_secs(100), command.output())
        .await
        .expect("it ends")
        .expect("node runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).expect("JSON")
}

const PEOPLE: &str = "[[people]]\nname = \"Ann\"\nrole = \"operator\"\noidc = \"ann-0815\"\n\
                      [[people]]\nname = \"Bob\"\nrole = \"viewer\"\noidc = \"bob@example.org\"\n\
                      [[people]]\nname = \"Mal\"\nrole = \"admin\"\noidc = \"mallory@example.org\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn browser_comes_in_with_an_account_and_whoever_is_not_named_here_does_not() {
    let (place, _processes, base) = begun(PEOPLE).await;
    let ann = comes_in(&base, "ann-0815").await;
    // Another daemon on this machine has its own.
    let session = format!("vine_session_{}", base.rsplit(':').next().expect("a port"));
    assert_eq!(ann["heading"], "Nothing needs an answer", "{ann:#}");
    assert!(
        ann["text"].as_str().expect("text").contains("Ann"),
        "{ann:#}"
    );
    assert_eq!(
        ann["cookies"],
        serde_json::json!([session]),
        "what tied the answer to the question is gone"
    );
    let bob = comes_in(&base, "bob").await;
    assert!(
        bob["text"].as_str().expect("text").contains("Bob"),
        "by an address that the issuer has made sure of: {bob:#}"
    );
    // An address that anybody may have typed is nobody's, and strangers are told what to ask for.
    let posing = (
        "mallory@example.org",
        "oidc = \"mallory@example.org@example.org\"",
    );
    for (name, shown) in [
        ("mallory", "oidc = \"mallory\""),
        ("eve", "oidc = \"eve@example.org\""),
        posing,
    ] {
        let stranger = comes_in(&base, name).await;
        assert_eq!(stranger["heading"], "Log in", "{stranger:#}");
        assert!(
            stranger["text"].as_str().expect("text").contains(shown),
            "{stranger:#}"
        );
        assert!(
            !stranger["cookies"]
                .as_array()
                .expect("a list")
                .contains(&session.as_str().into()),
            "{stranger:#}"
        );
    }
    let audit = place
        .base
        .sql("SELECT actor, reason FROM audit WHERE verb = 'log in' ORDER BY seq")
        .join("\n");
    let refused = "(console)\tno matching user";
    let strangers = format!(
        "mallory {refused}\neve@example.org {refused}\nmallory@example.org@example.org {refused}"
    );
    assert_eq!(
        audit,
        format!("Ann (console)\tknown\nBob (console)\tknown\n{strangers}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_comes_in_when_the_issuer_has_changed_its_keys() {
    let (_place, [first, _daemon], base) = begun(PEOPLE).await;
    assert!(
        comes_in(&base, "ann-0815").await["text"]
            .as_str()
            .expect("text")
            .contains("Ann")
    );
    let asked = Browser::client()
        .get(format!("{base}/login/oidc"))
        .send()
        .await
        .expect("an answer");
    let to = asked.headers()["location"].to_str().expect("text");
    let port = to
        .trim_start_matches("http://127.0.0.1:")
        .split('/')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    first.kill();
    let _second = issuer(port, &base).await;
    let again = comes_in(&base, "ann-0815").await;
    assert_eq!(again["heading"], "Nothing needs an answer", "{again:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_here_asked_for_opens_nothing() {
    let (_place, processes, base) = begun(PEOPLE).await;
    let get = async |path: &str, cookie: &str| {
        Browser::client()
            .get(format!("{base}{path}"))
            .header("cookie", cookie)
            .send()
            .await
            .expect("an answer")
    };
    let asked = get("/login/oidc", "").await;
    assert_eq!(asked.status(), StatusCode::SEE_OTHER);
    let to = asked.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    for part in [
        "code_challenge=",
        "code_challenge_method=S256",
        "nonce=",
        "scope=openid+email",
        "state=",
    ] {
        assert!(to.contains(part), "{part} in {to}");
    }
    let cookie = asked.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();
    let state = to
        .split("state=")
        .nth(1)
        .expect("a state")
        .split('&')
        .next()
        .expect("one")
        .to_owned();
    for (path, cookie, status) in [
        (
            "/login/oidc/back?code=x".to_owned(),
            cookie.as_str(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "/login/oidc/back?code=x&state=forged".to_owned(),
            cookie.as_str(),
            StatusCode::UNAUTHORIZED,
        ),
        (
            format!("/login/oidc/back?code=x&state={state}"),
            "",
            StatusCode::UNAUTHORIZED,
        ),
        // The state is right, and the code is none of the issuer's.
        (
            format!("/login/oidc/back?code=x&state={state}"),
            cookie.as_str(),
            StatusCode::BAD_GATEWAY,
        ),
        (
            format!("/login/oidc/back?error=access_denied&state={state}"),
            cookie.as_str(),
            StatusCode::BAD_GATEWAY,
        ),
        (
            "/login/oidc/back?error=access_denied".to_owned(),
            cookie.as_str(),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let answer = get(&path, cookie).await;
        assert_eq!(answer.status(), status, "{path}");
        let sets = answer.headers().get_all("set-cookie").iter().any(|line| {
            line.to_str()
                .is_ok_and(|line| line.starts_with("vine_session"))
        });
        assert!(!sets, "{path}");
    }
    let [issuer, _daemon] = processes;
    issuer.kill();
    // What was learnt of the issuer is good for a while; it is another matter whether it answers.
    assert_eq!(get("/login/oidc", "").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        get(&format!("/login/oidc/back?code=x&state={state}"), &cookie)
            .await
            .status(),
        StatusCode::BAD_GATEWAY
    );
}

//! Everything that was granted ends: by time, by hand, and with the person whom the configuration names
//! no more.

use std::{
    fs,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{
    Agent, PATIENCE, Place, Process, Sections, channel::Channel, until, visitor::Browser,
};

const ANN: &str = "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nmatrix = \"@ann:x\"\n";
const BEN: &str = "[[people]]\nname = \"Ben\"\nrole = \"viewer\"\nmatrix = \"@ben:x\"\n";
/// The issue's: whoever is taken out is refused everywhere after this.
const SOON: Duration = Duration::from_secs(2);

async fn begun() -> (Place, Process) {
    let more = format!("{ANN}{BEN}");
    let sections = Sections {
        more: &more,
        ..Sections::default()
    };
    let mut place = Place::with_sections(Agent::Script("true"), sections).await;
    let daemon = place.daemon().await;
    (place, daemon)
}

fn rewrite(place: &Place, from: &str, to: &str) {
    let text = fs::read_to_string(place.config()).expect("read");
    assert!(text.contains(from), "{from} in {text}");
    fs::write(place.config(), text.replace(from, to)).expect("written");
}

/// What somebody with this token gets at `path` of the API.
async fn status(place: &Place, token: &str, method: reqwest::Method, path: &str) -> StatusCode {
    let url = format!("{}/api/v1{path}", place.client().base());
    let request = Browser::client().request(method, url).bearer_auth(token);
    let request = request.json(&json!({ "title": "A task", "prompt": "x", "repo": "site" }));
    request.send().await.expect("an answer").status()
}

async fn seen_by(place: &Place, token: &str) -> StatusCode {
    status(place, token, reqwest::Method::GET, "/tasks").await
}

async fn made_by(place: &Place, token: &str) -> StatusCode {
    status(place, token, reqwest::Method::POST, "/tasks").await
}

fn token_of(place: &Place, name: &str) -> String {
    let said = place.shell(&["token", "user", "--for", name]);
    said.trim().to_owned()
}

async fn browser_of(place: &Place, name: &str) -> Browser {
    let said = place.shell(&["login", "--for", name]);
    Browser::log_in(said.split_whitespace().next().expect("a link")).await
}

async fn at_the_page(browser: &Browser) -> StatusCode {
    let asked = browser
        .http
        .get(format!("{}/", browser.base))
        .header("cookie", &browser.cookie);
    asked.send().await.expect("an answer").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_taken_out_of_the_file_is_refused_at_once_and_everywhere() {
    let (place, _daemon) = begun().await;
    let (ann, ben) = (token_of(&place, "Ann"), token_of(&place, "Ben"));
    let browser = browser_of(&place, "Ann").await;
    let link = place.shell(&["login", "--for", "Ann"]);
    assert_eq!(made_by(&place, &ann).await, StatusCode::CREATED);
    assert_eq!(made_by(&place, &ben).await, StatusCode::FORBIDDEN);

    // Ann goes, and Ben gets more to do.
    rewrite(&place, ANN, "");
    rewrite(&place, "role = \"viewer\"", "role = \"operator\"");
    tokio::time::sleep(SOON).await;
    assert_eq!(seen_by(&place, &ann).await, StatusCode::UNAUTHORIZED);
    assert_eq!(at_the_page(&browser).await, StatusCode::SEE_OTHER);
    let link = link.split_whitespace().next().expect("a link");
    let opened = Browser::open(&Browser::client(), link).await;
    assert_eq!(opened.status(), StatusCode::UNAUTHORIZED);
    let refused = place.try_shell(&["login", "--for", "Ann"]);
    assert!(
        refused
            .expect_err("no such person")
            .contains("no person Ann")
    );
    assert_eq!(made_by(&place, &ben).await, StatusCode::CREATED);

    // Another Ann, perhaps.
    rewrite(
        &place,
        BEN.split("role").next().expect("a line"),
        &format!("{ANN}[[people]]\nname = \"Ben\"\n"),
    );
    until(PATIENCE, "the new Ann is known", || {
        place.try_shell(&["token", "user", "--for", "Ann"]).ok()
    })
    .await;
    assert_eq!(seen_by(&place, &ann).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_whoever_is_taken_out_of_the_file_is_a_stranger_in_chat() {
    let channel = Channel::new(Agent::Script("vine ask 'Go?'")).await;
    channel.say("U0ANN", "<@U0BOT> whoami", None).await;
    channel.whispers("U0ANN", "You are Ann").await;
    let text = fs::read_to_string(channel.place.config()).expect("read");
    let ann = text
        .split("[[people]]")
        .find(|part| part.contains("U0ANN"))
        .and_then(|part| part.split("\n[").next())
        .expect("Ann");
    rewrite(&channel.place, &format!("[[people]]{ann}"), "");
    tokio::time::sleep(SOON).await;
    channel
        .say("U0ANN", "<@U0BOT> task new Let me in", None)
        .await;
    channel
        .whispers("U0ANN", "an unknown user is not allowed to do this here")
        .await;
    let tasks = channel.place.say("task list").await;
    assert!(!tasks.to_string().contains("Let me in"), "{tasks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_changes_nothing_and_says_why() {
    let (place, daemon) = begun().await;
    let ann = token_of(&place, "Ann");
    rewrite(&place, "matrix = \"@ann:x\"", "matrix = \"ann\"");
    place.status("`ann` of Ann is not a Matrix id").await;
    assert_eq!(made_by(&place, &ann).await, StatusCode::CREATED);
    let page = browser_of(&place, "Ben").await.page("/").await;
    assert!(page.contains("not a Matrix id"), "people see why");

    rewrite(&place, "matrix = \"ann\"", "matrix = \"@ann:y\"");
    until(PATIENCE, "it is taken over", || {
        daemon.output().contains("was applied").then_some(())
    })
    .await;
    let status = place.say("status").await;
    assert_eq!(status["refused_settings"], Value::Null);

    // The signal is not waited for, and ends nobody.
    rewrite(
        &place,
        ANN.split("matrix").next().expect("a begin"),
        "[[people]]\nname = \"Ann\"\nrole = \"viewer\"\n",
    );
    let begun = Instant::now();
    daemon.signal(Signal::HUP);
    until(PATIENCE, "the signal is heard", || {
        (daemon.output().matches("was applied").count() == 2).then_some(())
    })
    .await;
    assert!(begun.elapsed() < SOON);
    assert_eq!(made_by(&place, &ann).await, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_with_their_last_use_and_revoked() {
    let (place, _daemon) = begun().await;
    let (ann, ben) = (token_of(&place, "Ann"), token_of(&place, "Ben"));
    assert_eq!(seen_by(&place, &ann).await, StatusCode::OK);
    let all = until(PATIENCE, "its use is noted", || {
        let said = place.shell(&["token", "list", "--all", "--json"]);
        let rows: Value = serde_json::from_str(&said).expect("json");
        let rows = rows["items"].as_array().expect("a list").clone();
        rows.iter()
            .any(|row| row["owner"] == "Ann" && row["last_used_at"].is_string())
            .then_some(rows)
    })
    .await;
    assert!(
        !all.iter().any(|row| row.to_string().contains(&ann[4..])),
        "no secret in {all:?}"
    );
    let of = |name: &str| {
        let row = all.iter().find(|row| row["owner"] == name).expect("listed");
        (
            row["id"].as_str().expect("an id").to_owned(),
            row["last_used_at"].clone(),
        )
    };
    let ((id, _), (bens, unused)) = (of("Ann"), of("Ben"));
    assert_eq!(unused, Value::Null);

    // Somebody else's is an administrator's matter.
    let denied = status(
        &place,
        &ann,
        reqwest::Method::DELETE,
        &format!("/tokens/{bens}"),
    )
    .await;
    assert_eq!(denied, StatusCode::FORBIDDEN);
    assert_eq!(seen_by(&place, &ben).await, StatusCode::OK);
    let said = place.shell(&["token", "revoke", &id]);
    assert_eq!(said, format!("{id} is revoked.\n"));
    assert_eq!(seen_by(&place, &ann).await, StatusCode::UNAUTHORIZED);
    let again = place
        .try_shell(&["token", "revoke", &id])
        .expect_err("gone");
    assert!(again.contains("no token"), "{again}");
    assert_eq!(
        status(
            &place,
            &ben,
            reqwest::Method::DELETE,
            &format!("/tokens/{bens}")
        )
        .await,
        StatusCode::NO_CONTENT
    );

    // Short-lived, unless somebody says otherwise.
    let days = |arguments: &[&str]| {
        let said = place.shell(&[&["token", "user", "--json"], arguments].concat());
        let made: Value = serde_json::from_str(&said).expect("json");
        made["expires_in"].as_u64().expect("seconds") / 86_400
    };
    assert_eq!((days(&[]), days(&["--days", "30"])), (7, 30));
    for wrong in ["0", "366", "-1", "x"] {
        place
            .try_shell(&["token", "user", "--days", wrong])
            .expect_err(wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_what_was_granted_before() {
    let (place, _daemon) = begun().await;
    let (ann, browser) = (token_of(&place, "Ann"), browser_of(&place, "Ann").await);
    let form = [("old", ""), ("new", "four unusual words do")];
    let set = browser.send("/password", &form, "same-origin").await;
    assert_eq!(set, StatusCode::SEE_OTHER);
    assert_eq!(seen_by(&place, &ann).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        at_the_page(&browser).await,
        StatusCode::OK,
        "this browser stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machines_shell_gets_another_token_when_its_own_is_revoked() {
    let (place, _daemon) = begun().await;
    let said = place.shell(&["token", "list", "--json"]);
    let rows: Value = serde_json::from_str(&said).expect("json");
    let ids: Vec<&str> = rows["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["id"].as_str())
        .collect();
    place.shell(&[&["token", "revoke"], ids.as_slice()].concat());
    until(PATIENCE, "shells come in again", || {
        place.try_shell(&["whoami"]).ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_secret_is_renewed_and_the_one_before_ends() {
    let (place, _processes) = Place::new(Agent::Script("true")).await.at_work().await;
    let _second = place.worker("w-2", 1).await;
    let expires = |place: &Place| -> Vec<i64> {
        let sql = "SELECT t.expires FROM tokens t JOIN workers w ON w.id = t.owner WHERE w.name = 'w-1' ORDER BY t.made";
        let rows = place.base.sql(sql);
        rows.iter().filter_map(|row| row.parse().ok()).collect()
    };
    let (old, new) = until(PATIENCE, "the first one ends soon", || {
        let all = expires(&place);
        (all.len() == 2 && all[1] - all[0] > 86_400_000).then(|| (all[0], all[1]))
    })
    .await;
    assert!(new > old);
    let task = place.task("It goes on", "As before.").await;
    place.wait(&task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_button_of_a_link_spends_it() {
    let (place, _daemon) = begun().await;
    let said = place.shell(&["login", "--for", "Ann"]);
    let link = said.split_whitespace().next().expect("a link");
    let http = Browser::client();
    for _ in 0..3 {
        let looked = http.head(link).send().await.expect("an answer");
        assert!(looked.headers().get("set-cookie").is_none());
        let looked = http.get(link).send().await.expect("an answer");
        assert!(looked.headers().get("set-cookie").is_none());
        let page = looked.text().await.expect("a page");
        assert!(page.contains("Log in as Ann"), "{page}");
    }
    // Nobody is logged in by another site.
    let (base, code) = link.split_once("/login?code=").expect("a code");
    let foreign = http
        .post(format!("{base}/login/link"))
        .header("sec-fetch-site", "cross-site")
        .form(&[("code", code)])
        .send()
        .await
        .expect("an answer");
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        Browser::open(&http, link).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        Browser::open(&http, link).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_could_overhear_is_not_served_unless_somebody_says_so() {
    let place = Place::new(Agent::Script("true")).await;
    let refused = |more: &[&str]| {
        let arguments = [&["daemon", "--listen", "0.0.0.0:0"], more].concat();
        place.try_shell(&arguments).expect_err("it does not start")
    };
    let said = refused(&[]);
    assert!(
        said.contains("daemon.public_url") && said.contains("--insecure"),
        "{said}"
    );
    let config = fs::read_to_string(place.config()).expect("read");
    let http = format!("{config}\n[daemon]\npublic_url = \"http://vine.example.org\"\n");
    fs::write(place.config(), http).expect("written");
    assert!(refused(&[]).contains("https://"), "http is no answer");
}

//! A GitHub App: each attempt borrows a token of one hour for its repository alone, and the daemon's own calls use
//! others. Git goes over HTTPS, and the credentials are checked.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use vine_api::Client;
use vine_doubles::forge::apps::AppToken;
use vine_worker::WorkerIdentity;

use super::setup::doctor;
use crate::harness::{
    Agent, PATIENCE,
    api::enrolled,
    forge::{APP, ForgePlace, TOKEN, install_app},
    path, until,
};

const HOUR: Duration = Duration::from_secs(3600);
/// Looks for credentials, then paints.
const LOOKS: &str = "env > seen.txt; git config --list >> seen.txt 2>&1; cat /proc/*/environ /proc/*/cmdline >> seen.txt 2>/dev/null; \
    echo $RANDOM-$VINE_ATTEMPT > door.txt; vine finish Painted\n";

/// Waits at a gate, then paints.
const PAINTS: &str = "while [ -f \"$PLACE/gate\" ]; do sleep 0.1; done; echo $VINE_TASK-$VINE_ATTEMPT > door.txt; vine finish Painted\n";

/// A place whose daemon is an App, and whose workers have no credentials of their own.
async fn place(script: &str, worker: &str) -> ForgePlace {
    let mut place = ForgePlace::new("github", Agent::Script(script), worker, "").await;
    let folder = place.server.folder.path().to_owned();
    let key = install_app(&place.forge, &folder);
    let git = place.forge.serve_git().await;
    let trusted = folder.join("ca.pem");
    fs::write(&trusted, &git.certificate).expect("written");
    place
        .place
        .env
        .push(("GIT_SSL_CAINFO".into(), path(&trusted).into()));
    let config = fs::read_to_string(place.place.config()).expect("there");
    let config = config
        .replace(&place.server.section(), "")
        .replace(&place.server.host(), &git.host)
        .replace(
            &format!("token = \"{TOKEN}\""),
            &format!("app_id = \"{APP}\"\napp_key_file = \"{}\"", path(&key)),
        );
    fs::write(place.place.config(), config).expect("written");
    place.on.address = format!("https://{}/org/site.git", git.host);
    place
}

fn tokens(place: &ForgePlace) -> Vec<AppToken> {
    place
        .forge
        .world()
        .app
        .as_ref()
        .expect("an App")
        .tokens
        .clone()
}

/// Those that workers were lent.
fn lent(place: &ForgePlace) -> Vec<AppToken> {
    let mut tokens = tokens(place);
    tokens.retain(|one| one.permissions["contents"] == "write");
    tokens
}

async fn painted(place: &ForgePlace, title: &str) -> String {
    let task = place.place.task(title, "Paint it.").await;
    place
        .shows(&task, |request| request["state"] == "open")
        .await;
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_lends_each_attempt_a_token_for_its_repository_and_nobody_finds_it() {
    let mut place = place(LOOKS, "wall = \"bubblewrap\"\n").await;
    let daemon = place.daemon().await;
    place.place.say("repo set site --requests ready").await;
    let worker = place.place.worker("w-1", 1).await;
    for title in ["Paint the door", "Paint the gate"] {
        painted(&place, title).await;
    }
    let found = doctor(&place);
    assert!(found.contains("the token of vine-app[bot]"), "{found}");
    let lent = lent(&place);
    assert!(lent.len() >= 2, "one for each attempt: {lent:?}");
    for token in &lent {
        assert_eq!(token.repositories, ["site"]);
        assert_eq!(token.permissions, json!({ "contents": "write" }));
    }
    let pem = fs::read_to_string(place.server.folder.path().join("app.pem")).expect("a key");
    let pem = pem.lines().nth(3).expect("a line").to_owned();
    let secrets: Vec<String> = tokens(&place)
        .into_iter()
        .map(|one| one.token)
        .chain([pem])
        .collect();
    let branch = place.requests(|one| one.head.clone()).remove(0);
    let places = [
        (
            "the agent",
            place.server.git(&["show", &format!("{branch}:seen.txt")]),
        ),
        (
            "the request",
            place.requests(|one| one.body.clone()).remove(0),
        ),
        ("the thread", place.place.thread("T-1").await),
        ("the log", place.place.log("T-1").await),
        ("`config show`", place.place.shell(&["config", "show"])),
        ("the daemon's log", daemon.output()),
        ("the worker's log", worker.output()),
        (
            "the database",
            String::from_utf8_lossy(&place.place.base.dump()).into_owned(),
        ),
    ];
    for secret in &secrets {
        for (place, text) in &places {
            assert!(!text.contains(secret), "{place} has {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_end_or_are_taken_back_are_replaced() {
    let mut place = place(PAINTS, "").await;
    // Good for less than what has to be left of one.
    place.forge.world().app.as_mut().expect("an App").good_for = Duration::from_secs(5 * 60);
    let _daemon = place.daemon().await;
    place.place.say("repo set site --requests ready").await;
    let _worker = place.place.worker("w-1", 1).await;
    painted(&place, "Paint the door").await;
    assert!(
        lent(&place).len() >= 2,
        "one to fetch, one to push: {:?}",
        lent(&place)
    );

    let taken_back = |place: &ForgePlace| {
        let mut world = place.forge.world();
        let app = world.app.as_mut().expect("an App");
        app.good_for = HOUR;
        app.tokens.iter_mut().for_each(|token| token.revoked = true);
    };
    taken_back(&place);
    painted(&place, "Paint the gate").await;
    taken_back(&place);
    painted(&place, "Paint the fence").await;
    // Taken back while an agent works: its push needs another one.
    let gate = place.place.folder.path().join("gate");
    fs::write(&gate, "").expect("written");
    let before = lent(&place).len();
    let task = place.place.task("Paint the shed", "Paint it.").await;
    until(PATIENCE, "it has fetched", || {
        (lent(&place).len() > before).then_some(())
    })
    .await;
    place.place.wait(&task, "running").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    taken_back(&place);
    fs::remove_file(&gate).expect("it is there");
    place
        .shows(&task, |request| request["state"] == "open")
        .await;
    assert_eq!(place.requests(|one| one.number), [1, 2, 3, 4]);
}

/// Asks for the token of an attempt: how many tokens for git there are afterwards, or the refusal.
async fn asks(
    place: &ForgePlace,
    who: &Client,
    id: &str,
    attempt: &Value,
) -> Result<usize, String> {
    let path = format!("/workers/{id}/git-token");
    let asked = who.post::<_, Value>(&path, attempt).await;
    asked.map_err(|error| error.code().unwrap_or("none").to_owned())?;
    Ok(lent(place).len())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_worker_of_an_attempt_is_lent_its_token_and_only_while_it_holds_it() {
    let mut place = place(PAINTS, "").await;
    let _daemon = place.daemon().await;
    place.place.say("repo set site --requests ready").await;
    fs::write(place.place.folder.path().join("gate"), "").expect("written");
    let worker = place.place.worker("w-1", 1).await;
    let task = place.place.task("Paint the door", "Paint it.").await;
    place.place.wait(&task, "running").await;
    until(PATIENCE, "it has fetched with one", || {
        (!lent(&place).is_empty()).then_some(())
    })
    .await;
    let own = WorkerIdentity::load(&place.place.state("w-1"))
        .expect("readable")
        .expect("enrolled");
    let (other, id) = enrolled(&place.place, 1).await;
    let owner = Client::new(other.base(), Some(own.token.clone()));
    let attempt = json!({ "task": task, "epoch": 1 });
    let count = lent(&place).len();
    let (own, id) = (own.id.to_string(), id.to_string());
    assert_eq!(
        asks(&place, &other, &id, &attempt).await,
        Err("stale".into()),
        "not its attempt"
    );
    assert_eq!(
        asks(&place, &other, &own, &attempt).await,
        Err("not_found".into()),
        "not that worker"
    );
    assert_eq!(
        asks(&place, &owner, &own, &json!({ "task": task, "epoch": 2 })).await,
        Err("stale".into())
    );
    assert_eq!(
        asks(&place, &owner, &own, &attempt).await,
        Ok(count + 1),
        "its own"
    );

    let file = walk(&place.place.state("w-1").join("git-tokens"));
    let mode = fs::metadata(file).expect("kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::remove_file(place.place.folder.path().join("gate")).expect("it is there");
    place
        .shows(&task, |request| request["state"] == "open")
        .await;
    assert_eq!(
        asks(&place, &owner, &own, &attempt).await,
        Err("stale".into()),
        "it is over"
    );
    drop(worker);
}

/// The only file below a folder.
fn walk(folder: &Path) -> PathBuf {
    let mut at = folder.to_owned();
    while at.is_dir() {
        let first = fs::read_dir(&at).expect("readable").next();
        at = first.expect("something").expect("readable").path();
    }
    at
}

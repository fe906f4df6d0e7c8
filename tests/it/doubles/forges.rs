//! The doubles of forges are believable: clients that others wrote, unmodified but for the address, work
//! with them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use vine_doubles::forge::{Forge, world::State};

use crate::harness::{
    commit_all,
    forge::{APP, install_app},
    git, make_repository, path,
};

/// A project with a branch `work`, and a check that failed on it.
async fn project() -> (Forge, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let repo = folder.path().join("site");
    make_repository(&repo);
    git(&repo, &["checkout", "--quiet", "-b", "work"]);
    std::fs::write(repo.join("door.txt"), "blue").expect("written");
    commit_all(&repo, "Paint");
    git(&repo, &["checkout", "--quiet", "main"]);
    let forge = Forge::open().await;
    let mut world = forge.world();
    world.add_user("judge", true);
    world.add_project("org/site", &repo.join(".git"));
    let id = world.id();
    let project = world.project();
    let tip = project.tip("work").expect("a branch");
    let check = vine_doubles::forge::world::Check {
        id,
        name: "test".into(),
        state: State::Failed,
        log: String::new(),
    };
    project.checks.insert(tip, vec![check]);
    drop(world);
    (forge, folder)
}

/// Where `tests/run` put the clients.
fn tools() -> PathBuf {
    let folder = std::env::var("VINE_TEST_FORGES");
    folder
        .expect("VINE_TEST_FORGES names a folder with clients of forges; `tests/run` installs them")
        .into()
}

async fn judged(mut client: Command, script: &str, arguments: &[&str]) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/forge")
        .join(script);
    client.arg(file).args(arguments);
    let output = tokio::task::spawn_blocking(move || client.output().expect("it runs"));
    let output = output.await.expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn python() -> Command {
    Command::new(tools().join("bin/python"))
}

#[tokio::test(flavor = "multi_thread")]
async fn octokit_and_pygithub_work_with_the_double_of_github() {
    let expected = json!({ "me": "judge", "number": 1, "comments": ["hello"], "checks": ["failure"], "found": 1, "body": "y", "moved": 409, "merged": true, "hooks": ["https://vine.example.org/forges/github.com"] });
    let (forge, _folder) = project().await;
    let by: Value = judged(
        Command::new("node"),
        "judge_github.mjs",
        &[path(&tools()), &forge.api("github"), "token-of-judge"],
    )
    .await;
    assert_eq!(by, expected);
    let (forge, _folder) = project().await;
    let by: Value = judged(
        python(),
        "judge_github.py",
        &[&forge.api("github"), "token-of-judge"],
    )
    .await;
    assert_eq!(by, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn octokit_is_an_app_at_the_double_of_github() {
    let (forge, folder) = project().await;
    let key = install_app(&forge, folder.path());
    let by: Value = judged(
        Command::new("node"),
        "judge_app.mjs",
        &[path(&tools()), &forge.api("github"), APP, path(&key)],
    )
    .await;
    assert_eq!(
        by,
        json!({ "me": "vine-app", "found": "org/site", "minutes": 60, "permissions": { "contents": "write" }, "refused": 401 })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_works_with_the_double_of_gitlab() {
    let (forge, _folder) = project().await;
    let api = forge.api("gitlab");
    let by: Value = judged(
        python(),
        "judge_gitlab.py",
        &[api.trim_end_matches("/api/v4"), "token-of-judge"],
    )
    .await;
    assert_eq!(
        by,
        json!({ "me": "judge", "number": 1, "comments": ["hello"], "checks": ["failed"], "found": 1, "moved": 409, "merged": true, "hooks": ["https://vine.example.org/forges/gitlab.com"] })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pyforgejo_works_with_the_double_of_forgejo() {
    let (forge, _folder) = project().await;
    let by: Value = judged(
        python(),
        "judge_forgejo.py",
        &[&forge.api("forgejo"), "token-of-judge"],
    )
    .await;
    assert_eq!(
        by,
        json!({ "me": "judge", "number": 1, "comments": ["hello"], "checks": ["failure"], "found": 1, "moved": 409, "merged": true, "hooks": ["https://vine.example.org/forges/codeberg.org"] })
    );
}

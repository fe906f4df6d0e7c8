//! A change of a repository that is on no forge: named as its repository wants, and merged in a person's clone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::{Agent, Place, Process, commit_all, git, path};

const PAINTS: &str = "echo blue > door.txt; vine finish 'Painted it.'";

/// A place where one task is done, and a clone of its repository.
async fn painted() -> (Place, [Process; 2], PathBuf) {
    let (place, processes) = Place::new(Agent::Script(PAINTS)).await.at_work().await;
    let task = place.task("Paint the door", "Paint it.").await;
    place.wait(&task, "done").await;
    let clone = place.folder.path().join("clone");
    git(
        place.folder.path(),
        &["clone", "--quiet", path(&place.repo), path(&clone)],
    );
    for (key, value) in [("user.name", "Ann"), ("user.email", "ann@example.org")] {
        git(&clone, &["config", key, value]);
    }
    (place, processes, clone)
}

/// What `vine` says in a folder.
fn said_in(place: &Place, folder: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = place.vine(words);
    command
        .env("VINE_STATE", place.state("daemon"))
        .current_dir(folder);
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn tip(folder: &Path) -> String {
    git(folder, &["rev-parse", "HEAD"])
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_merged_in_the_clone_of_a_person_who_has_nothing_uncommitted() {
    let (place, _processes, clone) = painted().await;
    let merge = |folder: &Path| said_in(&place, folder, &["task", "merge", "T-1"]);
    let refused = |folder: &Path, why: &str| {
        let before = fs::metadata(folder.join(".git"))
            .is_ok()
            .then(|| tip(folder));
        let said = merge(folder).expect_err(why);
        assert!(said.contains(why), "{said}");
        if let Some(before) = before {
            assert_eq!(tip(folder), before, "nothing was changed");
        }
    };
    let elsewhere = place.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    refused(&elsewhere, "is not in a git repository");
    git(&elsewhere, &["init", "--quiet"]);
    let said = merge(&elsewhere).expect_err("it is another repository");
    assert!(said.contains("not a clone of site"), "{said}");

    fs::write(clone.join("README.md"), "changed").expect("written");
    refused(&clone, "changes that are not committed");
    git(&clone, &["checkout", "--quiet", "--", "README.md"]);
    git(&clone, &["checkout", "--quiet", "-b", "mine"]);
    refused(&clone, "mine is checked out, but T-1 started from");
    git(&clone, &["checkout", "--quiet", "main"]);

    fs::write(clone.join("notes.txt"), "not in git").expect("written");
    let said = merge(&clone).expect("merged");
    assert!(
        said.starts_with("Merged T-1 into main, which is at"),
        "{said}"
    );
    assert_eq!(
        fs::read_to_string(clone.join("door.txt")).expect("merged"),
        "blue\n"
    );
    assert_eq!(
        git(&clone, &["log", "-1", "--format=%s"]),
        "Merge T-1: Paint the door"
    );
    let said = merge(&clone).expect("nothing to do");
    assert!(said.contains("main has the work of T-1 already"), "{said}");

    let said = said_in(
        &place,
        &clone,
        &["task", "merge", "T-1", "--when-checks-pass"],
    )
    .expect_err("no checks");
    assert!(said.contains("not on a forge"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_has_the_line_to_paste_and_a_conflict_changes_nothing() {
    let (place, _processes, clone) = painted().await;
    let thread = place.thread("T-1").await;
    let line = "git merge vine/T-1-paint-the-door";
    assert!(
        thread.contains(&format!("Merge it with `{line}`")),
        "{thread}"
    );

    fs::write(clone.join("door.txt"), "red\n").expect("written");
    commit_all(&clone, "Paint it red");
    let before = tip(&clone);
    for method in ["merge", "squash"] {
        let words = ["task", "merge", "T-1", "--method", method];
        let said = said_in(&place, &clone, &words).expect_err("a conflict");
        assert!(
            said.contains("T-1 conflicts with main in door.txt; nothing was changed"),
            "{said}"
        );
        assert_eq!(tip(&clone), before);
        assert_eq!(git(&clone, &["status", "--porcelain"]), "");
    }

    let words: Vec<&str> = line.split(' ').skip(1).collect();
    git(&place.repo, &words);
    assert_eq!(
        fs::read_to_string(place.repo.join("door.txt")).expect("merged"),
        "blue\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_is_made_of_it_if_a_person_wants_that() {
    let (place, _processes, clone) = painted().await;
    let before = tip(&clone);
    let words = ["task", "merge", "T-1", "--method", "squash"];
    git(&clone, &["config", "merge.ff", "false"]);
    said_in(&place, &clone, &words).expect("merged");
    assert_eq!(
        git(&clone, &["log", "-1", "--format=%s %p"]),
        format!(
            "Paint the door (T-1) {}",
            git(&clone, &["rev-parse", "--short", &before])
        )
    );
    let said = said_in(&place, &clone, &words).expect("nothing to do");
    assert!(
        said.contains("main has the changes of T-1 already"),
        "{said}"
    );
    assert_eq!(git(&clone, &["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_and_commits_are_named_as_their_repository_wants() {
    let (place, _processes) = Place::new(Agent::Script(PAINTS)).await.at_work().await;
    let set = |words: &[&str]| {
        let all: Vec<&str> = ["repo", "set", "site"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        place.try_shell(&all)
    };
    for (words, why) in [
        (["--branches", "agents/{title}"], "add {id} or {number}"),
        (["--branches", "a..b/{id}"], "branch name"),
        (["--trailers", "no colon"], "write it as `Key: value`"),
    ] {
        let refused = set(&words).expect_err(why);
        assert!(refused.contains(why), "{refused}");
    }
    set(&[
        "--branches",
        "agents/{number}/{title}",
        "--trailers",
        "Refs: {id}; By: {requester}",
    ])
    .expect("set");
    let task = place.task("Paint the door", "Paint it.").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["report"]["branch"], "agents/1/paint-the-door");
    let message = git(
        &place.repo,
        &["log", "-1", "--format=%B", "agents/1/paint-the-door"],
    );
    assert_eq!(message.trim(), "Paint the door\n\nRefs: T-1\nBy: admin");
    let listed = place.shell(&["repo", "list"]);
    assert!(
        listed.contains("branches `agents/{number}/{title}`"),
        "{listed}"
    );

    set(&["--branches", "default", "--trailers", ""]).expect("set");
    let task = place.task("Again", "Paint it.").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["report"]["branch"], "vine/T-2-again");
    let message = git(&place.repo, &["log", "-1", "--format=%B", "vine/T-2-again"]);
    assert_eq!(message.trim(), "Again");
}

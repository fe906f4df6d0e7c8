//! Git belongs to the keeper: no work is lost and no agent runs twice, whatever git says.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use crate::harness::{Agent, PATIENCE, Place, git, path, until, visitor::Browser};

/// A `git` that fails once, at the call whose number stands in `fails`.
fn failing_git(folder: &Path) {
    let real = std::env::split_paths(&std::env::var_os("PATH").expect("a path"))
        .map(|folder| folder.join("git"))
        .find(|program| program.is_file())
        .expect("git is installed");
    let script = format!(
        "#!/bin/sh\nn=$(($(cat {0}/calls) + 1)); echo $n > {0}/calls.$$; mv {0}/calls.$$ {0}/calls\n\
         if [ $n = \"$(cat {0}/fails)\" ]; then echo \"$@\" > {0}/failed; echo 'fatal: injected' >&2; exit 128; fi\n\
         exec {1} \"$@\"\n",
        path(folder),
        path(&real),
    );
    fs::create_dir_all(folder).expect("made");
    fs::write(folder.join("git"), script).expect("written");
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).expect("executable");
    fs::write(folder.join("calls"), "0").expect("written");
    fs::write(folder.join("fails"), "0").expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_git_command_of_a_tasks_life_may_fail_once() {
    let script = "echo run >> \"$PLACE/runs-$VINE_TASK\"; git config user.name A; echo 1 > committed; \
                  git add .; git -c user.email=a@b commit -qm mine; echo 2 > uncommitted";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let wrapper = place.folder.path().join("wrapper");
    failing_git(&wrapper);
    let usual = std::env::var("PATH").expect("a path");
    place
        .env
        .push(("PATH".into(), format!("{}:{usual}", path(&wrapper))));
    let _worker = place.worker("w-1", 1).await;
    place.env.clear();
    let calls = || -> u32 {
        let text = fs::read_to_string(wrapper.join("calls")).expect("there");
        text.trim().parse().expect("a count")
    };
    // The first task makes the keeper's copy; the second shows what a usual one takes.
    place.wait(&place.task("Copy", "x").await, "done").await;
    place.assert_clean().await;
    let before = calls();
    place.wait(&place.task("Usual", "x").await, "done").await;
    place.assert_clean().await;
    let count = calls() - before;
    assert!(count > 10, "{count} calls");
    for number in 1..=count {
        fs::write(wrapper.join("fails"), (calls() + number).to_string()).expect("written");
        let task = place.task(&format!("Fail {number}"), "x").await;
        let mut shown = place.show(&task).await;
        // What falls ill again and again is looked at after growing pauses, up to 64 s here.
        for _ in 0..2400 {
            if shown["state"] == "done" {
                break;
            }
            if shown["state"] == "queued" && shown["failures"] == 1 {
                place.say(&format!("task retry {task}")).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            shown = place.show(&task).await;
        }
        let failed = fs::read_to_string(wrapper.join("failed")).unwrap_or_default();
        assert_eq!(
            shown["state"], "done",
            "{number}, at git {failed}: {shown:#}"
        );
        let branch = shown["branch"].as_str().expect("a name");
        for (file, holds) in [("committed", "1"), ("uncommitted", "2")] {
            assert_eq!(
                git(&place.repo, &["show", &format!("{branch}:{file}")]),
                holds,
                "{number}, at git {failed}"
            );
        }
        let runs = fs::read_to_string(place.folder.path().join(format!("runs-{task}")));
        assert_eq!(runs.expect("it ran"), "run\n", "{number}, at git {failed}");
    }
    assert_eq!(place.say("queue dead").await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_killed_on_one_worker_goes_on_on_another_from_what_it_had_written() {
    let script = "if [ -f half.txt ]; then cat half.txt; echo whole > whole.txt; exit 0; fi; \
                  echo half > half.txt; touch \"$PLACE/half\"; sleep 600";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let bare = far(&place, "all").await;
    let first = place.worker("w-1", 1).await;
    let made = place.say("task new Long --repo far").await;
    let task = made["id"].as_str().expect("an id").to_owned();
    let half = place.folder.path().join("half");
    until(PATIENCE, "it has written", || half.exists().then_some(())).await;
    first.kill();
    // Lost with its worker; nobody else is there. When the worker is back it brings what there is.
    place.wait(&task, "queued").await;
    place.say("queue pause").await;
    let again = place.worker("w-1", 1).await;
    let name = format!("refs/vine/{task}");
    until(PATIENCE, "what it wrote can be fetched", || {
        let said = git(&bare, &["for-each-ref", "--format=%(refname)", &name]);
        (said == name).then_some(())
    })
    .await;
    assert_eq!(git(&bare, &["show", &format!("{name}:half.txt")]), "half");
    let said = format!("`git fetch origin {name}`");
    place.told(&task, &said).await;
    again.kill();
    let _second = place.worker("w-2", 1).await;
    place.say("queue resume").await;
    let done = place.wait(&task, "done").await;
    let last = done["attempts"]
        .as_array()
        .and_then(|all| all.last())
        .cloned();
    assert_eq!(last.expect("one")["worker_name"], "w-2");
    let branch = done["branch"].as_str().expect("a name");
    for (file, holds) in [("half.txt", "half"), ("whole.txt", "whole")] {
        assert_eq!(git(&bare, &["show", &format!("{branch}:{file}")]), holds);
    }
    assert_eq!(
        git(&bare, &["for-each-ref", "refs/vine"]),
        "",
        "the branch holds it now"
    );
}

/// A repository by its address, with a task list of its own.
async fn far(place: &Place, rule: &str) -> std::path::PathBuf {
    let bare = place.folder.path().join("far.git");
    git(
        &place.repo,
        &["clone", "--quiet", "--bare", ".", path(&bare)],
    );
    place
        .say(&format!(
            "repo add far file://{} --push {rule}",
            path(&bare)
        ))
        .await;
    bare
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_secret_waits_for_an_operator_and_is_pushed_when_one_says_so() {
    let script = "echo COLOUR=red > .env; echo text > plain";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let bare = far(&place, "all").await;
    let _worker = place.worker("w-1", 1).await;
    let made = place.say("task new Paint --repo far").await;
    let task = made["id"].as_str().expect("an id").to_owned();
    let done = place.wait(&task, "done").await;
    place
        .told(&task, "Not pushed yet: this looks like a secret")
        .await;
    let heads = || git(&bare, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(heads(), "refs/heads/main");
    let login = place.shell(&["login"]);
    let browser = Browser::log_in(login.split_whitespace().next().expect("a link")).await;
    let page = browser.page("/").await;
    let shown = "This looks like a secret: ";
    assert!(page.contains(shown) && page.contains(".env"), "{page}");

    place.say(&format!("task push {task}")).await;
    let branch = done["branch"].as_str().expect("a name");
    place
        .told(&task, &format!("to the branch `{branch}`"))
        .await;
    assert_eq!(git(&bare, &["show", &format!("{branch}:plain")]), "text");
    assert!(
        !browser.page("/").await.contains(shown),
        "nobody waits any more"
    );
    let again = place.try_say(&format!("task push {task}")).await;
    let again = again.expect_err("refused").to_string();
    let nothing = "no worker has unpushed work of";
    assert!(again.contains(&format!("{nothing} {task}")), "{again}");

    // Who decides against it is asked no more; what a removed worker has nobody promises.
    let made = place.say("task new Another --repo far").await;
    let other = made["id"].as_str().expect("an id").to_owned();
    place
        .told(&other, "Not pushed yet: this looks like a secret")
        .await;
    assert!(browser.page("/").await.contains(shown));
    place.say(&format!("task push {other} --leave")).await;
    assert!(!browser.page("/").await.contains(shown));
    place.say("worker remove w-1").await;
    let gone = place.try_say(&format!("task push {other}")).await;
    let gone = gone.expect_err("refused").to_string();
    assert!(gone.contains(&format!("{nothing} {other}")), "{gone}");
    assert!(!place.thread(&other).await.contains("asked to push"));
    assert!(!git(&bare, &["branch", "--list"]).contains(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_work_is_pushed_when_somebody_asks_also_when_its_worker_was_away() {
    let script = "echo half > half.txt; touch \"$PLACE/half\"; sleep 600";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let bare = far(&place, "all").await;
    let worker = place.worker("w-1", 1).await;
    let made = place.say("task new Long --repo far").await;
    let task = made["id"].as_str().expect("an id").to_owned();
    let half = place.folder.path().join("half");
    until(PATIENCE, "it has written", || half.exists().then_some(())).await;
    let busy = place.try_say(&format!("task push {task}")).await;
    let busy = busy.expect_err("refused").to_string();
    assert!(busy.contains("is still active"), "{busy}");
    place.say(&format!("task cancel {task}")).await;
    place
        .told(&task, &format!("`task push {task}` pushes it"))
        .await;
    assert_eq!(git(&bare, &["for-each-ref", "refs/vine"]), "");
    worker.kill();
    let told = place.say(&format!("task push {task}")).await;
    assert_eq!(told["state"], "wanted");
    let _again = place.worker("w-1", 1).await;
    let name = format!("refs/vine/{task}");
    place
        .told(&task, &format!("`git fetch origin {name}`"))
        .await;
    assert_eq!(git(&bare, &["show", &format!("{name}:half.txt")]), "half");
}

//! The plan's success criteria with the real Claude Code.

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, commit_all, git};

fn script(colour: &str) -> String {
    format!(
        "Paint the door.\nMODEL: say I looked at the door.\nMODEL: ask Which colour? | Red | Blue \
         | {colour}\n\
         MODEL: bash echo {colour} > door.txt\nMODEL: finish The door is painted."
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_three_workers_ask_are_answered_in_the_console_and_finish() {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let _workers = [
        place.worker("w-1", 1).await,
        place.worker("w-2", 1).await,
        place.worker("w-3", 1).await,
    ];
    let mut tasks = Vec::new();
    for colour in ["Green", "White", "Black"] {
        tasks.push((
            place
                .task(&format!("Paint it {colour}"), &script(colour))
                .await,
            colour,
        ));
    }

    // All three ask at once, each on a worker of its own, each session mapped to its task.
    let mut mapped = Vec::new();
    for (task, _) in &tasks {
        let (question, shown) = place.question(task).await;
        assert_eq!(shown["kind"], "clarify");
        assert_eq!(shown["context"], "I looked at the door.");
        mapped.push((
            question,
            shown["session"].as_str().expect("a session").to_owned(),
        ));
    }
    let sessions = place.say("session list").await;
    for ((task, _), (_, session)) in tasks.iter().zip(&mapped) {
        let known = sessions
            .as_array()
            .expect("sessions")
            .iter()
            .find(|known| known["id"] == *session.as_str())
            .expect("listed");
        assert_eq!(
            (known["task"].as_str(), known["state"].as_str()),
            (Some(task.as_str()), Some("active"))
        );
    }
    let workers = place.say("worker list").await;
    assert!(
        workers
            .as_array()
            .expect("workers")
            .iter()
            .all(|worker| worker["state"] == "WAITING"),
        "{workers:#}"
    );

    for ((task, colour), (question, session)) in tasks.iter().zip(&mapped) {
        place.answer(task, question, colour).await;
        let (permission, shown) = place.question(task).await;
        assert_eq!(shown["kind"], "permission");
        assert_eq!(
            shown["ask"]["what"].as_str(),
            Some(format!("echo {colour} > door.txt").as_str())
        );
        assert_eq!(
            shown["session"].as_str(),
            Some(session.as_str()),
            "the same session all along"
        );
        place.answer(task, &permission, "yes").await;
    }

    for ((task, colour), (_, session)) in tasks.iter().zip(&mapped) {
        let done = place.wait(task, "done").await;
        assert!(
            done["report"]["summary"]
                .as_str()
                .expect("words")
                .contains("The door is painted."),
            "{done:#}"
        );
        assert_eq!(done["session"].as_str(), Some(session.as_str()));
        assert_eq!(
            git(
                &place.repo,
                &["show", &format!("{}:door.txt", place.branch(task).await)]
            ),
            *colour
        );
        assert_eq!(
            done["report"]["commit"].as_str(),
            Some(git(&place.repo, &["rev-parse", &place.branch(task).await]).as_str())
        );
        assert!(
            place.heard(&format!("\"Which colour?\"=\"{colour}\"")) >= 1,
            "the agent read the answer"
        );
        let thread = place.thread(task).await;
        assert!(
            thread.contains("Which colour?") && thread.contains("is done."),
            "{thread}"
        );
    }
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_denied_command_is_not_run_and_the_reason_is_read() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Clean up",
            "MODEL: bash rm README.md\nMODEL: finish I stopped.",
        )
        .await;
    let (question, _) = place.question(&task).await;
    place
        .answer(&task, &question, "no, we need that file")
        .await;
    let done = place.wait(&task, "done").await;
    assert!(place.heard("denied this: we need that file") >= 1);
    assert_eq!(
        done["report"]["commit"],
        Value::Null,
        "nothing was changed: {done:#}"
    );
    assert!(place.thread(&task).await.contains("No changes; `"));
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_what_is_allowed_for_the_session_is_not_asked_again() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let task = place
        .task(
            "Touch",
            "MODEL: bash touch a1\nMODEL: bash touch a1 a2\nMODEL: finish Touched.",
        )
        .await;
    let (question, shown) = place.question(&task).await;
    assert_eq!(
        shown["ask"]["rules"],
        serde_json::json!(["Bash(touch a1 *)"]),
        "people see what the session would cover"
    );
    place.answer(&task, &question, "always").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "{done:#}"
    );
    assert_eq!(
        git(
            &place.repo,
            &[
                "show",
                "--name-only",
                "--format=",
                &place.branch(&task).await
            ]
        ),
        "a1\na2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_runs_nothing_of_an_untrusted_repository_but_reads_its_notes() {
    let mut place = Place::new(Agent::Claude).await;
    let marker = place.folder.path().join("hook-ran");
    let settings = serde_json::json!({
        "env": { "ANTHROPIC_BASE_URL": "http://127.0.0.1:9" },
        "hooks": { "SessionStart": [{ "hooks": [{ "type": "command", "command": format!("touch {}", marker.display()) }] }] },
    });
    std::fs::create_dir_all(place.repo.join(".claude")).expect("a folder");
    std::fs::write(
        place.repo.join(".claude/settings.json"),
        settings.to_string(),
    )
    .expect("written");
    std::fs::write(place.repo.join("CLAUDE.md"), "Always greet the gardener.\n").expect("written");
    std::fs::write(
        place.repo.join(".git/hooks/post-checkout"),
        format!("#!/bin/sh\ntouch {}\n", marker.display()),
    )
    .expect("written");
    std::fs::set_permissions(
        place.repo.join(".git/hooks/post-checkout"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("executable");
    commit_all(&place.repo, "Trap");
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 1).await;
    let task = place
        .task("Look", "/clear and look around\nMODEL: finish Looked.")
        .await;
    place.wait(&task, "done").await;
    assert!(!marker.exists(), "a hook of the repository ran");
    assert!(
        place.heard("/clear and look around") >= 1,
        "a slash in a prompt is only text"
    );
    let systems: Vec<String> = place
        .model
        .seen()
        .into_iter()
        .map(|seen| seen.system)
        .collect();
    assert!(
        systems
            .iter()
            .any(|system| system.contains("Always greet the gardener.")),
        "CLAUDE.md reaches the agent as words"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_plan_is_sent_back_with_words_then_approved() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    let prompt = "Paint.\nMODEL: call EnterPlanMode {}\nMODEL: plan 1. Paint it red.\nMODEL: call \
     ExitPlanMode {}\n\
                  MODEL: plan 1. Paint it blue.\nMODEL: call ExitPlanMode {}\nMODEL: finish \
                  Painted.";
    let task = place.task("Paint", prompt).await;
    let (first, shown) = place.question(&task).await;
    assert_eq!(
        (&shown["kind"], &shown["ask"]["plan"]),
        (&"plan".into(), &"1. Paint it red.".into()),
        "{shown:#}"
    );
    place.answer(&task, &first, "Blue would be better").await;
    let (second, shown) = place.question(&task).await;
    assert_eq!(shown["ask"]["plan"], "1. Paint it blue.");
    place.answer(&task, &second, "approve").await;
    place.wait(&task, "done").await;
    assert!(place.heard("wants the plan changed: Blue would be better") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_plan_that_was_parked_is_approved_in_words() {
    let (place, _processes) = Place::with_worker(Agent::Claude, "hold_seconds = 1\n")
        .await
        .at_work()
        .await;
    let prompt = "Paint.\nMODEL: call EnterPlanMode {}\nMODEL: plan 1. Paint it red.\nMODEL: call \
     ExitPlanMode {}\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    let (question, _) = place.question(&task).await;
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    place.answer(&task, &question, "approve").await;
    let done = place.wait(&task, "done").await;
    assert!(place.heard("You presented a plan. admin approved.") >= 1);
    assert_eq!(
        done["questions"].as_array().map(Vec::len),
        Some(1),
        "people were asked once"
    );
}

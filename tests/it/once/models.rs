//! The model and the effort of a repository and of a task, as the model service reads them.

use crate::harness::{Agent, Place, visitor::Browser};

const OPUS: &str = "claude-opus-4-6";
const SONNET: &str = "claude-sonnet-4-6";

/// The models and efforts of the requests that held these words.
fn asked(place: &Place, words: &str) -> Vec<(String, Option<String>)> {
    let mut asked: Vec<_> = place
        .model
        .seen()
        .into_iter()
        .filter(|seen| seen.heard.contains(words))
        .map(|seen| seen.model)
        .collect();
    asked.dedup();
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_task_chooses_its_model_and_effort_or_has_those_of_its_repository() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    place
        .say(&format!("repo set site --model {OPUS} --effort low"))
        .await;
    place.say("task new Paint the door").await;
    place.wait("T-1", "done").await;
    let low = || Some("low".to_owned());
    assert_eq!(asked(&place, "Paint the door"), [(OPUS.to_owned(), low())]);
    let thread = place.thread("T-1").await;
    let card = format!("model `{OPUS}`, effort low · asks about everything");
    assert!(thread.contains(&card), "{thread}");

    place
        .say(&format!("task new Plant a hedge --model {SONNET}"))
        .await;
    let shown = place.wait("T-2", "done").await;
    assert_eq!(asked(&place, "Plant a hedge"), [(SONNET.to_owned(), low())]);
    assert_eq!(shown["model"], SONNET);
    assert!(shown["effort"].is_null(), "it chose none");

    let login = place.shell(&["login"]);
    let link = login.split_whitespace().next().expect("a link");
    let page = Browser::log_in(link).await;
    let saved = page
        .send(
            "/settings/site",
            &[
                ("preset", "default"),
                ("egress", "list"),
                ("wall", "default"),
                ("model", ""),
                ("effort", "high"),
                ("allow", ""),
                ("refuse", ""),
            ],
            "same-origin",
        )
        .await;
    assert_eq!(saved, 303);
    let made = [
        ("title", "Sweep the yard"),
        ("priority", "default"),
        ("model", OPUS),
        ("effort", ""),
    ];
    assert_eq!(page.send("/tasks", &made, "same-origin").await, 303);
    place.wait("T-3", "done").await;
    let high = Some("high".to_owned());
    assert_eq!(asked(&place, "Sweep the yard"), [(OPUS.to_owned(), high)]);
    let shown = page.page("/tasks/T-3").await;
    assert!(shown.contains("effort high"), "{shown}");

    for wrong in [
        "task new x --model=--help",
        "task new x --effort much",
        "repo set site --model a`b",
    ] {
        let refused = place.try_say(wrong).await.expect_err(wrong).to_string();
        assert!(
            refused.contains("--model") || refused.contains("--effort"),
            "{refused}"
        );
    }
    assert_eq!(
        place.say("task list").await.as_array().map(Vec::len),
        Some(3)
    );
}

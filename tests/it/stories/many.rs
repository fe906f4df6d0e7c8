//! Many at once, for programs: all tasks or none of them, while every attempt ends for itself.

use reqwest::Method;
use serde_json::{Value, json};
use vine_api::{Claim, Claimed, Completed, CompletionResults, Completions};

use crate::harness::{
    Agent, Place,
    api::{Api, enrolled},
};

/// The titles of all tasks, oldest first.
async fn titles(place: &Place) -> Vec<String> {
    let tasks = place.say("task list --limit 1000").await;
    tasks
        .as_array()
        .expect("tasks")
        .iter()
        .rev()
        .map(|task| task["title"].as_str().expect("a title").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_are_created_in_their_order_and_once_or_not_at_all() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let (api, token) = (Api::of(&place), place.secret("user").await);
    let (post, user) = (Method::POST, Some(token.as_str()));
    let tasks = |tasks: Vec<Value>| json!({ "tasks": tasks }).to_string();
    let titled = |title: &str| json!({ "title": title });

    let wanted = tasks(["One", "Two", "Three"].map(titled).to_vec());
    let (status, made) = api
        .with_key(post.clone(), "/tasks/bulk", user, Some("k"), wanted.clone())
        .await;
    assert_eq!(
        (status.as_u16(), &made),
        (201, &json!({ "ids": ["T-1", "T-2", "T-3"] }))
    );
    let (_, again) = api
        .with_key(post.clone(), "/tasks/bulk", user, Some("k"), wanted.clone())
        .await;
    assert_eq!(again, made, "whoever lost the answer asks again");
    assert_eq!(titles(&place).await, ["One", "Two", "Three"]);

    let bad = [
        (
            tasks(vec![
                titled("Four"),
                json!({ "title": "Five", "repo": "unknown" }),
            ]),
            404,
        ),
        (tasks(vec![titled("Four"), titled("two\nlines")]), 422),
        (tasks(vec![]), 422),
        (tasks(vec![titled("Four"); 1001]), 422),
    ];
    for (body, status) in bad {
        api.refused(post.clone(), "/tasks/bulk", user, body, status)
            .await;
    }
    api.refused(post.clone(), "/tasks/bulk", None, wanted, 401)
        .await;
    assert_eq!(
        titles(&place).await,
        ["One", "Two", "Three"],
        "nothing is half-written"
    );
    let (status, made) = api
        .call(post, "/tasks/bulk", user, tasks(vec![titled("Four"); 1000]))
        .await;
    assert_eq!(
        (status.as_u16(), made["ids"].as_array().map(Vec::len)),
        (201, Some(1000))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_attempts_that_end_together_each_is_taken_or_refused_for_itself() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let (worker, _) = enrolled(&place, 3).await;
    for title in ["One", "Two", "Three", "Four", "Five"] {
        place.task(title, "work").await;
    }
    let Claimed { assignments } = worker
        .claim(&Claim {
            slots: 9,
            wait: 5.0,
            except_repos: Vec::new(),
        })
        .await
        .expect("claimed");
    assert_eq!(assignments.len(), 3, "no more than it has room for");
    place.say("task cancel T-1").await;

    let completed = assignments.iter().map(|one| Completed {
        attempt: one.attempt,
        report: Default::default(),
        patch: String::new(),
    });
    let ended = Completions {
        completed: completed.collect(),
        next: 9,
    };
    let first: CompletionResults = worker
        .post("/queue/completions", &ended)
        .await
        .expect("accepted");
    let taken: Vec<_> = first.refused.iter().map(Option::is_none).collect();
    assert_eq!(taken, [false, true, true], "{:?}", first.refused);
    assert!(
        first
            .refused
            .iter()
            .flatten()
            .all(|error| !error.hint.is_empty()),
        "{:?}",
        first.refused
    );
    assert_eq!(
        first
            .assignments
            .iter()
            .map(|next| next.attempt.task.0)
            .collect::<Vec<_>>(),
        [4, 5]
    );
    let tasks = place.say("task list --limit 1000").await;
    let states: Vec<_> = tasks
        .as_array()
        .expect("tasks")
        .iter()
        .rev()
        .map(|task| task["state"].clone())
        .collect();
    assert_eq!(states, ["cancelled", "done", "done", "running", "running"]);
}

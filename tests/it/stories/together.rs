//! Permissions for the same call, asked by several tasks, and answered by one press; and addresses that
//! people type.

use reqwest::StatusCode;

use crate::harness::{
    Agent, Place,
    hand_worker::{HandWorker, bash, item},
    visitor::Browser,
};
use vine_domain::Ask;

async fn states(place: &Place, tasks: &[String]) -> Vec<String> {
    let mut states = Vec::new();
    for task in tasks {
        let shown = place.show(task).await;
        let state = &shown["questions"][0]["state"];
        states.push(state.as_str().expect("a state").to_owned());
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn one_press_answers_the_same_call_of_several_tasks_and_none_that_came_later() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let mut tasks = Vec::new();
    for title in ["One", "Two", "Three", "Four", "Five"] {
        tasks.push(place.task(title, "Do it.").await);
    }
    let worker = HandWorker::claims(&place, 5).await;
    for which in 0..3 {
        worker.asks(which, bash("npm ci")).await;
    }
    worker.asks(3, bash("npm ci --force")).await;
    let visitor = Browser::of(&place).await;
    let page = visitor.page("/").await;
    assert!(page.contains("3 tasks ask the same"), "{page}");
    assert_eq!(page.matches("Allow all 3 once").count(), 1);
    let shown: Vec<&str> = page.split("name=\"question\" value=\"").skip(1).collect();
    let ids: Vec<&str> = shown
        .iter()
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(ids, ["Q-1", "Q-2", "Q-3"]);
    // The fifth asks the same while somebody reads.
    worker.asks(4, bash("npm ci")).await;
    let mut sent = vec![
        ("back", "/questions"),
        ("press", "yes"),
        ("key", "0123456789abcdef0123456789abcdef"),
    ];
    sent.extend(ids.iter().map(|id| ("question", *id)));
    for _ in 0..2 {
        let (status, page) = visitor.sends("/answers", &sent).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    }
    assert_eq!(
        states(&place, &tasks).await,
        ["answered", "answered", "answered", "open", "open"]
    );
    // What is answered meanwhile is named, and the rest counts.
    let again = [("press", "no"), ("question", "Q-1"), ("question", "Q-5")];
    let (status, page) = visitor.sends("/answers", &again).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("1 of 2 were answered") && page.contains("Q-1"),
        "{page}"
    );
    assert_eq!(states(&place, &tasks).await[4], "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_pages_where_there_is_nothing_and_programs_get_json() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    let task = place.task("One", "Do it.").await;
    let worker = HandWorker::claims(&place, 1).await;
    let items = vec![item("Which colour?", &["Red", "Blue"], false)];
    worker.asks(0, Ask::Clarify { items }).await;
    let visitor = Browser::of(&place).await;
    let get = async |path: &str, accept: &str| {
        let request = visitor.http.get(format!("{}{path}", visitor.base));
        let request = request.header("cookie", &visitor.cookie);
        request
            .header("accept", accept)
            .send()
            .await
            .expect("an answer")
    };
    let html = "text/html,application/xhtml+xml";
    let nowhere = get("/nowhere", html).await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    let page = nowhere.text().await.expect("a page");
    assert!(
        page.contains("<h1>Page not found</h1>") && page.contains("href=\"/\""),
        "{page}"
    );
    let program = get("/nowhere", "*/*").await;
    let error: serde_json::Value = program.json().await.expect("JSON");
    assert_eq!(error["code"], "not_found");
    for (path, leads) in [
        (format!("/tasks/{task}/"), format!("/tasks/{task}")),
        ("/favicon.ico".into(), "/assets/icon.svg".into()),
        ("/questions/Q-1".into(), format!("/tasks/{task}#Q-1")),
    ] {
        let moved = get(&path, html).await;
        assert!(
            moved.status().is_redirection(),
            "{path}: {}",
            moved.status()
        );
        assert_eq!(moved.headers()["location"], leads.as_str(), "{path}");
    }
    let elsewhere = visitor.http.get(format!("{}/", visitor.base));
    let elsewhere = elsewhere.header("host", "vine.lan").header("accept", html);
    let refused = elsewhere.send().await.expect("an answer");
    let page = refused.text().await.expect("a page");
    assert!(
        page.contains("daemon.hosts") && page.contains("<h1>"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_log_is_reached_and_searched() {
    let script = "i=0; while [ $i -lt 1200 ]; do i=$((i+1)); printf 'line \\033[31m%s\\033[0m of it\\n' $i; done";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Count", "Count.").await;
    place.wait(&task, "done").await;
    let visitor = Browser::of(&place).await;
    let mut path = format!("/tasks/{task}/log");
    let mut seen = String::new();
    let mut pages = 0;
    loop {
        let page = visitor.page(&path).await;
        pages += 1;
        seen.push_str(&page);
        let earlier = page
            .split("Earlier lines")
            .next()
            .filter(|_| page.contains("Earlier lines"));
        match earlier.and_then(|before| before.rsplit("href=\"").next()) {
            Some(rest) => {
                path = rest
                    .split('"')
                    .next()
                    .expect("an address")
                    .replace("&amp;", "&");
            }
            None => break,
        }
        assert!(pages < 10, "{path}");
    }
    for line in [1, 2, 600, 1199, 1200] {
        let shown = format!("line <span class=\"ansi-1\">{line}</span> of it");
        assert!(seen.contains(&shown), "line {line}");
    }
    assert!(pages >= 3, "{pages}");
    let found = visitor.page(&format!("/tasks/{task}/log?text=777")).await;
    assert_eq!(found.matches("<li id=\"line-").count(), 1, "{found}");
}

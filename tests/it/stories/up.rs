//! A newcomer's first minutes: `vine up --demo`, the login link, the page, the first answer.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::harness::{
    Agent, PATIENCE, Place, Process,
    base::{self, Base},
    git, make_repository, path, until,
    visitor::{Browser, up},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_answers_a_first_question_on_the_page() {
    let place = Place::new(Agent::Script("true")).await;
    let (process, link, _) = up(&place, &["--demo"]).await;
    let browser = Browser::log_in(&link).await;

    // Three tasks ask; one is answered by its button, one in own words.
    let mut page = String::new();
    for _ in 0..200 {
        page = browser.page("/").await;
        if page.contains("3 questions waiting") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        page.contains("Which plant should the hedge be of?") && page.contains("Hornbeam"),
        "{page}"
    );
    let question = |page: &str, words: &str| {
        let asked = format!("<legend>{words}");
        let before = page.split(&asked).next().expect("a part");
        let at = before.rfind("/tasks/T-").expect("a task");
        before[at + 7..]
            .split(['"', '/'])
            .next()
            .expect("an id")
            .to_owned()
    };
    let hedge = question(&page, "Which plant should the hedge be of?");
    let cat = question(&page, "What should the cat be called?");
    for (task, form) in [
        (&hedge, ("press", "Hornbeam")),
        (&cat, ("text", "Professor <b>Whiskers</b>")),
    ] {
        assert_eq!(
            browser
                .send(&format!("/tasks/{task}/say"), &[form], "same-origin")
                .await,
            StatusCode::SEE_OTHER
        );
    }
    let mut thread = String::new();
    for _ in 0..200 {
        thread = browser.page(&format!("/tasks/{cat}")).await;
        if thread.contains("is done.") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        thread.contains("is done.") && thread.contains("name-the-cat.md"),
        "{thread}"
    );
    let way = thread
        .split("<summary>Question timelines")
        .nth(1)
        .expect("a table")
        .split("</table>")
        .next()
        .expect("its end");
    assert!(
        ["asked", "posted", "seen", "answered", "delivered"]
            .iter()
            .all(|station| way.contains(&format!("<td>{station}</td>"))),
        "{way}"
    );
    assert!(
        thread
            .split("<summary>1 attempt")
            .nth(1)
            .is_some_and(|attempts| attempts.contains("local-")),
        "{thread}"
    );
    assert!(
        thread.contains("Professor &lt;b&gt;Whiskers&lt;/b&gt;") && !thread.contains("<b>Whiskers"),
        "words stay words"
    );

    // Ctrl-C ends it soon, though a question is open; the next start goes on.
    assert_eq!(process.stop().await, Some(0));
    let (process, link, _) = up(&place, &["--demo"]).await;
    let browser = Browser::log_in(&link).await;
    let page = browser.page("/").await;
    assert!(
        page.contains("1 question waiting")
            && page.contains("How often should the beds be watered?"),
        "{page}"
    );
    assert_eq!(
        browser
            .send("/tasks/T-3/say", &[("text", "Twice a week")], "same-origin")
            .await,
        StatusCode::SEE_OTHER
    );
    for _ in 0..200 {
        if browser.page("/tasks/T-3").await.contains("is done.") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(browser.page("/tasks/T-3").await.contains("is done."));
    assert_eq!(process.stop().await, Some(0));
    let garden = place.folder.path().join("up-repository/garden");
    assert_eq!(git(&garden, &["status", "--porcelain"]), "");
    assert!(
        git(
            &garden,
            &["show", "vine/T-1-plant-a-hedge:plant-a-hedge.md"]
        )
        .contains("Hornbeam")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_comes_within_a_second_works_once_and_nothing_shows_in_the_repository() {
    let place = Place::new(Agent::Script("true")).await;
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let (process, link, took) = up(&place, &[]).await;
        fastest = fastest.min(took);
        let _browser = Browser::log_in(&link).await;
        let again = Browser::client()
            .get(&link)
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            again.status(),
            StatusCode::UNAUTHORIZED,
            "a link works once"
        );
        assert_eq!(
            git(&place.repo, &["status", "--porcelain", "--ignored"]),
            ""
        );
        assert_eq!(process.stop().await, Some(0));
    }
    // The fastest of three, since other stories run on this machine at the same time.
    assert!(
        fastest < Duration::from_secs(1),
        "the link took {fastest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_closed_to_strangers_other_sites_and_other_names() {
    let place = Place::new(Agent::Script("true")).await;
    let (_process, link, _) = up(&place, &[]).await;
    let browser = Browser::log_in(&link).await;
    let (http, base) = (Browser::client(), browser.base.clone());
    for path in ["/", "/tasks/T-1"] {
        let response = http
            .get(format!("{base}{path}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            response.status(),
            StatusCode::SEE_OTHER,
            "without a session {path} leads to the login"
        );
        assert_eq!(response.headers()["location"], "/login");
    }
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(
            browser
                .send("/command", &[("line", "queue pause")], site)
                .await,
            StatusCode::FORBIDDEN,
            "{site}"
        );
    }
    let foreign_origin = http
        .post(format!("{base}/command"))
        .header("cookie", &browser.cookie)
        .header("origin", "http://evil.example")
        .form(&[("line", "queue pause")]);
    assert_eq!(
        foreign_origin.send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    let rebound = http
        .get(format!("{base}/"))
        .header("cookie", &browser.cookie)
        .header("host", "evil.example");
    assert_eq!(
        rebound.send().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    assert!(
        browser.page("/").await.contains("default"),
        "nothing was paused"
    );
    assert!(!browser.page("/").await.contains("Paused everywhere"));

    let own = http
        .get(format!("{base}/"))
        .header("cookie", &browser.cookie)
        .send()
        .await
        .expect("an answer");
    let policy = own.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    // The tag changes every ten seconds by itself, and while the workers arrive.
    let mut tag = own.headers()["etag"].clone();
    let mut answers = Vec::new();
    for _ in 0..5 {
        let again = http
            .get(format!("{base}/"))
            .header("cookie", &browser.cookie)
            .header("if-none-match", &tag)
            .send()
            .await
            .expect("an answer");
        tag = again.headers()["etag"].clone();
        answers.push(again.status());
    }
    assert!(
        answers.contains(&StatusCode::NOT_MODIFIED),
        "an unchanged page is not sent again: {answers:?}"
    );

    assert_eq!(
        browser
            .send("/command", &[("line", "queue pause")], "same-origin")
            .await,
        StatusCode::OK
    );
    assert!(
        browser.page("/").await.contains("Paused everywhere"),
        "the page itself may"
    );
    let farewell = browser.post("/logout", &[], "same-origin").await;
    assert_eq!(farewell.status(), StatusCode::SEE_OTHER);
    let cleared = farewell.headers().get("clear-site-data");
    assert_eq!(cleared.expect("kept pages are cleared"), "\"cache\"");
    let after = http
        .get(format!("{base}/"))
        .header("cookie", &browser.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        after.status(),
        StatusCode::SEE_OTHER,
        "a closed session is closed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_a_commit_and_a_folder_inside_it_are_refused_with_a_hint() {
    let place = Place::new(Agent::Script("true")).await;
    let empty = place.folder.path().join("empty");
    std::fs::create_dir_all(&empty).expect("a folder");
    git(&empty, &["init", "--quiet"]);
    let output = place
        .vine(&["up"])
        .current_dir(&empty)
        .output()
        .expect("it runs");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("has no commit yet"),
        "{output:?}"
    );
    let other = place.folder.path().join("other");
    make_repository(&other);
    let output = place
        .vine(&["up", "--state", path(&other.join("state"))])
        .current_dir(&other)
        .output()
        .expect("it runs");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is inside the repository"),
        "{output:?}"
    );
    assert_eq!(git(&other, &["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_hold_between_starts_and_the_terminal_says_what_waits_and_what_is_done() {
    let place = Place::new(Agent::Script("vine ask 'Go on?' > /dev/null")).await;
    let start = || {
        let state = place.folder.path().join("up");
        let mut command = place.vine(&["up", "--state", path(&state), "--workers", "1"]);
        command.current_dir(&place.repo);
        Process::start("vine up", command)
    };
    let says = async |process: &Process, what: &str| {
        until(PATIENCE, what, || {
            let said = process.output();
            said.lines()
                .find(|line| line.contains(what))
                .map(str::to_owned)
        })
        .await
    };
    let port = |link: &str| -> u16 {
        let at = link.rsplit_once(':').expect("a port").1;
        let digits: String = at.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a port")
    };
    let process = start();
    let first = says(&process, "/login?code=").await;
    let browser = Browser::log_in(first.split_whitespace().last().expect("a link")).await;
    browser
        .send("/command", &[("line", "task new Ask")], "same-origin")
        .await;
    says(&process, "? T-1 ").await;
    let link = says(&process, "/questions/Q-1").await;
    assert!(link.ends_with("/questions/Q-1"), "{link}");
    let shown = browser.page("/tasks/T-1").await;
    assert!(shown.contains("Go on?"), "{shown}");
    browser
        .send(
            "/command",
            &[("line", "question answer Q-1 yes")],
            "same-origin",
        )
        .await;
    says(&process, "T-1 ended without changes.").await;
    drop(process);
    let again = start();
    let second = says(&again, "/login?code=").await;
    assert_eq!(port(&first), port(&second), "{first} and {second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_local_worker_comes_back_and_an_answered_demo_can_be_tried_again() {
    let place = Place::new(Agent::Script("true")).await;
    let (process, link, _) = up(&place, &["--demo", "--workers", "1"]).await;
    let browser = Browser::log_in(&link).await;
    assert_eq!(
        browser
            .send(
                "/command",
                &[("line", "worker remove local-1")],
                "same-origin"
            )
            .await,
        StatusCode::OK
    );
    for task in ["T-1", "T-2", "T-3"] {
        let mut page = String::new();
        for _ in 0..400 {
            page = browser.page(&format!("/tasks/{task}")).await;
            if page.contains("Answer <strong>") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(
            page.contains("Answer <strong>"),
            "{task} asks, on the worker that enrolled anew: {page}"
        );
        assert_eq!(
            browser
                .send(
                    &format!("/tasks/{task}/say"),
                    &[("text", "fine")],
                    "same-origin"
                )
                .await,
            StatusCode::SEE_OTHER
        );
        // A second click on the same answer is no error and no second answer.
        assert_eq!(
            browser
                .send(
                    &format!("/tasks/{task}/say"),
                    &[("text", "fine"), ("reply_to", &page_question(&page))],
                    "same-origin"
                )
                .await,
            StatusCode::SEE_OTHER
        );
    }
    let page = browser.page("/").await;
    assert!(page.contains("Nothing needs an answer"), "{page}");
    for _ in 0..200 {
        if browser.page("/").await.matches(">Done<").count() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(process.stop().await, Some(0));
    let (process, link, _) = up(&place, &["--demo", "--workers", "1"]).await;
    let browser = Browser::log_in(&link).await;
    assert!(browser.page("/tasks/T-4").await.contains("Plant a hedge"));
    assert_eq!(process.stop().await, Some(0));
}

fn page_question(page: &str) -> String {
    page.split("Answer <strong>")
        .nth(1)
        .expect("a question")
        .split('<')
        .next()
        .expect("an id")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_screen_shows_what_there_is_and_its_buttons_do_what_commands_do() {
    let place = Place::new(Agent::Script("vine ask 'Which?'")).await;
    let (_process, link, _) = up(&place, &[]).await;
    let browser = Browser::log_in(&link).await;
    for title in ["One <i>task</i>", "Another"] {
        let form = [("title", title), ("prompt", ""), ("priority", "default")];
        assert_eq!(
            browser.send("/tasks", &form, "same-origin").await,
            StatusCode::SEE_OTHER
        );
    }
    let shows = |path: &'static str, words: &'static str| {
        let browser = &browser;
        async move {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let page = browser.page(path).await;
                if page.contains(words) {
                    return page;
                }
                assert!(Instant::now() < end, "{path} does not show {words}: {page}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    shows("/tasks?state=waiting&repo=", "T-1").await;
    let tasks = shows("/tasks?state=waiting&repo=", "T-2").await;
    assert!(
        tasks.contains("One &lt;i&gt;task&lt;/i&gt;")
            && tasks.contains("<a href=\"/tasks\" aria-current=\"page\">"),
        "{tasks}"
    );
    assert!(
        !browser
            .page("/tasks?state=done&repo=")
            .await
            .contains("/tasks/T-1"),
        "none is done"
    );

    let workers = shows("/workers", "One &lt;i&gt;task&lt;/i&gt;").await;
    let name = workers
        .split("worker drain ")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a button that drains")
        .to_owned();
    assert_eq!(
        browser
            .press(&format!("worker drain {name}"), "/workers")
            .await,
        StatusCode::SEE_OTHER
    );
    assert!(
        browser
            .page("/workers")
            .await
            .contains(&format!("worker resume {name}")),
        "it drains, and can be told to go on"
    );

    // A task that cannot be begun at all is a dead letter, until somebody decides.
    assert_eq!(
        browser
            .press("task new Broken --base no-such-branch", "/queues")
            .await,
        StatusCode::SEE_OTHER
    );
    let dead = shows("/queues", "queue replay T-3").await;
    assert!(dead.contains("no-such-branch"), "and says why: {dead}");
    assert_eq!(
        browser.press("queue discard T-3", "/queues").await,
        StatusCode::SEE_OTHER
    );
    assert!(!browser.page("/queues").await.contains("queue replay T-3"));

    assert_eq!(
        browser.press("queue pause", "/queues").await,
        StatusCode::SEE_OTHER
    );
    shows("/queues", "queue resume").await;
    assert_eq!(
        browser.press("task cancel T-1", "/tasks").await,
        StatusCode::SEE_OTHER
    );
    shows("/tasks?state=cancelled&repo=", "T-1").await;
    let audit = browser.page("/audit").await;
    assert!(
        audit.contains("queue (paused everywhere)") && audit.contains("allowed: admin"),
        "{audit}"
    );
    let sessions = browser.page("/sessions").await;
    assert!(
        sessions.contains("href=\"/tasks/T-2\"") && sessions.contains("while its task is open"),
        "{sessions}"
    );
    assert!(
        !sessions.contains("href=\"/tasks/T-1\""),
        "its session ended with it"
    );
    let older = browser.page("/tasks?before=T-2").await;
    assert!(
        older.contains("/tasks/T-1") && !older.contains("/tasks/T-2"),
        "{older}"
    );

    // What makes no sense changes nothing, nor does what comes from elsewhere; and nobody is sent
    // elsewhere.
    assert_eq!(
        browser.press("task cancel T-99", "/tasks").await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser
            .send(
                "/do",
                &[("line", "queue resume"), ("back", "/queues")],
                "cross-site"
            )
            .await,
        StatusCode::FORBIDDEN
    );
    shows("/queues", "queue resume").await;
    let form = [("line", "queue resume"), ("back", "https://evil.example/")];
    let request = browser
        .http
        .post(format!("{}/do", browser.base))
        .header("cookie", &browser.cookie)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(
        request
            .form(&form)
            .send()
            .await
            .expect("an answer")
            .headers()["location"],
        "/"
    );
    let refused = browser
        .http
        .get(format!("{}/tasks?state=nope", browser.base))
        .header("cookie", &browser.cookie)
        .send()
        .await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused
            .text()
            .await
            .expect("text")
            .contains("queued, running, waiting"),
        "it says what there is"
    );

    // Whoever may only look has no buttons, and no audit.
    let demote = "UPDATE users SET role = 'viewer'";
    match &place.base {
        Base::Sqlite(_) => base::sql(&place.folder.path().join("up/vine.db"), demote),
        base => base.sql(demote),
    };
    for path in ["/workers", "/sessions", "/queues"] {
        let page = browser.page(path).await;
        assert!(
            !page.contains("action=\"/do\"") && !page.contains("href=\"/audit\""),
            "{page}"
        );
    }
    assert_eq!(
        browser.press("queue resume", "/queues").await,
        StatusCode::FORBIDDEN
    );
    let audit = browser
        .http
        .get(format!("{}/audit", browser.base))
        .header("cookie", &browser.cookie)
        .send()
        .await
        .expect("an answer");
    assert_eq!(audit.status(), StatusCode::FORBIDDEN);
}

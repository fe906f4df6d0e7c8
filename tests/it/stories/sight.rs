//! People with a role in one repository: they see and do what belongs to it, and nothing else.

use reqwest::StatusCode;
use serde_json::Value;
use vine_api::Client;
use vine_domain::{
    Role, SessionId, Slug,
    clock::{Ids, System},
    ports::{QuestionPage, TaskFilter},
    token::Token,
};

use crate::{
    app::races::{Team, person, which},
    harness::{Agent, Place, Sections, visitor::Browser},
};

const ANN: &str = "[[people]]\nname = \"Ann\"\nrepos = { garden = \"operator\" }\nmatrix = \"@ann:x\"\n\
                   [[people]]\nname = \"Nil\"\nmatrix = \"@nil:x\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_one_repository_works_in_that_one_and_sees_no_other() {
    let mut place = Place::with_sections(
        Agent::Script("vine ask 'Which flowers?'"),
        Sections {
            more: ANN,
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let _worker = place.worker("w-1", 2).await;
    let source = place.folder.path().join("roses");
    crate::harness::make_repository(&source);
    let source = source.display();
    place
        .say(&format!("repo add garden {source} --base main"))
        .await;
    place.say("task new Theirs --repo site").await;
    place.say("task new Hers --repo garden").await;
    let [(theirs, _), (hers, _)] = [place.question("T-1").await, place.question("T-2").await];

    // The shell, with a token of her own; and one that she makes herself.
    let secret = place.shell(&["token", "user", "--for", "Ann"]);
    let ann = Client::new(
        place.client().base(),
        Some(Token::presented(secret.trim().to_owned())),
    );
    let say = async |line: &str| {
        ann.run(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), "")
            .await
    };
    for (line, word) in [
        ("task list", "Hers"),
        ("question list", &*hers),
        ("status", &*hers),
        ("session list", "T-2"),
        ("repo list", "garden"),
    ] {
        let text = say(line).await.expect(line).text;
        assert!(
            text.contains(word)
                && !text.contains("Theirs")
                && !text.contains(&theirs)
                && !text.contains("site "),
            "{line}: {text}"
        );
    }
    // She makes tasks where she may without naming the place, says nothing elsewhere, and learns of
    // no other place by trying.
    assert!(
        say("task new Weeds")
            .await
            .expect("hers is the only one")
            .text
            .contains("Weeds")
    );
    place.say("task cancel T-3").await;
    for thread in ["T-1", "T-999"] {
        let words = serde_json::json!({ "task": thread, "text": "/vine task list" });
        assert!(
            ann.post::<_, Value>("/chat/messages", &words)
                .await
                .is_err(),
            "{thread}"
        );
    }
    assert!(
        !place.thread("T-1").await.contains("Hers"),
        "nothing was said in another's thread"
    );
    let refused = say("task new Weeds --repo nowhere")
        .await
        .expect_err("no such place")
        .to_string();
    assert!(
        refused.contains("no repository nowhere") && !refused.contains("site"),
        "{refused}"
    );
    for line in [
        "worker list",
        "queue status",
        "task show T-1",
        "task list --repo site",
    ] {
        assert!(say(line).await.is_err(), "{line}");
    }
    // What is another's and what is nobody's look the same to her.
    for (line, ids) in [
        ("task show T-1", ("T-1", "T-999")),
        ("task cancel T-1", ("T-1", "T-999")),
        ("task retry T-1", ("T-1", "T-999")),
        ("task priority T-1 high", ("T-1", "T-999")),
        ("task log T-1", ("T-1", "T-999")),
        ("task diff T-1", ("T-1", "T-999")),
        ("task push T-1", ("T-1", "T-999")),
        ("task explain T-1", ("T-1", "T-999")),
        ("queue replay T-1", ("T-1", "T-999")),
        ("question show Q-1", (theirs.as_str(), "Q-999")),
        ("question answer Q-1 yes", (theirs.as_str(), "Q-999")),
        ("task list --repo site", ("site", "nowhere")),
        ("task new X --repo site", ("site", "nowhere")),
        ("queue pause --repo site", ("site", "nowhere")),
        ("repo show site", ("site", "nowhere")),
        ("repo room site", ("site", "nowhere")),
    ] {
        let line = line.replace("Q-1", &theirs);
        let hidden = say(&line).await.expect_err(&line);
        let absent = say(&line.replace(ids.0, ids.1)).await.expect_err(&line);
        let told = |error: &vine_api::ClientError| {
            format!("{error} {:?}", error.code()).replace(ids.0, ids.1)
        };
        assert_eq!(told(&hidden), told(&absent), "{line}");
    }
    let listed: Value = ann.get("/tasks").await.expect("a list");
    assert_eq!(
        listed["items"].as_array().map(|items| items
            .iter()
            .map(|item| item["id"].clone())
            .collect::<Vec<_>>()),
        Some(vec!["T-3".into(), "T-2".into()])
    );
    ann.post::<_, Value>("/tokens", &serde_json::json!({ "kind": "user" }))
        .await
        .expect("a token of her own");

    // The page.
    let said = place.shell(&["login", "--for", "Ann"]);
    let browser = Browser::log_in(said.split_whitespace().next().expect("a link")).await;
    let admin = place.shell(&["login"]);
    let admin = Browser::log_in(admin.split_whitespace().next().expect("a link")).await;
    for path in ["/", "/tasks", "/questions", "/sessions", "/settings"] {
        // Somebody who sees everything has just looked; nothing of that is shared with her.
        let whole = admin.page(path).await;
        let page = browser.page(path).await;
        assert!(whole.contains("data-waiting=\"2\""), "{path}: {whole}");
        assert!(page.contains("data-waiting=\"1\""), "{path}: {page}");
        assert!(
            !page.contains("Theirs") && !page.contains(&theirs) && !page.contains("/workers"),
            "{path}: {page}"
        );
        assert_eq!(page.contains("T-2"), path != "/settings", "{path}: {page}");
    }
    assert!(
        browser.page("/sessions").await.contains("session end "),
        "she may end what runs there"
    );
    let (denied, absent) = (StatusCode::FORBIDDEN, StatusCode::NOT_FOUND);
    for (path, status) in [
        ("/workers", denied),
        ("/queues", denied),
        ("/numbers", denied),
        ("/audit", denied),
        ("/tasks/T-1", absent),
        ("/tasks/T-999", absent),
        ("/tasks?repo=site", absent),
        ("/tasks?repo=nowhere", absent),
    ] {
        let refused = browser
            .http
            .get(format!("{}{path}", browser.base))
            .header("cookie", &browser.cookie)
            .send()
            .await
            .expect("an answer");
        assert_eq!(refused.status(), status, "{path}");
    }
    let answered = browser
        .send(
            "/tasks/T-2/say",
            &[("reply_to", &hers), ("text", "roses")],
            "same-origin",
        )
        .await;
    assert_eq!(answered, StatusCode::SEE_OTHER);
    assert_eq!(
        browser
            .send(
                "/tasks",
                &[("title", "Paths"), ("priority", "default")],
                "same-origin"
            )
            .await,
        StatusCode::SEE_OTHER
    );
    place.wait("T-2", "done").await;
    assert!(
        browser.page("/questions").await.contains("roses"),
        "what became of it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_any_role_sees_nothing_and_two_people_of_one_browser_do_not_share_a_page()
{
    let mut place = Place::with_sections(
        Agent::Script("true"),
        Sections {
            more: ANN,
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let said = place.shell(&["login", "--for", "Nil"]);
    let nobody = Browser::log_in(said.split_whitespace().next().expect("a link")).await;
    let asked = async |browser: &Browser, tag: &str| {
        let request = browser
            .http
            .get(format!("{}/", browser.base))
            .header("cookie", &browser.cookie)
            .header("if-none-match", tag);
        request.send().await.expect("an answer")
    };
    assert_eq!(asked(&nobody, "").await.status(), StatusCode::FORBIDDEN);
    // Words that belong nowhere stop nobody's.
    for words in ["/vine help", "/vine whoami", "hello"] {
        assert_eq!(
            nobody
                .send("/tasks/T-999/say", &[("text", words)], "same-origin")
                .await,
            StatusCode::NOT_FOUND,
            "{words}"
        );
    }
    assert_eq!(
        place
            .base
            .sql("SELECT count(*) FROM inbox WHERE read IS NULL"),
        ["0"]
    );
    let said = place.shell(&["login"]);
    let admin = Browser::log_in(said.split_whitespace().next().expect("a link")).await;
    let tag = asked(&admin, "").await.headers()["etag"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(
        asked(&nobody, &tag).await.status(),
        StatusCode::FORBIDDEN,
        "what the one saw is not still right for the other"
    );
}

#[tokio::test]
async fn whoever_sees_one_repository_sees_as_much_of_it_as_there_is() {
    let team = Team::new().await;
    let (mut sessions, mut asked) = (Vec::new(), Vec::new());
    for repo in ["shop", "site", "site"] {
        let attempt = team.claimed(repo).await;
        let (session, question) = (SessionId(System.uuid()), team.asks(attempt, which()).await);
        team.app
            .fleet
            .map_session(
                team.worker,
                attempt,
                session,
                "/w".into(),
                "claude test".into(),
            )
            .await
            .expect("mapped");
        team.app
            .questions
            .answer(
                &person("Bob", Some(Role::Admin)),
                question,
                "blue",
                System.uuid(),
            )
            .await
            .expect("answered");
        sessions.push(session);
        asked.push(question);
    }
    let mut ann = person("Ann", None);
    ann.user.as_mut().expect("a person").repos = [(Slug::from_text("shop"), Role::Viewer)].into();
    let closed = team
        .app
        .questions
        .closed_questions(&ann, None, &QuestionPage::latest(1))
        .await
        .expect("read");
    assert_eq!(
        closed
            .iter()
            .map(|question| question.id)
            .collect::<Vec<_>>(),
        asked[..1],
        "the latest of all are not hers"
    );
    let listed = team.app.fleet.sessions(&ann, false, 1).await.expect("read");
    assert_eq!(
        listed
            .iter()
            .map(|(repo, session)| (repo.as_str(), session.id))
            .collect::<Vec<_>>(),
        [("shop", sessions[0])]
    );
    assert_eq!(
        team.app
            .tasks
            .list(
                &ann,
                &TaskFilter {
                    limit: 1,
                    ..TaskFilter::default()
                }
            )
            .await
            .expect("read")
            .len(),
        1
    );
    // Two repositories: what is latest, of both.
    ann.user
        .as_mut()
        .expect("a person")
        .repos
        .insert(Slug::from_text("site"), Role::Viewer);
    let closed = team
        .app
        .questions
        .closed_questions(&ann, None, &QuestionPage::latest(2))
        .await
        .expect("read");
    assert_eq!(
        closed
            .iter()
            .map(|question| question.id)
            .collect::<Vec<_>>(),
        [asked[2], asked[1]]
    );
    assert_eq!(
        team.app
            .fleet
            .sessions(&ann, true, 10)
            .await
            .expect("read")
            .len(),
        3
    );
    assert!(
        team.app
            .fleet
            .sessions(&person("Nil", None), true, 10)
            .await
            .is_err()
    );
}

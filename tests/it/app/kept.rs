//! Nothing that people send vanishes, nothing that is refused silences a thread, and "ok" means that
//! a question could be posted now: what every platform has in common. What platforms do by themselves
//! is in `story_slack_kept.rs`, `story_discord_kept.rs` and `story_matrix_kept.rs`.

use std::time::Duration;

use vine_app::{App, AppError, Caller, commands};
use vine_domain::{
    Ask, QuestionId, Role, Slug,
    chat::{
        Inbound, InboundKind, MarkupLevel, MessagePlace, OutboundKind,
        attachment::{self, MediaKind},
    },
    ports::{Chat, EventSink},
};
use vine_grammar::{CommandContext, parse};

use crate::{
    app::platforms::{Fake, Talk, colour},
    app::races::person,
    harness::until,
};

impl Talk {
    async fn takes(&self, events: Vec<Inbound>) {
        self.ear
            .ingest(vine_domain::chat::InboundBatch {
                events,
                ..vine_domain::chat::InboundBatch::default()
            })
            .await
            .expect("stored");
    }

    async fn told(&self, event: &str) -> String {
        self.chat.aside(event).await.dispatch.message.text
    }

    fn was_told(&self, event: &str) -> bool {
        self.chat.shows(
            |dispatch| matches!(&dispatch.message.place, MessagePlace::Aside(aside) if aside.to == event),
        )
    }
}

fn permission() -> Ask {
    Ask::Permission {
        tool: "Bash".into(),
        what: "touch here".into(),
        why: String::new(),
        rules: vec!["Bash(touch *)".into()],
    }
}

async fn trouble(app: &App) -> Option<String> {
    app.rooms.platforms.health().get("matrix")?.trouble.clone()
}

async fn in_trouble(app: &App, words: &str) -> String {
    until(
        Duration::from_secs(15),
        "the platform is in trouble",
        || {
            app.rooms
                .platforms
                .health()
                .get("matrix")
                .and_then(|health| health.trouble.clone())
                .filter(|trouble| trouble.contains(words))
        },
    )
    .await
}

async fn run(app: &App, caller: &Caller, line: &str) -> Result<String, AppError> {
    let command = parse(line, &CommandContext::default()).expect("readable");
    commands::run(app, caller, command, None)
        .await
        .map(|reply| reply.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn words_beside_a_picture_are_the_answer_and_their_author_hears_what_was_left_out() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, shown) = talk.asked().await;
    let root = shown.dispatch.thread.expect("a thread");
    let left_out = Some("`shot.png` was left out: agents can only read text.".to_owned());
    let picture = Inbound {
        left_out: left_out.clone(),
        ..talk.words("$1", &root, "Blue", InboundKind::Said)
    };
    talk.takes(vec![picture]).await;
    assert_eq!(talk.answer(id).await, "Ann: Blue");
    assert!(talk.told("$1").await.contains("`shot.png` was left out"));
    let talk_of_others = Inbound {
        left_out,
        ..talk.words("$2", "$elsewhere", "look", InboundKind::Said)
    };
    talk.takes(vec![talk_of_others]).await;
    talk.read("$3").await;
    assert!(!talk.was_told("$2"), "that was not said to us");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_count_when_a_file_beside_them_never_comes() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, shown) = talk.asked().await;
    let root = shown.dispatch.thread.expect("a thread");
    // Strangers to its adapter: the Fake fetches for people that it knows.
    let late = Inbound {
        left_out: Some("`a.log` was left out: it could not be fetched.".into()),
        ..talk.words("$gone", &root, "Blue", InboundKind::Awaited)
    };
    *talk.chat.unfetched.lock().expect("whole") = true;
    talk.takes(vec![late]).await;
    talk.read("$2").await;
    assert!(
        talk.team
            .app
            .questions
            .get(id)
            .await
            .expect("read")
            .is_open()
    );
    talk.team.bed.clock.pass(Duration::from_secs(61));
    talk.team
        .inbox
        .catch_up(Duration::from_secs(10))
        .await
        .expect("read");
    assert_eq!(talk.answer(id).await, "Ann: Blue");
    assert!(talk.told("$gone").await.contains("`a.log` was left out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_words_gets_one_hint_a_kind_and_hour_and_always_one_when_said_to_us() {
    let talk = Talk::new(Fake::default()).await;
    let (_, _, shown) = talk.asked().await;
    let root = shown.dispatch.thread.clone().expect("a thread");
    let sends =
        |event: &str, text: String| talk.words(event, &root, &text, InboundKind::Unreadable);
    talk.takes(vec![sends("$1", MediaKind::Sticker.left_out())])
        .await;
    assert!(talk.told("$1").await.contains("A sticker was left out"));
    talk.takes(vec![
        sends("$2", MediaKind::Sticker.left_out()),
        sends("$3", "`a.png` was left out: no text.".into()),
        sends("$4", "`b.png` was left out: no text.".into()),
        sends("$5", MediaKind::Poll.left_out()),
        talk.words("$6", &root, " \u{200b}\n", InboundKind::Said),
    ])
    .await;
    for event in ["$3", "$5", "$6"] {
        talk.told(event).await;
    }
    let reply = Inbound {
        spot: vine_domain::chat::Location::Theirs {
            room: "!site".into(),
            thread: Some(root.clone()),
            reply_to: Some(shown.reference.clone()),
        },
        ..sends("$7", MediaKind::Sticker.left_out())
    };
    talk.takes(vec![reply]).await;
    talk.told("$7").await;
    talk.read("$8").await;
    assert!(!talk.was_told("$2") && !talk.was_told("$4"), "a kind once");
    talk.team.bed.clock.pass(Duration::from_secs(3600));
    talk.takes(vec![sends("$9", MediaKind::Sticker.left_out())])
        .await;
    talk.told("$9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_an_answer_alone_gets_it_each_time_and_so_does_whoever_is_known() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, shown) = talk.asked().await;
    let root = shown.dispatch.thread.clone().expect("a thread");
    for number in 1..=3 {
        let by = |author: &str, act: InboundKind, private: bool| Inbound {
            author: author.into(),
            private,
            spot: vine_domain::chat::Location::Theirs {
                room: "!site".into(),
                thread: Some(root.clone()),
                reply_to: Some(shown.reference.clone()),
            },
            ..talk.words(&format!("{author}{number}{private}"), &root, "", act)
        };
        talk.takes(vec![
            by("@vic:x", InboundKind::Pressed(0), true),
            by("@eve:x", InboundKind::Pressed(0), true),
            Inbound {
                text: "Red".into(),
                ..by("@vic:x", InboundKind::Said, false)
            },
            Inbound {
                text: "Red".into(),
                ..by("@eve:x", InboundKind::Said, false)
            },
        ])
        .await;
        for (author, private) in [("@vic:x", true), ("@vic:x", false), ("@eve:x", true)] {
            let told = talk.told(&format!("{author}{number}{private}")).await;
            assert!(
                told.contains("is not allowed to do this here; `answer`"),
                "{told}"
            );
        }
    }
    talk.read("$1").await;
    assert!(talk.was_told("@eve:x1false"), "a stranger, in the room");
    assert!(!talk.was_told("@eve:x2false") && !talk.was_told("@eve:x3false"));
    assert!(
        talk.team
            .app
            .questions
            .get(id)
            .await
            .expect("read")
            .is_open()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_that_agrees_or_refuses_decides_or_is_answered() {
    let talk = Talk::new(Fake::default()).await;
    for (number, (sign, decided)) in [
        ("👍", "Ann: allowed once"),
        (":+1::skin-tone-3:", "Ann: allowed once"),
        ("👎🏽", "Ann: denied"),
        (":x:", "Ann: denied"),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, id) = talk.team.asked_this(permission()).await;
        let shown = talk.chat.question(id).await;
        let at = (None, Some(shown.reference.as_str()));
        talk.says(
            &format!("$p{number}"),
            "@ann:x",
            "🎉",
            at,
            InboundKind::Reacted,
        )
        .await;
        talk.says(
            &format!("$r{number}"),
            "@ann:x",
            sign,
            at,
            InboundKind::Reacted,
        )
        .await;
        let answer = talk.answer(id).await;
        assert!(answer.starts_with(decided), "{sign}: {answer}");
        talk.says(
            &format!("$t{number}"),
            "@ann:x",
            "👍",
            at,
            InboundKind::Reacted,
        )
        .await;
    }
    let (_, id) = talk.team.asked_this(colour()).await;
    let shown = talk.chat.question(id).await;
    talk.says(
        "$1",
        "@ann:x",
        "👍",
        (None, Some(&shown.reference)),
        InboundKind::Reacted,
    )
    .await;
    assert!(talk.told("$1").await.contains("is not an answer to"));
    assert!(
        talk.team
            .app
            .questions
            .get(id)
            .await
            .expect("read")
            .is_open()
    );
    for number in 0..4 {
        assert!(!talk.was_told(&format!("$p{number}")), "that was talk");
        assert!(!talk.was_told(&format!("$t{number}")), "it is settled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_and_deletions_that_come_first_are_kept_for_what_they_change() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, id, shown) = talk.asked().await;
    let root = shown.dispatch.thread.expect("a thread");
    let edit = Inbound {
        said: None,
        ..talk.words("$1:edit", &root, "Blue", InboundKind::Edited("$1".into()))
    };
    let deletion = Inbound {
        said: None,
        author: String::new(),
        ..talk.words("$0:deleted", &root, "", InboundKind::Deleted("$0".into()))
    };
    talk.takes(vec![deletion, edit]).await;
    talk.read("$2").await;
    talk.takes(vec![
        talk.words("$0", &root, "Red", InboundKind::Said),
        talk.words("$1", &root, "Red", InboundKind::Said),
    ])
    .await;
    assert_eq!(talk.answer(id).await, "Ann: Blue");
    talk.team
        .inbox
        .catch_up(Duration::ZERO)
        .await
        .expect("read");
    talk.nothing_due().await;
    let notes = talk
        .team
        .bed
        .store
        .notes_of(attempt.task)
        .await
        .expect("read");
    assert!(notes.is_empty(), "nothing was corrected: {notes:?}");
    let third = talk.team.asks(attempt, colour()).await;
    talk.chat.question(third).await;
    talk.team.bed.clock.pass(Duration::from_secs(60));
    let beside = Inbound {
        left_out: Some("`a.png` was left out.".into()),
        ..talk.words("$4", &root, "Red", InboundKind::Said)
    };
    let edit = talk.words("$4:edit", &root, "Blue", InboundKind::Edited("$4".into()));
    talk.takes(vec![beside, edit]).await;
    assert_eq!(
        talk.answer(third).await,
        "Ann: Blue",
        "changed before it was read"
    );
    assert!(talk.told("$4").await.contains("`a.png` was left out"));
    let stray = Inbound {
        said: None,
        ..talk.words("$9:edit", &root, "Red", InboundKind::Edited("$9".into()))
    };
    talk.takes(vec![stray.clone()]).await;
    talk.read("$3").await;
    assert!(
        !talk
            .team
            .bed
            .store
            .is_processed(&stray)
            .await
            .expect("read")
    );
    talk.team.bed.clock.pass(Duration::from_secs(61));
    talk.team
        .inbox
        .catch_up(Duration::ZERO)
        .await
        .expect("read");
    assert!(
        talk.team
            .bed
            .store
            .is_processed(&stray)
            .await
            .expect("read"),
        "for a minute"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_what_it_holds_goes_out_plainer_at_once_and_blocks_nothing() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, _) = talk.answered().await;
    let (app, site, ann) = (
        &talk.team.app,
        Slug::from_text("site"),
        person("Ann", Some(Role::Operator)),
    );
    *talk.chat.unfit.lock().expect("whole") = 2;
    let second = talk.team.asks(attempt, colour()).await;
    let shown = talk.chat.question(second).await;
    assert_eq!(
        shown.dispatch.form,
        MarkupLevel::File,
        "words were refused too"
    );
    let rooms = run(app, &ann, "/vine repo room site").await.expect("shown");
    assert!(
        rooms.contains(&format!(
            "{second} was posted in a plainer form: Slack refuses"
        )),
        "{rooms}"
    );
    assert_eq!(trouble(app).await, None, "people can be asked");
    *talk.chat.unfit.lock().expect("whole") = 3;
    let third = talk.team.asks(attempt, colour()).await;
    until(Duration::from_secs(10), "it is given up aloud", || {
        app.rooms
            .platforms
            .refusal("matrix", "!site")
            .filter(|note| note.contains(&format!("{third} could not be posted")))
    })
    .await;
    let fourth = talk.team.asks(attempt, colour()).await;
    talk.chat.question(fourth).await;
    assert!(
        !talk
            .chat
            .shows(|dispatch| dispatch.message.kind == OutboundKind::Question { question: third })
    );
    assert_eq!(app.rooms.platforms.trouble("matrix", &site), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_thread_was_deleted_gets_a_new_one_with_what_is_open() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, first, shown) = talk.asked().await;
    let old = shown.dispatch.thread.expect("a thread");
    talk.nothing_due().await;
    *talk.chat.gone.lock().expect("whole") = Some(old.clone());
    talk.chat.shown.lock().expect("whole").clear();
    let second = talk.team.asks(attempt, permission()).await;
    for id in [first, second] {
        let again = talk.chat.question(id).await;
        assert_ne!(again.dispatch.thread.as_ref(), Some(&old), "{id}");
        assert!(again.dispatch.thread.is_some(), "below a card of its own");
    }
    let root = talk
        .chat
        .question(first)
        .await
        .dispatch
        .thread
        .expect("a thread");
    talk.says(
        "$1",
        "@ann:x",
        "Blue",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    assert_eq!(talk.answer(first).await, "Ann: Blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_moved_is_followed_with_its_open_questions() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, _) = talk.asked().await;
    talk.nothing_due().await;
    talk.chat.shown.lock().expect("whole").clear();
    talk.chat
        .successors
        .lock()
        .expect("whole")
        .insert("!site".into(), "!next".into());
    talk.ear.rooms_changed();
    let again = talk.chat.question(id).await;
    assert_eq!(again.dispatch.room, "!next");
    let rooms = talk.team.bed.store.rooms().await.expect("read");
    assert!(rooms.iter().any(|room| room.room == "!next"));
    assert!(rooms.iter().all(|room| room.room != "!site"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ok_means_that_a_question_could_be_posted_now() {
    let talk = Talk::new(Fake::default()).await;
    talk.ear.health(Ok("@vine:x".into()));
    let (app, ann) = (&talk.team.app, person("Ann", Some(Role::Operator)));
    talk.asked().await;
    talk.nothing_due().await;
    assert_eq!(trouble(app).await, None);
    let checked = || app.rooms.platforms.health()["matrix"].checked;
    assert!(checked().is_some_and(|at| at <= app.now()));

    talk.chat
        .shut
        .lock()
        .expect("whole")
        .push(("!site".into(), "@vine:x was put out".into()));
    talk.ear.rooms_changed();
    in_trouble(
        app,
        "no questions can be posted for site: @vine:x was put out",
    )
    .await;
    let status = run(app, &ann, "/vine status").await.expect("shown");
    assert!(
        status.contains("matrix is failing: no questions can be posted"),
        "{status}"
    );
    let rooms = run(app, &ann, "/vine repo room site").await.expect("shown");
    assert!(rooms.contains("was put out"), "{rooms}");
    talk.chat.shut.lock().expect("whole").clear();
    talk.ear.rooms_changed();
    until(Duration::from_secs(10), "it is well again", || {
        app.rooms.platforms.health()["matrix"]
            .trouble
            .is_none()
            .then_some(())
    })
    .await;

    *talk.chat.refuses.lock().expect("whole") = Some("the room is muted".into());
    talk.team.asked_this(colour()).await;
    in_trouble(app, "the room is muted").await;
    *talk.chat.refuses.lock().expect("whole") = None;
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while trouble(app).await.is_some() {
        talk.team
            .bed
            .store
            .retry_room_now("matrix", "!site")
            .await
            .expect("hurried");
        app.wakeups().outbox();
        assert!(
            std::time::Instant::now() < end,
            "the first post that comes through ends it"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    talk.ear.remark(Some(
        "there are no slash commands; invite it with https://x.example".into(),
    ));
    assert_eq!(
        trouble(app).await,
        None,
        "a nicety keeps nobody from being asked"
    );
    let status = run(app, &ann, "/vine status").await.expect("shown");
    assert!(
        status.contains("invite it with https://x.example"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_whose_calls_do_not_come_back_is_in_trouble() {
    let talk = Talk::new(Fake::deaf()).await;
    talk.ear.health(Ok("@vine:x".into()));
    assert_eq!(in_trouble(&talk.team.app, "no answer").await, "no answer");
    assert!(talk.chat.ping().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_without_a_label_can_be_seen_and_chosen() {
    let talk = Talk::new(Fake::default()).await;
    let mut ask = colour();
    let Ask::Clarify { items } = &mut ask else {
        unreachable!("a colour")
    };
    items[0].options[0].label = String::new();
    items[0].options[0].description = "The warm one".into();
    items[0].options[1].label = "\u{200b}".into();
    let (_, id): (_, QuestionId) = talk.team.asked_this(ask).await;
    let shown = talk.chat.question(id).await;
    let labels: Vec<_> = shown
        .dispatch
        .message
        .buttons
        .iter()
        .map(|one| one.label.as_str())
        .collect();
    assert_eq!(labels, ["The warm one", "Choice 2", "Answer…"]);
    talk.says(
        "$1",
        "@ann:x",
        "",
        (None, Some(&shown.reference)),
        InboundKind::Pressed(1),
    )
    .await;
    assert_eq!(talk.answer(id).await, "Ann: Choice 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_decides_nothing_however_it_is_passed_on() {
    let plan = Ask::Plan {
        plan: "First this, then that.".into(),
    };
    for (ask, neither) in [
        (permission(), "neither allows nor denies it"),
        (plan, "neither approves nor changes the plan"),
    ] {
        nothing_is_decided(ask, neither).await;
    }
}

async fn nothing_is_decided(ask: Ask, neither: &str) {
    let talk = Talk::new(Fake::default()).await;
    let (_, id) = talk.team.asked_this(ask).await;
    let root = talk
        .chat
        .question(id)
        .await
        .dispatch
        .thread
        .expect("a thread");
    let mut file = attachment::Content::default();
    file.add("yes", b"please".to_vec());
    let (named_yes, ..) = file.read();
    for (number, text) in [
        attachment::forwarded(Some("Ben"), "yes"),
        attachment::forwarded(None, "yes"),
        attachment::forwarded(Some("yes"), "yes"),
        attachment::forwarded(None, "looks good, go ahead with it"),
        named_yes,
        attachment::transcribed("Slack", &format!("yes, {id} yes please")),
    ]
    .into_iter()
    .enumerate()
    {
        let event = format!("$f{number}");
        talk.takes(vec![talk.words(&event, &root, &text, InboundKind::Said)])
            .await;
        assert!(talk.told(&event).await.contains(neither), "{text}");
        assert!(
            talk.team
                .app
                .questions
                .get(id)
                .await
                .expect("read")
                .is_open(),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_presses_or_writes_under_what_stands_for_nothing_any_more_is_told() {
    let talk = Talk::new(Fake::default()).await;
    for (number, (act, text)) in [(InboundKind::Pressed(0), ""), (InboundKind::Said, "yes")]
        .into_iter()
        .enumerate()
    {
        let event = format!("$g{number}");
        let private = Inbound {
            private: true,
            ..talk.words(&event, "$nowhere", text, act)
        };
        talk.takes(vec![private]).await;
        assert!(
            talk.told(&event)
                .await
                .contains("does not belong to a question or task")
        );
    }
}

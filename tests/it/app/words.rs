//! Whether what people say answers a question: what stood before their eyes when they said it,
//! whatever becomes of its posting.

use std::{
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};

use vine_domain::{
    Ask, Clock, Slug,
    chat::{InboundBatch, InboundKind, OutboundKind, OutboxItem, Posted},
    ports::EventSink,
};

use crate::{
    app::platforms::{Fake, Talk, colour, team},
    app::races::which,
    harness::until,
};

#[tokio::test(flavor = "multi_thread")]
async fn words_that_were_said_before_a_question_was_shown_are_a_note_and_not_its_answer() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, root) = talk.answered().await;
    *talk.chat.busy.lock().expect("whole") = Some("!site".into());
    let app = &talk.team.app;
    let second = talk.team.asks(attempt, which()).await;
    talk.says(
        "$2",
        "@ann:x",
        "mind the dog",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    talk.noted(attempt, "mind the dog").await;
    assert!(
        app.questions.get(second).await.expect("read").is_open(),
        "nobody has seen it yet"
    );
    *talk.chat.busy.lock().expect("whole") = None;
    talk.team.bed.clock.pass(Duration::from_secs(3600));
    app.wakeups().outbox();
    talk.chat.question(second).await;
    talk.says(
        "$3",
        "@ann:x",
        "go home",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    assert_eq!(talk.answer(second).await, "Ann: go home");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_wait_while_a_question_may_stand_there_in_part() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, root) = talk.answered().await;
    *talk.chat.busy.lock().expect("whole") = Some("!site".into());
    let second = talk
        .team
        .asks(
            attempt,
            Ask::Plan {
                plan: "First this, then that. ".repeat(100),
            },
        )
        .await;
    talk.nothing_due().await;
    talk.says(
        "$2",
        "@ann:x",
        "yes",
        (Some(&root), None),
        InboundKind::Said,
    )
    .await;
    talk.read("$3").await;
    assert!(
        talk.team
            .bed
            .store
            .notes_of(attempt.task)
            .await
            .expect("read")
            .is_empty(),
        "it is no note yet"
    );
    talk.team.bed.clock.pass(Duration::from_secs(3600));
    *talk.chat.busy.lock().expect("whole") = None;
    talk.team.app.wakeups().outbox();
    assert_eq!(talk.answer(second).await, "Ann: approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_wait_a_minute_while_it_is_unknown_whether_a_question_was_posted_and_answer_it_then()
{
    let team = team().await;
    let store = &team.bed.store;
    store
        .bind_room("matrix", "!site", &Slug::from_text("site"))
        .await
        .expect("bound");
    let (_, id) = team.asked_this(colour()).await;
    // The one before us lived to note where the card is, and no longer.
    let card = store.due("matrix", &[], 1).await.expect("read").remove(0);
    store
        .mark_posted(&[(&card, Posted::one("$card", "$card"))])
        .await
        .expect("noted");
    team.bed.clock.pass(Duration::from_secs(5));
    let talk = Talk::begin(
        team,
        Fake {
            busy: Mutex::new(Some("!site".into())),
            ..Fake::default()
        },
    );
    until(Duration::from_secs(10), "we speak for it", || {
        (talk.chat.wishes.lock().expect("whole").len() >= 2).then_some(())
    })
    .await;
    talk.says(
        "$1",
        "@ann:x",
        "Red",
        (Some("$card"), None),
        InboundKind::Said,
    )
    .await;
    for number in 0..100 {
        talk.says(
            &format!("$more{number}"),
            "@ann:x",
            "and then",
            (Some("$card"), None),
            InboundKind::Said,
        )
        .await;
    }
    talk.read("$2").await;
    assert!(
        talk.team
            .app
            .questions
            .get(id)
            .await
            .expect("read")
            .is_open(),
        "what can be understood is not held up by what cannot"
    );
    talk.team.bed.clock.pass(Duration::from_secs(60));
    talk.team.app.wakeups().inbox();
    assert_eq!(talk.answer(id).await, "Ann: Red");
    assert!(
        talk.chat.shown.lock().expect("whole").is_empty(),
        "we could post nothing yet"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_a_platform_could_not_be_reached_answers_nothing_that_was_asked_meanwhile()
 {
    away(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_it_when_the_platform_is_reached_for_the_first_time() {
    away(false).await;
}

/// `known` is whether the adapter has told of the trouble; one that has just begun has not.
async fn away(known: bool) {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, root) = talk.answered().await;
    // The line breaks; that is only seen when something is to be posted, and then nobody knows
    // whether it was.
    let (app, clock) = (&talk.team.app, &talk.team.bed.clock);
    talk.chat.down.store(true, Ordering::SeqCst);
    let second = talk.team.asks(attempt, colour()).await;
    talk.nothing_due().await;
    if known {
        talk.ear.health(Err("no connection".into()));
    }
    clock.pass(Duration::from_secs(120));
    let early = talk.words("$2", &root, "mind the dog", InboundKind::Said);
    clock.pass(Duration::from_secs(60));
    *talk.chat.at.lock().expect("whole") = Some(clock.now());
    talk.ear
        .ingest(InboundBatch {
            events: vec![early],
            ..InboundBatch::default()
        })
        .await
        .expect("stored");
    talk.chat.down.store(false, Ordering::SeqCst);
    talk.ear.health(Ok("vine".into()));
    talk.chat.question(second).await;
    talk.noted(attempt, "mind the dog").await;
    assert!(app.questions.get(second).await.expect("read").is_open());
    talk.ear
        .ingest(InboundBatch {
            events: vec![talk.words("$3", &root, "Blue", InboundKind::Said)],
            ..InboundBatch::default()
        })
        .await
        .expect("stored");
    assert_eq!(talk.answer(second).await, "Ann: Blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_and_could_not_be_noted_is_looked_for_before_it_is_posted_again() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, _) = talk.answered().await;
    talk.chat.slow.store(true, Ordering::SeqCst);
    let question = talk.team.asks(attempt, which()).await;
    assert!(!talk.chat.question(question).await.dispatch.again);
    talk.team.bed.base.sql("ALTER TABLE posts RENAME TO away");
    talk.chat.slow.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(500)).await;
    talk.team.bed.base.sql("ALTER TABLE away RENAME TO posts");
    let again = |dispatch: &OutboxItem| {
        dispatch.again && dispatch.message.kind == OutboundKind::Question { question }
    };
    talk.chat.wait("it is posted with care", again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_under_a_post_that_is_not_acknowledged_yet_are_heard_when_it_is() {
    let talk = Talk::new(Fake::default()).await;
    let (attempt, first, shown) = talk.asked().await;
    let root = shown.dispatch.thread.expect("a thread");
    let (store, clock) = (&talk.team.bed.store, &talk.team.bed.clock);
    talk.nothing_due().await;
    talk.chat.slow.store(true, Ordering::SeqCst);
    let second = talk.team.asks(attempt, which()).await;
    talk.chat.question(second).await;
    clock.pass(Duration::from_secs(10));
    let events = vec![
        talk.words("$1", &root, "north", InboundKind::Said),
        talk.words("$2", &root, "south", InboundKind::Edited("$1".into())),
        talk.words("$3", &root, &format!("{first} Red"), InboundKind::Said),
    ];
    talk.ear
        .ingest(InboundBatch {
            events: events.clone(),
            ..InboundBatch::default()
        })
        .await
        .expect("stored");
    assert_eq!(
        talk.answer(first).await,
        "Ann: Red",
        "what says which question it is for waits for no other"
    );
    for waits in &events[..2] {
        assert!(!store.is_processed(waits).await.expect("read"), "{waits:?}");
    }
    // The platform does not say when it was posted.
    clock.pass(Duration::from_secs(10));
    talk.chat.slow.store(false, Ordering::SeqCst);
    assert_eq!(
        talk.answer(second).await,
        "Ann: south",
        "changed before anybody read it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_room_an_id_answers_a_question_of_its_repository_and_other_talk_is_left_alone() {
    let talk = Talk::new(Fake::default()).await;
    let (_, id, _) = talk.asked().await;
    let app = &talk.team.app;
    let elsewhere = talk.team.claimed("shop").await;
    let other = talk.team.asks(elsewhere, colour()).await;
    for (number, words) in [
        format!("{other} Blue"),
        "Q-99 numbers look good".into(),
        "Q-3".into(),
    ]
    .iter()
    .enumerate()
    {
        let event = format!("$talk{number}");
        talk.says(&event, "@ann:x", words, (None, None), InboundKind::Said)
            .await;
    }
    talk.read("$read").await;
    assert!(app.questions.get(other).await.expect("read").is_open());
    assert!(!talk.chat.shows(|shown| {
        matches!(&shown.message.place, vine_domain::chat::MessagePlace::Aside(aside) if aside.to.starts_with("$talk"))
    }));
    let words = format!("{id} Blue");
    talk.says("$named", "@ann:x", &words, (None, None), InboundKind::Said)
        .await;
    assert_eq!(talk.answer(id).await, "Ann: Blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_pressed_before_its_platform_told_us_where_it_stands_is_the_answer() {
    let talk = Talk::new(Fake {
        slow: true.into(),
        ..Fake::default()
    })
    .await;
    let (_, id, shown) = talk.asked().await;
    talk.says(
        "$1",
        "@ann:x",
        "",
        (None, Some(&shown.reference)),
        InboundKind::Pressed(0),
    )
    .await;
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
    talk.chat.slow.store(false, Ordering::SeqCst);
    assert_eq!(talk.answer(id).await, "Ann: Red");
    assert_eq!(
        talk.chat.asides(),
        1,
        "of the command alone: nothing went wrong"
    );
}

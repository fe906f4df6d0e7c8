//! The outbox, in every store: what is to be posted where, in which order, and what stands there
//! already.

use std::time::Duration;

use vine_domain::{
    Clock, Lane, QuestionId, Slug, TaskId, Timestamp,
    chat::{Outbound, OutboundKind, OutboxItem, PostStatus, Posted},
    lifecycle::{Event, TaskAction},
    ports::StoreError,
};

use crate::store::{
    contract::{Bed, notice},
    one_write::OneWrite as _,
};

#[tokio::test]
async fn a_room_can_be_held_and_hurried_and_the_outbox_says_when_to_look_again() {
    let bed = Bed::new().await;
    let (task, other) = (bed.task().await, bed.task_in("shop", Lane::Default).await);
    for (repo, room) in [("site", "!site"), ("shop", "!shop")] {
        bed.store
            .bind_room("matrix", room, &Slug::from_text(repo))
            .await
            .expect("bound");
    }
    let rooms = || async {
        let due = bed.store.due("matrix", &[], 10).await.expect("read");
        due.into_iter()
            .map(|dispatch| dispatch.room)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bed.store.next_due_in("matrix").await.expect("read"),
        None,
        "what is due already needs no clock"
    );
    bed.store
        .defer_room("matrix", "!site", Duration::from_secs(7))
        .await
        .expect("held");
    assert_eq!(rooms().await, ["!shop"], "a slow room holds up no other");
    assert_eq!(
        bed.store.next_due_in("matrix").await.expect("read"),
        Some(Duration::from_secs(7))
    );
    bed.store
        .defer_room("matrix", "!site", Duration::from_secs(1))
        .await
        .expect("held");
    assert_eq!(
        bed.store.next_due_in("matrix").await.expect("read"),
        Some(Duration::from_secs(7)),
        "the longer one counts"
    );
    bed.store
        .retry_room_now("matrix", "!site")
        .await
        .expect("hurried");
    assert_eq!(
        rooms().await,
        ["!shop"],
        "what the platform asked for is kept"
    );
    bed.clock.pass(Duration::from_secs(7));
    assert_eq!(rooms().await.len(), 2);
    let failed = bed
        .store
        .due("matrix", &[], 10)
        .await
        .expect("read")
        .into_iter()
        .find(|one| one.room == "!site")
        .expect("due");
    bed.store
        .postpone(failed.message.id, "matrix", Duration::from_secs(300), true)
        .await
        .expect("stored");
    assert_eq!(rooms().await, ["!shop"]);
    bed.store
        .retry_room_now("matrix", "!site")
        .await
        .expect("hurried");
    assert_eq!(rooms().await.len(), 2, "what failed is tried at once");

    assert!(
        bed.store
            .live_threads("matrix")
            .await
            .expect("read")
            .is_empty(),
        "nothing is posted"
    );
    post_all(&bed, "matrix").await;
    let threads = bed.store.live_threads("matrix").await.expect("read");
    assert_eq!(
        threads
            .iter()
            .map(|(room, _)| room.as_str())
            .collect::<Vec<_>>(),
        ["!site", "!shop"]
    );
    assert!(
        bed.store
            .busy_rooms("matrix")
            .await
            .expect("read")
            .is_empty(),
        "nobody works"
    );
    let worker = bed.worker("w").await;
    bed.claim(worker, 1).await;
    assert_eq!(
        bed.store.busy_rooms("matrix").await.expect("read"),
        ["!site"]
    );
    bed.step(
        other,
        Event::Ordered {
            order: TaskAction::Cancel,
            by: "Ann".into(),
        },
    )
    .await
    .expect("cancelled");
    let threads = bed.store.live_threads("matrix").await.expect("read");
    assert_eq!(
        threads
            .iter()
            .map(|(room, _)| room.as_str())
            .collect::<Vec<_>>(),
        ["!site"],
        "what is over is not looked through"
    );
    assert_eq!(
        bed.store
            .task(task)
            .await
            .expect("read")
            .map(|task| task.repo.to_string())
            .as_deref(),
        Some("site")
    );
}

#[tokio::test]
async fn the_outbox_keeps_the_order_of_a_thread_and_edits_what_was_posted() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    bed.store
        .say(&[notice(task, OutboundKind::Notice)])
        .await
        .expect("said");
    let due = bed.store.due("chat", &[], 10).await.expect("read");
    assert_eq!(due.len(), 1, "the second message waits for the first");
    assert_eq!(
        (due[0].message.kind, due[0].thread.as_deref()),
        (OutboundKind::Card, None)
    );
    bed.store
        .postpone(due[0].message.id, "chat", Duration::from_secs(5), true)
        .await
        .expect("postponed");
    assert!(
        bed.store
            .due("chat", &[], 10)
            .await
            .expect("read")
            .is_empty(),
        "nothing overtakes"
    );
    bed.clock.pass(Duration::from_secs(5));
    let due = bed.store.due("chat", &[], 10).await.expect("read");
    assert_eq!(due[0].attempts, 1);
    bed.store
        .mark_posted(&[(&due[0], Posted::one("th", "root"))])
        .await
        .expect("settled");
    let next = bed.store.due("chat", &[], 10).await.expect("read");
    assert_eq!(
        (
            next.len(),
            next[0].thread.as_deref(),
            next[0].edits.as_deref()
        ),
        (1, Some("th"), None)
    );
    bed.store
        .mark_posted(&[(&next[0], Posted::one("th", "m2"))])
        .await
        .expect("settled");
    bed.store
        .say(&[notice(task, OutboundKind::Card)])
        .await
        .expect("said");
    let edit = bed.store.due("chat", &[], 10).await.expect("read");
    assert_eq!(
        edit[0].edits.as_deref(),
        Some("root"),
        "a later card edits the root"
    );
    assert!(
        bed.store
            .due("slack", &[], 10)
            .await
            .expect("read")
            .is_empty(),
        "a platform without a room gets nothing"
    );
}

/// Posts everything that is due on a platform, and says what that was.
async fn post_all(bed: &Bed, platform: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let due = bed.store.due(platform, &[], 1).await.expect("read");
        let Some(dispatch) = due.first() else {
            return texts;
        };
        texts.push(format!(
            "{} {}",
            dispatch.message.kind.as_str(),
            dispatch.message.text
        ));
        let reference = format!("${}", dispatch.message.id);
        let root = dispatch.thread.clone().unwrap_or_else(|| reference.clone());
        bed.store
            .mark_posted(&[(dispatch, Posted::one(root, reference))])
            .await
            .expect("settled");
    }
}

fn said(text: &str, kind: OutboundKind, task: TaskId) -> Outbound {
    Outbound {
        text: text.into(),
        ..notice(task, kind)
    }
}

#[tokio::test]
async fn what_people_wait_for_overtakes_states_and_a_newer_state_replaces_the_older_ones() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    post_all(&bed, "chat").await;
    let question = OutboundKind::Question {
        question: QuestionId(1),
    };
    let messages = [
        said("runs", OutboundKind::Card, task),
        said("hello", OutboundKind::Notice, task),
        said("waits", OutboundKind::Card, task),
        said("which?", question, task),
        said("done", OutboundKind::Card, task),
    ];
    bed.store.say(&messages).await.expect("said");
    assert_eq!(
        post_all(&bed, "chat").await,
        ["notice hello", "question which?", "card done"].map(String::from)
    );
}

#[tokio::test]
async fn a_question_never_overtakes_the_root_of_its_thread_nor_what_was_said_before_it() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    let question = OutboundKind::Question {
        question: QuestionId(1),
    };
    bed.store
        .say(&[
            said("hello", OutboundKind::Notice, task),
            said("which?", question, task),
        ])
        .await
        .expect("said");
    let kinds: Vec<_> = post_all(&bed, "chat")
        .await
        .iter()
        .map(|text| text.split(' ').next().expect("a word").to_owned())
        .collect();
    assert_eq!(kinds, ["card", "notice", "question"]);
    let other = bed.task().await;
    post_all(&bed, "chat").await;
    bed.store
        .say(&[notice(task, OutboundKind::Notice)])
        .await
        .expect("said");
    bed.store
        .say(&[said("urgent", question, other)])
        .await
        .expect("said");
    assert_eq!(
        post_all(&bed, "chat").await[0],
        "question urgent",
        "news of another thread wait"
    );
}

#[tokio::test]
async fn a_room_that_is_new_shows_what_is_not_over_and_one_room_serves_one_repository() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    bed.store
        .say(&[
            said("runs", OutboundKind::Card, task),
            said("old news", OutboundKind::Notice, task),
        ])
        .await
        .expect("said");
    bed.store
        .bind_room("matrix", "!one", &Slug::from_text("site"))
        .await
        .expect("bound");
    bed.store
        .bind_room("matrix", "!one", &Slug::from_text("site"))
        .await
        .expect("again");
    assert_eq!(
        post_all(&bed, "matrix").await,
        ["card runs"],
        "as it is now, once"
    );
    let taken = bed
        .store
        .bind_room("matrix", "!one", &Slug::from_text("other"))
        .await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    assert_eq!(
        bed.store.room_of("matrix", "!one").await.expect("read"),
        Some(Slug::from_text("site"))
    );
    bed.store
        .bind_room("matrix", "!two", &Slug::from_text("site"))
        .await
        .expect("moved");
    let due = bed.store.due("matrix", &[], 10).await.expect("read");
    assert_eq!(
        (
            due.len(),
            due[0].room.as_str(),
            due[0].thread.as_deref(),
            due[0].edits.as_deref()
        ),
        (1, "!two", None, None),
        "a thread anew"
    );
    assert_eq!(
        due[0].already, None,
        "what stood in the former room does not stand here"
    );
}

#[tokio::test]
async fn a_question_is_shown_once_it_is_posted_and_perhaps_as_soon_as_somebody_may_have_posted_it()
{
    let bed = Bed::new().await;
    let task = bed.task().await;
    post_all(&bed, "chat").await;
    let asked = bed.clock.now();
    let question = QuestionId(1);
    bed.store
        .say(&[said("which?", OutboundKind::Question { question }, task)])
        .await
        .expect("said");
    let shown = |begun: Option<Timestamp>| {
        let store = &bed.store;
        async move {
            store
                .post_statuses("chat", task, begun)
                .await
                .expect("read")
        }
    };
    let perhaps = [(question, PostStatus::Perhaps(asked))];
    assert_eq!(
        shown(Some(asked)).await,
        [],
        "it was asked after we began to post, and we did not"
    );
    assert_eq!(shown(None).await, perhaps, "somebody else posts");
    bed.clock.pass(Duration::from_secs(9));
    assert_eq!(
        shown(Some(bed.clock.now())).await,
        perhaps,
        "whoever posted before us may have been stopped before it was noted"
    );
    // The platform knows since when it stands there.
    let again = bed.store.due("chat", &[], 1).await.expect("read").remove(0);
    let at = asked.plus(Duration::from_secs(7));
    bed.store
        .mark_posted(&[(
            &again,
            Posted {
                at: Some(at),
                ..Posted::one("t", "q")
            },
        )])
        .await
        .expect("stored");
    assert_eq!(
        shown(Some(asked)).await,
        [(question, PostStatus::Stands(at))]
    );
}

#[tokio::test]
async fn a_post_of_unknown_age_is_as_old_as_it_can_be() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    post_all(&bed, "chat").await;
    let (asked, question) = (bed.clock.now(), QuestionId(1));
    bed.store
        .say(&[said("which?", OutboundKind::Question { question }, task)])
        .await
        .expect("said");
    bed.clock.pass(Duration::from_secs(9));
    let due = bed.store.due("chat", &[], 1).await.expect("read").remove(0);
    bed.store
        .mark_posted(&[(&OutboxItem { again: true, ..due }, Posted::one("t", "q"))])
        .await
        .expect("stored");
    assert_eq!(
        bed.store
            .post_statuses("chat", task, None)
            .await
            .expect("read"),
        [(question, PostStatus::Stands(asked))]
    );
}

#[tokio::test]
async fn words_that_are_stored_twice_are_shown_once_and_an_old_state_replaces_no_newer_one() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    post_all(&bed, "chat").await;
    let (runs, hello) = (
        said("runs", OutboundKind::Card, task),
        said("hello", OutboundKind::Notice, task),
    );
    bed.store
        .say(&[runs.clone(), hello.clone()])
        .await
        .expect("said");
    bed.store
        .say(&[said("waits", OutboundKind::Card, task)])
        .await
        .expect("said");
    bed.store
        .say(&[runs, hello.clone()])
        .await
        .expect("said again");
    assert_eq!(
        post_all(&bed, "chat").await,
        ["notice hello", "card waits"].map(String::from)
    );
    bed.store.say(&[hello]).await.expect("said once more");
    assert_eq!(
        post_all(&bed, "chat").await,
        Vec::<String>::new(),
        "what is posted is not posted again"
    );
    assert_eq!(bed.store.thread(task, 0, 10).await.expect("read").len(), 4);
}

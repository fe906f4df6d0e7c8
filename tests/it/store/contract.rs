//! What every store must do, told once. Each backend passes this suite.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tempfile::TempDir;
use vine_domain::{
    Ask, AuditEntry, Clock, ConfiguredPerson, Lane, MessageId, Question, Repo, Role, SessionPolicy,
    Slug, TaskId, TaskState, Timestamp, User, UserId, Worker, WorkerId,
    attempt::{Attempt, LogRange},
    chat::{
        Inbound, InboundBatch, InboundKind, Location, MessagePlace, OurPost, Outbound,
        OutboundKind, file::FileContent,
    },
    clock::{Ids, System},
    lease::LEASE,
    ledger::{BEGIN, SealedFact, follows},
    lifecycle::{About, Event, TaskAction, TaskSnapshot, decide},
    ports::{Commit, NewTask, Reply, Say, Store, StoreError, TaskFilter, Write, Written},
    question::Item,
    queue::AGEING,
    repo::Source,
    retention::{LogCap, Retention},
    schedule::ClaimRequest,
    task::Report,
    token::{Token, TokenKind},
    worker::WorkerLimits,
};
use vine_postgres::Database as Postgres;
use vine_sqlite::{Database as Sqlite, Durability};

use crate::{harness::base::Base, store::one_write::OneWrite as _};

/// A clock that stands still until it is moved.
pub struct Manual(AtomicI64);

impl Manual {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    pub fn pass(&self, span: Duration) {
        self.0.fetch_add(
            i64::try_from(span.as_millis()).expect("a short span"),
            Ordering::SeqCst,
        );
    }
}

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub struct Bed {
    pub store: Arc<dyn Store>,
    pub clock: Arc<Manual>,
    pub folder: TempDir,
    pub base: Base,
}

/// Opens what a test's tasks are kept in.
pub async fn open(base: &Base, clock: Arc<Manual>) -> Arc<dyn Store> {
    try_open(base, clock).await.expect("opened")
}

/// The same, or why it cannot be.
pub async fn try_open(base: &Base, clock: Arc<Manual>) -> Result<Arc<dyn Store>, String> {
    match base {
        Base::Sqlite(file) => match Sqlite::open(file, Durability::Normal, clock).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(error.to_string()),
        },
        Base::Postgres(database, _) => match Postgres::open_at(&database.url(), clock).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(error.to_string()),
        },
    }
}

impl Bed {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Manual::new();
        let base = Base::new(folder.path());
        let store = open(&base, clock.clone()).await;
        for name in ["site", "shop"] {
            let source = Source::try_from(format!("/srv/{name}")).expect("a path");
            let repo = Repo::new(
                Slug::from_text(name),
                source,
                "main".parse().expect("a branch"),
            );
            store.save_repo(&repo).await.expect("stored");
            store
                .bind_room("chat", name, &repo.name)
                .await
                .expect("stored");
        }
        Self {
            store,
            clock,
            folder,
            base,
        }
    }

    pub async fn worker(&self, name: &str) -> WorkerId {
        let worker = Worker {
            id: WorkerId(System.uuid()),
            name: name.into(),
            slots: 50,
            version: "test".into(),
            draining: false,
            trouble: None,
            without: Vec::new(),
            boot: None,
            seen: self.clock.now(),
            worktree_bytes: 0,
            limits: WorkerLimits::default(),
            gone: None,
            standing: None,
        };
        self.store.add_worker(&worker).await.expect("added");
        worker.id
    }

    pub async fn task_in(&self, repo: &str, lane: Lane) -> TaskId {
        self.made("Title", repo, lane).await
    }

    async fn made(&self, title: &str, repo: &str, lane: Lane) -> TaskId {
        let id = self.store.next_tasks(1).await.expect("an id")[0];
        let task = NewTask {
            id,
            title: title.parse().expect("a title"),
            prompt: "Do it".parse().expect("a prompt"),
            repo: Slug::from_text(repo),
            base: "main".parse().expect("a branch"),
            waits_for: None,
            branch: format!("vine/{id}").parse().expect("a branch"),
            lane,
            model: vine_domain::ModelChoice::default(),
            requester: "Ann".into(),
            key: None,
            messages: vec![notice(id, OutboundKind::Card)],
            audit: None,
        };
        let created = self.store.write(Write::Create(Box::new(task))).await;
        assert!(matches!(created, Ok(Written::Created(new)) if new == id));
        id
    }

    pub async fn task(&self) -> TaskId {
        self.task_in("site", Lane::Default).await
    }

    pub async fn claim(&self, worker: WorkerId, slots: u32) -> Vec<Attempt> {
        let claimed = self
            .store
            .claim(&[ClaimRequest::of(worker, slots)])
            .await
            .expect("claimed");
        claimed
            .into_iter()
            .map(|handed| handed.assignment.attempt)
            .collect()
    }

    /// Decides, as the use cases do.
    pub async fn decided(&self, task: TaskId, event: Event) -> Result<Commit, StoreError> {
        let situation = self
            .store
            .snapshots(&[(task, event.about())])
            .await?
            .pop()
            .expect("the task");
        let change = decide(&situation, event, self.clock.now()).expect("allowed");
        let was_queued = matches!(situation.task.state, TaskState::Queued { .. });
        Ok(Commit {
            pushed: false,
            change,
            messages: vec![],
            reply: None,
            patch: None,
            sessions: SessionPolicy::default(),
            was_queued,
            audit: None,
        })
    }

    /// Decides and stores.
    pub async fn step(&self, task: TaskId, event: Event) -> Result<(), StoreError> {
        let commit = self.decided(task, event).await?;
        self.store.change(&[commit]).await?.remove(0)
    }
}

pub fn notice(task: TaskId, kind: OutboundKind) -> Outbound {
    Outbound::new(
        MessageId(System.uuid()),
        MessagePlace::Thread(task),
        kind,
        "words",
    )
}

fn ids(attempts: &[Attempt]) -> Vec<u64> {
    attempts.iter().map(|attempt| attempt.task.0).collect()
}

#[tokio::test]
async fn lanes_are_strict_fifo_inside_and_old_low_work_rises() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let low = bed.task_in("site", Lane::Low).await;
    bed.clock.pass(Duration::from_secs(1));
    let (first, second) = (bed.task().await, bed.task().await);
    let high = bed.task_in("site", Lane::High).await;
    assert_eq!(
        ids(&bed.claim(worker, 3).await),
        [high.0, first.0, second.0]
    );

    bed.clock.pass(AGEING * 2);
    let newer = bed.task_in("site", Lane::High).await;
    assert_eq!(
        ids(&bed.claim(worker, 1).await),
        [low.0],
        "low work starts after two spans"
    );
    assert_eq!(ids(&bed.claim(worker, 1).await), [newer.0]);
}

#[tokio::test]
async fn paused_work_stays_where_it_is() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let (site, shop) = (
        bed.task_in("site", Lane::Default).await,
        bed.task_in("shop", Lane::Default).await,
    );
    bed.store.set_paused(None, true).await.expect("paused");
    assert!(bed.claim(worker, 9).await.is_empty());
    bed.store.set_paused(None, false).await.expect("resumed");
    bed.store
        .set_paused(Some(&Slug::from_text("site")), true)
        .await
        .expect("paused");
    assert_eq!(ids(&bed.claim(worker, 9).await), [shop.0]);
    bed.store
        .set_paused(Some(&Slug::from_text("site")), false)
        .await
        .expect("resumed");
    assert_eq!(ids(&bed.claim(worker, 9).await), [site.0]);
}

#[tokio::test]
async fn claims_at_the_same_time_never_give_one_order_twice() {
    let bed = Bed::new().await;
    let mut workers = Vec::new();
    for number in 0..8 {
        workers.push(bed.worker(&format!("w-{number}")).await);
    }
    for _ in 0..100 {
        bed.task().await;
    }
    let claims = workers.iter().map(|worker| {
        let (store, worker) = (Arc::clone(&bed.store), *worker);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = store
                    .claim(&[ClaimRequest::of(worker, 3)])
                    .await
                    .expect("claimed");
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(
                    claimed
                        .into_iter()
                        .map(|handed| handed.assignment.attempt.task),
                );
            }
        })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.expect("ran"));
    }
    assert_eq!(all.len(), 100);
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        100,
        "each exactly once"
    );
}

#[tokio::test]
async fn wishes_that_wait_together_are_served_together_and_spread() {
    let bed = Bed::new().await;
    let (a, b) = (bed.worker("a").await, bed.worker("b").await);
    for _ in 0..4 {
        bed.task().await;
    }
    let claimed = bed
        .store
        .claim(&[ClaimRequest::of(a, 2), ClaimRequest::of(b, 3)])
        .await
        .expect("claimed");
    let of = |worker| {
        claimed
            .iter()
            .filter(|handed| handed.worker == worker)
            .count()
    };
    assert_eq!((of(a), of(b)), (2, 2));
}

#[tokio::test]
async fn a_change_decided_on_an_older_version_is_refused_and_leaves_nothing_while_others_beside_it_are_stored()
 {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let (task, other) = (bed.task().await, bed.task().await);
    let mut commits = Vec::new();
    for attempt in bed.claim(worker, 2).await {
        let task = bed
            .store
            .task(attempt.task)
            .await
            .expect("read")
            .expect("there");
        let situation = TaskSnapshot {
            task,
            questions: vec![],
            notes: vec![],
        };
        let finished = Event::Finished {
            by: worker,
            attempt,
            report: Report::default(),
        };
        commits.push(Commit {
            pushed: false,
            change: decide(&situation, finished, bed.clock.now()).expect("allowed"),
            messages: vec![notice(attempt.task, OutboundKind::Notice)],
            reply: Some(Reply {
                id: MessageId(System.uuid()),
                author: "Bob".into(),
                text: "late".into(),
            }),
            patch: Some("patch".into()),
            sessions: SessionPolicy::default(),
            was_queued: false,
            audit: None,
        });
    }
    bed.step(
        task,
        Event::Ordered {
            order: TaskAction::Cancel,
            by: "Ann".into(),
        },
    )
    .await
    .expect("cancelled");
    let before = bed.store.thread(task, 0, 100).await.expect("read");
    assert!(matches!(
        bed.store.change(&commits).await.expect("no error")[..],
        [Err(StoreError::Conflict), Ok(())]
    ));
    assert_eq!(
        bed.store.thread(task, 0, 100).await.expect("read"),
        before,
        "no message of a refused change"
    );
    assert!(matches!(
        bed.store
            .task(task)
            .await
            .expect("read")
            .expect("there")
            .state,
        TaskState::Cancelled { .. }
    ));
    assert!(matches!(
        bed.store
            .task(other)
            .await
            .expect("read")
            .expect("there")
            .state,
        TaskState::Done { .. }
    ));
    assert_eq!(
        bed.store.thread(other, 0, 100).await.expect("read").len(),
        before.len() + 2,
        "with its message and its reply"
    );
}

#[tokio::test]
async fn a_snapshot_has_what_is_not_settled_and_what_it_is_about_each_once() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let task = bed.task().await;
    let attempt = bed.claim(worker, 1).await[0];
    let mut asked = Vec::new();
    for _ in 0..3 {
        let id = bed.store.next_question().await.expect("an id");
        let item = Item {
            question: "Which?".into(),
            header: String::new(),
            options: vec![],
            multi: false,
        };
        let ask = Ask::Clarify { items: vec![item] };
        let question = Question::new(id, System.uuid(), attempt, ask, bed.clock.now());
        let key = question.key;
        let question = Box::new(question);
        let by = worker;
        bed.step(task, Event::Asked { by, question })
            .await
            .expect("asked");
        asked.push((id, key));
    }
    for (question, _) in &asked[..2] {
        let withdrawn = Event::Withdrawn {
            by: worker,
            attempt,
            question: *question,
            why: "done".into(),
        };
        bed.step(task, withdrawn).await.expect("withdrawn");
    }
    let [(first, key), (second, _), (open, _)] = asked[..] else {
        panic!("three")
    };
    for (wanted, has) in [
        (vec![About::Unsettled], vec![open]),
        (vec![About::Question(first)], vec![first, open]),
        (vec![About::Question(open)], vec![open]),
        (vec![About::Asked(key)], vec![first, open]),
        (vec![About::Said(System.uuid())], vec![open]),
        (vec![About::Everything], vec![first, second, open]),
        (
            vec![About::Question(second), About::Everything],
            vec![first, second, open],
        ),
        (
            vec![About::Asked(key), About::Question(first)],
            vec![first, open],
        ),
    ] {
        let of_task: Vec<_> = wanted.iter().map(|about| (task, *about)).collect();
        let found = bed.store.snapshots(&of_task).await.expect("read");
        let [snapshot] = &found[..] else {
            panic!("one task")
        };
        let ids: Vec<_> = snapshot.questions.iter().map(|one| one.id).collect();
        assert_eq!(ids, has, "{wanted:?}");
    }
}

#[tokio::test]
async fn text_with_a_zero_in_it_is_kept_with_a_sign_in_its_place() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let task = bed.task().await;
    let attempt = bed.claim(worker, 1).await[0];
    bed.store
        .log(worker, attempt, &["a\0b".into()], &LogCap::default())
        .await
        .expect("kept");
    let finished = Event::Finished {
        by: worker,
        attempt,
        report: Report::default(),
    };
    let mut commit = bed.decided(task, finished).await.expect("decided");
    commit.patch = Some("-\0\n+1".into());
    bed.store
        .change(&[commit])
        .await
        .expect("kept")
        .remove(0)
        .expect("kept");
    assert!(
        bed.store
            .log_of(task, &LogRange::latest(9))
            .await
            .expect("read")
            .iter()
            .any(|line| line.text == "a\u{2400}b")
    );
    assert_eq!(
        bed.store
            .patch_of(task, None)
            .await
            .expect("read")
            .as_deref(),
        Some("-\u{2400}\n+1")
    );
}

#[tokio::test]
async fn leases_end_unless_renewed_and_only_their_holder_can_renew() {
    let bed = Bed::new().await;
    let (worker, other) = (bed.worker("w").await, bed.worker("o").await);
    bed.task().await;
    let attempt = bed.claim(worker, 1).await[0];
    let stale = Attempt {
        epoch: vine_domain::Epoch(0),
        ..attempt
    };
    bed.clock.pass(LEASE / 2);
    bed.store
        .renew(&[(other, attempt)])
        .await
        .expect("no error");
    bed.store.renew(&[(worker, stale)]).await.expect("no error");
    bed.clock.pass(LEASE / 2 + Duration::from_secs(1));
    assert_eq!(
        bed.store.expired().await.expect("read"),
        [attempt],
        "neither renewal counted"
    );
    bed.store
        .renew(&[(worker, attempt)])
        .await
        .expect("renewed");
    assert!(bed.store.expired().await.expect("read").is_empty());
    bed.clock.pass(LEASE * 2);
    bed.store.adopt_leases().await.expect("adopted");
    assert!(
        bed.store.expired().await.expect("read").is_empty(),
        "our own absence is nobody's death"
    );
}

#[tokio::test]
async fn writes_beside_the_task_are_fenced_too() {
    let bed = Bed::new().await;
    let (worker, other) = (bed.worker("w").await, bed.worker("o").await);
    bed.task().await;
    let attempt = bed.claim(worker, 1).await[0];
    let stale = Attempt {
        epoch: vine_domain::Epoch(0),
        ..attempt
    };
    for (by, attempt) in [(other, attempt), (worker, stale)] {
        assert!(matches!(
            bed.store
                .log(by, attempt, &["line".into()], &LogCap::default())
                .await,
            Err(StoreError::Conflict)
        ));
    }
    bed.store
        .log(worker, attempt, &["line".into()], &LogCap::default())
        .await
        .expect("logged");
}

#[tokio::test]
async fn orders_wait_for_their_time() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    bed.task().await;
    // After the first loss it runs again at once, after the second it waits.
    for _ in 0..2 {
        let attempt = bed.claim(worker, 1).await[0];
        let lost = Event::LeaseLost {
            attempt,
            why: "gone".into(),
        };
        bed.step(attempt.task, lost).await.expect("stored");
    }
    assert!(bed.claim(worker, 1).await.is_empty());
    let wait = bed
        .store
        .next_due()
        .await
        .expect("read")
        .next
        .expect("an order waits");
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_secs(5),
        "{wait:?}"
    );
    bed.clock.pass(wait);
    assert_eq!(bed.claim(worker, 1).await[0].epoch.0, 3);
}

fn hello() -> Inbound {
    let (event, platform, author, text) =
        ("e-1".into(), "console".into(), "ann".into(), "hi".into());
    Inbound {
        event,
        platform,
        author,
        spot: Location::Ours {
            task: None,
            question: None,
        },
        text,
        act: InboundKind::Said,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    }
}

async fn unprocessed(bed: &Bed, awaited: Duration) -> Vec<(Inbound, Timestamp)> {
    let unread = bed
        .store
        .unprocessed(Duration::ZERO, awaited, 0)
        .await
        .expect("read");
    unread.into_iter().map(|one| (one.event, one.at)).collect()
}

#[tokio::test]
async fn an_event_is_taken_once_and_stays_unread_until_it_is_dealt_with() {
    let bed = Bed::new().await;
    let event = hello();
    assert!(bed.store.store_event(&event).await.expect("stored"));
    assert!(!bed.store.store_event(&event).await.expect("known"));
    assert_eq!(
        unprocessed(&bed, Duration::ZERO).await,
        [(event.clone(), bed.clock.now())]
    );
    bed.store.mark_processed(&event).await.expect("marked");
    assert!(unprocessed(&bed, Duration::ZERO).await.is_empty());
    assert!(!bed.store.store_event(&event).await.expect("still known"));
}

#[tokio::test]
async fn a_command_is_dealt_with_when_its_reply_is_stored() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    let event = hello();
    assert!(bed.store.store_event(&event).await.expect("stored"));
    let reply = Outbound::new(
        MessageId(System.uuid()),
        MessagePlace::Thread(task),
        OutboundKind::Notice,
        "done so",
    );
    let command = Reply {
        id: MessageId(System.uuid()),
        author: "Ann".into(),
        text: event.text.clone(),
    };
    let say = Say {
        reply: Some((task, command)),
        messages: vec![reply],
        event: Some(Box::new(event.clone())),
    };
    bed.store.write(Write::Say(say)).await.expect("stored");
    assert!(
        bed.store.is_processed(&event).await.expect("read"),
        "a crash now does not run it again"
    );
    let thread: Vec<_> = bed
        .store
        .thread(task, 0, 10)
        .await
        .expect("read")
        .into_iter()
        .map(|message| message.text)
        .collect();
    assert_eq!(
        thread[thread.len() - 2..],
        [event.text, "done so".to_owned()]
    );
}

#[tokio::test]
async fn an_event_whose_words_are_awaited_is_left_alone_until_they_come_or_are_given_up() {
    let bed = Bed::new().await;
    let event = |act, text: &str| Inbound {
        event: "$1".into(),
        platform: "matrix".into(),
        author: "@ann:x".into(),
        spot: Location::Theirs {
            room: "!one".into(),
            thread: None,
            reply_to: None,
        },
        text: text.into(),
        act,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    };
    let minute = Duration::from_secs(60);
    let awaited = event(InboundKind::Awaited, "it did not come");
    assert!(bed.store.store_event(&awaited).await.expect("stored"));
    assert_eq!(
        bed.store.awaited("matrix").await.expect("read"),
        std::slice::from_ref(&awaited)
    );
    assert!(bed.store.awaited("slack").await.expect("read").is_empty());
    assert!(unprocessed(&bed, minute).await.is_empty(), "not yet");
    let came = bed.clock.now();
    bed.clock.pass(minute);
    assert_eq!(
        unprocessed(&bed, minute).await,
        [(awaited, came)],
        "given up"
    );
    let whole = event(InboundKind::Said, "hello");
    bed.store
        .ingest(
            "matrix",
            &InboundBatch {
                events: vec![whole.clone()],
                ..InboundBatch::default()
            },
        )
        .await
        .expect("stored");
    assert_eq!(
        unprocessed(&bed, minute).await,
        [(whole.clone(), came)],
        "it came after all"
    );
    bed.store
        .ingest(
            "matrix",
            &InboundBatch {
                events: vec![event(InboundKind::Said, "forged")],
                ..InboundBatch::default()
            },
        )
        .await
        .expect("stored");
    assert_eq!(
        bed.store.event("matrix", "$1").await.expect("read"),
        Some(whole),
        "what was said is not said again otherwise"
    );
}

#[tokio::test]
async fn a_batch_of_a_stream_is_taken_once_with_its_position_and_echoes_tell_what_was_posted() {
    let bed = Bed::new().await;
    let task = bed.task().await;
    bed.store
        .bind_room("matrix", "!one", &Slug::from_text("site"))
        .await
        .expect("bound");
    let due = bed
        .store
        .due("matrix", &[], 10)
        .await
        .expect("read")
        .remove(0);
    let spot = Location::Theirs {
        room: "!one".into(),
        thread: Some("$root".into()),
        reply_to: None,
    };
    let event = |id: &str| Inbound {
        event: id.into(),
        platform: "matrix".into(),
        author: "@ann:x".into(),
        spot: spot.clone(),
        text: id.into(),
        act: InboundKind::Said,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    };
    let echo = |part, last| OurPost {
        message: due.message.id,
        reference: format!("$p{part}"),
        part,
        last,
    };
    let batch = InboundBatch {
        events: vec![event("$b"), event("$a")],
        echoes: vec![echo(0, false)],
        cursor: Some("s1".into()),
        ..InboundBatch::default()
    };
    for _ in 0..2 {
        bed.store.ingest("matrix", &batch).await.expect("stored");
    }
    assert_eq!(
        bed.store.cursor("matrix").await.expect("read").as_deref(),
        Some("s1")
    );
    let came = bed
        .store
        .unprocessed(Duration::ZERO, Duration::ZERO, 0)
        .await
        .expect("read");
    assert_eq!(
        came.iter().map(|one| &*one.event.event).collect::<Vec<_>>(),
        ["$b", "$a"],
        "each once, in the order they came"
    );
    assert_eq!(
        bed.store
            .unprocessed(Duration::ZERO, Duration::ZERO, came[0].seq)
            .await
            .expect("read"),
        came[1..],
        "what comes after"
    );
    assert_eq!(
        bed.store.due("matrix", &[], 1).await.expect("read")[0].already,
        None,
        "a part of it is missing"
    );
    bed.store
        .ingest(
            "matrix",
            &InboundBatch {
                echoes: vec![echo(1, true)],
                ..InboundBatch::default()
            },
        )
        .await
        .expect("stored");
    assert_eq!(
        bed.store.due("matrix", &[], 1).await.expect("read")[0]
            .already
            .as_deref(),
        Some("$p0")
    );
    assert_eq!(
        bed.store
            .find_posted("matrix", "$p1")
            .await
            .expect("read")
            .expect("known")
            .task,
        Some(task)
    );
    assert_eq!(
        bed.store.find_posted("slack", "$p1").await.expect("read"),
        None
    );
    assert_eq!(
        bed.store.cursor("matrix").await.expect("read").as_deref(),
        Some("s1"),
        "a batch without a position keeps it"
    );
}

#[tokio::test]
async fn people_of_the_configuration_come_and_go_with_it_and_others_stay() {
    let bed = Bed::new().await;
    let user = |name: &str, role| User {
        id: UserId(System.uuid()),
        name: name.into(),
        role: Some(role),
        repos: [].into(),
    };
    let own = user("root", Role::Admin);
    bed.store
        .save_user(&own, &[("vine", "root")])
        .await
        .expect("saved");
    let ann = ConfiguredPerson {
        user: user("Ann", Role::Admin),
        identities: vec![("matrix".into(), "@ann:x".into())],
    };
    bed.store
        .set_people(std::slice::from_ref(&ann))
        .await
        .expect("set");
    let known = bed.store.user("matrix", "@ann:x").await.expect("read");
    assert_eq!(known.map(|user| user.name).as_deref(), Some("Ann"));
    assert_eq!(
        bed.store.users_with(Role::Admin).await.expect("read"),
        [own.id],
        "the shell never speaks as somebody else"
    );
    bed.store.set_people(&[]).await.expect("set");
    assert_eq!(
        bed.store.user("matrix", "@ann:x").await.expect("read"),
        None,
        "whoever is named no more may nothing"
    );
    assert!(
        bed.store
            .user("vine", "root")
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn tokens_end_by_time_by_use_and_by_word() {
    let bed = Bed::new().await;
    let owner = System.uuid();
    let token = Token::make(TokenKind::Login, &System).hash();
    bed.store
        .add_token(&token, TokenKind::Login, owner, Duration::from_secs(60))
        .await
        .expect("added");
    assert_eq!(
        bed.store
            .token_owner(&token, TokenKind::User)
            .await
            .expect("read"),
        None,
        "another kind"
    );
    assert_eq!(
        bed.store
            .spend_token(&token, TokenKind::Login)
            .await
            .expect("spent"),
        Some(owner)
    );
    assert_eq!(
        bed.store
            .spend_token(&token, TokenKind::Login)
            .await
            .expect("no error"),
        None
    );
    let token = Token::make(TokenKind::User, &System).hash();
    bed.store
        .add_token(&token, TokenKind::User, owner, Duration::from_secs(60))
        .await
        .expect("added");
    assert_eq!(
        bed.store
            .token_owner(&token, TokenKind::User)
            .await
            .expect("read"),
        Some(owner)
    );
    bed.clock.pass(Duration::from_secs(61));
    assert_eq!(
        bed.store
            .token_owner(&token, TokenKind::User)
            .await
            .expect("read"),
        None
    );
    let token = Token::make(TokenKind::Worker, &System).hash();
    bed.store
        .add_token(&token, TokenKind::Worker, owner, Duration::from_secs(60))
        .await
        .expect("added");
    bed.store
        .note_used(std::slice::from_ref(&token))
        .await
        .expect("noted");
    let known = bed.store.tokens(Some(owner)).await.expect("read");
    assert_eq!(
        (known.len(), &*known[0].id, known[0].used.is_some()),
        (1, &token[..12], true)
    );
    let stranger = System.uuid();
    for (by, ended) in [(Some(stranger), 0), (Some(owner), 1), (Some(owner), 0)] {
        let revoked = bed.store.revoke_token(&token[..12], by).await;
        assert_eq!(revoked.expect("revoked"), ended);
    }
    assert!(
        bed.store
            .tokens(Some(owner))
            .await
            .expect("read")
            .is_empty()
    );
    assert_eq!(
        bed.store
            .token_owner(&token, TokenKind::Worker)
            .await
            .expect("read"),
        None
    );
}

#[tokio::test]
async fn a_second_daemon_on_the_same_file_is_refused() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Manual::new());
    let file = folder.path().join("vine.db");
    let _first = Sqlite::open(&file, Durability::Normal, clock.clone())
        .await
        .expect("opened");
    let error = Sqlite::open(&file, Durability::Normal, clock)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(error.contains("another daemon already uses"), "{error}");
}

#[tokio::test]
async fn everything_is_there_after_the_database_is_opened_again() {
    let bed = Bed::new().await;
    let worker = bed.worker("w").await;
    let task = bed.task().await;
    let attempt = bed.claim(worker, 1).await[0];
    let before = bed.store.task(task).await.expect("read");
    let Bed {
        store,
        clock,
        folder: _folder,
        base,
    } = bed;
    drop(store);
    let store = open(&base, clock).await;
    assert_eq!(store.task(task).await.expect("read"), before);
    assert_eq!(store.leases_of(worker).await.expect("read"), [attempt]);
    assert!(
        store.next_tasks(1).await.expect("an id")[0] > task,
        "ids are never given twice"
    );
}

#[tokio::test]
async fn tasks_are_found_by_words_whatever_stands_in_them_and_paged() {
    let bed = Bed::new().await;
    for title in [
        "Paint 100% of it",
        "Paint 1000 of it",
        "snake_case",
        "snakeXcase",
        "Grüße, Ä",
    ] {
        bed.made(title, "site", Lane::Default).await;
    }
    let found = async |text: &str, before: Option<TaskId>, limit: u32| {
        let filter = TaskFilter {
            text: Some(text.into()),
            before,
            limit,
            ..TaskFilter::default()
        };
        bed.store
            .tasks(&filter)
            .await
            .expect("read")
            .into_iter()
            .map(|task| task.title.to_string())
            .collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("100%", vec!["Paint 100% of it"]),
        ("SNAKE_c", vec!["snake_case"]),
        ("Grüße, Ä", vec!["Grüße, Ä"]),
        ("nothing", vec![]),
    ] {
        assert_eq!(found(text, None, 10).await, expected, "{text}");
    }
    assert_eq!(found("", None, 10).await.len(), 5, "no words fit all");
    assert_eq!(
        found("paint", None, 1).await,
        ["Paint 1000 of it"],
        "the newest first"
    );
    assert_eq!(
        found("paint", Some(TaskId(2)), 1).await,
        ["Paint 100% of it"],
        "then those before it"
    );
}

#[tokio::test]
async fn workers_are_read_a_page_at_a_time() {
    let bed = Bed::new().await;
    for name in ["w-1", "w-2", "w-3"] {
        bed.worker(name).await;
    }
    let page = async |after: &str, limit: u32| {
        bed.store
            .workers_after(after, limit)
            .await
            .expect("read")
            .into_iter()
            .map(|load| load.worker.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(page("", 2).await, ["w-1", "w-2"]);
    assert_eq!(page("w-2", 2).await, ["w-3"]);
    assert!(page("w-3", 2).await.is_empty());
    assert_eq!(bed.store.depths().await.expect("read").workers, 3);
}

#[tokio::test]
async fn what_is_decided_is_sealed_in_its_order() {
    let bed = Bed::new().await;
    let entry = |subject: String| AuditEntry {
        actor: "Ann (api)".into(),
        verb: "operate".into(),
        subject,
        allowed: true,
        reason: "operator".into(),
    };
    for round in 0..3 {
        let entries: Vec<_> = (0..400)
            .map(|number| entry(format!("T-{round}-{number}")))
            .collect();
        bed.store.audit(&entries).await.expect("kept");
        bed.clock.pass(Duration::from_secs(60));
    }
    let mut sealed = 0;
    loop {
        match bed.store.seal().await.expect("sealed") {
            0 => break,
            count => sealed += count,
        }
    }
    assert_eq!(sealed, 1200);
    let (mut link, mut hash, mut subjects) = (0, BEGIN.to_owned(), Vec::new());
    loop {
        let read = bed.store.records(link, Timestamp(0), 500).await;
        let (before, records) = read.expect("read");
        if records.is_empty() {
            break;
        }
        assert_eq!(before, hash);
        for record in records {
            follows((link, &hash), &record).expect("a chain");
            (link, hash) = (record.link, record.chain);
            if let SealedFact::Decision(entry) = record.sealed {
                subjects.push(entry.subject);
            }
        }
    }
    assert_eq!((link, subjects.len()), (1200, 1200));
    assert_eq!((&*subjects[0], &*subjects[1199]), ("T-0-0", "T-2-399"));
    // From a time on, without a hole.
    let since = bed.clock.now().minus(Duration::from_secs(60));
    let (_, later) = bed.store.records(0, since, 1000).await.expect("read");
    assert_eq!((later.len(), later[0].link), (400, 801));

    // Decisions go when that is said, from the first one on.
    let forgetful = Retention {
        audit: Some(Duration::from_secs(90)),
        ..Retention::default()
    };
    while bed.store.prune(&forgetful).await.expect("pruned") > 0 {}
    let (before, left) = bed
        .store
        .records(0, Timestamp(0), 1000)
        .await
        .expect("read");
    // One more stays, by which the first of them is checked.
    assert_eq!((&*before, left.len(), left[0].link), ("", 401, 800));
    for pair in left.windows(2) {
        follows((pair[0].link, &pair[0].chain), &pair[1]).expect("still a chain");
    }
}

#[tokio::test]
async fn what_is_old_is_removed_and_what_lives_stays() {
    let bed = Bed::new().await;
    let worker = bed.worker("w-1").await;
    let (over, open) = (
        bed.task_in("site", Lane::Default).await,
        bed.task_in("site", Lane::Default).await,
    );
    let attempts = bed.claim(worker, 2).await;
    assert_eq!((attempts[0].task, attempts[1].task), (over, open));
    for &attempt in &attempts {
        let line = ["x".repeat(1_000)];
        let cap = LogCap {
            lines: 2,
            bytes: 1 << 20,
        };
        for _ in 0..4 {
            bed.store
                .log(worker, attempt, &line, &cap)
                .await
                .expect("logged");
        }
        let log = bed
            .store
            .log_of(attempt.task, &LogRange::latest(100))
            .await
            .expect("read");
        let texts: Vec<&str> = log.iter().map(|line| &*line.text).collect();
        assert_eq!(texts.iter().filter(|text| text.starts_with('x')).count(), 2);
        assert!(
            texts.last().is_some_and(|last| last.contains("ends here")),
            "{texts:?}"
        );
    }
    // PostgreSQL counts what was written a moment later.
    let mut size = 0;
    for _ in 0..50 {
        size = bed.store.size().await.expect("a size");
        if size > 4_000 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(size > 4_000, "{size}");
    let finished = Event::Finished {
        by: worker,
        attempt: attempts[0],
        report: Report::default(),
    };
    bed.step(over, finished).await.expect("done");
    let retention = Retention::default();
    bed.clock.pass(Duration::from_secs(29 * 24 * 3600));
    assert_eq!(bed.store.prune(&retention).await.expect("pruned"), 0);
    bed.clock.pass(Duration::from_secs(2 * 24 * 3600));
    while bed.store.prune(&retention).await.expect("pruned") > 0 {}
    assert!(
        bed.store
            .log_of(over, &LogRange::latest(100))
            .await
            .expect("read")
            .is_empty(),
        "lines after 30 days"
    );
    assert_eq!(bed.store.executions(over).await.expect("read").len(), 1);
    bed.clock.pass(Duration::from_secs(180 * 24 * 3600));
    while bed.store.prune(&retention).await.expect("pruned") > 0 {}
    assert!(
        bed.store.executions(over).await.expect("read").is_empty(),
        "the rest after 180"
    );
    let task = bed
        .store
        .task(over)
        .await
        .expect("read")
        .expect("it is there");
    assert!(
        matches!(task.state, TaskState::Done { .. }) && task.prompt.as_str().contains("long ago")
    );
    let living = bed
        .store
        .task(open)
        .await
        .expect("read")
        .expect("it is there");
    assert!(!living.prompt.as_str().contains("long ago"));
    assert_eq!(bed.store.executions(open).await.expect("read").len(), 1);
    // For ever is for ever.
    let ever = Retention {
        log: None,
        history: None,
        ..retention
    };
    bed.clock.pass(Duration::from_secs(9_999 * 24 * 3600));
    assert_eq!(bed.store.prune(&ever).await.expect("pruned"), 0);
}

#[tokio::test]
async fn files_are_kept_once_by_their_content_and_go_when_they_are_old() {
    let bed = Bed::new().await;
    let shot = FileContent::new("shot.png", vec![0x89, 0, 0xff, b'\'']);
    let other = FileContent::new("other.bin", vec![1; 1 << 20]);
    for content in [&shot, &shot, &other] {
        bed.store.put_file(content).await.expect("stored");
    }
    let found = async |content: &FileContent| {
        let found = bed.store.file(&content.file.hash).await;
        found.expect("read")
    };
    assert_eq!(found(&shot).await.as_deref(), Some(shot.bytes.as_slice()));
    assert_eq!(found(&FileContent::new("", vec![2])).await, None);
    bed.clock.pass(Duration::from_secs(150 * 24 * 3600));
    bed.store.put_file(&shot).await.expect("stored");
    bed.clock.pass(Duration::from_secs(50 * 24 * 3600));
    let retention = Retention::default();
    while bed.store.prune(&retention).await.expect("pruned") > 0 {}
    assert_eq!(found(&other).await, None, "older than 180 days");
    assert!(found(&shot).await.is_some(), "sent again meanwhile");
    while bed.store.shrink().await.expect("shrunk") > 0 {}
    assert_eq!(found(&shot).await, None, "space is needed");
}

//! Use cases under races, on a real store and without HTTP.

use std::{sync::Arc, time::Duration};

use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;
use vine_app::{
    App, AppError, Caller, Inbox, Settings,
    fleet::{CompletedAttempt, WorkerHeartbeat},
    questions::QuestionRequest,
};
use vine_domain::{
    Ask, Lane, Role, User, UserId, WorkerId,
    attempt::Attempt,
    chat::{Inbound, InboundKind, Location},
    clock::{Ids, System},
    lifecycle::Refusal,
    question::Item,
};

use crate::{harness::usual_or_long, store::contract::Bed};

/// Use cases over a store of their own, with one worker.
pub struct Team {
    pub app: App,
    pub inbox: Inbox,
    pub bed: Bed,
    pub worker: WorkerId,
}

impl Team {
    pub async fn new() -> Self {
        Self::with(Settings::at("http://vine")).await
    }

    pub async fn with(settings: Settings) -> Self {
        let bed = Bed::new().await;
        let (app, dispatcher) = App::new(
            bed.store.clone(),
            bed.clock.clone(),
            Arc::new(System),
            settings,
            CancellationToken::new(),
        );
        tokio::spawn(dispatcher.run());
        let worker = bed.worker("w").await;
        Self {
            inbox: Inbox::new(app.clone()),
            app,
            bed,
            worker,
        }
    }

    /// A task that was claimed and asks one question.
    pub async fn asked(&self) -> (Attempt, vine_domain::QuestionId) {
        let attempt = self.claimed("site").await;
        (attempt, self.asks(attempt, which()).await)
    }

    /// The same with a question of one's own.
    pub async fn asked_this(&self, ask: Ask) -> (Attempt, vine_domain::QuestionId) {
        let attempt = self.claimed("site").await;
        (attempt, self.asks(attempt, ask).await)
    }

    /// A new task that was claimed.
    pub async fn claimed(&self, repo: &str) -> Attempt {
        self.bed.task_in(repo, Lane::Default).await;
        self.app
            .fleet
            .claim(
                vine_domain::schedule::ClaimRequest::of(self.worker, 1),
                Duration::from_secs(5),
            )
            .await
            .expect("claimed")[0]
            .attempt
    }

    /// An agent's question.
    pub async fn asks(&self, attempt: Attempt, ask: Ask) -> vine_domain::QuestionId {
        let asked = QuestionRequest {
            attempt,
            key: System.uuid(),
            session: None,
            call: "c".into(),
            ask,
            context: String::new(),
        };
        let id = self
            .app
            .questions
            .ask(self.worker, asked.clone())
            .await
            .expect("asked");
        assert_eq!(
            self.app
                .questions
                .ask(self.worker, asked)
                .await
                .expect("asked"),
            id,
            "asking twice is asking once"
        );
        id
    }
}

/// A question in the open.
pub fn which() -> Ask {
    Ask::Clarify {
        items: vec![Item {
            question: "Which?".into(),
            header: String::new(),
            options: vec![],
            multi: false,
        }],
    }
}

pub fn person(name: &str, role: Option<Role>) -> Caller {
    let user = User {
        id: UserId(System.uuid()),
        name: name.into(),
        role,
        repos: [].into(),
    };
    Caller {
        user: Some(user),
        via: "test".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_answering_at_once_exactly_one_wins_and_the_other_is_told() {
    let team = Team::new().await;
    for round in 0..usual_or_long(200, 1_000) {
        let (attempt, question) = team.asked().await;
        let start = Arc::new(Barrier::new(2));
        let answers = ["Ann", "Bob"].map(|name| {
            let (app, start) = (team.app.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                app.questions
                    .answer(
                        &person(name, Some(Role::Answerer)),
                        question,
                        format!("{name} says").as_str(),
                        System.uuid(),
                    )
                    .await
            })
        });
        let mut won = Vec::new();
        let mut told = Vec::new();
        for answer in answers {
            match answer.await.expect("ran") {
                Ok(question) => won.push(question.answer().expect("answered").name.clone()),
                Err(AppError::Refused(Refusal::AnsweredBefore { name, .. })) => told.push(name),
                Err(other) => panic!("round {round}: {other}"),
            }
        }
        assert_eq!((won.len(), told.len()), (1, 1), "round {round}");
        assert_eq!(won, told, "the loser is told who won");
        let thread = team
            .bed
            .store
            .thread(attempt.task, 0, 100)
            .await
            .expect("read");
        let replies = thread
            .iter()
            .filter(|message| message.kind == "reply")
            .count();
        assert_eq!(replies, 2, "the second words are kept");
        let heard = team
            .app
            .questions
            .get(question)
            .await
            .expect("read")
            .heard();
        team.app
            .questions
            .delivered(team.worker, attempt, heard)
            .await
            .expect("delivered");
        team.app
            .fleet
            .complete(
                team.worker,
                CompletedAttempt::new(attempt, vine_domain::task::Report::default()),
                0,
            )
            .await
            .expect("done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_the_role_change_nothing_and_the_audit_knows() {
    let team = Team::new().await;
    let (attempt, question) = team.asked().await;
    let stranger = Caller {
        user: None,
        via: "test".into(),
    };
    for caller in [
        person("Vic", Some(Role::Viewer)),
        person("Nobody", None),
        stranger,
    ] {
        let answer = team
            .app
            .questions
            .answer(&caller, question, "me!", System.uuid())
            .await;
        // Whoever sees nothing of it hears that it is not there.
        let refused =
            |error: &AppError| matches!(error, AppError::Denied(_) | AppError::NotFound(_));
        assert!(answer.as_ref().is_err_and(refused), "{answer:?}");
        let cancel = team
            .app
            .tasks
            .order(
                &caller,
                attempt.task,
                vine_domain::lifecycle::TaskAction::Cancel,
            )
            .await;
        assert!(cancel.as_ref().is_err_and(refused), "{cancel:?}");
    }
    assert!(
        team.app
            .questions
            .get(question)
            .await
            .expect("read")
            .is_open()
    );
    let lines = team.bed.store.audit_lines(100).await.expect("read");
    assert_eq!(
        lines.iter().filter(|(_, entry)| !entry.allowed).count(),
        6,
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|(_, entry)| entry.actor == "Vic (test)" && entry.subject == question.to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beat_that_waits_in_vain_looks_once_and_one_that_is_woken_looks_again() {
    let team = Team::new().await;
    let beat = WorkerHeartbeat {
        boot: System.uuid(),
        slots: 50,
        leases: vec![],
        handling: vec![],
        noting: vec![],
        pushing: vec![],
        trouble: None,
        without: Vec::new(),
        worktree_bytes: 0,
        standing: None,
        wait: Duration::from_millis(200),
    };
    let beats = || team.app.fleet.beat(team.worker, beat.clone());
    assert!(
        beats().await.expect("beaten").is_empty(),
        "the first one is news and is noted"
    );
    let looked = team.bed.store.transaction_count();
    assert!(beats().await.expect("beaten").is_empty());
    let in_vain = team.bed.store.transaction_count() - looked;
    assert_eq!(in_vain, 2, "who it is, and what it holds");
    let wake = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        team.app.wakeups().worker(team.worker);
    };
    let (beaten, ()) = tokio::join!(beats(), wake);
    assert!(beaten.expect("beaten").is_empty());
    assert_eq!(team.bed.store.transaction_count() - looked - in_vain, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_claim_is_handed_its_order_at_once_unless_its_caller_hung_up() {
    let team = Team::new().await;
    let claim = || {
        let (app, worker) = (team.app.clone(), team.worker);
        tokio::spawn(async move {
            app.fleet
                .claim(
                    vine_domain::schedule::ClaimRequest::of(worker, 1),
                    Duration::from_secs(30),
                )
                .await
        })
    };
    let hung_up = claim();
    tokio::time::sleep(Duration::from_millis(50)).await;
    hung_up.abort();
    let waiting = claim();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let task = team.bed.task().await;
    team.app.wakeups().work();
    let claimed = tokio::time::timeout(Duration::from_secs(2), waiting)
        .await
        .expect("handed over")
        .expect("ran")
        .expect("claimed");
    assert_eq!(
        (claimed[0].attempt.task, claimed[0].attempt.epoch.0),
        (task, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_one_worker_that_wait_together_get_no_more_than_each_asked_for() {
    let team = Team::new().await;
    let claims: Vec<_> = (0..3)
        .map(|_| {
            let (app, worker) = (team.app.clone(), team.worker);
            tokio::spawn(async move {
                app.fleet
                    .claim(
                        vine_domain::schedule::ClaimRequest::of(worker, 1),
                        Duration::from_secs(10),
                    )
                    .await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut made = vec![
        team.bed.task().await,
        team.bed.task().await,
        team.bed.task().await,
    ];
    team.app.wakeups().work();
    let mut given = Vec::new();
    for claim in claims {
        let claimed = claim.await.expect("ran").expect("claimed");
        assert_eq!(claimed.len(), 1);
        given.push(claimed[0].attempt.task);
    }
    made.sort();
    given.sort();
    assert_eq!(given, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_messages_answers_with_the_first_and_keeps_the_rest_as_notes_in_order() {
    let team = Team::new().await;
    let (attempt, question) = team.asked().await;
    let ann = User {
        id: UserId(System.uuid()),
        name: "Ann".into(),
        role: Some(Role::Answerer),
        repos: [].into(),
    };
    let subject = ann.id.to_string();
    team.bed
        .store
        .save_user(&ann, &[("vine", &subject)])
        .await
        .expect("stored");
    let said = |number: u32| Inbound {
        event: format!("e-{number}"),
        platform: "console".into(),
        author: subject.clone(),
        spot: Location::Ours {
            task: Some(attempt.task),
            question: None,
        },
        text: format!("words {number}"),
        act: InboundKind::Said,
        said: None,
        left_out: None,
        private: false,
        direct: false,
    };
    for number in [1, 2, 3, 2, 1] {
        let heard = team.inbox.hear(said(number)).await.expect("stored");
        assert!(heard.is_none_or(|reply| reply.is_ok()), "{number}");
    }
    let answered = team.app.questions.get(question).await.expect("read");
    assert_eq!(
        answered.answer().map(|answer| answer.decision.headline()),
        Some("words 1".into())
    );
    let notes = team.bed.store.notes_of(attempt.task).await.expect("read");
    let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        texts,
        ["words 2", "words 3"],
        "each once, in order, and none is lost"
    );
}

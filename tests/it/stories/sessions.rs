//! Sessions that are worth keeping: used for the next task, ended by policy, found again or done
//! without.

use std::time::Duration;

use serde_json::Value;
use vine_app::fleet::CompletedAttempt;
use vine_domain::{Lane, Session, SessionPolicy, SessionState};

use crate::{
    app::races::Team,
    harness::{Agent, PATIENCE, Place, Sections, git, until},
    store::one_write::OneWrite as _,
};

const HOUR: Duration = Duration::from_secs(3600);

async fn metrics(place: &Place) -> String {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(format!("{}/metrics", place.client().base()))
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_the_next_task_of_a_repository_is_begun_in_the_warm_session_in_a_worktree_of_its_own()
 {
    let mut place = Place::new(Agent::Claude).await;
    let _daemon = place.daemon().await;
    let first = place
        .task(
            "First",
            "Look around, says the first.\nMODEL: slow 1\nMODEL: finish First.",
        )
        .await;
    let second = place
        .task(
            "Second",
            "MODEL: bash pwd > where.txt\nMODEL: finish Second.",
        )
        .await;
    let _worker = place.worker("w-1", 1).await;
    let (question, asked) = place.question(&second).await;
    let done = place.show(&first).await;
    let done_first = done.clone();
    assert_ne!(
        asked["session"], done["session"],
        "the second task is in a copy of the first one's session"
    );
    place.answer(&second, &question, "yes").await;
    let done = place.wait(&second, "done").await;
    assert_eq!(done["attempts"].as_array().map(Vec::len), Some(1));
    let seen = place.model.seen();
    let last = seen.last().expect("a request");
    assert!(
        last.conversation.contains("says the first"),
        "it remembers: {}",
        last.conversation
    );
    let place_of = git(
        &place.repo,
        &[
            "show",
            &format!("{}:where.txt", place.branch(&second).await),
        ],
    );
    assert!(
        place_of.ends_with(&format!("/worktrees/site/{second}")),
        "it works in its own worktree: {place_of}"
    );

    let listed = place.say("session list --all").await;
    let session = listed
        .as_array()
        .expect("sessions")
        .iter()
        .find(|one| one["id"] == asked["session"])
        .expect("it is listed")
        .clone();
    let first_session = &listed
        .as_array()
        .expect("sessions")
        .iter()
        .find(|one| one["id"] == done_first["session"]);
    let first_session = first_session.expect("it is listed, too");
    for (session, reused) in [(&session, 0), (first_session, 1)] {
        assert_eq!(
            (&session["state"], &session["reason"], &session["reused"]),
            (&"ended".into(), &"completed".into(), &reused.into()),
            "{session:#}"
        );
    }
    assert!(
        session["context_percent"]
            .as_u64()
            .is_some_and(|percent| percent <= 100),
        "{session:#}"
    );
    let text = metrics(&place).await;
    for line in [
        "vine_sessions_reused_total 1",
        "vine_sessions{state=\"active\"} 0",
        "vine_sessions_ended_total{reason=\"completed\"} 2",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_with_reuse_off_or_nothing_similar_queued_each_task_has_a_session_of_its_own() {
    let mut place = Place::with_sections(
        Agent::Claude,
        Sections {
            sessions: "reuse = false\n",
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let tasks = [
        place.task("First", "MODEL: finish First.").await,
        place.task("Second", "MODEL: finish Second.").await,
    ];
    let _worker = place.worker("w-1", 1).await;
    let mut sessions = Vec::new();
    for task in &tasks {
        sessions.push(place.wait(task, "done").await["session"].clone());
    }
    assert_ne!(sessions[0], sessions[1]);
}

/// Seconds from the claim of each task but the first to its first request at the model.
async fn starts(sessions: &str) -> Vec<f64> {
    let mut place = Place::with_sections(
        Agent::Claude,
        Sections {
            sessions,
            ..Sections::default()
        },
    )
    .await;
    let _daemon = place.daemon().await;
    let mut tasks = Vec::new();
    for number in 0..6 {
        tasks.push(
            place
                .task(
                    "Measure",
                    &format!("This is number {number}.\nMODEL: finish Done."),
                )
                .await,
        );
    }
    let _worker = place.worker("w-1", 1).await;
    let mut spans = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let done = place.wait(task, "done").await;
        let claimed: vine_domain::Timestamp =
            serde_json::from_value(done["attempts"][0]["started_at"].clone()).expect("a time");
        let seen = place.model.seen();
        let first = seen
            .iter()
            .find(|one| one.heard.contains(&format!("number {number}.")))
            .expect("it was asked");
        spans.push(first.at.since(claimed).as_secs_f64());
    }
    spans.split_off(1)
}

fn median(spans: &mut [f64]) -> f64 {
    spans.sort_by(f64::total_cmp);
    spans[spans.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_a_warm_session_starts_about_as_fast_as_a_fresh_one() {
    let (mut fresh, mut warm) = (starts("reuse = false\n").await, starts("").await);
    let (fresh_median, warm_median) = (median(&mut fresh), median(&mut warm));
    eprintln!(
        "claim to first model request: fresh {fresh_median:.2} s {fresh:.2?}, warm \
         {warm_median:.2} s {warm:.2?}"
    );
    assert!(
        warm_median < 2.0 * fresh_median + 1.0,
        "resuming is not what a task waits for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_when_the_worker_with_the_session_stays_away_another_starts_afresh_and_says_so() {
    let sections = Sections {
        sessions: "affinity_seconds = 1\n",
        worker: "hold_seconds = 1\n",
        ..Sections::default()
    };
    let mut place = Place::with_sections(Agent::Claude, sections).await;
    let _daemon = place.daemon().await;
    let away = place.worker("w-1", 1).await;
    let prompt = "Paint the door.\nMODEL: say I looked at the door.\nMODEL: ask Which colour? | \
     Red | Blue\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    let (question, asked) = place.question(&task).await;
    place
        .wait_for(PATIENCE, &task, "it is parked", |shown| {
            shown["parked"] == true
        })
        .await;
    away.kill();
    place.answer(&task, &question, "Blue").await;
    let why = place.say(&format!("task explain {task}")).await["explanation"]
        .as_str()
        .expect("words")
        .to_owned();
    assert!(
        why.contains("waiting for a slot on w-1, which holds its session"),
        "{why}"
    );
    let _other = place.worker("w-2", 1).await;
    let (again, fresh) = place.question(&task).await;
    assert_ne!(fresh["session"], asked["session"]);
    let listed = place.say("session list --all").await;
    let old = listed
        .as_array()
        .expect("sessions")
        .iter()
        .find(|one| one["id"] == asked["session"])
        .expect("listed")
        .clone();
    assert_eq!(
        (&old["state"], &old["reason"]),
        (&"ended".into(), &"lost".into()),
        "a task has one session at a time"
    );
    let thread = place.thread(&task).await;
    assert!(
        thread.contains("The session that asked is gone or belongs to another worker"),
        "{thread}"
    );
    let heard = place
        .model
        .seen()
        .last()
        .expect("a request")
        .conversation
        .clone();
    assert!(
        heard.contains("You asked: Which colour?\nadmin answered: Blue"),
        "{heard}"
    );
    assert!(heard.contains("you said: I looked at the door."), "{heard}");
    place.answer(&task, &again, "Blue").await;
    place.wait(&task, "done").await;
}

fn session_of(task: vine_domain::TaskId, team: &Team) -> Session {
    use vine_domain::Clock;
    let now = team.bed.clock.now();
    let id = vine_domain::SessionId(vine_domain::clock::Ids::uuid(&vine_domain::clock::System));
    let (worktree, agent) = ("/w".into(), "claude test".into());
    Session {
        id,
        task,
        worker: team.worker,
        worktree,
        agent,
        state: SessionState::Active,
        started: now,
        active: now,
        context: None,
        kept: false,
        reused: 0,
    }
}

/// A task that is done, with its session, while `queued` similar ones wait.
async fn done_with(team: &Team, queued: u32, context: u8) -> Session {
    let task = team.bed.task().await;
    for _ in 0..queued {
        team.bed.task().await;
    }
    let attempt = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(team.worker, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed")[0]
        .attempt;
    assert_eq!(attempt.task, task);
    let session = session_of(task, team);
    team.app
        .fleet
        .map_session(
            team.worker,
            attempt,
            session.id,
            "/w".into(),
            "claude test".into(),
        )
        .await
        .expect("mapped");
    team.app
        .fleet
        .session_beat(team.worker, attempt, session.id, Some(context))
        .await
        .expect("alive");
    team.app
        .fleet
        .complete(
            team.worker,
            CompletedAttempt::new(attempt, vine_domain::task::Report::default()),
            0,
        )
        .await
        .expect("done");
    team.app.fleet.session(session.id).await.expect("read")
}

async fn state(team: &Team, session: &Session) -> String {
    team.bed
        .store
        .sweep_sessions(&SessionPolicy::default())
        .await
        .expect("swept");
    match team
        .app
        .fleet
        .session(session.id)
        .await
        .expect("read")
        .state
    {
        SessionState::Ended { reason, .. } => reason,
        other => other.as_str().into(),
    }
}

#[tokio::test]
async fn each_policy_ends_a_session_with_its_own_reason_and_keep_overrules_them() {
    let team = Team::new().await;
    let alone = done_with(&team, 0, 10).await;
    assert_eq!(
        state(&team, &alone).await,
        "completed",
        "nothing similar was queued"
    );

    let team = Team::new().await;
    let full = done_with(&team, 1, 61).await;
    assert_eq!(
        state(&team, &full).await,
        "completed",
        "too full to be used again"
    );

    let team = Team::new().await;
    let warm = done_with(&team, 1, 60).await;
    assert_eq!(state(&team, &warm).await, "warm");
    team.bed.clock.pass(HOUR / 2 - Duration::from_secs(1));
    assert_eq!(state(&team, &warm).await, "warm");
    team.bed.clock.pass(Duration::from_secs(1));
    assert_eq!(state(&team, &warm).await, "idle");

    let team = Team::new().await;
    let kept = done_with(&team, 1, 10).await;
    let admin = crate::app::races::person("Ann", Some(vine_domain::Role::Operator));
    team.app
        .fleet
        .order_session(&admin, kept.id, false)
        .await
        .expect("kept");
    team.bed.clock.pass(HOUR * 100);
    assert_eq!(state(&team, &kept).await, "warm", "no policy ends it");
    team.app
        .fleet
        .order_session(&admin, kept.id, true)
        .await
        .expect("ended");
    assert_eq!(state(&team, &kept).await, "command");

    let team = Team::new().await;
    let orphan = done_with(&team, 1, 10).await;
    team.bed
        .store
        .remove_worker(team.worker)
        .await
        .expect("removed");
    assert_eq!(state(&team, &orphan).await, "lost");
}

#[tokio::test]
async fn new_work_goes_to_the_worker_with_the_warm_session_but_never_across_lanes() {
    let team = Team::new().await;
    let roomy = team.bed.worker("roomy").await;
    let warm = done_with(&team, 1, 10).await;
    let urgent = team.bed.task_in("shop", Lane::High).await;
    let want = vine_domain::schedule::ClaimRequest::of;
    let claimed = team
        .bed
        .store
        .claim(&[want(roomy, 1), want(team.worker, 1)])
        .await
        .expect("claimed");
    let got: Vec<_> = claimed
        .iter()
        .map(|one| {
            (
                one.worker,
                one.assignment.attempt.task,
                one.assignment.resume,
                one.assignment.unheard,
            )
        })
        .collect();
    let similar = vine_domain::TaskId(warm.task.0 + 1);
    assert_eq!(
        got.iter().find(|one| one.1 == similar),
        Some(&(team.worker, similar, Some(warm.id), true)),
        "{got:?}"
    );
    assert_eq!(
        got.iter().find(|one| one.1 == urgent),
        Some(&(roomy, urgent, None, false)),
        "{got:?}"
    );
    assert_eq!(
        team.app.fleet.session(warm.id).await.expect("read").task,
        warm.task,
        "the session stays with its own task"
    );
    let copies = claimed.iter().map(|one| one.assignment.fork);
    assert_eq!(copies.filter(|copy| *copy).count(), 1);

    let team = Team::new().await;
    let warm = done_with(&team, 1, 10).await;
    let urgent = team.bed.task_in("shop", Lane::High).await;
    let claimed = team
        .bed
        .store
        .claim(&[want(team.worker, 1)])
        .await
        .expect("claimed");
    assert_eq!(
        (
            claimed[0].assignment.attempt.task,
            claimed[0].assignment.resume
        ),
        (urgent, None),
        "the urgent one first, warm session or not"
    );
    assert_eq!(
        team.app.fleet.session(warm.id).await.expect("read").state,
        SessionState::Warm
    );
}

#[tokio::test]
async fn a_task_that_was_begun_before_is_not_put_into_the_session_of_another() {
    let team = Team::new().await;
    let other = team.bed.worker("other").await;
    let warm = done_with(&team, 1, 10).await;
    let attempt = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(other, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed")[0]
        .attempt;
    team.app
        .fleet
        .give_up(
            attempt,
            vine_domain::lifecycle::Event::Released { by: other, attempt },
        )
        .await
        .expect("handed back");
    let again = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(team.worker, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed");
    assert_eq!(
        (again[0].attempt.task, again[0].resume, again[0].unheard),
        (attempt.task, None, false)
    );
    assert_eq!(
        team.app.fleet.session(warm.id).await.expect("read").state,
        SessionState::Warm
    );
}

#[tokio::test]
async fn a_session_that_was_cut_off_before_it_heard_of_its_task_is_told_again() {
    let team = Team::new().await;
    let warm = done_with(&team, 1, 10).await;
    let mut own = None;
    for copies in [true, false] {
        let claimed = team
            .app
            .fleet
            .claim(
                vine_domain::schedule::ClaimRequest::of(team.worker, 1),
                Duration::ZERO,
            )
            .await
            .expect("claimed");
        assert_eq!(
            (claimed[0].resume, claimed[0].unheard, claimed[0].fork),
            (own.or(Some(warm.id)), true, copies)
        );
        let attempt = claimed[0].attempt;
        let copy = *own.get_or_insert_with(|| session_of(attempt.task, &team).id);
        let mapped = team.app.fleet.map_session(
            team.worker,
            attempt,
            copy,
            "/w".into(),
            "claude test".into(),
        );
        mapped.await.expect("mapped");
        let released = vine_domain::lifecycle::Event::Released {
            by: team.worker,
            attempt,
        };
        team.app
            .fleet
            .give_up(attempt, released)
            .await
            .expect("handed back before the agent said anything");
    }
    let attempt = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(team.worker, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed")[0]
        .attempt;
    team.app
        .fleet
        .session_beat(team.worker, attempt, own.expect("a copy"), None)
        .await
        .expect("it speaks");
    team.app
        .fleet
        .give_up(
            attempt,
            vine_domain::lifecycle::Event::Released {
                by: team.worker,
                attempt,
            },
        )
        .await
        .expect("handed back");
    let claimed = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(team.worker, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed");
    assert_eq!((claimed[0].resume, claimed[0].unheard), (own, false));
}

#[tokio::test]
async fn a_session_whose_mapping_disagrees_with_a_heartbeat_is_corrected_and_the_audit_says_so() {
    let team = Team::new().await;
    let (attempt, _) = team.asked().await;
    let session = session_of(attempt.task, &team);
    team.app
        .fleet
        .map_session(
            team.worker,
            attempt,
            session.id,
            "/w".into(),
            "claude test".into(),
        )
        .await
        .expect("mapped");
    team.bed
        .store
        .end_session(session.id, "command")
        .await
        .expect("ended");
    team.app
        .fleet
        .session_beat(team.worker, attempt, session.id, None)
        .await
        .expect("what the worker does is true");
    assert_eq!(
        team.app
            .fleet
            .session(session.id)
            .await
            .expect("read")
            .state,
        SessionState::Active
    );
    let audit = team.bed.store.audit_lines(10).await.expect("read");
    assert!(
        audit
            .iter()
            .any(|(_, line)| line.verb == "correct"
                && line.subject == format!("session {}", session.id)),
        "{audit:#?}"
    );
    let stranger = team.bed.worker("other").await;
    let refused = team
        .app
        .fleet
        .session_beat(stranger, attempt, session.id, None)
        .await;
    assert!(refused.is_err(), "another worker corrects nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worktree_that_nobody_needs_any_more_is_taken_away_and_its_work_is_kept() {
    let mut place = Place::new(Agent::Script("echo half > half.txt; vine ask 'Go on?'")).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let (gone, kept) = (place.task("Gone", "x").await, place.task("Kept", "x").await);
    place.question(&gone).await;
    worker.kill();
    place.say(&format!("task cancel {gone}")).await;
    let folder = |task: &str| {
        place
            .folder
            .path()
            .join(format!("w-1/worktrees/site/{task}"))
    };
    assert!(
        folder(&gone).exists(),
        "its worker was dead when the task was cancelled"
    );
    std::fs::create_dir_all(place.folder.path().join("w-1/worktrees/site/not-ours")).expect("made");
    let _worker = place.worker("w-1", 1).await;
    until(PATIENCE, "the orphan is gone", || {
        (!folder(&gone).exists()).then_some(())
    })
    .await;
    // What was not committed is kept, and can be had.
    place
        .told(&gone, &format!("`task push {gone}` pushes it"))
        .await;
    place.say(&format!("task push {gone}")).await;
    place.told(&gone, "`git fetch origin refs/vine").await;
    let half = format!("refs/vine/{gone}:half.txt");
    assert_eq!(git(&place.repo, &["show", &half]), "half");
    place.question(&kept).await;
    assert!(
        folder(&kept).exists()
            && place
                .folder
                .path()
                .join("w-1/worktrees/site/not-ours")
                .exists(),
        "nothing else is touched"
    );
    let shown: Value = place.show(&kept).await;
    assert_eq!(shown["state"], "waiting");
}

#[tokio::test]
async fn an_answered_task_is_kept_for_a_worker_that_is_busy_and_not_for_one_that_is_gone() {
    use vine_domain::lifecycle::Event;
    let team = Team::new().await;
    let other = team.bed.worker("other").await;
    let (attempt, question) = team.asked().await;
    let session = session_of(attempt.task, &team);
    team.app
        .fleet
        .map_session(
            team.worker,
            attempt,
            session.id,
            "/w".into(),
            "claude test".into(),
        )
        .await
        .expect("mapped");
    team.app
        .fleet
        .give_up(
            attempt,
            Event::Parked {
                by: team.worker,
                attempt,
            },
        )
        .await
        .expect("parked");
    let ann = crate::app::races::person("Ann", Some(vine_domain::Role::Answerer));
    team.app
        .questions
        .answer(&ann, question, "blue", uuid::Uuid::from_u128(3))
        .await
        .expect("answered");
    let seen = async || {
        let worker = team
            .bed
            .store
            .worker(team.worker)
            .await
            .expect("read")
            .expect("there");
        team.bed
            .store
            .save_worker(&vine_domain::Worker {
                seen: vine_domain::Clock::now(&*team.bed.clock),
                ..worker
            })
            .await
            .expect("stored");
    };
    for _ in 0..3 {
        team.bed.clock.pass(HOUR);
        seen().await;
        assert!(
            team.bed.claim(other, 1).await.is_empty(),
            "its worker is there, only busy"
        );
    }
    team.bed.clock.pass(SessionPolicy::default().affinity);
    assert_eq!(
        team.bed.claim(other, 1).await.len(),
        1,
        "its worker is gone"
    );
}

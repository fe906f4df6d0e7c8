//! Orders that are reserved for the worker with their session.

use vine_domain::{
    Clock as _, Lane, Repo, Session, SessionId, SessionState, Slug, WorkerId,
    attempt::Attempt,
    clock::{Ids, System},
    lifecycle::Event,
    repo::Source,
    task::Report,
    worker::WorkerLimits,
};

use crate::store::contract::Bed;

/// A worker of `bed` that has a session with a task of this repository, which now continues.
async fn continued_in(bed: &Bed, repo: &str) -> WorkerId {
    let name = Slug::from_text(repo);
    let source = Source::try_from(format!("/srv/{repo}")).expect("a path");
    let repo = Repo::new(name, source, "main".parse().expect("a branch"));
    bed.store.save_repo(&repo).await.expect("stored");
    let task = bed.task_in(repo.name.as_str(), Lane::Default).await;
    let worker = bed.worker("w").await;
    let attempt: Attempt = bed.claim(worker, 1).await[0];
    let session = Session {
        id: SessionId(System.uuid()),
        task,
        worker,
        worktree: "/w".into(),
        agent: "claude 1".into(),
        state: SessionState::Active,
        started: bed.clock.now(),
        active: bed.clock.now(),
        context: None,
        kept: false,
        reused: 0,
    };
    bed.store
        .map_session(&session, attempt)
        .await
        .expect("mapped");
    let finished = Event::Finished {
        by: worker,
        attempt,
        report: Report::default(),
    };
    bed.step(task, finished).await.expect("finished");
    let continued = Event::Continued {
        key: System.uuid(),
        author: "Ann".into(),
        text: "And the door".into(),
    };
    bed.step(task, continued).await.expect("continued");
    worker
}

#[tokio::test]
async fn an_order_waits_for_the_worker_with_its_session_unless_that_may_not_take_it() {
    let only = |repo: &str| WorkerLimits {
        slots: None,
        repos: Some(vec![Slug::from_text(repo)]),
    };
    let bed = Bed::new().await;
    let holder = continued_in(&bed, "my_app").await;
    let other = bed.worker("other").await;
    assert!(bed.claim(other, 1).await.is_empty(), "it is reserved");
    // An underscore is not just any character.
    bed.store
        .set_limits(holder, &only("my-app"))
        .await
        .expect("set");
    assert_eq!(bed.claim(other, 1).await.len(), 1);

    let bed = Bed::new().await;
    let holder = continued_in(&bed, "my_app").await;
    let other = bed.worker("other").await;
    bed.store
        .set_limits(holder, &only("my_app"))
        .await
        .expect("set");
    assert!(bed.claim(other, 1).await.is_empty(), "it is reserved");
    assert_eq!(bed.claim(holder, 1).await.len(), 1);
}

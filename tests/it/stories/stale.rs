//! A worker that stands still beyond its lease, then goes on: it changes nothing and stops its
//! agent by itself.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, agents, git, gone, hand_worker::HandWorker, until};

/// Says which attempt it is, waits for the gate, writes its attempt down.
const SCRIPT: &str = "echo attempt $VINE_ATTEMPT; while [ ! -f \"$PLACE/gate-$VINE_ATTEMPT\" ]; do sleep 0.1; done; \
                      echo \"attempt $VINE_ATTEMPT\" >> result.txt; echo finished attempt \
                      $VINE_ATTEMPT";
/// A lease of 60 s, the sweep, a pause of up to 5 s, and a busy machine.
const LEASE_AND_MORE: Duration = Duration::from_secs(110);

async fn running_agent(place: &Place, task: &str) -> Vec<i32> {
    place.wait(task, "running").await;
    until(PATIENCE, "the agent runs", || {
        Some(agents(place.folder.path())).filter(|agents| !agents.is_empty())
    })
    .await
}

fn open_gate(place: &Place, attempt: u32) {
    std::fs::write(place.folder.path().join(format!("gate-{attempt}")), "").expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stood_still_stops_its_own_agent_and_starts_over() {
    let mut place = Place::new(Agent::Script(SCRIPT)).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    let task = place.task("Work", "work").await;
    let old = running_agent(&place, &task).await;
    worker.signal(Signal::STOP);
    place
        .wait_for(LEASE_AND_MORE, &task, "the lease has ended", |shown| {
            shown["state"] == "queued"
        })
        .await;
    assert!(
        !agents(place.folder.path()).is_empty(),
        "the agent of the still worker is alive until then"
    );
    worker.signal(Signal::CONT);
    for agent in old {
        gone(agent, PATIENCE).await;
    }
    until(PATIENCE, "it says why", || {
        worker
            .output()
            .contains("stopped, the lease has ended")
            .then_some(())
    })
    .await;
    open_gate(&place, 1);
    open_gate(&place, 2);
    let done = place.wait(&task, "done").await;
    assert_eq!(
        (done["epoch"].as_u64(), done["report"]["summary"].as_str()),
        (Some(2), Some("finished attempt 2"))
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:result.txt", place.branch(&task).await)]
        ),
        "attempt 2",
        "attempt 1 wrote nothing"
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stood_still_changes_nothing_of_what_another_took_over() {
    let mut place = Place::new(Agent::Script(SCRIPT)).await;
    let _daemon = place.daemon().await;
    let still = place.worker("w-1", 1).await;
    let task = place.task("Work", "work").await;
    let old = running_agent(&place, &task).await;
    still.signal(Signal::STOP);
    let _other = place.worker("w-2", 1).await;
    place
        .wait_for(LEASE_AND_MORE, &task, "another attempt runs", |shown| {
            shown["state"] == "running" && shown["epoch"] == 2
        })
        .await;
    // On one machine the new owner makes sure that nobody else is at work.
    for agent in old {
        gone(agent, PATIENCE).await;
    }
    open_gate(&place, 2);
    let done = place.wait(&task, "done").await;
    let commit = git(&place.repo, &["rev-parse", &place.branch(&task).await]);

    still.signal(Signal::CONT);
    // By the daemon's answer to its beat or to its report, whichever comes first.
    until(PATIENCE, "the old attempt is given up", || {
        let said = still.output();
        let ways = [
            "stopped, the lease has ended",
            "the daemon refused the report",
        ];
        ways.iter().any(|way| said.contains(way)).then_some(())
    })
    .await;
    let after = place.show(&task).await;
    for what in ["state", "epoch", "report", "updated_at"] {
        assert_eq!(after[what], done[what], "{what}");
    }
    assert_eq!(
        git(&place.repo, &["rev-parse", &place.branch(&task).await]),
        commit
    );
    assert_eq!(
        git(
            &place.repo,
            &["show", &format!("{}:result.txt", place.branch(&task).await)]
        ),
        "attempt 2"
    );
    let outcomes: Vec<_> = after["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|one| one["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["lost", "done"]);
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_two_heartbeats_is_missed_as_soon_as_another() {
    let mut place = Place::new(Agent::Script("true")).await;
    let _daemon = place.daemon().await;
    for (waits, is_missed) in [(0.1, true), (0.0, false)] {
        let task = place.task("Work", "work").await;
        let worker = HandWorker::claims(&place, 1).await;
        worker.beats(waits).await;
        // Its connection is idle now. It ends with its process.
        drop(worker);
        if is_missed {
            let is_queued = |shown: &Value| shown["state"] == "queued";
            place
                .wait_for(PATIENCE / 3, &task, "it was missed", is_queued)
                .await;
            place.say(&format!("task cancel {task}")).await;
            place.say("worker remove by-hand").await;
        } else {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let state = place.show(&task).await["state"].clone();
            assert_eq!(state, "running", "it never kept a heartbeat open");
        }
    }
}

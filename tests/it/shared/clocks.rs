//! Clocks that are set, and a machine that stands still: what lives goes on, once.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Agent, PATIENCE, Place, Process, Sections, agents, base::Base, faults::Faults, until,
};

/// Waits for the gate, then is done.
const SCRIPT: &str =
    "vine ask 'Go on?' >/dev/null; while [ ! -f \"$PLACE/gate\" ]; do sleep 0.1; done; echo done";
const WORKS: &str = "while [ ! -f \"$PLACE/gate\" ]; do sleep 0.1; done; echo done";
const HOUR: i64 = 3_600;
/// A lease of 60 s, and more.
const LEASE: Duration = Duration::from_secs(75);

/// A daemon and a worker of two slots, each with a clock of its own.
async fn place(script: &str) -> (Place, [Process; 2], [Faults; 2]) {
    let sections = Sections {
        questions: "remind_after_seconds = 1800\n",
        ..Sections::default()
    };
    let mut place = Place::with_sections(Agent::Script(script), sections).await;
    let clocks = ["daemon", "worker"].map(|name| Faults::new(place.folder.path(), name));
    place.env = clocks[0].env("");
    let daemon = place.daemon().await;
    place.env = clocks[1].env("");
    let worker = place.worker("w-1", 2).await;
    place.env.clear();
    (place, [worker, daemon], clocks)
}

/// Opens the gate, and sees that every task was done by its first attempt.
async fn assert_went_on(place: &Place, tasks: &[String]) {
    std::fs::write(place.folder.path().join("gate"), "").expect("written");
    for task in tasks {
        let done = place.wait(task, "done").await;
        assert_eq!(
            done["epoch"], 1,
            "{task}: nothing was lost, nothing done twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_set_end_no_lease() {
    let (place, [worker, daemon], [daemons, workers]) = place(WORKS).await;
    let tasks = [place.task("One", "x").await, place.task("Two", "x").await];
    for task in &tasks {
        place.wait(task, "running").await;
    }
    for (clock, hours) in [
        (&daemons, 1),
        (&daemons, 0),
        (&daemons, -1),
        (&workers, 1),
        (&workers, -1),
    ] {
        clock.set_clock(hours * HOUR);
        tokio::time::sleep(Duration::from_secs(4)).await;
        for task in &tasks {
            assert_eq!(place.show(task).await["state"], "running", "{hours} h");
        }
    }
    // Another one is begun, fails, and comes back after its pause, whatever the clock says.
    assert_went_on(&place, &tasks).await;
    let after = place.task("After", "x").await;
    place.wait(&after, "done").await;
    drop((worker, daemon));
}

#[tokio::test(flavor = "multi_thread")]
async fn reminders_go_by_the_clock_on_the_wall_and_come_once() {
    let (place, _processes, [daemons, _]) = place(SCRIPT).await;
    let task = place.task("Ask", "x").await;
    let (question, _) = place.question(&task).await;
    daemons.set_clock(HOUR);
    // PostgreSQL's clock is the wall's; a daemon's own decides nothing there.
    let once = matches!(place.base, Base::Sqlite(_));
    if once {
        place.told(&task, "Still waiting").await;
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    daemons.set_clock(0);
    tokio::time::sleep(Duration::from_secs(4)).await;
    daemons.set_clock(HOUR);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let thread = place.thread(&task).await;
    assert_eq!(
        thread.matches("Still waiting").count(),
        usize::from(once),
        "{thread}"
    );
    place.answer(&task, &question, "Yes").await;
    assert_went_on(&place, &[task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stood_still_for_a_lease_goes_on_where_it_was() {
    let (place, [worker, daemon], _clocks) = place(WORKS).await;
    let task = place.task("Long", "x").await;
    place.wait(&task, "running").await;
    let own = until(PATIENCE, "the agent runs", || {
        Some(agents(place.folder.path())).filter(|agents| !agents.is_empty())
    })
    .await;
    let all = || {
        let processes = [&worker, &daemon].map(|one| i32::try_from(one.pid()).expect("a pid"));
        own.iter().copied().chain(processes)
    };
    all().for_each(|pid| crate::harness::signal(pid, Signal::STOP));
    tokio::time::sleep(LEASE).await;
    all().for_each(|pid| crate::harness::signal(pid, Signal::CONT));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let shown = place.show(&task).await;
    assert_eq!(
        (&shown["state"], &shown["epoch"]),
        (&"running".into(), &1.into()),
        "{shown}"
    );
    assert_went_on(&place, &[task]).await;
}

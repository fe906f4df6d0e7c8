//! Several daemons on one database: nobody notices which one they talk to, or that one is gone.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use vine_api::GiveAnswer;

use crate::harness::{
    Agent, PATIENCE, Place,
    balancer::Balancer,
    channel::Channel,
    double::messages,
    replica::{Replica, replica},
    until,
};

pub const ASKS: &str = "answer=$(vine ask 'Which?'); echo \"it is $answer\"";
/// What hints bring is there long before the clocks of the loops would bring it.
const MOMENT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn replicas_hand_out_work_and_answers_that_came_to_another_within_moments() {
    let mut place = Place::new(Agent::Script(ASKS)).await;
    let _first = place.daemon().await;
    let second = replica(&place, "second").await;
    // The worker talks to the first daemon, people to the second.
    let _worker = place.worker("w-1", 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    asked_and_answered(&place, &second, 1).await;
    assert!(place.log("T-1").await.contains("it is Blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_whose_listening_connections_are_cut_hear_each_other_again() {
    let mut place = Place::new(Agent::Script(ASKS)).await;
    let _first = place.daemon().await;
    let second = replica(&place, "second").await;
    let _worker = place.worker("w-1", 1).await;
    let listeners =
        "FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'listen%'";
    let pids = || {
        place
            .base
            .sql(&format!("SELECT pid {listeners} ORDER BY pid"))
    };
    let before = until(PATIENCE, "both daemons listen", || {
        Some(pids()).filter(|pids| pids.len() == 2)
    })
    .await;
    place
        .base
        .sql(&format!("SELECT pg_terminate_backend(pid) {listeners}"));
    let anew = |pids: &Vec<String>| pids.len() == 2 && pids.iter().all(|pid| !before.contains(pid));
    until(PATIENCE, "both daemons listen again", || {
        Some(pids()).filter(anew)
    })
    .await;
    asked_and_answered(&place, &second, 1).await;
}

/// A task that is created, asks and is answered through `daemon`; its worker talks to another one.
pub async fn asked_and_answered(place: &Place, daemon: &Replica, number: u32) {
    let begun = Instant::now();
    let task = daemon.create("Ask").await;
    daemon.wait(&task, "waiting").await;
    let asked = begun.elapsed();
    let begun = Instant::now();
    let answer = GiveAnswer {
        form: None,
        text: "Blue".into(),
        key: None,
    };
    daemon
        .client
        .post::<_, Value>(&format!("/questions/Q-{number}/answer"), &answer)
        .await
        .expect("answered");
    place.wait(&task, "done").await;
    let answered = begun.elapsed();
    println!("asked within {asked:?}, went on within {answered:?}");
    assert!(
        asked < MOMENT && answered < MOMENT,
        "{asked:?}, {answered:?}: by hints, not by the clock"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_an_adapter_over_when_its_daemon_is_killed_or_stopped() {
    let mut channel = Channel::new(Agent::Script(ASKS)).await;
    let (b, c) = (
        replica(&channel.place, "b").await,
        replica(&channel.place, "c").await,
    );
    let begun = Instant::now();
    while !b.say("status").await["adapters"]
        .to_string()
        .contains("\"state\":\"ok\"")
    {
        assert!(
            begun.elapsed() < PATIENCE,
            "who does not run the adapter knows how it is"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let begun = Instant::now();
    channel.kill_daemon();
    b.create("After the kill").await;
    channel.hears("After the kill").await;
    let killed = begun.elapsed();
    println!("taken over {killed:?} after the daemon was killed");
    assert!(killed < Duration::from_secs(5), "{killed:?}");

    let begun = Instant::now();
    assert_eq!(b.process.stop().await, Some(0));
    c.create("After the stop").await;
    channel.hears("After the stop").await;
    let stopped = begun.elapsed();
    println!("taken over {stopped:?} after the other one was asked to stop");
    assert!(stopped < Duration::from_secs(5), "{stopped:?}");
    // What people say is heard by whoever has the adapter now.
    channel.say("U0ANN", "@vine status", None).await;
    channel.whispers("U0ANN", "open questions").await;
    assert_said_once(&channel).await;
}

/// Every message of ours stands where it stands only once.
async fn assert_said_once(channel: &Channel) {
    let state = channel.slack.state().await;
    let mut said = HashSet::new();
    for message in messages(&state).filter(|message| !message["bot_id"].is_null()) {
        let what = (
            message["channel"].to_string(),
            message["thread_ts"].to_string(),
            message["text"].to_string(),
        );
        assert!(said.insert(what.clone()), "twice: {what:?}");
    }
    assert!(said.len() > 1, "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_an_adapter_over_from_one_that_stands_still_and_goes_on_later() {
    let mut channel = Channel::new(Agent::Script(ASKS)).await;
    let b = replica(&channel.place, "b").await;
    let still = channel.processes.pop().expect("the daemon");
    for round in 1..=3 {
        still.signal(Signal::STOP);
        let meanwhile = format!("While it stands still {round}");
        b.create(&meanwhile).await;
        channel.hears(&meanwhile).await;
        still.signal(Signal::CONT);
        let later = format!("When it goes on {round}");
        b.create(&later).await;
        channel.hears(&later).await;
    }
    until(PATIENCE, "it lets go", || {
        still.output().contains("no longer leading").then_some(())
    })
    .await;
    // Whatever it still had in hand would be posted by now.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_said_once(&channel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_restarted_one_after_the_other_without_a_failed_request() {
    let place = Place::new(Agent::Script("echo done")).await;
    let balancer = Balancer::start().await;
    let mut replicas = Vec::new();
    for name in ["a", "b", "c"] {
        let one = replica(&place, name).await;
        balancer.add(one.client.base());
        replicas.push(one);
    }
    balancer.ready(3).await;
    replicas[0].add_repo(&place).await;
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            // A token is good at every daemon.
            let (client, over) = (replicas[0].client_at(&balancer.url), Arc::clone(&over));
            tokio::spawn(async move {
                let mut created = 0;
                while !over.load(Ordering::Relaxed) {
                    client
                        .post::<_, Value>("/tasks", &json!({ "title": "One of many" }))
                        .await
                        .expect("no request fails");
                    client
                        .get::<Value>("/queue/status")
                        .await
                        .expect("no request fails");
                    created += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                created
            })
        })
        .collect();
    for name in ["a", "b", "c"] {
        let one = replicas.remove(0);
        assert_eq!(one.process.stop().await, Some(0), "{name}");
        let again = replica(&place, name).await;
        balancer.add(again.client.base());
        replicas.push(again);
        balancer.ready(3).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut created = 0;
    for caller in callers {
        created += caller.await.expect("no request failed");
    }
    let kept = place.base.sql("SELECT count(*) FROM tasks");
    assert_eq!(kept, [created.to_string()], "each is there once");
    println!("{created} tasks were created while three daemons were restarted");
    assert!(created > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_do_not_take_a_worker_for_gone_that_talks_to_another() {
    let mut place = Place::new(Agent::Script(
        "while [ ! -e \"$PLACE/go\" ]; do sleep 0.1; done; echo done",
    ))
    .await;
    let balancer = Balancer::start().await;
    let first = place.daemon().await;
    balancer.add(place.client().base());
    balancer.ready(1).await;
    let _worker = place.worker_at(&balancer.url, "w-1", 1).await;
    let task = place.task("Long", "long").await;
    place.wait(&task, "running").await;
    // A second daemon comes, and the first one goes without a word: the worker's connection breaks
    // and goes to the other one.
    let second = replica(&place, "second").await;
    balancer.add(second.client.base());
    balancer.ready(2).await;
    first.kill();
    tokio::time::sleep(Duration::from_secs(6)).await;
    std::fs::write(place.folder.path().join("go"), "").expect("written");
    second.wait(&task, "done").await;
    assert_eq!(second.show(&task).await["epoch"], 1, "it was never lost");
}

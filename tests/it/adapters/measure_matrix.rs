//! How long a question takes to a person in Matrix, and the answer back. A measurement and no test:
//! `tests/bench/matrix` runs it.

use std::{fs, time::Duration};

use serde_json::Value;
use vine_domain::clock::{Clock, System};

use crate::harness::{Agent, room::Room};

const QUESTIONS: usize = 200;
const ASKS: &str = "number=0; while [ $number -lt 200 ]; do vine ask \"Go on, $number?\" >/dev/null; number=$((number+1)); done";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; tests/bench/matrix runs it"]
async fn measure_matrix() {
    let room = Room::new(Agent::Script(ASKS)).await;
    let fresh = resident(&room);
    let mut stream = room.ann.follow().await;
    let (task, root) = room.task("Measure", "ask").await;
    let (mut visible, mut sent) = (Vec::new(), Vec::new());
    while visible.len() < QUESTIONS {
        let asks = |event: &&Value| {
            event["content"]["body"].as_str().is_some_and(|body| {
                body.contains(&format!("Go on, {}?", visible.len())) && body.contains("(Q-")
            })
        };
        if !stream.next(&room.id).await.iter().any(|event| asks(&event)) {
            continue;
        }
        visible.push(now());
        // A person does not answer at once; the question's post is noted meanwhile.
        tokio::time::sleep(Duration::from_millis(100)).await;
        sent.push(now());
        room.ann.say_in(&room.id, &root, "yes").await;
    }
    room.place.wait(&task, "done").await;
    let rows = room
        .place
        .base
        .sql("SELECT asked_at, delivered_at FROM questions ORDER BY id");
    let number = |text: &str| {
        text.parse::<i64>()
            .unwrap_or_else(|_| panic!("{text} in {rows:?}"))
    };
    let times: Vec<_> = rows
        .iter()
        .filter_map(|row| row.split_once('\t'))
        .map(|(asked, delivered)| (number(asked), number(delivered)))
        .collect();
    let seen: Vec<i64> = times
        .iter()
        .zip(&visible)
        .map(|((asked, _), seen)| seen - asked)
        .collect();
    let received: Vec<i64> = times
        .iter()
        .zip(&sent)
        .map(|((_, delivered), sent)| delivered - sent)
        .collect();
    println!("question stored -> visible, ms: {}", spread(seen));
    println!(
        "reply sent -> received by the agent, ms: {}",
        spread(received)
    );
    println!(
        "daemon resident, MiB: {fresh} fresh, {} after {QUESTIONS} questions",
        resident(&room)
    );
}

/// Milliseconds since 1970, as the daemon counts.
fn now() -> i64 {
    System.now().0
}

fn spread(mut all: Vec<i64>) -> String {
    all.sort_unstable();
    let at = |percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)];
    format!(
        "p50 {}, p95 {}, p99 {}, max {} of {}",
        at(50),
        at(95),
        at(99),
        at(100),
        all.len()
    )
}

fn resident(room: &Room) -> u64 {
    let daemon = room.processes.last().expect("the daemon").pid();
    let status = fs::read_to_string(format!("/proc/{daemon}/status")).expect("it lives");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a line");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        / 1024
}

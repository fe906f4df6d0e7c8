//! What a place holds: a disk that was full for a moment, and any number of strangers.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::harness::{Agent, PATIENCE, Place, until, visitor::Browser};

/// So many connections, idle or slow.
const MANY: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_and_slow_connections_keep_nobody_out() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("as many files as there may be");
    let (place, _processes) = Place::new(Agent::Script("true")).await.at_work().await;
    // Its worker has come; one that enrols while connections are cut gives up and is started again.
    place.wait(&place.task("Before", "x").await, "done").await;
    let base = place.client().base().to_owned();
    let address = base.trim_start_matches("http://").to_owned();
    let mut strangers = Vec::new();
    for number in 0..MANY {
        let Ok(mut stranger) = TcpStream::connect(&address).await else {
            continue;
        };
        // Some say nothing, some half a head, some a head and half a body.
        let half: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET / HTTP/1.1\r\nHost: a\r\nX",
            _ => b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nname=",
        };
        let _closed_already = stranger.write_all(half).await;
        strangers.push(stranger);
    }
    assert!(strangers.len() > MANY / 2, "{}", strangers.len());
    let mut took = Vec::new();
    for _ in 0..20 {
        // A person who comes in anew each time, and one who is there already.
        let begun = Instant::now();
        let alive = Browser::client().get(format!("{base}/livez")).send().await;
        assert_eq!(alive.expect("an answer").status(), 200);
        place.say("status").await;
        took.push(begun.elapsed());
    }
    took.sort();
    let median = took[took.len() / 2];
    println!("a stranger's look and a command beside {MANY}: {median:?}");
    assert!(median < Duration::from_millis(100), "{took:?}");
    let task = place.task("Meanwhile", "x").await;
    place.wait(&task, "done").await;
    drop(strangers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_nothing_but_itself() {
    let mut place = Place::new(Agent::Script("true")).await;
    let (_daemon, disk) = place.daemon_on_small_disk(24).await;
    let _worker = place.worker("w-1", 1).await;
    place.wait(&place.task("Before", "x").await, "done").await;
    let ready = async || {
        let url = format!("{}/readyz", place.client().base());
        let answer = Browser::client().get(url).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(ready().await, 200);
    let ballast = disk.join("ballast");
    let mut file = fs::File::create(&ballast).expect("made");
    let mut room = 32 << 20;
    while room > 0 {
        // To the last byte.
        match std::io::Write::write(&mut file, &vec![0; room]) {
            Ok(0) | Err(_) => room /= 2,
            Ok(_) => {}
        }
    }
    let mut refused = 0;
    for number in 0..200 {
        let words = ["task", "new", "Meanwhile", "--prompt", &"x".repeat(20_000)];
        match place.client().run(&words.map(str::to_owned), "").await {
            Ok(_) => {}
            Err(error) => {
                assert!(error.to_string().contains("disk"), "{number}: {error}");
                refused += 1;
            }
        }
        if refused == 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "the disk is full");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ready().await, 503, "health does not look away");
    drop(file);
    fs::remove_file(&ballast).expect("there is room again");
    let since = Instant::now();
    place.wait(&place.task("After", "x").await, "done").await;
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ready().await, 200);
}

/// Processes below this one that have ended and that nobody has taken away.
fn zombies_below(pid: u32) -> usize {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(children).unwrap_or_default();
    let below = children
        .split_whitespace()
        .filter_map(|child| child.parse().ok());
    below
        .map(|child: u32| {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            let ended = stat
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('Z'));
            usize::from(ended) + zombies_below(child)
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn as_process_one_it_takes_away_orphans_and_passes_signals_on() {
    // Frees what it left behind from its supervisor, so that all of it is process 1's.
    let script = "for i in 1 2 3 4 5 6 7 8; do setsid sleep 1 & done; kill -9 $PPID; exec sleep 1";
    let mut place = Place::new(Agent::Script(script)).await;
    let _daemon = place.daemon().await;
    let worker = place.worker_as_process_one("w-1").await;
    let task = place.task("Orphans", "x").await;
    place
        .wait_for(PATIENCE, &task, "an attempt is over", |shown| {
            shown["attempts"][0]["outcome"].is_string()
        })
        .await;
    place.say(&format!("task cancel {task}")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(zombies_below(worker.pid()), 0);
    let first = fs::read_to_string(format!("/proc/{0}/task/{0}/children", worker.pid()));
    let first = first.expect("unshare's child").trim().parse().expect("one");
    crate::harness::signal(first, rustix::process::Signal::TERM);
    until(PATIENCE, "it ends by the signal that it was sent", || {
        (!fs::exists(format!("/proc/{first}")).unwrap_or(true)).then_some(())
    })
    .await;
    let status = place.say("worker list").await;
    assert_eq!(status[0]["state"], "OFFLINE", "it said goodbye");
}

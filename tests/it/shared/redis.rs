//! Whatever becomes of Redis costs moments and nothing else: PostgreSQL carries the hints
//! meanwhile, and people can see that.

use std::time::{Duration, Instant};

use crate::{
    harness::{Agent, PATIENCE, Place, replica::replica},
    shared::replicas::{ASKS, asked_and_answered},
};

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_emptied_filled_up_stopped_and_hang_and_nobody_waits_for_it() {
    let mut place = Place::new(Agent::Script(ASKS)).await;
    let _first = place.daemon().await;
    let second = replica(&place, "second").await;
    let _worker = place.worker("w-1", 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    asked_and_answered(&place, &second, 1).await;

    assert_eq!(place.base.redis().say(&["FLUSHALL"]), "OK");
    asked_and_answered(&place, &second, 2).await;

    place.base.redis().say(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(
        place.base.redis().say(&["SET", "a", "b"]).contains("OOM"),
        "it is full"
    );
    asked_and_answered(&place, &second, 3).await;

    place.base.redis().stop();
    asked_and_answered(&place, &second, 4).await;
    seen(&place, true).await;
    place.base.redis().again(&[]);
    seen(&place, false).await;
    asked_and_answered(&place, &second, 5).await;

    let port = place.base.redis().port();
    let hang = std::thread::spawn(move || {
        std::process::Command::new("redis-cli")
            .args(["-p", &port.to_string(), "DEBUG", "SLEEP", "8"])
            .output()
            .expect("redis-cli runs")
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    asked_and_answered(&place, &second, 6).await;
    seen(&place, true).await;
    assert!(hang.join().expect("slept").status.success());
    seen(&place, false).await;
    asked_and_answered(&place, &second, 7).await;
}

/// Waits until `status` tells of trouble with Redis, or of none. Something is to be told meanwhile,
/// else nobody would notice.
async fn seen(place: &Place, trouble: bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        place.say("queue pause").await;
        place.say("queue resume").await;
        let status = place.say("status").await;
        if status["hints"]
            .as_str()
            .is_some_and(|why| why.contains("Redis is not used"))
            == trouble
        {
            return;
        }
        assert!(
            Instant::now() < end,
            "trouble: {trouble}, not seen: {}",
            status["hints"]
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

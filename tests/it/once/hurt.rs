//! A store that is hurt in every way that it can report: meanwhile the place says so and accepts nothing that
//! it cannot keep, afterwards it goes on by itself.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::harness::{
    Agent, Place, Process,
    base::Base,
    faults::{DISK, Faults},
    pg_proxy::{Fault, Proxy},
    servers::Database,
    visitor::Browser,
};

/// How long each fault lasts.
const HURT: Duration = Duration::from_millis(2_500);
/// The issue's: service resumes within this.
const SOON: Duration = Duration::from_secs(5);

/// A place whose store can be hurt, and what was accepted so far.
struct Ward {
    place: Place,
    daemon: Process,
    accepted: Vec<String>,
}

impl Ward {
    async fn new(mut place: Place) -> Self {
        let daemon = place.daemon().await;
        place.env.clear();
        Self {
            place,
            daemon,
            accepted: Vec::new(),
        }
    }

    async fn is_ready(&self) -> bool {
        let url = format!("{}/readyz", self.place.client().base());
        let answer = Browser::client()
            .get(url)
            .timeout(Duration::from_secs(25))
            .send();
        answer.await.is_ok_and(|answer| answer.status() == 200)
    }

    async fn creates(&mut self) -> bool {
        let words = ["task", "new", "Kept", "--prompt", "x"].map(str::to_owned);
        match self.place.client().run(&words, "").await {
            Ok(reply) => {
                let id = reply.data["id"].as_str().expect("an id");
                self.accepted.push(id.to_owned());
                true
            }
            Err(_) => false,
        }
    }

    /// Works on while something is wrong. Whenever something is refused, the place is to say at some time that it
    /// is not ready.
    async fn while_hurt(&mut self, what: &str) {
        let (begun, mut said, mut refused) = (Instant::now(), false, false);
        while begun.elapsed() < HURT {
            refused |= !self.creates().await;
            said |= !self.is_ready().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(said || !refused, "{what}: health looked away");
    }

    /// Waits until a task is done, whatever goes wrong with looking.
    async fn done(&self, id: &str) -> Value {
        let begun = Instant::now();
        loop {
            if let Ok(shown) = self.place.try_say(&format!("task show {id}")).await
                && shown["state"] == "done"
            {
                return shown;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{id} is not done"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sees that service resumes soon, that nothing accepted is lost, and that the log stayed calm.
    async fn recovers(&mut self, what: &str, fired: u64, lines: usize, hurt: Duration) {
        assert!(fired > 0, "{what}: it never happened");
        let since = Instant::now();
        while !(self.creates().await && self.is_ready().await) {
            assert!(since.elapsed() < SOON, "{what}: not within {SOON:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let took = since.elapsed();
        assert!(took < SOON, "{what}: {took:?}");
        for id in &self.accepted {
            let shown = self.place.try_say(&format!("task show {id}")).await;
            assert_eq!(shown.expect(what)["state"], "queued", "{what}: {id}");
        }
        let errors = self.errors() - lines;
        let most = hurt.as_secs() as usize + 2;
        assert!(
            errors <= most,
            "{what}: {errors} lines in {hurt:?}\n{}",
            self.daemon.output()
        );
        println!("{what}: happened {fired} times, resumed after {took:?}, {errors} lines");
    }

    fn errors(&self) -> usize {
        self.daemon.output().matches(" ERROR ").count()
    }

    async fn end(self) {
        let _worker = self.place.worker("w-1", 8).await;
        let last = self.accepted.last().expect("some were").clone();
        self.place.wait(&last, "done").await;
        for id in &self.accepted {
            assert_eq!(self.place.wait(id, "done").await["epoch"], 1, "{id}");
        }
        println!("{} tasks were accepted, all done once", self.accepted.len());
    }
}

/// Faults of a disk under SQLite's file. A serialization failure, a fail-over and a cut do not exist there.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_under_sqlite_ends_nothing_but_itself() {
    let mut place = Place::new(Agent::Script("true")).await;
    let faults = Faults::new(place.folder.path(), "disk");
    place.env = faults.env("vine.db");
    let state = place.folder.path().join("daemon");
    let mut ward = Ward::new(place).await;
    assert!(ward.creates().await);
    for fault in DISK {
        let (lines, begun) = (ward.errors(), Instant::now());
        faults.begin(fault);
        ward.while_hurt(fault.name).await;
        let fired = faults.end();
        let fired = u64::try_from(fired).expect("a count");
        ward.recovers(fault.name, fired, lines, begun.elapsed())
            .await;
    }

    // Somebody else holds the file for longer than we wait for it.
    let (lines, begun) = (ward.errors(), Instant::now());
    let held = ward.place.base.hold();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let said = !ward.is_ready().await;
    drop(held);
    assert!(said, "locked: health looked away");
    ward.recovers("locked", 1, lines, begun.elapsed()).await;

    // The folder is gone, and comes back.
    let (lines, begun) = (ward.errors(), Instant::now());
    let away = state.with_extension("away");
    fs::rename(&state, &away).expect("moved");
    let before = ward.accepted.len();
    ward.while_hurt("deleted folder").await;
    assert_eq!(
        ward.accepted.len(),
        before,
        "nothing is accepted that is gone at the next start"
    );
    fs::rename(&away, &state).expect("back");
    ward.recovers("deleted folder", 1, lines, begun.elapsed())
        .await;
    ward.end().await;
}

/// What a server does, and what lies between. A disk's faults are the server's own matter, and reach us as
/// its codes (PostgreSQL's manual, appendix A).
const SERVER: [(&str, Fault); 11] = [
    ("cut before", Fault::Cut),
    ("cut after", Fault::CutAfter),
    ("slow", Fault::Slow(300)),
    ("serialization failure", Fault::Refused("40001")),
    ("deadlock", Fault::Refused("40P01")),
    ("read-only after a fail-over", Fault::Refused("25006")),
    ("administrator's shutdown", Fault::Refused("57P01")),
    ("cancelled", Fault::Refused("57014")),
    ("too many connections", Fault::Refused("53300")),
    ("full disk", Fault::Refused("53100")),
    ("I/O error", Fault::Refused("58030")),
];

async fn behind_a_proxy() -> (Ward, Proxy) {
    let database = Database::new();
    let proxy = Proxy::before(&database.url()).await;
    let base = Base::Postgres(database, None);
    let mut place = Place::on(
        base,
        Agent::Script("true"),
        crate::harness::Sections::default(),
    )
    .await;
    place.env = vec![("VINE_DATABASE__URL".into(), proxy.url())];
    (Ward::new(place).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_under_postgresql_ends_nothing_but_itself() {
    let (mut ward, proxy) = behind_a_proxy().await;
    assert!(ward.creates().await);
    for (name, fault) in SERVER {
        let (lines, begun) = (ward.errors(), Instant::now());
        proxy.begin(fault);
        ward.while_hurt(name).await;
        let fired = proxy.end();
        ward.recovers(name, fired, lines, begun.elapsed()).await;
    }
    ward.end().await;
}

/// Each statement of a task's life fails once, in each way: what was accepted is done, once.
#[tokio::test(flavor = "multi_thread")]
async fn each_statement_may_fail_once() {
    let (mut ward, proxy) = behind_a_proxy().await;
    let _worker = ward.place.worker("w-1", 2).await;
    let (mut fired, mut rounds) = (0, 0);
    let mut unheard: Vec<String> = Vec::new();
    for (_, fault) in SERVER {
        for after in 0..8 {
            // Statements of the loops are among them, so the place in a task's life differs.
            proxy.once(fault, after * 3);
            if !ward.creates().await {
                // Refused, or done without our hearing of it; the same again is right either way.
                assert!(ward.creates().await, "{fault:?} {after}");
            }
            let last = ward.accepted.last().expect("accepted").clone();
            ward.done(&last).await;
            if fault == Fault::CutAfter {
                unheard.push(last);
            }
            fired += proxy.end();
            rounds += 1;
        }
    }
    println!("{fired} of {rounds} faults happened");
    assert!(fired * 10 > rounds * 9, "{fired} of {rounds}");
    for id in &ward.accepted {
        let shown = ward.done(id).await;
        let attempts = shown["attempts"].as_array().expect("attempts");
        let ran = attempts.iter().filter(|one| one["session"].is_string());
        assert_eq!(ran.count(), 1, "{id}: {shown}");
        // Only if the reply to the commit of a claim is lost, nobody hears of that attempt: the task is claimed
        // once more.
        let most = if unheard.contains(id) { 2 } else { 1 };
        assert!(attempts.len() <= most, "{id}: {shown}");
    }
}

//! The books: three daemons, twelve workers, PostgreSQL and Redis under load, and something is
//! killed every other second. Whoever asks, posts, answers or receives keeps a book of its own,
//! outside of what is tested; in the end all books agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vine_api::Client;
use vine_domain::clock::{Ids, System};

use crate::harness::{
    Agent, Place, Process, Sections,
    balancer::Balancer,
    base::Base,
    channel,
    replica::{Replica, replica},
    servers::{Postgres, Redis},
    usual_or_long,
    workspace::{Workspace, of_bot},
};

const DAEMONS: [&str; 3] = ["a", "b", "c"];
const WORKERS: usize = 12;
/// Asks, and writes into its own book what it received.
const SCRIPT: &str = "answer=$(vine ask \"Which colour for $VINE_TASK?\" --option Red --option Blue) || exit 1\n\
                      echo \"$VINE_TASK $VINE_ATTEMPT $answer\" >> \"$PLACE/received\"\nsleep 0.2\n";
/// What is left when the killing ends is done within this time.
const AFTERMATH: Duration = Duration::from_secs(240);

/// How long it goes on; otherwise by hand with `VINE_TEST_LEDGER_SECONDS`.
fn span() -> Duration {
    let seconds = std::env::var("VINE_TEST_LEDGER_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(usual_or_long(90, 300)))
}

/// Numbers that look random and are the same again for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }
}

/// Wishes for tasks through the balancer, each repeated under its key until it is granted.
async fn wish(client: Client, over: Arc<AtomicBool>, granted: Arc<Mutex<BTreeSet<String>>>) {
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let words = json!({ "title": format!("Task {number}"), "repo": "site" });
        let key = format!("wish-{number}");
        loop {
            let http = reqwest::Client::new();
            let url = format!("{}/api/v1/tasks", client.base());
            let asked = http
                .post(url)
                .bearer_auth(client.token().expect("a token").reveal())
                .header("Idempotency-Key", &key)
                .json(&words);
            match asked.timeout(Duration::from_secs(10)).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let id = answer
                        .json::<Value>()
                        .await
                        .ok()
                        .and_then(|task| Some(task["id"].as_str()?.to_owned()));
                    if let Some(id) = id {
                        granted.lock().expect("whole").insert(id);
                        break;
                    }
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        tokio::time::sleep(Duration::from_millis(350)).await;
    }
}

/// The number of the question that a message asks: `*Question:* “Go on?” (Q-17)`.
fn question_of(message: &Value) -> Option<u64> {
    let text = message["text"].as_str()?;
    let (_, rest) = text.split_once("(Q-")?;
    rest.split_once(')')?.0.parse().ok()
}

/// Reads the channel as a person would, and answers each question in its thread, once.
async fn answer(
    slack: Arc<Workspace>,
    channel: String,
    over: Arc<AtomicBool>,
    book: Arc<Mutex<Book>>,
) {
    while !over.load(Ordering::Relaxed) {
        let state = slack.state().await;
        for message in of_bot(&state) {
            let Some(number) = question_of(message) else {
                continue;
            };
            let ts = message["ts"].as_str().expect("a ts").to_owned();
            let first = {
                let mut book = book.lock().expect("whole");
                book.posted.entry(number).or_default().insert(ts);
                !book.said.contains_key(&number)
            };
            if first {
                let words = format!(
                    "colour-{number}-{}",
                    &System.uuid().simple().to_string()[20..]
                );
                let root = message["thread_ts"].as_str().expect("in a thread");
                slack
                    .say(
                        "U0ANN",
                        &channel,
                        &format!("Q-{number} {words}"),
                        Some(root),
                    )
                    .await;
                book.lock().expect("whole").said.insert(number, words);
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What the people wrote down.
#[derive(Default)]
struct Book {
    /// Messages that asked a question, by its number. A question that is settled looks different,
    /// so it is noted while it is open.
    posted: BTreeMap<u64, BTreeSet<String>>,
    /// What was answered.
    said: BTreeMap<u64, String>,
}

/// Everything that can be killed.
struct Stage {
    place: Place,
    balancer: Balancer,
    replicas: Vec<Option<Replica>>,
    workers: Vec<Option<Process>>,
    postgres: Postgres,
    killed: BTreeMap<&'static str, usize>,
}

impl Stage {
    async fn start_replica(&mut self, index: usize) {
        let one = replica(&self.place, DAEMONS[index]).await;
        self.balancer.add(one.client.base());
        self.replicas[index] = Some(one);
    }

    async fn start_worker(&mut self, index: usize) {
        let name = format!("w-{index}");
        self.workers[index] = Some(self.place.worker_at(&self.balancer.url, &name, 1).await);
    }

    /// Kills one thing, and starts it again a moment later.
    async fn strike(&mut self, dice: &mut Dice) {
        let pause = Duration::from_millis(300 + 300 * dice.roll(5) as u64);
        match dice.roll(20) {
            0..7 => {
                let index = dice.roll(DAEMONS.len());
                self.replicas[index].take().expect("it runs").process.kill();
                *self.killed.entry("daemon").or_default() += 1;
                tokio::time::sleep(pause).await;
                self.start_replica(index).await;
            }
            7..16 => {
                let index = dice.roll(WORKERS);
                self.workers[index].take().expect("it runs").kill();
                *self.killed.entry("worker").or_default() += 1;
                tokio::time::sleep(pause).await;
                self.start_worker(index).await;
            }
            16..18 => {
                *self.killed.entry("PostgreSQL").or_default() += 1;
                self.postgres.crash();
            }
            _ => {
                *self.killed.entry("Redis").or_default() += 1;
                self.place.base.redis().stop();
                tokio::time::sleep(pause).await;
                self.place.base.redis().again(&[]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_of_asked_posted_answered_and_delivered_adds_up_whatever_is_killed() {
    let seed = std::env::var("VINE_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let slack = Arc::new(Workspace::open().await);
    let postgres = Postgres::start();
    let base = Base::Postgres(postgres.database(), Some(Box::new(Redis::start())));
    let place = Place::on(
        base,
        Agent::Script(SCRIPT),
        Sections {
            more: &channel::by_sockets(&slack),
            ..Sections::default()
        },
    )
    .await;
    let balancer = Balancer::start().await;
    let (replicas, workers) = (
        DAEMONS.map(|_| None).into(),
        (0..WORKERS).map(|_| None).collect(),
    );
    let mut stage = Stage {
        place,
        balancer,
        replicas,
        workers,
        postgres,
        killed: BTreeMap::new(),
    };
    for index in 0..DAEMONS.len() {
        stage.start_replica(index).await;
    }
    stage.balancer.ready(DAEMONS.len()).await;
    let person = stage.replicas[0]
        .as_ref()
        .expect("it runs")
        .client_at(&stage.balancer.url);
    stage.replicas[0]
        .as_ref()
        .expect("it runs")
        .add_repo(&stage.place)
        .await;
    stage.place.know(person.clone());
    for index in 0..WORKERS {
        stage.start_worker(index).await;
    }
    let made = |state: &Value| {
        state["channels"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"] == "vine-site"))
    };
    let state = slack.wait("the channel is made", made).await;
    let channels = state["channels"].as_array().expect("channels");
    let channel = channels
        .iter()
        .find(|one| one["name"] == "vine-site")
        .expect("just seen")["id"]
        .as_str()
        .expect("an id")
        .to_owned();

    let (over, all_over) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (granted, book) = (
        Arc::new(Mutex::new(BTreeSet::new())),
        Arc::new(Mutex::new(Book::default())),
    );
    let wishes = tokio::spawn(wish(
        person.clone(),
        Arc::clone(&over),
        Arc::clone(&granted),
    ));
    let answers = tokio::spawn(answer(
        Arc::clone(&slack),
        channel,
        Arc::clone(&all_over),
        Arc::clone(&book),
    ));
    let end = Instant::now() + span();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(800 + 200 * dice.roll(6) as u64)).await;
        stage.strike(&mut dice).await;
    }
    over.store(true, Ordering::Relaxed);
    wishes.await.expect("no wish failed");
    println!("killed {:?}", stage.killed);
    let granted = granted.lock().expect("whole").clone();
    mark_posted(&person, &granted).await;
    all_over.store(true, Ordering::Relaxed);
    answers.await.expect("read and answered");

    compare(&stage, &granted, &book.lock().expect("whole"));
    for what in ["daemon", "worker"] {
        assert!(
            stage.killed.get(what).is_some_and(|times| *times > 0),
            "no {what} was killed: this shows nothing"
        );
    }
}

/// Waits until all tasks are done; those that were lost too often are begun again, as a person
/// would.
async fn mark_posted(person: &Client, granted: &BTreeSet<String>) {
    let (end, retried) = (Instant::now() + AFTERMATH, AtomicUsize::new(0));
    loop {
        let mut open = Vec::new();
        for state in ["queued", "running", "waiting", "failed"] {
            let listed: Value = match person
                .get(&format!("/tasks?state={state}&limit=1000"))
                .await
            {
                Ok(listed) => listed,
                Err(_) => json!({ "items": [{ "id": "unknown", "state": "unknown" }] }),
            };
            for task in listed["items"].as_array().expect("items") {
                let id = task["id"].as_str().expect("an id").to_owned();
                if task["state"] == "failed" {
                    let _next_round = person
                        .run(&["task".into(), "retry".into(), id.clone()], "")
                        .await;
                    retried.fetch_add(1, Ordering::Relaxed);
                }
                open.push((id, task["state"].clone()));
            }
        }
        if open.is_empty() {
            println!(
                "{} tasks are done; {} were begun again by hand",
                granted.len(),
                retried.load(Ordering::Relaxed)
            );
            return;
        }
        assert!(Instant::now() < end, "not done in the end: {open:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn compare(stage: &Stage, granted: &BTreeSet<String>, Book { posted, said }: &Book) {
    let sql = |statement: &str| stage.place.base.sql(statement);
    // Wished and kept.
    let kept: BTreeSet<String> = sql("SELECT 'T-' || id FROM tasks").into_iter().collect();
    assert_eq!(
        kept, *granted,
        "each wish is one task, and no task was wished by nobody"
    );

    // Asked and posted.
    let asked: BTreeMap<u64, (String, String)> = sql("SELECT id, task, state FROM questions")
        .iter()
        .map(|row| {
            let mut columns = row.split('\t');
            let mut next = || columns.next().expect("a column").to_owned();
            (
                next().parse().expect("a number"),
                (format!("T-{}", next()), next()),
            )
        })
        .collect();
    let unposted: Vec<_> = asked
        .iter()
        .filter(|(number, (_, state))| !posted.contains_key(number) && state != "withdrawn")
        .collect();
    assert!(unposted.is_empty(), "asked and never posted: {unposted:?}");
    let unasked: Vec<_> = posted
        .keys()
        .filter(|number| !asked.contains_key(number))
        .collect();
    assert!(unasked.is_empty(), "posted and never asked: {unasked:?}");
    let twice = posted
        .values()
        .filter(|messages| messages.len() > 1)
        .count();

    // Answered: what the book of the people says, or nothing.
    let answers = sql("SELECT question, decision FROM answers");
    let answered: BTreeMap<u64, String> = answers
        .iter()
        .map(|row| row.split_once('\t').expect("two columns"))
        .map(|(number, words)| (number.parse().expect("a number"), words.to_owned()))
        .collect();
    for (number, decision) in &answered {
        let words = said
            .get(number)
            .unwrap_or_else(|| panic!("Q-{number} was answered by nobody: {decision}"));
        assert!(
            decision.contains(words.as_str()),
            "Q-{number} was answered with {words} and has {decision}"
        );
    }
    let open: Vec<_> = asked
        .iter()
        .filter(|(_, (_, state))| state == "open" || state == "answered")
        .collect();
    assert!(
        open.is_empty(),
        "still open, or answered and never delivered: {open:?}"
    );
    for number in said.keys().filter(|number| !answered.contains_key(number)) {
        assert_eq!(
            asked[number].1, "withdrawn",
            "the answer to Q-{number} was lost"
        );
    }

    // Received: each what was said to a question of its own task, once.
    let received =
        fs::read_to_string(stage.place.folder.path().join("received")).expect("the agents' book");
    // A task whose worker was killed begins anew, and its next attempt hears what was answered
    // before.
    let mut heard: BTreeSet<(u64, &str)> = BTreeSet::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    for line in received.lines() {
        let mut words = line.split(' ');
        let mut next = || words.next().expect("three words");
        let (task, attempt, colour) = (next(), next(), next());
        let number: u64 = colour
            .split('-')
            .nth(1)
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            said.get(&number).map(String::as_str),
            Some(colour),
            "it received what was said: {line}"
        );
        assert_eq!(
            asked[&number].0, task,
            "it received what was said to it: {line}"
        );
        assert!(
            heard.insert((number, attempt)),
            "Q-{number} was delivered twice to attempt {attempt}"
        );
        done.insert(task.to_owned());
    }
    let unheard: Vec<_> = granted.difference(&done).collect();
    assert!(unheard.is_empty(), "done without an answer: {unheard:?}");
    println!(
        "{} wished, {} asked, {} posted ({twice} twice), {} said, {} answered, {} received",
        granted.len(),
        asked.len(),
        posted.len(),
        said.len(),
        answered.len(),
        heard.len()
    );
}

//! AgentVine as one peer among job queues: the command line that the driver in `tests/bench/peers`
//! gives all of them. A job is a task whose title says what its handler does; the handler is a line
//! in a file, as for every peer.
//!
//! Everything goes over HTTP to a daemon with its usual guarantees: each call is authorised, each
//! write fenced, and durable before it is confirmed.

use std::{
    fs::OpenOptions,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use vine_api::{Claim, Client, CreatedTasks, PostQuestion, PostedQuestion};
use vine_domain::{
    Ask,
    assignment::Assignment,
    clock::{Ids, System},
    question::Item,
};

use crate::{place, worker::WorkerClient};

/// Tasks of one bulk request.
const BULK: usize = 1000;
/// Questions of one job in a round trip.
const QUESTIONS: usize = 200;

/// Does what the driver asks for.
pub async fn run(words: &[String]) -> Result<()> {
    let option = |name: &str| {
        words
            .iter()
            .position(|word| word == name)
            .and_then(|at| words.get(at + 1))
            .map(String::as_str)
    };
    let number = |name: &str, default: usize| {
        option(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let user = place::user_of(
        std::env::var("VINE_STATE")
            .context("VINE_STATE names the daemon's state folder")?
            .as_ref(),
    )
    .await?;
    let out = Arc::new(Out::open()?);
    match words.first().map(String::as_str) {
        Some("setup") => place::add_repo(&user).await,
        Some("enqueue") => {
            enqueue(
                &user,
                number("--n", 1),
                option("--mode") == Some("bulk"),
                option("--kind").unwrap_or("noop"),
            )
            .await
        }
        Some("worker") => work(&user, number("--c", 1), out).await,
        Some("latency") => {
            latency(
                &user,
                number("--n", 1),
                option("--gap").unwrap_or("5,60"),
                &out,
            )
            .await
        }
        Some("responder") => respond(&user).await,
        _ => bail!("setup, enqueue, worker, latency or responder"),
    }
}

/// The file that handlers write to.
struct Out(std::path::PathBuf);

impl Out {
    fn open() -> Result<Self> {
        Ok(Self(
            std::env::var("BENCH_OUT")
                .unwrap_or_else(|_| "/dev/shm/bench_out".into())
                .into(),
        ))
    }

    fn write(&self, line: &str) -> Result<()> {
        Ok(OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.0)?
            .write_all(line.as_bytes())?)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }
}

/// The clock that all peers share.
fn monotonic() -> u128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u128 * 1_000_000_000 + now.tv_nsec as u128
}

async fn enqueue(user: &Client, count: usize, bulk: bool, kind: &str) -> Result<()> {
    let task = json!({ "title": kind });
    let begun = Instant::now();
    if bulk {
        for portion in (0..count).collect::<Vec<_>>().chunks(BULK) {
            let tasks = vec![task.clone(); portion.len()];
            user.post::<_, CreatedTasks>("/tasks/bulk", &json!({ "tasks": tasks }))
                .await?;
        }
    } else {
        for _ in 0..count {
            user.post::<_, Value>("/tasks", &task).await?;
        }
    }
    println!(
        "{}",
        json!({ "n": count, "secs": begun.elapsed().as_secs_f64() })
    );
    Ok(())
}

/// `slots` agents that do what the title says, until the process ends. With `BENCH_PROCS` each is a
/// worker of its own; with `BENCH_BATCH` each is a host of so many slots, which ends and claims for
/// all of them in one call.
async fn work(user: &Client, slots: usize, out: Arc<Out>) -> Result<()> {
    let batch: Option<u32> = std::env::var("BENCH_BATCH")
        .ok()
        .map(|text| text.parse())
        .transpose()?;
    let apart = batch.is_some() || std::env::var_os("BENCH_PROCS").is_some();
    let workers = if apart { slots } else { 1 };
    let mut running = tokio::task::JoinSet::new();
    for number in 0..workers {
        let name = format!("bench-{}-{number}", std::process::id());
        let worker = WorkerClient::enrol(
            user,
            &name,
            batch.unwrap_or(u32::try_from(slots / workers)?),
        )
        .await?;
        running.spawn(worker.clone().beat_for_ever());
        for _ in 0..slots / workers {
            let (worker, out) = (worker.clone(), Arc::clone(&out));
            running.spawn(async move {
                loop {
                    let worked = if let Some(batch) = batch {
                        host(&worker, batch, &out).await
                    } else {
                        slot(&worker, &out).await
                    };
                    if let Err(error) = worked {
                        eprintln!("{error:#}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            });
        }
    }
    while running.join_next().await.is_some() {}
    Ok(())
}

async fn slot(worker: &WorkerClient, out: &Out) -> Result<()> {
    let mut tasks: Vec<Assignment> = Vec::new();
    loop {
        let Some(task) = tasks.pop() else {
            tasks = worker
                .client
                .claim(&Claim {
                    slots: 1,
                    wait: 30.0,
                    except_repos: Vec::new(),
                })
                .await?
                .assignments;
            continue;
        };
        worker.hold(task.attempt);
        handle(worker, &task, out).await?;
        worker.release(task.attempt);
        tasks.extend(worker.complete(&task, 1).await?);
    }
}

async fn host(worker: &WorkerClient, batch: u32, out: &Out) -> Result<()> {
    let mut tasks: Vec<Assignment> = Vec::new();
    loop {
        if tasks.is_empty() {
            tasks = worker
                .client
                .claim(&Claim {
                    slots: batch,
                    wait: 30.0,
                    except_repos: Vec::new(),
                })
                .await?
                .assignments;
        }
        for task in &tasks {
            handle(worker, task, out).await?;
        }
        if !tasks.is_empty() {
            tasks = worker.complete_all(tasks).await?;
        }
    }
}

async fn handle(worker: &WorkerClient, task: &Assignment, out: &Out) -> Result<()> {
    let title = task.title.to_string();
    let mut words = title.split(' ');
    match (words.next().unwrap_or_default(), words.next()) {
        ("latency", Some(asked)) => out.write(&format!("L {asked} {}\n", monotonic())),
        ("crash", _) => {
            out.write(&format!("C {} {}\n", std::process::id(), monotonic()))?;
            if out.text().matches("C ").count() <= 1 {
                tokio::time::sleep(Duration::from_secs(86_400)).await;
            }
            Ok(())
        }
        ("rt", _) => ask_and_wait(worker, task, out).await,
        _ => out.write("N\n"),
    }
}

/// Asks one question after the other, and waits for each answer.
async fn ask_and_wait(worker: &WorkerClient, task: &Assignment, out: &Out) -> Result<()> {
    let mut heard = worker.beats().subscribe();
    for _ in 0..QUESTIONS {
        let begun = monotonic();
        let item = Item {
            question: "Go on?".into(),
            header: String::new(),
            options: vec![],
            multi: false,
        };
        let (ask, key) = (Ask::Clarify { items: vec![item] }, System.uuid());
        let post = PostQuestion {
            attempt: task.attempt,
            key,
            session: None,
            call: key.to_string(),
            ask,
            context: String::new(),
        };
        let PostedQuestion { id } = worker.client.post("/questions", &post).await?;
        let (_, answer) = heard.recv().await?;
        out.write(&format!("T {}\n", monotonic() - begun))?;
        let delivered = json!({ "attempt": task.attempt, "answer": answer });
        worker
            .client
            .post::<_, ()>(&format!("/questions/{id}/delivered"), &delivered)
            .await?;
    }
    Ok(())
}

/// Answers every question as soon as it can be seen.
async fn respond(user: &Client) -> Result<()> {
    let mut after = 0;
    loop {
        let path = format!("/chat/messages?after={after}&limit=1000&wait=30");
        let listed: Value = user.get_waiting(&path, Duration::from_secs(30)).await?;
        after = listed["next"].as_u64().unwrap_or(after);
        for message in listed["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|message| message["kind"] == "question")
        {
            let id = message["question"].as_str().context("a question")?;
            user.post::<_, Value>(
                &format!("/questions/{id}/answer"),
                &json!({ "text": "yes" }),
            )
            .await?;
        }
    }
}

/// One task at a time, after a random gap; the handler writes how long it took.
async fn latency(user: &Client, count: usize, gap: &str, out: &Out) -> Result<()> {
    let (low, high) = gap.split_once(',').context("--gap low,high")?;
    let (low, high): (f64, f64) = (low.parse()?, high.parse()?);
    for _ in 0..count {
        let dice = f64::from(System.secret()[0]) / 255.0;
        tokio::time::sleep(Duration::from_secs_f64(
            (low + dice * (high - low)) / 1000.0,
        ))
        .await;
        let before = out.text().len();
        user.post::<_, Value>(
            "/tasks",
            &json!({ "title": format!("latency {}", monotonic()) }),
        )
        .await?;
        let end = Instant::now() + Duration::from_secs(30);
        while out.text().len() == before {
            if Instant::now() > end {
                println!("{}", json!({ "error": "latency sample timed out" }));
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    Ok(())
}

//! What an agent may ask of its worker: ask people questions, write to the log. The daemon may be
//! away for any time; what must reach it is repeated until it does or the lease is gone.

mod files;
mod progress;
mod questions;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    time::Instant,
};
use vine_api::{AppendLog, Client, ClientError, MapSession, RefusedHosts, SessionHeartbeat};
use vine_domain::{
    Guard, Progress, SessionId,
    attempt::{Attempt, Usage},
    secrets::{self, KnownSecrets},
};

use crate::active::{ActiveAttempts, AttemptHandle};

/// The attempt is over for this worker; the agent must stop.
#[derive(Debug, thiserror::Error)]
#[error("the attempt is over for this worker")]
pub struct AttemptOver;

/// The agent's interface to its worker. Cheap to clone.
#[derive(Clone)]
pub struct AgentHost {
    client: Client,
    worker: Arc<str>,
    attempts: Arc<ActiveAttempts>,
    held: Arc<AttemptHandle>,
    lines: mpsc::Sender<LogItem>,
    known: Arc<KnownSecrets>,
    /// Number of dropped log lines.
    left_out: Arc<AtomicU64>,
    /// The agent's usage so far.
    spent: Arc<Mutex<Usage>>,
    /// What the agent is at, and what the daemon knows of that.
    at: Arc<Mutex<KnownProgress>>,
    /// Keeps usage reports in order.
    telling: Arc<AsyncMutex<()>>,
    /// Hosts that the agent was refused.
    refused: Arc<Mutex<RefusedNames>>,
    /// The repository's current guard, and when it was fetched.
    guard: Arc<AsyncMutex<Option<(Guard, Instant)>>>,
}

/// What the agent is at.
#[derive(Default)]
struct KnownProgress {
    now: Option<Progress>,
    told: Option<Progress>,
}

/// Refused hosts that people do not know of yet, and those that they do.
#[derive(Default)]
struct RefusedNames {
    news: BTreeSet<String>,
    told: BTreeSet<String>,
}

/// Timeout for fetching the guard.
const ASKING: Duration = Duration::from_secs(2);
/// Maximum number of refused hosts reported per attempt.
const HOSTS: usize = 100;

/// Items for the sender of log lines.
enum LogItem {
    Text(String),
    /// Answered once everything before it was sent.
    Flush(oneshot::Sender<()>),
}

/// The daemon may be away, so reports give up after this.
const TELLING: Duration = Duration::from_secs(20);

pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Repeats a call until the daemon answers; `None` if `stop` came first.
pub async fn insist<R, F>(
    stop: impl Future<Output = ()>,
    call: impl Fn() -> F,
) -> Option<Result<R, ClientError>>
where
    F: Future<Output = Result<R, ClientError>>,
{
    tokio::pin!(stop);
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(error) if error.is_passing() => tracing::debug!("trying again: {error}"),
            other => return Some(other),
        }
        tokio::select! {
            () = &mut stop => return None,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

impl AgentHost {
    /// The host of one attempt. Log lines are sent in the background, in batches.
    pub fn new(
        client: Client,
        worker: Arc<str>,
        attempts: Arc<ActiveAttempts>,
        held: Arc<AttemptHandle>,
        known: KnownSecrets,
    ) -> Self {
        let (lines, queue) = mpsc::channel(ROOM);
        let host = Self {
            client,
            worker,
            attempts,
            held,
            lines,
            known: Arc::new(known),
            left_out: Arc::default(),
            spent: Arc::default(),
            at: Arc::default(),
            telling: Arc::default(),
            refused: Arc::default(),
            guard: Arc::default(),
        };
        tokio::spawn(send_lines(
            host.client.clone(),
            Arc::clone(&host.held),
            queue,
        ));
        host
    }

    /// The attempt.
    pub fn attempt(&self) -> Attempt {
        self.held.attempt
    }

    /// Waits until the agent must stop.
    pub async fn stopped(&self) {
        self.held.stop.cancelled().await;
    }

    /// Replaces the values that AgentVine put into the agent's environment with their names.
    pub fn named(&self, text: String) -> String {
        self.known.named(text)
    }

    /// Whether a text contains a secret: one that AgentVine gave the agent, or something in the form of one.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.known.is_in(text) || secrets::are_in(text)
    }

    /// Removes all secrets; needed before text is cut, since half a secret is not recognized.
    pub fn clean(&self, text: String) -> String {
        secrets::without(self.named(text)).0
    }

    /// Writes a line to the task's log.
    pub fn log(&self, line: impl Into<String>) {
        let line = self.named(line.into());
        if self.lines.try_send(LogItem::Text(line)).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the log has all lines so far, so that what follows comes after them.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let _log_is_over = self
                .lines
                .send(LogItem::Text(format!(
                    "({left_out} lines were dropped because output came too fast)"
                )))
                .await;
        }
        if self.lines.send(LogItem::Flush(done)).await.is_ok() {
            let _log_is_over = flushed.await;
        }
    }

    /// The repository's guard, at most `old`; the last known one while the daemon is away.
    pub async fn guard(&self, known: &Guard, old: Duration) -> Guard {
        let mut guard = self.guard.lock().await;
        if let Some((guard, at)) = guard.as_ref()
            && at.elapsed() < old
        {
            return guard.clone();
        }
        let path = format!("/workers/{}/guard", self.worker);
        let attempt = self.attempt();
        let asked = self.client.post::<_, Guard>(&path, &attempt);
        let now = match tokio::time::timeout(ASKING, asked).await {
            Ok(Ok(now)) => now,
            _ => guard.take().map_or_else(|| known.clone(), |(last, _)| last),
        };
        *guard = Some((now.clone(), Instant::now()));
        now
    }

    /// Records a host that the agent was refused. People are told of all such hosts together.
    pub fn refused_host(&self, name: &str) {
        self.log(format!("network access to {name} was refused"));
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.told.len() + refused.news.len() < HOSTS && !refused.told.contains(name) {
            refused.news.insert(name.to_owned());
        }
    }

    /// Reports the refused hosts to people, each once.
    pub async fn tell_refused(&self) {
        let hosts: Vec<String> = {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let news = std::mem::take(&mut refused.news);
            refused.told.extend(news.iter().cloned());
            news.into_iter().collect()
        };
        if hosts.is_empty() {
            return;
        }
        let body = RefusedHosts {
            attempt: self.attempt(),
            hosts,
        };
        let path = format!("/workers/{}/refused", self.worker);
        let told = insist(self.stopped(), || self.client.post::<_, ()>(&path, &body));
        let _the_log_has_them = tokio::time::timeout(TELLING, told).await;
    }

    /// Posts the agent's own words in the thread.
    pub async fn say_of_agent(&self, words: String) -> Result<(), AttemptOver> {
        let lines = self.named(words).lines().map(str::to_owned).collect();
        let log = AppendLog {
            attempt: self.attempt(),
            lines,
            tell: true,
            of_agent: true,
        };
        self.send("/queue/log", &log).await
    }

    /// Maps the session to the task.
    pub async fn map_session(
        &self,
        id: SessionId,
        worktree: String,
        agent: String,
    ) -> Result<(), AttemptOver> {
        let map = MapSession {
            id,
            attempt: self.attempt(),
            worktree,
            agent,
        };
        self.send("/sessions", &map).await
    }

    /// Reports that the session is alive.
    pub async fn session_beat(
        &self,
        id: SessionId,
        context: Option<u8>,
    ) -> Result<(), AttemptOver> {
        self.send(
            &format!("/sessions/{id}/heartbeat"),
            &SessionHeartbeat {
                attempt: self.attempt(),
                context,
            },
        )
        .await
    }

    /// Posts a line in the thread and the log; the daemon's reply confirms the lease.
    pub async fn tell(&self, line: String) -> Result<(), AttemptOver> {
        self.send(
            "/queue/log",
            &AppendLog {
                attempt: self.attempt(),
                lines: vec![line],
                tell: true,
                of_agent: false,
            },
        )
        .await
    }

    /// Confirms that this worker still holds the lease, by a write under it.
    pub async fn confirm(&self, doing: &str) -> Result<(), AttemptOver> {
        self.send(
            "/queue/log",
            &AppendLog {
                attempt: self.attempt(),
                lines: vec![doing.into()],
                tell: false,
                of_agent: false,
            },
        )
        .await
    }

    /// Repeats a call until it is answered, while the lease can be trusted.
    async fn send<B: Serialize + Sync, R: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<R, AttemptOver> {
        if !self.held.is_trusted() && !self.held.recovers().await {
            return Err(AttemptOver);
        }
        match insist(self.stopped(), || self.client.post(path, body)).await {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(error)) => {
                tracing::warn!(task.id = %self.attempt().task, "{path}: {error}");
                if error.code() != Some("stale") {
                    self.held.refuse(format!(
                        "The daemon refused the agent's request ({path}): {error}"
                    ));
                }
                Err(AttemptOver)
            }
            None => Err(AttemptOver),
        }
    }
}

const BATCH: usize = 200;
/// Log lines that may wait to be sent; beyond that, lines are dropped and counted.
const ROOM: usize = 5_000;
const GATHER: Duration = Duration::from_millis(300);

async fn send_lines(client: Client, held: Arc<AttemptHandle>, mut queue: mpsc::Receiver<LogItem>) {
    let mut lines = Vec::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        let gathered = Instant::now() + GATHER;
        let mut flushed = None;
        while let Some(line) = next {
            match line {
                LogItem::Text(text) => lines.push(text),
                LogItem::Flush(done) => flushed = Some(done),
            }
            if flushed.is_some() || lines.len() >= BATCH {
                break;
            }
            next = tokio::time::timeout_at(gathered, queue.recv())
                .await
                .unwrap_or_default();
        }
        send(&client, &held, std::mem::take(&mut lines)).await;
        if let Some(done) = flushed {
            let _nobody_waits = done.send(());
        }
    }
}

async fn send(client: &Client, held: &AttemptHandle, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let log = AppendLog {
        attempt: held.attempt,
        lines,
        tell: false,
        of_agent: false,
    };
    if let Some(Err(error)) = insist(held.stop.cancelled(), || {
        client.post::<_, ()>("/queue/log", &log)
    })
    .await
    {
        tracing::debug!("the daemon refused log lines: {error}");
    }
}

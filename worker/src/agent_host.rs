//! What an agent may ask of its worker: ask people questions, write to the log. The daemon may be
//! away for any time; what must reach it is repeated until it does or the lease is gone.

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
use uuid::Uuid;
use vine_api::{
    AppendLog, Client, ClientError, CloseQuestion, ConfirmDelivery, MapSession, PostQuestion,
    PostedQuestion, RefusedHosts, ReportUsage, SessionHeartbeat,
};
use vine_domain::{
    Ask, DeliveredOutcome, Guard, Question, QuestionId, SessionId,
    attempt::{Attempt, Usage},
    secrets::{self, KnownSecrets},
    uuid_of,
};

use crate::{
    active::{ActiveAttempts, AttemptHandle, PersonMessage},
    config::WorkerConfig,
};

/// The attempt is over for this worker; the agent must stop.
#[derive(Debug, thiserror::Error)]
#[error("the attempt is over for this worker")]
pub struct AttemptOver;

/// The agent's interface to its worker. Cheap to clone.
#[derive(Clone)]
pub struct AgentHost {
    client: Client,
    worker: Arc<str>,
    desk: Arc<ActiveAttempts>,
    held: Arc<AttemptHandle>,
    lines: mpsc::Sender<LogItem>,
    known: Arc<KnownSecrets>,
    /// Number of dropped log lines.
    left_out: Arc<AtomicU64>,
    /// The agent's usage so far.
    spent: Arc<Mutex<Usage>>,
    /// Keeps usage reports in order.
    telling: Arc<AsyncMutex<()>>,
    /// Hosts that the agent was refused.
    refused: Arc<Mutex<RefusedNames>>,
    /// The repository's current guard, and when it was fetched.
    guard: Arc<AsyncMutex<Option<(Guard, Instant)>>>,
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

const FIRST_PAUSE: Duration = Duration::from_millis(200);
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
        desk: Arc<ActiveAttempts>,
        held: Arc<AttemptHandle>,
        known: KnownSecrets,
    ) -> Self {
        let (lines, queue) = mpsc::channel(ROOM);
        let host = Self {
            client,
            worker,
            desk,
            held,
            lines,
            known: Arc::new(known),
            left_out: Arc::default(),
            spent: Arc::default(),
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

    /// Records the agent's usage so far; the cost is only known now and then.
    pub fn spends(&self, usage: Usage) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let cost_microdollars = spent.cost_microdollars.max(usage.cost_microdollars);
        *spent = Usage {
            cost_microdollars,
            ..usage
        };
    }

    /// The agent's usage so far.
    pub fn spent(&self) -> Usage {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports the agent's usage so far, if there is any. Usage counts however the attempt ends, so
    /// this does not require the lease.
    pub async fn tell_spent(&self) {
        let _in_order = self.telling.lock().await;
        let usage = self.spent();
        if usage == Usage::default() {
            return;
        }
        let attempt = self.attempt();
        let (spent, path) = (
            ReportUsage { attempt, usage },
            format!("/workers/{}/spent", self.worker),
        );
        let told = insist(std::future::pending(), || {
            self.client.post::<_, ()>(&path, &spent)
        });
        let _the_next_time_tells_all = tokio::time::timeout(TELLING, told).await;
    }

    /// Waits until the agent must stop.
    pub async fn stopped(&self) {
        self.held.stop.cancelled().await;
    }

    /// Replaces the values that AgentVine put into the agent's environment with their names.
    pub fn named(&self, text: String) -> String {
        self.known.named(text)
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

    /// Asks people and waits, for however long, until the question has an outcome
    /// ([`Question::reply`]). `call` is the agent's own name for it: asking twice with the same
    /// name is asking once.
    pub async fn ask(
        &self,
        session: Option<SessionId>,
        call: &str,
        ask: Ask,
        context: String,
    ) -> Result<Question, AttemptOver> {
        self.tell_refused().await;
        let post = PostQuestion {
            attempt: self.attempt(),
            key: key(self.attempt(), call),
            session,
            call: call.into(),
            ask: self.known.named_in(ask),
            context: self.named(context),
        };
        let PostedQuestion { id } = self.send("/questions", &post).await?;
        let question = self.held.wait_for(id);
        let waiting = WaitGuard::begin(self, id);
        let question = tokio::select! {
            () = self.stopped() => return Err(AttemptOver),
            question = question => question.map_err(|_| AttemptOver)?,
        };
        drop(waiting);
        tokio::select! {
            () = self.stopped() => return Err(AttemptOver),
            () = self.held.slot.reclaim() => {}
        }
        Ok(question)
    }

    /// The agent continues by itself: it gets its slot back, ahead of new work.
    pub async fn reclaim(&self) {
        tokio::select! {
            () = self.stopped() => {}
            () = self.held.slot.reclaim() => {}
        }
    }

    /// Waits until the agent must be parked, if it is waiting, because its worker is shutting down.
    pub async fn parking(&self) {
        self.held.park.cancelled().await;
    }

    /// Waits until the worker is shutting down and this agent waits for people.
    pub async fn stopped_waiting(&self) {
        self.parking().await;
        while self.waiting() == 0 {
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// How many stored questions of this attempt wait for people.
    pub fn waiting(&self) -> usize {
        self.held.waiting()
    }

    /// How long a waiting agent may be held; only briefly if too many wait already.
    pub fn hold(&self, config: &WorkerConfig) -> Duration {
        if self.desk.waiting() > config.max_held {
            SHORT_HOLD.min(config.hold)
        } else {
            config.hold
        }
    }

    /// Reports that the agent has received its question's outcome.
    pub async fn delivered(&self, heard: DeliveredOutcome) -> Result<(), AttemptOver> {
        let delivered = ConfirmDelivery {
            attempt: self.attempt(),
            answer: heard.answer,
        };
        let done = self
            .send::<_, ()>(
                &format!("/questions/{}/delivered", heard.question),
                &delivered,
            )
            .await;
        self.desk.handled(heard.question);
        done
    }

    /// Waits for messages for the agent; take them with [`AgentHost::take_words`].
    pub async fn worded(&self) {
        self.held.worded().await;
    }

    /// The next message for the agent, if there is one.
    pub fn take_words(&self) -> Option<PersonMessage> {
        self.held.take_words()
    }

    /// Reports that the agent has the message.
    pub async fn words_delivered(&self, words: &PersonMessage) -> Result<(), AttemptOver> {
        match words {
            PersonMessage::Late(question) => self.delivered(question.heard()).await,
            PersonMessage::Note(note) => {
                let delivered = ConfirmDelivery {
                    attempt: self.attempt(),
                    answer: None,
                };
                let done = self
                    .send::<_, ()>(&format!("/notes/{}/delivered", note.key), &delivered)
                    .await;
                self.desk.noted(note.key);
                done
            }
        }
    }

    /// Withdraws the question that the agent asked as `call`.
    pub async fn withdraw(&self, call: &str, session: Option<SessionId>, ask: Ask) {
        let post = PostQuestion {
            attempt: self.attempt(),
            key: key(self.attempt(), call),
            session,
            call: call.into(),
            ask,
            context: String::new(),
        };
        let Ok(PostedQuestion { id }) = self.send("/questions", &post).await else {
            return;
        };
        let close = CloseQuestion {
            attempt: self.attempt(),
            why: "the agent withdrew it".into(),
        };
        let _over = self
            .send::<_, ()>(&format!("/questions/{id}/withdraw"), &close)
            .await;
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

/// While it exists, the attempt waits for a person and its slot is lent to other work.
struct WaitGuard<'a> {
    host: &'a AgentHost,
    id: QuestionId,
}

impl<'a> WaitGuard<'a> {
    fn begin(host: &'a AgentHost, id: QuestionId) -> Self {
        host.held.slot.lend();
        Self { host, id }
    }
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.host.held.forget(self.id);
        self.host.held.slot.end_wait();
    }
}

/// The same call of the same attempt has the same key.
fn key(attempt: Attempt, call: &str) -> Uuid {
    uuid_of(&format!("{}/{}/{call}", attempt.task, attempt.epoch.0))
}

/// Long enough for Claude Code to save its session before it is parked.
const SHORT_HOLD: Duration = Duration::from_secs(2);
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

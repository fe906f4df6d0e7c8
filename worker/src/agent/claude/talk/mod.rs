//! One conversation with a Claude Code process: what it sends, what it receives, and when it is
//! over.

mod deferred;
mod heard;
mod questions;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin},
    task::{AbortHandle, JoinSet},
    time::Instant,
};
use uuid::Uuid;
use vine_domain::{
    Decision, DeliveredOutcome, Failure, FailureKind, Question, QuestionId, Timestamp,
};

use crate::{
    active::PersonMessage,
    agent::{
        AgentRun, RunOutcome,
        claude::{
            ending,
            frames::{self},
            grants::SessionGrants,
            lines::OutputLines,
            own_tools, parking, records,
            steps::StepList,
            talk::deferred::DeferredCall,
            tools::ToolCall,
            words,
        },
    },
    agent_host::{AgentHost, AttemptOver},
    process,
    sent_files::Picture,
};

/// After a result, how long to wait for the idle event, in case this version does not send it.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a finished process may take to exit.
pub const EXIT: Duration = Duration::from_secs(10);
/// Pause before checking again whether every question waits for people.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a resumed session may take to repeat its deferred call, once the process has started. A start takes
/// twenty seconds on a busy machine.
const REPEATED: Duration = Duration::from_secs(15);
/// Characters of a tool's input in the log.
pub(crate) const LOGGED: usize = 200;
/// How often a live session is reported.
const BEAT: Duration = Duration::from_secs(20);

/// Why the conversation is over.
pub enum TalkEnd {
    /// A turn ended and nothing follows it.
    Turn(Value),
    /// All open calls wait for people, and have waited longer than the hold time.
    Held,
    /// No output for too long.
    Hung,
    /// The process is gone.
    Gone,
    /// The host stopped the attempt.
    Over,
}

/// An answer on its way back to a request.
pub(crate) type PendingReply = (String, Result<AnswerForCall, AttemptOver>);

/// What a waiting call gets.
pub(crate) struct AnswerForCall {
    /// The question, if there was one.
    question: Option<Question>,
    /// The reply.
    payload: Value,
    /// Pictures that came with the answer. A reply holds only words, so they go as a message.
    pictures: Vec<Picture>,
}

impl From<Value> for AnswerForCall {
    fn from(payload: Value) -> Self {
        Self {
            question: None,
            payload,
            pictures: Vec::new(),
        }
    }
}

/// An answer on its way to a call.
pub(crate) struct SentReply {
    heard: DeliveredOutcome,
    /// What the result must contain.
    words: Vec<String>,
}

/// One conversation with the process.
pub struct Conversation<'a> {
    job: &'a AgentRun<'a>,
    host: &'a AgentHost,
    stdin: Option<ChildStdin>,
    /// Calls that wait for people, by request.
    pub open: HashMap<String, ToolCall>,
    asking: JoinSet<PendingReply>,
    /// Replies of our own tools.
    showing: JoinSet<Value>,
    /// Tasks that wait for people, by request.
    waits: HashMap<String, AbortHandle>,
    /// Permissions given in an interrupted session, each good for one call.
    granted: Vec<(QuestionId, ToolCall)>,
    /// Permissions given for the whole session.
    grants: SessionGrants,
    /// Whether it has said or done anything yet.
    has_begun: bool,
    /// The agent's last text.
    last_text: String,
    /// Its last call of a tool, in one line.
    last_call: String,
    /// Its own steps.
    steps: StepList,
    /// The file that it wrote last; its plan, if it presents one.
    wrote: Option<String>,
    /// The kind of the last API error.
    last_error: Option<String>,
    /// When the usage limit resets, according to an event.
    limited: Option<Timestamp>,
    /// Answers sent but not confirmed, by the waiting call; confirmed when the call's result
    /// contains them.
    unconfirmed: HashMap<String, SentReply>,
    /// Answers whose call was withdrawn.
    unread: Vec<QuestionId>,
    /// Answers in the first message; confirmed when the agent starts to respond.
    told: Vec<DeliveredOutcome>,
    result: Option<Value>,
    /// Input and output tokens per message of the model.
    counted: HashMap<String, (u64, u64)>,
    /// Whether it has nothing left to do, once it has reported that state.
    idle: Option<bool>,
    /// When the agent last did something itself.
    active: Instant,
    /// How many turns ended in a question.
    turns: usize,
    /// Messages on their way, by uuid; confirmed when the agent has taken them up.
    sent: HashMap<Uuid, PersonMessage>,
    /// Messages with the pictures of answers, which it has not taken up yet.
    pictures: HashSet<Uuid>,
    /// Whether the session was resumed at the call that its answer is now on the way to.
    resumes: bool,
    /// The pictures of that answer.
    late_pictures: Option<(DeliveredOutcome, Vec<Picture>)>,
    /// The deferred call that a resumed session repeats.
    deferred: DeferredCall,
    beat: Instant,
}

/// What a call's result must contain for the answer to count as delivered. For an allowed call, any
/// result does.
pub(crate) fn carried(question: &Question) -> Vec<String> {
    let Some(answer) = question.answer() else {
        return Vec::new();
    };
    let parts = match &answer.decision {
        Decision::Chosen { labels } => labels.concat(),
        Decision::Words { text } | Decision::Deny { reason: text } => vec![text.clone()],
        Decision::SendBack { words } => vec![words.clone()],
        Decision::Allow { .. } | Decision::Approve => Vec::new(),
    };
    // Lines are kept, but the surrounding format may differ.
    parts
        .iter()
        .flat_map(|part| part.lines())
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

impl<'a> Conversation<'a> {
    pub fn new(job: &'a AgentRun<'a>, host: &'a AgentHost, stdin: ChildStdin) -> Self {
        Self {
            job,
            host,
            stdin: Some(stdin),
            open: HashMap::new(),
            asking: JoinSet::new(),
            showing: JoinSet::new(),
            waits: HashMap::new(),
            granted: Vec::new(),
            grants: SessionGrants::of(job.task, job.session),
            has_begun: false,
            last_text: String::new(),
            last_call: String::new(),
            steps: StepList::default(),
            wrote: None,
            last_error: None,
            limited: None,
            unconfirmed: HashMap::new(),
            unread: Vec::new(),
            told: Vec::new(),
            result: None,
            counted: HashMap::new(),
            idle: None,
            active: Instant::now(),
            turns: 0,
            sent: HashMap::new(),
            pictures: HashSet::new(),
            resumes: false,
            late_pictures: None,
            deferred: DeferredCall::None,
            beat: Instant::now(),
        }
    }

    pub async fn drive(&mut self, lines: &mut OutputLines) -> TalkEnd {
        if self.open_talk().await.is_err() {
            return TalkEnd::Gone;
        }
        loop {
            // A version that reports idleness is trusted: background work may continue long after a
            // result.
            let settles = self.idle.is_none() || self.has_unread();
            let patience = if self.result.is_some() && settles {
                SETTLE
            } else {
                self.job.config.hang_after
            };
            let quiet = tokio::time::sleep(patience);
            let hold = self.active + self.host.hold(self.job.worker);
            let held = tokio::time::sleep_until(hold.max(Instant::now() + LOOK_AGAIN));
            tokio::select! {
                line = lines.next() => match line {
                    Ok(Some(line)) => self.heard(&line).await,
                    Ok(None) | Err(_) => return self.result.take().map_or(TalkEnd::Gone, TalkEnd::Turn),
                },
                Some(Ok(answered)) = self.asking.join_next() => {
                    if self.answer(answered).await.is_err() {
                        return TalkEnd::Over;
                    }
                }
                Some(Ok(reply)) = self.showing.join_next() => {
                    let _stdout_tells = self.write(&reply).await;
                }
                // While a call waits for people, a message would queue behind it inside the process
                // and be lost with it.
                () = self.host.worded(), if self.open.is_empty() && !self.deferred.is_outstanding() => self.pass_words().await,
                () = tokio::time::sleep(REPEATED), if self.deferred.is_expected() => {
                    // The session was interrupted before it deferred its call: send the outcome as
                    // a message instead.
                    self.deferred.told();
                    parking::forget(self.job);
                    if self.say_opening().await.is_err() {
                        return TalkEnd::Gone;
                    }
                }
                () = self.host.stopped_waiting(), if !self.asking.is_empty() => {
                    if self.host.waiting() == self.asking.len() {
                        return TalkEnd::Held;
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                // Only once every question is stored: parking must not overtake asking.
                () = held, if !self.asking.is_empty() && self.showing.is_empty() => if Instant::now() >= hold && self.host.waiting() == self.asking.len() {
                    return TalkEnd::Held;
                },
                () = quiet, if self.open.is_empty() && self.showing.is_empty() => match self.result.take() {
                    Some(result) if self.asks_in_words(&result) => {}
                    Some(result) => return TalkEnd::Turn(result),
                    None => return TalkEnd::Hung,
                },
            }
            if self.is_at_rest().await
                && let Some(result) = self.result.take()
                && !self.asks_in_words(&result)
            {
                return TalkEnd::Turn(result);
            }
        }
    }

    /// Whether a turn has ended and nothing follows it. Messages that arrive at the last moment get
    /// another turn; what the agent does not take up within [`SETTLE`] counts as not read.
    async fn is_at_rest(&mut self) -> bool {
        let Some(result) = self
            .result
            .as_ref()
            .filter(|_| self.idle == Some(true) && self.open.is_empty())
        else {
            return false;
        };
        if result["is_error"] != true {
            self.pass_words().await;
        }
        !self.has_unread()
    }

    /// Whether it has not taken up everything that was sent.
    fn has_unread(&self) -> bool {
        !self.sent.is_empty() || !self.pictures.is_empty()
    }

    /// A turn that ended in a question: people answer it like any other.
    fn asks_in_words(&mut self, result: &Value) -> bool {
        let Some(question) = ending::asks(result) else {
            return false;
        };
        self.turns += 1;
        let call = ToolCall::last_words(self.turns, &question);
        self.ask(call.id.clone(), call);
        true
    }

    /// Forwards people's messages to the agent.
    async fn pass_words(&mut self) {
        while let Some(words) = self.host.take_words() {
            let (text, uuid) = match &words {
                PersonMessage::Note(note) => (words::noted(note), note.key),
                PersonMessage::Late(question) => (
                    words::late(question),
                    question.answer().map_or(question.key, |answer| answer.key),
                ),
            };
            if let PersonMessage::Late(question) = &words {
                self.granted.extend(words::grant(question));
            }
            let text = self.job.sandbox.sent.resolve(text).await;
            if self.write(&frames::user_message(&text, uuid)).await.is_ok() {
                self.sent.insert(uuid, words);
                self.idle = self.idle.map(|_| false);
            }
        }
    }

    /// Initialises, and sends the task or the answers that came meanwhile.
    async fn open_talk(&mut self) -> std::io::Result<()> {
        let mut initialize = json!({ "subtype": "initialize", "hooks": parking::hooks(), "sdkMcpServers": [own_tools::SERVER] });
        if let Some(text) = words::repository_notes(self.job) {
            initialize["appendSystemPrompt"] = text.into();
        }
        self.write(&json!({ "type": "control_request", "request_id": frames::INITIALIZE, "request": initialize })).await?;
        if let Some(question) = parking::take_up(self.job, records::transcript(self.job).as_deref())
        {
            self.deferred = DeferredCall::Starting(question);
            // The resumed session repeats its deferred call by itself; a message would only wait
            // behind it.
            return Ok(());
        }
        self.say_opening().await
    }

    async fn say_opening(&mut self) -> std::io::Result<()> {
        let opening = words::opening(self.job, records::transcript(self.job).as_deref());
        self.granted = opening.granted;
        let text = self.job.sandbox.sent.resolve(opening.text).await;
        self.write(&frames::user_message(&text, opening.uuid))
            .await?;
        self.told = opening.told;
        Ok(())
    }

    /// Reports how full the session's context is; makes no model call.
    pub async fn report_context(&mut self, lines: &mut OutputLines) {
        let request = json!({ "type": "control_request", "request_id": "context", "request": { "subtype": "get_context_usage", "detail": "summary" } });
        let used = async {
            self.write(&request).await.ok()?;
            while let Ok(Some(line)) = lines.next().await {
                if let Some(reply) = frames::context_used(&line) {
                    return reply;
                }
            }
            None
        };
        if let Ok(Some(percent)) = tokio::time::timeout(SETTLE, used).await {
            let _over = self
                .host
                .session_beat(self.job.session, Some(percent))
                .await;
        }
    }

    async fn keep_session(&mut self) {
        if self.beat.elapsed() >= BEAT {
            self.beat = Instant::now();
            let host = self.host.clone();
            let session = self.job.session;
            tokio::spawn(async move {
                host.tell_spent().await;
                host.session_beat(session, None).await
            });
        }
    }

    async fn write(&mut self, frame: &Value) -> std::io::Result<()> {
        let Some(stdin) = &mut self.stdin else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        stdin.write_all(format!("{frame}\n").as_bytes()).await?;
        stdin.flush().await
    }

    /// Waits for an idle process to exit; the caller kills one that does not.
    pub async fn close(
        &mut self,
        child: &mut Child,
        patience: Duration,
    ) -> Option<std::process::ExitStatus> {
        let _line = match self.stdin.take() {
            Some(stdin) if !patience.is_zero() => process::end_input(stdin).await,
            _ => None,
        };
        tokio::time::timeout(patience, child.wait())
            .await
            .ok()?
            .ok()
    }

    pub fn outcome(&self, result: &Value) -> RunOutcome {
        let outcome = ending::outcome(result, self.last_error.as_deref(), self.job.resume);
        match outcome {
            RunOutcome::Failed(failure) if failure.kind == FailureKind::UsageLimit => {
                RunOutcome::Failed(Failure {
                    retry_at: self.limited.or(failure.retry_at),
                    ..failure
                })
            }
            other => other,
        }
    }
}

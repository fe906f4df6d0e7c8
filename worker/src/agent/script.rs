//! The script agent: any executable. It gets the prompt on standard input and the task in `VINE_*`
//! variables, and asks people by running `vine ask "…" --option a --option b`, which blocks and
//! prints the answer.
//!
//! `vine ask` speaks to its worker through a socket that only this run's processes know: one line
//! of JSON each way. A script that is run again after a crash asks the same questions again; those
//! that were answered are answered at once from what is known.

use std::{
    collections::HashMap,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;
use vine_domain::{
    Ask, Decision, Failure, FailureKind, Question, SessionId,
    question::{Choice, Item},
    reading::is_nothing,
    token::Token,
};

use super::{Finished, Job, Outcome, last_words};
use crate::{config::AgentConfig, host::Host, process, supervise::is_not_started};

/// Whether the script is there.
pub fn starts(config: &AgentConfig) -> Result<(), Failure> {
    let program = config.command.first().map_or("", String::as_str);
    match process::find_program(program) {
        Some(_) => Ok(()),
        None => Err(Failure::new(
            FailureKind::AgentMissing,
            format!("The script agent `{program}` is not there."),
        )),
    }
}

/// Runs the script to its end.
pub async fn run(job: &Job<'_>, host: &Host) -> Outcome {
    match start(job, host).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(Failure::new(
            FailureKind::AgentMissing,
            format!("The script agent cannot be run: {error:#}."),
        )),
    }
}

async fn start(job: &Job<'_>, host: &Host) -> Result<Outcome> {
    let place = SocketFolder::make(job)?;
    let socket = place.0.join("ask");
    let listener = UnixListener::bind(&socket)
        .with_context(|| format!("the socket {} cannot be made", socket.display()))?;
    let mut command = process::supervised(
        &job.config.command,
        &job.folder,
        &job.mark,
        &job.config.env,
        &job.config.pass,
    );
    command
        .envs(variables(job, &socket))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("`{}` does not start", job.config.command.join(" ")))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let prompt = job.task.prompt.as_str().to_owned();
    let line = tokio::spawn(async move {
        let _it_need_not_read = stdin.write_all(prompt.as_bytes()).await;
        process::end_input(stdin).await
    });
    let said = tokio::spawn(listen(stdout, host.clone()));
    let complained = tokio::spawn(listen(stderr, host.clone()));
    let passing = TaskTracker::new();
    let status = tokio::select! {
        status = child.wait() => status,
        () = answer_calls(listener, job, host, &passing) => unreachable!("the listener serves until the script ends"),
    };
    line.abort();
    // An answer that the script has must be on record as delivered before the task can be done.
    passing.close();
    passing.wait().await;
    // Programs that the script left running would keep its streams open.
    tokio::time::sleep(Duration::from_millis(50)).await;
    job.mark.kill().await;
    let (said, complained) = (
        said.await.unwrap_or_default(),
        complained.await.unwrap_or_default(),
    );
    let status = status?;
    if status.success() {
        let summary = said
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .to_owned();
        for question in job
            .task
            .answered
            .iter()
            .filter(|question| question.untold().is_some())
        {
            // It was given up before, and this run went without it: it is not told again.
            let _over = host.delivered(question.heard()).await;
        }
        return Ok(Outcome::Finished(Finished {
            summary,
            ..Finished::default()
        }));
    }
    if is_not_started(status) && complained.contains("does not start") {
        bail!("{}", complained.trim());
    }
    let what = format!(
        "The script ended with {status}; {}.",
        last_words(&host.clean(complained))
    );
    Ok(Outcome::Failed(Failure::new(
        FailureKind::AgentCrashed,
        what,
    )))
}

fn variables(job: &Job<'_>, socket: &Path) -> Vec<(&'static str, String)> {
    let task = job.task;
    let mut path = std::env::var("PATH").unwrap_or_default();
    if let Some(folder) = std::env::current_exe()
        .ok()
        .as_deref()
        .and_then(Path::parent)
    {
        path = format!("{}:{path}", folder.display());
    }
    vec![
        ("PATH", path),
        ("VINE_TASK", task.attempt.task.to_string()),
        ("VINE_ATTEMPT", task.attempt.epoch.0.to_string()),
        ("VINE_TITLE", task.title.to_string()),
        ("VINE_REPO", task.repo.name.to_string()),
        ("VINE_BRANCH", job.branch.clone()),
        ("VINE_WORKTREE", job.folder.display().to_string()),
        ("VINE_SOCKET", socket.display().to_string()),
        ("TMPDIR", job.temp.display().to_string()),
    ]
}

/// A folder with a short name for the socket: paths of sockets end at about a hundred bytes, state
/// folders may be longer. Only this user can enter it; it goes with the run.
struct SocketFolder(PathBuf);

impl SocketFolder {
    fn make(job: &Job<'_>) -> Result<Self> {
        let name = format!("vine-{}", &job.session.0.simple().to_string()[16..]);
        let base = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|base| base.is_dir());
        let folder = base.unwrap_or_else(std::env::temp_dir).join(name);
        let _left_by_a_crash = std::fs::remove_dir_all(&folder);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
        made.with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

const LINE_LIMIT: u64 = 16 * 1024;
const KEPT: usize = 64 * 1024;

/// Logs every line, whatever its bytes, long ones in pieces; returns the last 64 KiB.
async fn listen(stream: impl tokio::io::AsyncRead + Unpin, host: Host) -> String {
    let mut stream = BufReader::new(stream);
    let mut all = String::new();
    let mut line = Vec::new();
    while matches!(
        (&mut stream)
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
            .await,
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line).into_owned();
        host.log(text.trim_end_matches('\n'));
        all.push_str(&text);
        line.clear();
        if all.len() > 2 * KEPT {
            let start = (all.len() - KEPT..all.len())
                .find(|start| all.is_char_boundary(*start))
                .unwrap_or(0);
            all.drain(..start);
        }
    }
    all
}

/// What `vine ask` sends.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    question: String,
    options: Vec<String>,
    multi: bool,
}

/// What it gets back.
#[derive(Debug, Serialize, Deserialize)]
struct Reply {
    /// `None` when nobody answered in time.
    answer: Option<String>,
}

/// Nobody decided anything; `vine ask` has an exit code for it.
#[derive(Debug, thiserror::Error)]
#[error("nobody answered in time, which is no refusal; decide what can be done without the answer")]
pub struct NobodyAnswered;

async fn answer_calls(listener: UnixListener, job: &Job<'_>, host: &Host, passing: &TaskTracker) {
    let mut calls = JoinSet::new();
    // The same words may be asked more than once; the second time is another question, also when
    // the script runs again.
    let times: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (host, session, known, times) = (
            host.clone(),
            job.session,
            job.task.answered.clone(),
            Arc::clone(&times),
        );
        let passing = passing.clone();
        calls.spawn(async move {
            if let Err(error) = answer_call(stream, &host, session, &known, &times, &passing).await
            {
                host.log(format!("vine ask: {error:#}"));
            }
        });
    }
}

async fn answer_call(
    mut stream: UnixStream,
    host: &Host,
    session: SessionId,
    known: &[Question],
    times: &Mutex<HashMap<String, u32>>,
    passing: &TaskTracker,
) -> Result<()> {
    let mut text = String::new();
    BufReader::new(&mut stream)
        .take(256 * 1024)
        .read_line(&mut text)
        .await?;
    let call: Call = serde_json::from_str(&text).context("it is no question")?;
    let name = nth_name(&text, times);
    let before = known.iter().find(|question| question.call == name);
    let question = match before.filter(|question| question.reply().is_some()) {
        Some(known) => known.clone(),
        None => {
            let options = call
                .options
                .into_iter()
                .map(|label| Choice {
                    label,
                    ..Choice::default()
                })
                .collect();
            let item = Item {
                question: call.question,
                header: String::new(),
                options,
                multi: call.multi,
            };
            host.ask(
                Some(session),
                &name,
                Ask::Clarify { items: vec![item] },
                String::new(),
            )
            .await?
        }
    };
    let reply = serde_json::to_string(&Reply {
        answer: question.answer().map(|answer| words(&answer.decision)),
    })?;
    let host = host.clone();
    let passed = passing.spawn(async move {
        // If the asking program is gone there is nobody left to tell, and the answer is used up all
        // the same.
        let passed = stream
            .write_all(reply.as_bytes())
            .await
            .and(stream.shutdown().await);
        host.delivered(question.heard()).await?;
        anyhow::Ok(passed?)
    });
    passed.await?
}

/// A name for the call that is the same when the script runs again.
fn nth_name(text: &str, times: &Mutex<HashMap<String, u32>>) -> String {
    let hash = Token::presented(text).hash()[..16].to_owned();
    let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let count = times.entry(hash.clone()).or_default();
    *count += 1;
    format!("{hash}-{count}")
}

fn words(decision: &Decision) -> String {
    match decision {
        Decision::Chosen { labels } => labels.concat().join("\n"),
        Decision::Words { text } => text.clone(),
        other => other.whole(),
    }
}

/// The other end: what `vine ask` does. Blocks until a person answers.
pub async fn ask(question: String, options: Vec<String>, multi: bool) -> Result<String> {
    let Some(socket) = std::env::var_os("VINE_SOCKET").map(PathBuf::from) else {
        bail!("`vine ask` works only inside a task, run by the script agent");
    };
    if options.iter().any(|label| is_nothing(label)) {
        bail!("an option is empty; nothing was asked. Say what is to be chosen: --option 'Go on'");
    }
    let mut stream = UnixStream::connect(&socket)
        .await
        .context("the worker of this task cannot be reached")?;
    let call = serde_json::to_string(&Call {
        question,
        options,
        multi,
    })?;
    stream.write_all(format!("{call}\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    if text.is_empty() {
        bail!("the task was stopped before anybody answered");
    }
    let Reply { answer } =
        serde_json::from_str(&text).context("the worker is of another version")?;
    Ok(answer.ok_or(NobodyAnswered)?)
}

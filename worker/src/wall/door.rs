//! The only door of a sandbox: a socket that belongs to one attempt. Whatever comes through it
//! counts as the agent's; no token is needed, and none is inside. A call is one line of JSON, and
//! so is its reply.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::serve::Listener;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;
use vine_domain::{
    Ask, Decision, Question, SessionId,
    question::{Choice, Item},
    token::Token,
    visible_text::is_nothing,
};

use super::connection_limit::{LimitedListener, LimitedStream};
use crate::{agent_folder::read_inside, agent_host::AgentHost};

/// A call through the door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DoorCall {
    /// Asks people and waits for their answer.
    Ask {
        /// The question.
        question: String,
        /// The options to choose from.
        options: Vec<String>,
        /// Whether several options may be chosen.
        multi: bool,
    },
    /// Posts a note in the thread.
    Note {
        /// The text.
        text: String,
    },
    /// Reports progress in the log.
    Progress {
        /// The text.
        text: String,
    },
    /// Shows a text file of its folder in the thread.
    Show {
        /// Its path, absolute or relative to the folder.
        file: PathBuf,
    },
    /// Sets the agent's final message.
    Finish {
        /// The text.
        text: String,
    },
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorReply {
    /// People's answer; `None` if nobody answered in time.
    Answer(Option<String>),
    /// The call succeeded.
    Done,
    /// The call was refused, with the reason.
    Refused(String),
}

/// No decision was made; `vine ask` has an exit code for this.
#[derive(Debug, thiserror::Error)]
#[error(
    "nobody answered in time (this is not a refusal); decide what you can do without an answer"
)]
pub struct NobodyAnswered;

/// The keeper's side of one attempt's door.
pub struct SandboxDoor {
    host: AgentHost,
    session: SessionId,
    /// Earlier questions of the task.
    known: Vec<Question>,
    /// The folder from which files may be shown.
    folder: PathBuf,
    /// How often the same text was asked: the second time is another question, also when a script
    /// runs again.
    times: Mutex<HashMap<String, u32>>,
    last_words: Mutex<Option<String>>,
    shown: Mutex<u32>,
    asked: Mutex<u32>,
    passing: TaskTracker,
}

/// One connection.
type DoorStream = LimitedStream<UnixStream>;

/// Time limit for receiving a call.
const PATIENCE: Duration = Duration::from_secs(30);
/// Maximum size of a call in bytes.
const LINE: u64 = 256 * 1024;
/// Maximum length of a note.
const NOTE: usize = 4_000;
/// Maximum number of notes and files per attempt; more would bury the questions.
const MOST: u32 = 50;
/// Maximum number of questions per attempt.
const QUESTIONS: u32 = 500;
/// Maximum size of a shown file in bytes.
const FILE: u64 = 64 * 1024;

impl SandboxDoor {
    /// For one attempt in one session.
    pub fn new(host: AgentHost, session: SessionId, known: Vec<Question>, folder: PathBuf) -> Self {
        Self {
            host,
            session,
            known,
            folder,
            times: Mutex::default(),
            last_words: Mutex::default(),
            shown: Mutex::default(),
            asked: Mutex::default(),
            passing: TaskTracker::new(),
        }
    }

    /// Serves while it is polled.
    pub async fn serve(self: Arc<Self>, mut listener: LimitedListener<UnixListener>) {
        let mut calls = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await;
            while calls.try_join_next().is_some() {}
            let door = Arc::clone(&self);
            calls.spawn(async move {
                if let Err(error) = door.hear(stream).await {
                    door.host.log(format!("vine: {error:#}"));
                }
            });
        }
    }

    /// The final message that the agent set.
    pub fn last_words(&self) -> Option<String> {
        self.last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until pending answers have arrived and are recorded.
    pub async fn settled(&self) {
        self.passing.close();
        self.passing.wait().await;
    }

    async fn hear(&self, mut stream: DoorStream) -> Result<()> {
        let mut text = String::new();
        let mut reader = BufReader::new(&mut stream).take(LINE);
        tokio::time::timeout(PATIENCE, reader.read_line(&mut text))
            .await
            .context("no call was received")??;
        // Only a check whether the door is open.
        if text.is_empty() {
            return Ok(());
        }
        let call: DoorCall = match serde_json::from_str(&text) {
            Ok(call) => call,
            Err(error) => {
                return reply(
                    &mut stream,
                    &DoorReply::Refused(format!("not a valid call: {error}")),
                )
                .await;
            }
        };
        let said = match call {
            DoorCall::Ask {
                question,
                options,
                multi,
            } => {
                return self.ask(stream, &text, question, options, multi).await;
            }
            DoorCall::Note { text } => self.note(&text).await,
            DoorCall::Progress { text } => {
                let text = short(&text);
                self.host.log(format!("progress: {text}"));
                self.host.is_doing(text);
                Ok(())
            }
            DoorCall::Show { file } => self.show(&file).await,
            DoorCall::Finish { text } => {
                *self
                    .last_words
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(short(&text));
                Ok(())
            }
        };
        let back = said.map_or_else(
            |why| DoorReply::Refused(format!("{why:#}")),
            |()| DoorReply::Done,
        );
        reply(&mut stream, &back).await
    }

    async fn note(&self, text: &str) -> Result<()> {
        if is_nothing(text) {
            bail!("the note is empty; nothing was posted");
        }
        count(&self.shown, MOST, ["posted", "messages", "posting"])?;
        self.host.say_of_agent(short(text)).await?;
        Ok(())
    }

    async fn show(&self, file: &Path) -> Result<()> {
        let text = text_of(&self.folder, file)?;
        count(&self.shown, MOST, ["posted", "messages", "posting"])?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.host
            .say_of_agent(format!(
                "`{}`\n\n{}",
                name.replace('`', "'"),
                vine_domain::markdown::fenced(&text)
            ))
            .await?;
        Ok(())
    }

    async fn ask(
        &self,
        mut stream: DoorStream,
        text: &str,
        question: String,
        options: Vec<String>,
        multi: bool,
    ) -> Result<()> {
        let name = self.nth_name(text);
        let before = self.known.iter().find(|question| question.call == name);
        let question = match before.filter(|question| question.reply().is_some()) {
            Some(known) => known.clone(),
            None => {
                if let Err(why) = count(&self.asked, QUESTIONS, ["asked", "questions", "asking"]) {
                    return reply(&mut stream, &DoorReply::Refused(format!("{why:#}"))).await;
                }
                let options = options
                    .into_iter()
                    .map(|label| Choice {
                        label,
                        ..Choice::default()
                    })
                    .collect();
                let item = Item {
                    question,
                    header: String::new(),
                    options,
                    multi,
                };
                let ask = Ask::Clarify { items: vec![item] };
                self.host
                    .ask(Some(self.session), &name, ask, String::new())
                    .await?
            }
        };
        let answer = question.answer().map(|answer| words(&answer.decision));
        let host = self.host.clone();
        let passed = self.passing.spawn(async move {
            // Even if the asking program is gone, the answer counts as used.
            let passed = reply(&mut stream, &DoorReply::Answer(answer)).await;
            host.delivered(question.heard()).await?;
            passed
        });
        passed.await?
    }

    /// A name for the call that stays the same when the script runs again.
    fn nth_name(&self, text: &str) -> String {
        let hash = Token::presented(text).hash()[..16].to_owned();
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let count = times.entry(hash.clone()).or_default();
        *count += 1;
        format!("{hash}-{count}")
    }
}

fn count(so_far: &Mutex<u32>, most: u32, [did, what, doing]: [&str; 3]) -> Result<()> {
    let mut count = so_far.lock().unwrap_or_else(PoisonError::into_inner);
    if *count >= most {
        bail!("this attempt has already {did} {most} {what}, the limit; continue without {doing}");
    }
    *count += 1;
    Ok(())
}

fn short(text: &str) -> String {
    text.trim().chars().take(NOTE).collect()
}

fn words(decision: &Decision) -> String {
    match decision {
        Decision::Chosen { labels } => labels.concat().join("\n"),
        Decision::Words { text } => text.clone(),
        other => other.whole(),
    }
}

async fn reply(stream: &mut DoorStream, reply: &DoorReply) -> Result<()> {
    stream
        .write_all(serde_json::to_string(reply)?.as_bytes())
        .await?;
    Ok(stream.shutdown().await?)
}

/// Reads a text file in the folder.
fn text_of(folder: &Path, file: &Path) -> Result<String> {
    let bytes = read_inside(folder, file, FILE)?;
    String::from_utf8(bytes)
        .ok()
        .with_context(|| format!("{} is not a text file", file.display()))
}

/// The agent's side: what `vine ask`, `vine note` and the like do inside.
pub async fn call(call: &DoorCall) -> Result<Option<String>> {
    let Some(socket) = std::env::var_os("VINE_SOCKET").map(PathBuf::from) else {
        bail!("this only works inside a task");
    };
    if let DoorCall::Ask { options, .. } = call
        && options.iter().any(|label| is_nothing(label))
    {
        bail!(
            "an option is empty; nothing was asked. Give each option a label, such as --option 'Continue'"
        );
    }
    let mut stream = UnixStream::connect(&socket)
        .await
        .context("could not reach the worker of this task")?;
    stream
        .write_all(format!("{}\n", serde_json::to_string(call)?).as_bytes())
        .await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    if text.is_empty() {
        bail!("the task was stopped before anyone answered");
    }
    match serde_json::from_str(&text).context("the worker runs a different version")? {
        DoorReply::Answer(Some(answer)) => Ok(Some(answer)),
        DoorReply::Answer(None) => Err(NobodyAnswered.into()),
        DoorReply::Done => Ok(None),
        DoorReply::Refused(why) => bail!(why),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_text_files_of_the_folder_are_shown() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("tree");
        std::fs::create_dir_all(folder.join("src")).expect("made");
        std::fs::write(folder.join("src/a.txt"), "words\n").expect("written");
        std::fs::write(place.path().join("key"), "secret").expect("written");
        symlink(place.path().join("key"), folder.join("link")).expect("linked");
        symlink(place.path(), folder.join("up")).expect("linked");
        std::fs::write(folder.join("b.bin"), [0xff, 0xfe]).expect("written");
        std::fs::write(folder.join("large"), vec![b'x'; 70_000]).expect("written");
        let read = |file: &str| text_of(&folder, Path::new(file));
        assert_eq!(read("src/a.txt").expect("read"), "words\n");
        let whole = folder.join("./src/a.txt");
        assert_eq!(text_of(&folder, &whole).expect("read"), "words\n");
        for bad in [
            "link",
            "up/key",
            "../key",
            "/etc/passwd",
            "b.bin",
            "large",
            "src",
            "",
            "none",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

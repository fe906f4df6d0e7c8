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
    chat::file::{LARGEST, showable, shown},
    question::{Choice, Item},
    token::Token,
    visible_text::is_nothing,
};

use super::connection_limit::{LimitedListener, LimitedStream};
use crate::{agent_folder::read_inside, agent_host::AgentHost, sent_files::SentFiles};

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
    /// Shows a file of its folder in the thread.
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
    /// What people sent with their answers.
    sent: Arc<SentFiles>,
    /// How often the same text was asked: the second time is another question, also when a script
    /// runs again.
    times: Mutex<HashMap<String, u32>>,
    last_words: Mutex<Option<String>>,
    shown: Mutex<u32>,
    /// Bytes of the files that were shown.
    bytes: Mutex<u64>,
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
/// Maximum size of a file whose text is shown in the message.
const TEXT: usize = 64 * 1024;
/// Maximum size of all files that one attempt shows.
const ALL_FILES: u64 = 64 << 20;

impl SandboxDoor {
    /// For one attempt in one session.
    pub fn new(
        host: AgentHost,
        session: SessionId,
        known: Vec<Question>,
        folder: PathBuf,
        sent: Arc<SentFiles>,
    ) -> Self {
        Self {
            host,
            session,
            known,
            folder,
            sent,
            times: Mutex::default(),
            last_words: Mutex::default(),
            shown: Mutex::default(),
            bytes: Mutex::default(),
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

    /// Shows a file of the folder: a short text in the message, anything else as a file. Nothing with a secret in
    /// it leaves, and no program.
    pub async fn show(&self, file: &Path) -> Result<()> {
        let shown = ShownFile::read(&self.folder, file)?;
        if let ShownFile::File { name, bytes } = &shown {
            let said = String::from_utf8_lossy(bytes);
            if self.host.holds_secret(&said) || self.host.holds_secret(name) {
                bail!("{name} contains something that looks like a secret; nothing was shown");
            }
            self.count_bytes(bytes.len() as u64)?;
        }
        count(&self.shown, MOST, ["posted", "messages", "posting"])?;
        match shown {
            ShownFile::Text { name, text } => {
                let text = vine_domain::markdown::fenced(&text);
                self.host
                    .say_of_agent(format!("`{name}`\n\n{text}"))
                    .await?;
            }
            ShownFile::File { name, bytes } => self.host.show_file(name, bytes).await?,
        }
        Ok(())
    }

    fn count_bytes(&self, bytes: u64) -> Result<()> {
        let mut so_far = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if *so_far + bytes > ALL_FILES {
            bail!(
                "this attempt has already shown {} MB of files, the limit; continue without showing",
                ALL_FILES >> 20
            );
        }
        *so_far += bytes;
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
        let answer = match question.answer().map(|answer| words(&answer.decision)) {
            Some(answer) => Some(self.sent.resolve(answer).await.text),
            None => None,
        };
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

/// A file of the folder, as people see it.
#[derive(Debug, PartialEq, Eq)]
enum ShownFile {
    /// Its text in the message.
    Text {
        /// Its name.
        name: String,
        /// The text.
        text: String,
    },
    /// As a file.
    File {
        /// Its name.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
}

impl ShownFile {
    fn read(folder: &Path, file: &Path) -> Result<Self> {
        let bytes = read_inside(folder, file, LARGEST as u64)?;
        let name = shown(&file.file_name().unwrap_or_default().to_string_lossy());
        let is_short = bytes.len() <= TEXT && !bytes.contains(&0);
        let bytes = match String::from_utf8(bytes) {
            Ok(text) if is_short => return Ok(Self::Text { name, text }),
            Ok(text) => text.into_bytes(),
            Err(other) => other.into_bytes(),
        };
        showable(&name, &bytes)?;
        Ok(Self::File { name, bytes })
    }
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
    fn files_of_the_folder_are_shown_and_no_others_and_no_programs() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("tree");
        std::fs::create_dir_all(folder.join("src")).expect("made");
        std::fs::write(folder.join("src/a.txt"), "words\n").expect("written");
        std::fs::write(place.path().join("key"), "secret").expect("written");
        symlink(place.path().join("key"), folder.join("link")).expect("linked");
        symlink(place.path(), folder.join("up")).expect("linked");
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(folder.join(name), bytes).expect("written");
        };
        write("b.bin", vec![0xff, 0xfe]);
        write("long", vec![b'x'; 70_000]);
        write("large", vec![b'x'; LARGEST + 1]);
        write("program", b"\x7fELF\xff".to_vec());
        let read = |file: &str| ShownFile::read(&folder, Path::new(file));
        let words = ShownFile::Text {
            name: "a.txt".into(),
            text: "words\n".into(),
        };
        assert_eq!(read("src/a.txt").expect("read"), words);
        let whole = folder.join("./src/a.txt");
        assert_eq!(ShownFile::read(&folder, &whole).expect("read"), words);
        for (name, size) in [("b.bin", 2), ("long", 70_000)] {
            let ShownFile::File { bytes, .. } = read(name).expect("read") else {
                panic!("{name}")
            };
            assert_eq!(bytes.len(), size);
        }
        for bad in [
            "link",
            "up/key",
            "../key",
            "/etc/passwd",
            "program",
            "large",
            "src",
            "",
            "none",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

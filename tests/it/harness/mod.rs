//! A place of its own for each story: a repository, a model server, real processes. Everything
//! lives in a temporary folder and ends with the story, by its own process id.

pub mod api;
pub mod balancer;
pub mod base;
pub mod channel;
pub mod double;
pub mod faults;
pub mod forge;
pub mod guild;
pub mod hand_worker;
pub mod nio_human;
pub mod numbers;
pub mod pg_proxy;
mod process;
pub mod replica;
pub mod room;
pub mod sdk_human;
pub mod servers;
pub mod synapse;
pub mod visitor;
pub mod workspace;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;
use vine_api::{Client, ClientError, EditMessage, SendMessage};
use vine_domain::token::Token;
use vine_doubles::model::Model;

pub use process::{Process, agents, gone, signal};

/// A script that asks what stands in `asks`, one after the other, and says what it hears.
pub fn asking(asks: &[&str]) -> String {
    asks.iter()
        .map(|ask| format!("answer=$(vine ask {ask}); echo \"heard <\"$answer\">\"\n"))
        .collect()
}

/// The program under test, unless `VINE_TEST_PROGRAM` names another one: what users run is faster
/// than what tests build.
pub const VINE: &str = env!("CARGO_BIN_EXE_vine");
/// How long anything that does not wait for a lease may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A number of rounds, kills or seconds: the usual one, or the larger one of `tests/run long`.
pub fn usual_or_long<T>(usual: T, long: T) -> T {
    match std::env::var_os("VINE_TEST_LONG") {
        Some(_) => long,
        None => usual,
    }
}

/// Which agent the workers of a place run.
pub enum Agent<'a> {
    /// The real Claude Code, against the model server.
    Claude,
    /// A shell script, given as its text.
    Script(&'a str),
}

/// Lines to be added to sections of the configuration.
#[derive(Default)]
pub struct Sections<'a> {
    pub questions: &'a str,
    pub sessions: &'a str,
    pub worker: &'a str,
    pub claude: &'a str,
    /// Whole sections.
    pub more: &'a str,
}

pub struct Place {
    pub folder: TempDir,
    pub repo: PathBuf,
    pub model: Model,
    pub base: base::Base,
    /// More of the environment.
    pub env: Vec<(String, String)>,
    /// The repository's own settings count.
    pub trusted: bool,
    config: PathBuf,
    listen: String,
    client: Option<Client>,
}

impl Place {
    /// A repository with one commit, a model server, a configuration; nothing of ours runs yet.
    pub async fn new(agent: Agent<'_>) -> Self {
        Self::with_sections(agent, Sections::default()).await
    }

    /// The same with more lines in the section `[worker]`.
    pub async fn with_worker(agent: Agent<'_>, worker: &str) -> Self {
        Self::with_sections(
            agent,
            Sections {
                worker,
                ..Sections::default()
            },
        )
        .await
    }

    /// The same with more lines in the section `[agents.claude]`.
    pub async fn with_config(agent: Agent<'_>, claude: &str) -> Self {
        Self::with_sections(
            agent,
            Sections {
                claude,
                ..Sections::default()
            },
        )
        .await
    }

    /// The same with more lines in several sections.
    pub async fn with_sections(agent: Agent<'_>, sections: Sections<'_>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-it-")
            .tempdir()
            .expect("a temporary folder");
        let base = base::Base::new(&folder.path().join("daemon"));
        Self::in_folder(folder, base, agent, sections).await
    }

    /// The same on engines of its own.
    pub async fn on(base: base::Base, agent: Agent<'_>, sections: Sections<'_>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-it-")
            .tempdir()
            .expect("a temporary folder");
        Self::in_folder(folder, base, agent, sections).await
    }

    async fn in_folder(
        folder: TempDir,
        base: base::Base,
        agent: Agent<'_>,
        sections: Sections<'_>,
    ) -> Self {
        let repo = folder.path().join("site");
        make_repository(&repo);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let model = Model::default();
        tokio::spawn(model.clone().serve(listener));
        let config = folder.path().join("vine.toml");
        let own = configuration(
            folder.path(),
            &agent,
            &format!("http://{address}"),
            &sections,
        );
        fs::write(&config, format!("{}{own}", base.sections())).expect("written");
        Self {
            folder,
            repo,
            model,
            base,
            env: Vec::new(),
            trusted: false,
            config,
            listen: "127.0.0.1:0".into(),
            client: None,
        }
    }

    /// With a daemon and a worker `w-1` of one slot, which end with the story.
    pub async fn at_work(mut self) -> (Self, [Process; 2]) {
        let daemon = self.daemon().await;
        let worker = self.worker("w-1", 1).await;
        (self, [worker, daemon])
    }

    /// The configuration that all processes read.
    pub fn config(&self) -> &Path {
        &self.config
    }

    pub fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the daemon; a second time on the same address and state.
    pub async fn daemon(&mut self) -> Process {
        let state = self.state("daemon");
        let _first_start = fs::remove_file(state.join("endpoint.json"));
        let daemon = Process::start("daemon", self.daemon_command());
        self.serves(&state).await;
        daemon
    }

    /// The same with a disk of its own of so many megabytes, and the path at which it is seen here.
    pub async fn daemon_on_small_disk(&mut self, size: u32) -> (Process, PathBuf) {
        let state = self.state("daemon");
        fs::create_dir_all(&state).expect("a folder");
        let command = on_small_disk(&self.daemon_command(), self.folder.path(), &state, size);
        let daemon = Process::start("daemon", command);
        let inside = PathBuf::from(format!("/proc/{}/root{}", daemon.pid(), path(&state)));
        self.serves(&inside).await;
        (daemon, inside)
    }

    fn daemon_command(&self) -> Command {
        let state = self.state("daemon");
        self.vine(&["daemon", "--listen", &self.listen, "--state", path(&state)])
    }

    /// Waits until the daemon serves, whose state is there.
    async fn serves(&mut self, state: &Path) {
        let endpoint: Value = until(PATIENCE, "the daemon serves", || {
            serde_json::from_slice(&fs::read(state.join("endpoint.json")).ok()?).ok()
        })
        .await;
        let url = endpoint["url"].as_str().expect("a url");
        let client = Client::new(
            url,
            Some(Token::presented(
                endpoint["token"].as_str().expect("a token"),
            )),
        );
        for _ in 0..200 {
            if client.get::<Value>("/queue/status").await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if self.client.is_none() {
            let trusted: &[&str] = if self.trusted { &["--trusted"] } else { &[] };
            let words: Vec<String> = ["repo", "add", "site", path(&self.repo), "--base", "main"]
                .iter()
                .chain(trusted)
                .map(|word| (*word).to_owned())
                .collect();
            client
                .run(&words, "")
                .await
                .expect("the repository is added");
        }
        self.listen = url.trim_start_matches("http://").to_owned();
        self.client = Some(client);
    }

    /// Starts a worker, enrolled if it is new.
    pub async fn worker(&self, name: &str, slots: u32) -> Process {
        self.worker_at(self.client().base(), name, slots).await
    }

    /// The same with something else in its configuration.
    pub async fn worker_with(&mut self, name: &str, slots: u32, change: (&str, &str)) -> Process {
        let common = self.config.clone();
        let text = fs::read_to_string(&common).expect("a configuration");
        assert!(text.contains(change.0), "{} is in {text}", change.0);
        self.config = self.folder.path().join(format!("{name}.toml"));
        fs::write(&self.config, text.replace(change.0, change.1)).expect("written");
        let worker = self.worker(name, slots).await;
        self.config = common;
        worker
    }

    /// The same with a disk of its own of so many megabytes.
    pub async fn worker_on_small_disk(&self, name: &str, size: u32) -> Process {
        let state = self.state(name);
        fs::create_dir_all(&state).expect("a folder");
        let vine = self.worker_command(self.client().base(), name, 1).await;
        let command = on_small_disk(&vine, self.folder.path(), &state, size);
        Process::start(name, command)
    }

    /// The same as the first process of a space of its own, as in a container.
    pub async fn worker_as_process_one(&self, name: &str) -> Process {
        let vine = self.worker_command(self.client().base(), name, 1).await;
        let mut command = Command::new("unshare");
        command
            .args([
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--",
            ])
            .arg(vine.get_program())
            .args(vine.get_args())
            .env_clear();
        for (name, value) in vine.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Process::start(name, command)
    }

    /// The same with the daemons behind an address.
    pub async fn worker_at(&self, url: &str, name: &str, slots: u32) -> Process {
        Process::start(name, self.worker_command(url, name, slots).await)
    }

    async fn worker_command(&self, url: &str, name: &str, slots: u32) -> Command {
        let state = self.state(name);
        let slots = slots.to_string();
        let mut arguments = vec![
            "worker",
            "--daemon",
            url,
            "--name",
            name,
            "--slots",
            &slots,
            "--state",
            path(&state),
        ];
        let code = match state.join("worker.json").exists() {
            true => String::new(),
            false => self.secret("enrolment").await,
        };
        if !code.is_empty() {
            arguments.extend(["--enrol", &code]);
        }
        self.vine(&arguments)
    }

    /// A fresh secret of that kind.
    pub async fn secret(&self, kind: &str) -> String {
        let made: Value = self
            .client()
            .post("/tokens", &serde_json::json!({ "kind": kind }))
            .await
            .expect("a secret");
        made["token"].as_str().expect("text").to_owned()
    }

    /// The program with an environment made from nothing.
    pub fn vine(&self, arguments: &[&str]) -> Command {
        let mut command =
            Command::new(std::env::var("VINE_TEST_PROGRAM").unwrap_or_else(|_| VINE.into()));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path());
        command
            .env("XDG_STATE_HOME", self.folder.path().join("xdg"))
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
            .args(["--config", path(&self.config)])
            .args(arguments);
        command
    }

    /// Runs the program on the daemon's state and gives what it says.
    pub fn shell(&self, arguments: &[&str]) -> String {
        self.try_shell(arguments)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// The same, or what it complains of.
    pub fn try_shell(&self, arguments: &[&str]) -> Result<String, String> {
        self.try_shell_with(arguments, "")
    }

    /// The same with this on its standard input.
    pub fn shell_with(&self, arguments: &[&str], input: &str) -> String {
        self.try_shell_with(arguments, input)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// The same, or what it complains of.
    pub fn try_shell_with(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.vine(arguments);
        command
            .env("VINE_STATE", self.state("daemon"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("piped");
        // It may have ended without reading.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// From now on this client speaks for the place.
    pub fn know(&mut self, client: Client) {
        self.client = Some(client);
    }

    /// Whether its daemon was never started.
    pub fn is_new(&self) -> bool {
        self.client.is_none()
    }

    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("the daemon was started")
    }

    /// Runs a command as the admin and gives its data.
    pub async fn say(&self, line: &str) -> Value {
        self.try_say(line)
            .await
            .unwrap_or_else(|error| panic!("`{line}` was refused: {error}"))
    }

    pub async fn try_say(&self, line: &str) -> Result<Value, ClientError> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Ok(self.client().run(&words, "").await?.data)
    }

    /// Creates a task and gives its id.
    pub async fn task(&self, title: &str, prompt: &str) -> String {
        let words = ["task", "new", title, "--prompt", prompt].map(str::to_owned);
        let reply = self
            .client()
            .run(&words, "")
            .await
            .expect("the task is created");
        reply.data["id"].as_str().expect("an id").to_owned()
    }

    pub async fn show(&self, task: &str) -> Value {
        self.say(&format!("task show {task}")).await
    }

    /// Waits until `repo room` says this of a repository's rooms.
    pub async fn room(&self, repo: &str, words: &str) {
        self.says(&format!("repo room {repo}"), words).await;
    }

    /// Waits until `status` says this.
    pub async fn status(&self, words: &str) {
        self.says("status", words).await;
    }

    async fn says(&self, line: &str, words: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = self.say(line).await.to_string();
            if said.contains(words) {
                return;
            }
            assert!(
                Instant::now() < end,
                "`{line}` does not say `{words}`: {said}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the task is in a state.
    pub async fn wait(&self, task: &str, state: &str) -> Value {
        self.wait_for(PATIENCE, task, &format!("{task} is {state}"), |shown| {
            shown["state"] == state
        })
        .await
    }

    /// Waits until `status` says this of the only platform, or that all is well, and gives what it
    /// says. The issue of health is that it is known within fifteen seconds.
    pub async fn platform(&self, words: Option<&str>) -> Value {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let status = self.say("status").await["adapters"][0].clone();
            let there = match (status["trouble"].as_str(), words) {
                (Some(trouble), Some(words)) => trouble.contains(words),
                (trouble, words) => trouble.is_none() && words.is_none(),
            };
            if there {
                return status;
            }
            assert!(
                Instant::now() < end,
                "{words:?} and not {status}, within 15 s"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn wait_for(
        &self,
        patience: Duration,
        task: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + patience;
        loop {
            let shown = self.show(task).await;
            if is(&shown) {
                return shown;
            }
            if Instant::now() >= end {
                let log = self.say(&format!("task log {task}")).await;
                panic!("{what}: not within {patience:?}\n{shown:#}\n{log:#}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the task's open question and gives its id and itself.
    pub async fn question(&self, task: &str) -> (String, Value) {
        let open = |shown: &Value| {
            shown["questions"]
                .as_array()
                .and_then(|all| all.iter().find(|one| one["state"] == "open").cloned())
        };
        let shown = self
            .wait_for(PATIENCE, task, &format!("{task} asks"), |shown| {
                open(shown).is_some()
            })
            .await;
        let question = open(&shown).expect("just seen");
        (question["id"].as_str().expect("an id").to_owned(), question)
    }

    /// Waits until the open question is in the session's record on disk: Claude Code writes it up
    /// to 100 ms later, and a session that is killed before cannot be gone back into.
    pub async fn recorded(&self, question: &Value) {
        let (session, call) = (
            question["session"].as_str().expect("a session"),
            question["call"].as_str().expect("a call"),
        );
        let (projects, name) = (
            self.folder.path().join("home/claude/projects"),
            format!("{session}.jsonl"),
        );
        until(PATIENCE, "the question is on record", || {
            let mut folders = fs::read_dir(&projects).ok()?.flatten();
            let text =
                folders.find_map(|project| fs::read_to_string(project.path().join(&name)).ok())?;
            text.contains(call).then_some(())
        })
        .await;
    }

    /// Answers in the console: words in the task's thread, in reply to the question.
    pub async fn answer(&self, task: &str, question: &str, text: &str) {
        self.answered(task, question, text)
            .await
            .expect("the answer is taken");
    }

    /// The same, or why it is not taken.
    pub async fn answered(
        &self,
        task: &str,
        question: &str,
        text: &str,
    ) -> Result<Value, ClientError> {
        let message = SendMessage {
            task: Some(task.parse().expect("a task")),
            text: text.into(),
            reply_to: Some(question.parse().expect("a question")),
            key: None,
        };
        self.client().post("/chat/messages", &message).await
    }

    /// Says something in a task's thread, under a key by which it can be changed later.
    pub async fn write(&self, task: &str, text: &str) -> Uuid {
        let key = vine_domain::clock::Ids::uuid(&vine_domain::clock::System);
        let message = SendMessage {
            task: Some(task.parse().expect("a task")),
            text: text.into(),
            reply_to: None,
            key: Some(key),
        };
        self.client()
            .post::<_, Value>("/chat/messages", &message)
            .await
            .expect("the words are taken");
        key
    }

    /// Changes what was said under a key, or takes it back.
    pub async fn change(&self, key: Uuid, text: Option<&str>) -> Result<Value, ClientError> {
        let path = format!("/chat/messages/{key}");
        let body = text.map(|text| EditMessage { text: text.into() });
        let method = if body.is_some() {
            Method::PATCH
        } else {
            Method::DELETE
        };
        self.client()
            .call(method, &path, body.as_ref(), Duration::ZERO)
            .await
    }

    /// Waits until the thread of a task says that.
    pub async fn told(&self, task: &str, words: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let thread = self.thread(task).await;
            if thread.contains(words) {
                return;
            }
            assert!(Instant::now() < end, "nobody said {words}: {thread}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All words of a task's thread.
    pub async fn thread(&self, task: &str) -> String {
        let listed: Value = self
            .client()
            .get(&format!("/chat/messages?task={task}&limit=1000"))
            .await
            .expect("the thread");
        let texts = listed["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|message| message["text"].as_str().expect("text"));
        texts.collect::<Vec<_>>().join("\n---\n")
    }

    pub async fn log(&self, task: &str) -> String {
        let lines = self.say(&format!("task log {task} --limit 1000")).await;
        lines
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line["text"].as_str().expect("text"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// How often the model heard these words as news, in the last message of a request.
    pub fn heard(&self, words: &str) -> usize {
        self.model
            .seen()
            .iter()
            .filter(|seen| seen.heard.contains(words))
            .count()
    }

    /// The branch of a task.
    pub async fn branch(&self, task: &str) -> String {
        let shown = self.show(task).await;
        shown["branch"].as_str().expect("a name").to_owned()
    }

    /// Nothing of ours shows up in the repository, and no folder is left, soon after a task is over.
    pub async fn assert_clean(&self) {
        assert_eq!(
            git(&self.repo, &["status", "--porcelain"]),
            "",
            "git status of the repository"
        );
        let folders = || {
            let inside = |folder: PathBuf| {
                let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                entries.map(|entry| entry.path()).collect::<Vec<_>>()
            };
            let workers = inside(self.folder.path().to_owned()).into_iter();
            let repos = workers.flat_map(|worker| inside(worker.join("worktrees")));
            repos.flat_map(inside).count()
        };
        until(PATIENCE, "the task's folder is gone", || {
            (folders() == 0).then_some(())
        })
        .await;
    }
}

/// Waits for something that is looked for again and again.
pub async fn until<T>(patience: Duration, what: &str, look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Commits all that lies in a repository.
pub fn commit_all(folder: &Path, message: &str) {
    git(folder, &["add", "."]);
    git(
        folder,
        &[
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "-m",
            message,
        ],
    );
}

pub fn make_repository(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    fs::write(folder.join("README.md"), "# Site\n").expect("written");
    commit_all(folder, "Begin");
}

pub fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Where `tests/run` put Claude Code.
pub fn claude() -> String {
    std::env::var("VINE_TEST_CLAUDE")
        .expect("VINE_TEST_CLAUDE names Claude Code; `tests/run` installs it and sets this")
}

fn configuration(folder: &Path, agent: &Agent<'_>, model: &str, sections: &Sections<'_>) -> String {
    let Sections {
        questions,
        sessions,
        worker,
        claude: more,
        more: whole,
    } = sections;
    let probe = match worker.contains("probe_seconds") {
        true => "",
        false => "probe_seconds = 1\n",
    };
    // What is told of walls says which.
    let wall = match worker.contains("wall =") {
        true => "",
        false => "wall = \"plain\"\n",
    };
    let shared = format!(
        "{whole}[questions]\n{questions}[sessions]\n{sessions}[worker]\ndrain_seconds = 2\n{probe}{wall}{worker}"
    );
    let home = folder.join("home");
    fs::create_dir_all(home.join("claude")).expect("a folder");
    let home = path(&home);
    match agent {
        Agent::Claude => format!(
            "{shared}[agents]\ndefault = \"claude\"\n[agents.claude]\npass_env = \
             []\n{command}{more}\n[agents.claude.env]\nHOME = \"{home}\"\nCLAUDE_CONFIG_DIR = \"{home}/claude\"\n\
             ANTHROPIC_BASE_URL = \"{model}\"\nANTHROPIC_API_KEY = \"dummy\"\nCLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC \
             = \"1\"\nCLAUDE_CODE_MAX_RETRIES = \"1\"\n",
            command = if more.contains("command") {
                String::new()
            } else {
                format!("command = [\"{}\"]\n", claude())
            },
        ),
        Agent::Script(text) => {
            let script = folder.join("agent.sh");
            fs::write(&script, text).expect("written");
            format!(
                "{shared}[agents]\ndefault = \"script\"\n[agents.script]\ncommand = [\"sh\", \"{}\"]\n[agents.script.env]\nPLACE = \"{}\"\n",
                path(&script),
                path(folder)
            )
        }
    }
}

/// The same command with a disk of so many megabytes of its own at `state`.
fn on_small_disk(vine: &Command, folder: &Path, state: &Path, size: u32) -> Command {
    let mut command = Command::new("unshare");
    command.env_clear().current_dir(folder);
    command.envs(
        vine.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mount = "mount -t tmpfs -o size=\"$1\"m none \"$2\" && shift 2 && exec \"$@\"";
    command.args([
        "-Urm",
        "sh",
        "-c",
        mount,
        "sh",
        &size.to_string(),
        path(state),
    ]);
    command.arg(vine.get_program()).args(vine.get_args());
    command
}

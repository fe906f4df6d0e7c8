//! The nouns and verbs.

use std::str::FromStr;

use clap::{Args, Subcommand};
use vine_domain::{
    Branch, Invalid, Lane, QuestionId, SessionId, Slug, TaskId, Title, Wall,
    guard::{Egress, Host, Preset},
    repo::Push,
};

/// What a person can order anywhere: in a chat thread, in the console, in a shell.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Create, look at and steer tasks
    #[command(subcommand)]
    Task(TaskVerb),
    /// Look at what agents ask, and answer
    #[command(subcommand)]
    Question(QuestionVerb),
    /// Look at and end agents' sessions
    #[command(subcommand)]
    Session(SessionVerb),
    /// Look at and manage workers
    #[command(subcommand)]
    Worker(WorkerVerb),
    /// Look at and control the queues
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Add and look at repositories
    #[command(subcommand)]
    Repo(RepoVerb),
    /// Who waits for whom, in a few lines
    Status,
    /// Who you are here and what you may do
    Whoami,
    /// How to say things
    Help,
}

/// One of several, or what holds when nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrDefault<T>(Option<T>);

impl<T> OrDefault<T> {
    /// What was named; `None` for the default.
    pub fn named(self) -> Option<T> {
        self.0
    }
}

impl<T: FromStr<Err = Invalid>> FromStr for OrDefault<T> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "default" => Ok(Self(None)),
            other => other.parse().map(Some).map(Self),
        }
    }
}

/// How much a listing shows.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ListRange {
    /// Show at most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// What can be done with tasks.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TaskVerb {
    /// Create a task; in chat, further lines are the prompt
    New {
        /// What the task is called; also the prompt when none is given
        #[arg(required = true, value_name = "TITLE")]
        title: Vec<String>,
        /// What the agent is asked to do
        #[arg(long)]
        prompt: Option<String>,
        /// The repository; may be left out when there is only one
        #[arg(long)]
        repo: Option<Slug>,
        /// The branch to start from (default: the repository's)
        #[arg(long)]
        base: Option<Branch>,
        /// The branch to commit to (default: `vine/T-<number>-<title>`)
        #[arg(long)]
        branch: Option<Branch>,
        /// high, default or low
        #[arg(long, default_value = "default", value_name = "LANE")]
        priority: Lane,
        /// Creating again with the same key gives the first task
        #[arg(long, value_name = "TEXT")]
        key: Option<String>,
    },
    /// List tasks, newest first
    List {
        /// Only this state
        #[arg(long, value_parser = ["queued", "running", "waiting", "done", "failed", "cancelled"])]
        state: Option<String>,
        /// Only this repository
        #[arg(long)]
        repo: Option<Slug>,
        /// How much
        #[command(flatten)]
        range: ListRange,
    },
    /// Show one task
    Show {
        /// Like T-142; inside a task's thread it may be left out
        task: Option<TaskId>,
    },
    /// Call a task off
    Cancel {
        /// Like T-142
        task: Option<TaskId>,
    },
    /// Run a failed or cancelled task again, or a queued one now
    Retry {
        /// Like T-142
        task: Option<TaskId>,
    },
    /// Move a task to another lane
    Priority {
        /// high, default or low
        lane: Lane,
        /// Like T-142
        task: Option<TaskId>,
    },
    /// Show what happened, and the agent's own words
    Log {
        /// Like T-142
        task: Option<TaskId>,
        /// How much
        #[command(flatten)]
        range: ListRange,
    },
    /// Show what a task changed
    Diff {
        /// Like T-142
        task: Option<TaskId>,
    },
    /// Push what a worker keeps of a task and did not push by itself
    Push {
        /// Like T-142
        task: Option<TaskId>,
        /// Leave it with its worker instead, and ask nobody any more
        #[arg(long)]
        leave: bool,
    },
    /// Why a task is where it is, and what happens next
    Explain {
        /// Like T-142
        task: Option<TaskId>,
    },
}

/// What can be done with questions.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum QuestionVerb {
    /// List open questions, oldest first
    List {
        /// How much
        #[command(flatten)]
        range: ListRange,
    },
    /// Show one question whole
    Show {
        /// Like Q-17
        question: QuestionId,
    },
    /// Answer a question
    Answer {
        /// Like Q-17
        question: QuestionId,
        /// A number, a label or your own words (in a shell: `-` or `--file FILE` reads them)
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
}

/// What can be done with sessions.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SessionVerb {
    /// List live sessions
    List {
        /// Ended ones too
        #[arg(long)]
        all: bool,
        /// How much
        #[command(flatten)]
        range: ListRange,
    },
    /// Show one session
    Show {
        /// Its UUID
        session: SessionId,
    },
    /// End a session; its task starts afresh if it runs again
    End {
        /// Its UUID
        session: SessionId,
    },
    /// Keep a session, whatever the policies say
    Keep {
        /// Its UUID
        session: SessionId,
    },
}

/// What can be done with workers.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum WorkerVerb {
    /// List workers
    List,
    /// Show one worker
    Show {
        /// Its name
        worker: String,
    },
    /// Let a worker finish what it has, and give it nothing new
    Drain {
        /// Its name
        worker: String,
    },
    /// Give a drained worker new work again
    Resume {
        /// Its name
        worker: String,
    },
    /// Bound a worker: how many agents at once, of which repositories; without options, lift the bounds
    Limit {
        /// Its name
        worker: String,
        /// So many agents at once at most
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        slots: Option<u32>,
        /// Only tasks of this repository; may be said several times
        #[arg(long)]
        repo: Vec<Slug>,
    },
    /// Forget workers and their tokens
    Remove {
        /// Their names
        #[arg(required_unless_present = "offline", conflicts_with = "offline")]
        worker: Vec<String>,
        /// All that are gone
        #[arg(long)]
        offline: bool,
        /// How many those are; the first call tells, and changes nothing
        #[arg(long, requires = "offline")]
        confirm: Option<u64>,
    },
}

/// What can be done with queues.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum QueueVerb {
    /// How deep each queue is
    Status,
    /// Start nothing new, everywhere or in one repository
    Pause {
        /// Only this repository
        #[arg(long)]
        repo: Option<Slug>,
    },
    /// Start new work again
    Resume {
        /// Only this repository
        #[arg(long)]
        repo: Option<Slug>,
    },
    /// List tasks that were set aside after failing
    Dead {
        /// How much
        #[command(flatten)]
        range: ListRange,
    },
    /// Run a dead task again, or many of them
    Replay {
        /// Like T-142
        #[arg(conflicts_with = "BulkFilter", required_unless_present = "BulkFilter")]
        task: Option<TaskId>,
        /// Which
        #[command(flatten)]
        many: BulkFilter,
    },
    /// Take a task off the list of dead ones, or many of them
    Discard {
        /// Like T-142
        #[arg(conflicts_with = "BulkFilter", required_unless_present = "BulkFilter")]
        task: Option<TaskId>,
        /// Which
        #[command(flatten)]
        many: BulkFilter,
    },
}

/// Dead tasks by what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct BulkFilter {
    /// All that the other filters leave
    #[arg(long)]
    pub all: bool,
    /// Only those of this repository
    #[arg(long)]
    pub repo: Option<Slug>,
    /// Only those that failed in this way, like git
    #[arg(long)]
    pub kind: Option<String>,
    /// How many there are; the first call tells, and changes nothing
    #[arg(long)]
    pub confirm: Option<u64>,
}

/// What can be done with repositories.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RepoVerb {
    /// Add a repository, or correct the one of that name
    Add {
        /// Its short name
        name: Slug,
        /// An absolute path on the workers' machines, or a URL
        source: String,
        /// The branch that tasks start from (default: the one that the repository itself names)
        #[arg(long, default_value = Branch::DEFAULT, hide_default_value = true)]
        base: Branch,
        /// Let the repository's own agent settings, hooks and MCP servers run
        #[arg(long)]
        trusted: bool,
        /// Encrypt the rooms that are made for it, end to end; this cannot be undone
        #[arg(long)]
        encrypted: bool,
        /// What workers push unasked: all, branches (unfinished work to branches too), done or never (default: all)
        #[arg(long, value_name = "RULE")]
        push: Option<Push>,
    },
    /// Show where a repository is talked about, or choose the room
    Room {
        /// Its short name
        name: Slug,
        /// The room to use from now on, as the platform names it
        #[arg(long)]
        room: Option<String>,
        /// The platform of that room; left out, the one this is said on, or the only one
        #[arg(long)]
        platform: Option<String>,
    },
    /// Set what its agents may do unasked, which hosts they reach, and which wall must stand
    Set {
        /// Its short name
        name: Slug,
        /// read, edit, test, open, auto (Anthropic's classifier allows), or default
        #[arg(long, value_name = "PRESET")]
        preset: Option<OrDefault<Preset>>,
        /// Hosts that agents reach: off, list (registries and those allowed) or open
        #[arg(long, value_name = "RULE")]
        egress: Option<Egress>,
        /// A host that they may reach too, like example.org; may be said several times
        #[arg(long, value_name = "HOST")]
        allow: Vec<Host>,
        /// A host of the list that they may not reach any more
        #[arg(long, value_name = "HOST")]
        refuse: Vec<Host>,
        /// The least wall: bubblewrap, container, user, plain, or default
        #[arg(long, value_name = "WALL")]
        wall: Option<OrDefault<Wall>>,
    },
    /// Forget a repository that has no open tasks; what was done in it stays
    Remove {
        /// Its short name
        name: Slug,
    },
    /// List repositories
    List,
    /// Show one repository
    Show {
        /// Its short name
        name: Slug,
    },
}

impl TaskVerb {
    /// The title of a new task, from its words.
    pub fn title(words: &[String]) -> Result<Title, Invalid> {
        words.join(" ").parse()
    }
}

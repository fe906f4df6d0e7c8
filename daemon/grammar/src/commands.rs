//! The command tree: nouns and verbs.

use std::str::FromStr;

use clap::{Args, Subcommand};
use vine_domain::{
    Branch, Effort, Followups, Invalid, Lane, ModelName, QuestionId, SessionId, Slug, TaskId,
    Title, Wall,
    conventions::{BranchPattern, Trailers},
    forge::{MergeMethod, OpenRule, rule::ForgeNames},
    guard::{Egress, Host, Preset},
    repo::Push,
};

/// What a person can request anywhere: in a chat thread, in the console, in a shell.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Create, view and manage tasks
    #[command(subcommand)]
    Task(TaskVerb),
    /// View and answer agents' questions
    #[command(subcommand)]
    Question(QuestionVerb),
    /// View, keep and end agents' sessions
    #[command(subcommand)]
    Session(SessionVerb),
    /// View and manage workers
    #[command(subcommand)]
    Worker(WorkerVerb),
    /// View and control the queues
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Add, view and configure repositories
    #[command(subcommand)]
    Repo(RepoVerb),
    /// Show what needs you, at a glance
    Status,
    /// Show who you are here and what you are allowed to do
    Whoami,
    /// Show how to answer and the most used commands
    Help {
        /// Show all commands
        topic: Option<HelpTopic>,
    },
}

/// What `help` shows besides the most used commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum HelpTopic {
    /// All commands
    All,
}

/// A value, or `default` for the one that applies when nothing is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrDefault<T>(Option<T>);

impl<T> OrDefault<T> {
    /// The value; `None` for the default.
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

/// How many entries a listing shows.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ListRange {
    /// Show at most this many entries
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

/// Commands for tasks.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TaskVerb {
    /// Create a task; in chat, the lines that follow are the prompt
    New {
        /// The task's title; also the prompt if none is given
        #[arg(required = true, value_name = "TITLE")]
        title: Vec<String>,
        /// What the agent should do
        #[arg(long)]
        prompt: Option<String>,
        /// The repository; optional if there is only one
        #[arg(long)]
        repo: Option<Slug>,
        /// The branch to start from (default: the repository's base branch)
        #[arg(long)]
        base: Option<Branch>,
        /// Start from the branch of this task once it is done, like T-7
        #[arg(long, value_name = "TASK", conflicts_with = "base")]
        after: Option<TaskId>,
        /// The branch to commit to (default: `vine/T-<number>-<title>`)
        #[arg(long)]
        branch: Option<Branch>,
        /// The priority: high, default or low
        #[arg(long, default_value = "default", value_name = "LANE")]
        priority: Lane,
        /// The model that the agent uses, like opus (default: the repository's, or the agent's own)
        #[arg(long)]
        model: Option<ModelName>,
        /// How much the agent thinks: low, medium, high, xhigh or max
        #[arg(long)]
        effort: Option<Effort>,
        /// Idempotency key: creating again with the same key returns the first task
        #[arg(long, value_name = "TEXT")]
        key: Option<String>,
    },
    /// List tasks, newest first
    List {
        /// Show only tasks in this state
        #[arg(long, value_parser = ["queued", "running", "waiting", "done", "failed", "cancelled"])]
        state: Option<String>,
        /// Show only tasks of this repository
        #[arg(long)]
        repo: Option<Slug>,
        /// How many to show
        #[command(flatten)]
        range: ListRange,
    },
    /// Show a task
    Show {
        /// The task, like T-142; optional inside its thread
        task: Option<TaskId>,
    },
    /// Cancel a task
    Cancel {
        /// The task, like T-142
        task: Option<TaskId>,
        /// Only if it is in this round, like 2; one that has not begun is taken back
        #[arg(long, value_name = "NUMBER")]
        round: Option<u32>,
    },
    /// Run a failed or cancelled task again, or a queued one now
    Retry {
        /// The task, like T-142
        task: Option<TaskId>,
    },
    /// Continue a task that is over, on its branch and in its session
    Continue {
        /// The task, like T-142 (optional inside its thread), and what to do next
        #[arg(
            required = true,
            value_name = "TEXT",
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        words: Vec<String>,
    },
    /// Move a task to another lane
    Priority {
        /// The priority: high, default or low
        lane: Lane,
        /// The task, like T-142
        task: Option<TaskId>,
    },
    /// Show a task's log: what happened, and the agent's output
    Log {
        /// The task, like T-142
        task: Option<TaskId>,
        /// How many to show
        #[command(flatten)]
        range: ListRange,
    },
    /// Show what a task changed
    Diff {
        /// The task, like T-142
        task: Option<TaskId>,
        /// Only this round, like 2 (default: the latest)
        #[arg(long, value_name = "NUMBER")]
        round: Option<u32>,
    },
    /// Push work that a worker has kept unpushed
    Push {
        /// The task, like T-142
        task: Option<TaskId>,
        /// Leave the work on its worker instead, and stop asking about it
        #[arg(long)]
        leave: bool,
    },
    /// Show a task's pull request, or open, close or update it
    Request {
        /// The task, like T-142
        task: Option<TaskId>,
        /// Open one, if the repository does not do that by itself
        #[arg(long, conflicts_with_all = ["close", "update"])]
        open: bool,
        /// Close it without merging it
        #[arg(long, conflicts_with = "update")]
        close: bool,
        /// Merge its base into its branch
        #[arg(long)]
        update: bool,
    },
    /// Merge a task's pull request
    Merge {
        /// The task, like T-142
        task: Option<TaskId>,
        /// How: merge, squash or rebase (default: as its repository says)
        #[arg(long)]
        method: Option<MergeMethod>,
        /// As soon as its checks pass, not immediately
        #[arg(long)]
        when_checks_pass: bool,
        /// Only if this is the commit at its head, or how that begins
        #[arg(long, value_name = "COMMIT")]
        head: Option<String>,
    },
    /// Let the agent fix what the checks and reviews of its pull request found
    FixUp {
        /// The task, like T-142
        task: Option<TaskId>,
        /// Only this finding, by its number (default: all that are open)
        finding: Option<u32>,
    },
    /// Explain a task's state and what happens next
    Explain {
        /// The task, like T-142
        task: Option<TaskId>,
    },
}

/// Commands for questions.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum QuestionVerb {
    /// List open questions, oldest first
    List {
        /// How many to show
        #[command(flatten)]
        range: ListRange,
    },
    /// Show a question
    Show {
        /// The question, like Q-17
        question: QuestionId,
    },
    /// Answer a question
    Answer {
        /// The question, like Q-17
        question: QuestionId,
        /// A number, a label or your own words (in a shell, `-` or `--file FILE` reads them)
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        text: Vec<String>,
    },
}

/// Commands for sessions.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SessionVerb {
    /// List live sessions
    List {
        /// Include ended sessions
        #[arg(long)]
        all: bool,
        /// How many to show
        #[command(flatten)]
        range: ListRange,
    },
    /// Show a session
    Show {
        /// The session's UUID
        session: SessionId,
    },
    /// End a session; if its task runs again, it starts a new one
    End {
        /// The session's UUID
        session: SessionId,
    },
    /// Keep a session, regardless of the session policies
    Keep {
        /// The session's UUID
        session: SessionId,
    },
}

/// Commands for workers.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum WorkerVerb {
    /// List workers
    List,
    /// Show a worker
    Show {
        /// The worker's name
        worker: String,
    },
    /// Let a worker finish its tasks, and give it no new ones
    Drain {
        /// The worker's name
        worker: String,
    },
    /// Give a drained worker new tasks again
    Resume {
        /// The worker's name
        worker: String,
    },
    /// Limit a worker's agents or repositories; without options, remove the limits
    Limit {
        /// The worker's name
        worker: String,
        /// Run at most this many agents at once
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
        slots: Option<u32>,
        /// Run only tasks of this repository; repeatable
        #[arg(long)]
        repo: Vec<Slug>,
    },
    /// Remove workers and their tokens
    Remove {
        /// The workers' names
        #[arg(required_unless_present = "offline", conflicts_with = "offline")]
        worker: Vec<String>,
        /// Remove all workers that are offline
        #[arg(long)]
        offline: bool,
        /// The number of workers to remove; without it, they are only counted
        #[arg(long, requires = "offline")]
        confirm: Option<u64>,
    },
}

/// Commands for queues.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum QueueVerb {
    /// Show the depth of each queue
    Status,
    /// Start no new tasks, everywhere or in one repository
    Pause {
        /// Only this repository
        #[arg(long)]
        repo: Option<Slug>,
    },
    /// Resume starting tasks, everywhere or in one repository
    Resume {
        /// Only this repository
        #[arg(long)]
        repo: Option<Slug>,
    },
    /// List dead letters: tasks that failed for good
    Dead {
        /// How many to show
        #[command(flatten)]
        range: ListRange,
    },
    /// Run a dead letter again, or many of them
    Replay {
        /// The task, like T-142
        #[arg(conflicts_with = "BulkFilter", required_unless_present = "BulkFilter")]
        task: Option<TaskId>,
        /// Which tasks
        #[command(flatten)]
        many: BulkFilter,
    },
    /// Discard a dead letter, or many of them
    Discard {
        /// The task, like T-142
        #[arg(conflicts_with = "BulkFilter", required_unless_present = "BulkFilter")]
        task: Option<TaskId>,
        /// Which tasks
        #[command(flatten)]
        many: BulkFilter,
    },
}

/// Selects dead letters by what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct BulkFilter {
    /// Select all dead letters that match the other filters
    #[arg(long)]
    pub all: bool,
    /// Select only those of this repository
    #[arg(long)]
    pub repo: Option<Slug>,
    /// Select only those with this kind of failure, like git
    #[arg(long)]
    pub kind: Option<String>,
    /// The number of tasks to change; without it, they are only counted
    #[arg(long)]
    pub confirm: Option<u64>,
}

/// Commands for repositories.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RepoVerb {
    /// Add a repository, or update the one with this name
    Add {
        /// The repository's short name
        name: Slug,
        /// An absolute path on the workers' machines, or a URL
        source: String,
        /// The branch that tasks start from (default: the repository's default branch)
        #[arg(long, default_value = Branch::DEFAULT, hide_default_value = true)]
        base: Branch,
        /// Let the repository's own agent settings, hooks and MCP servers run
        #[arg(long)]
        trusted: bool,
        /// Create its rooms with end-to-end encryption; this cannot be undone
        #[arg(long)]
        encrypted: bool,
        /// Push without asking: all, branches (all; unfinished work to branches), done or never
        /// (default: all)
        #[arg(long, value_name = "RULE")]
        push: Option<Push>,
    },
    /// Show the rooms of a repository, or choose one
    Room {
        /// The repository's short name
        name: Slug,
        /// The room to use, as the platform names it
        #[arg(long)]
        room: Option<String>,
        /// The room's platform (default: the one this is sent on, or the only one)
        #[arg(long)]
        platform: Option<String>,
        /// Whether its cards show what agents are at
        #[arg(long, value_name = "ON", value_parser = ["on", "off"], conflicts_with = "room")]
        progress: Option<String>,
    },
    /// Set what agents may do and reach, their wall and model, and pull requests
    Set {
        /// The repository's short name
        name: Slug,
        /// The preset: read, edit, test, open, auto (Anthropic's classifier decides) or default
        #[arg(long, value_name = "PRESET")]
        preset: Option<OrDefault<Preset>>,
        /// Hosts that agents may reach: off, list (registries and allowed hosts) or open
        #[arg(long, value_name = "RULE")]
        egress: Option<Egress>,
        /// A host to add to the list, like example.org; repeatable
        #[arg(long, value_name = "HOST")]
        allow: Vec<Host>,
        /// A host to remove from the list; repeatable
        #[arg(long, value_name = "HOST")]
        refuse: Vec<Host>,
        /// The minimum wall: bubblewrap, container, user, plain or default
        #[arg(long, value_name = "WALL")]
        wall: Option<OrDefault<Wall>>,
        /// The model that agents use, like opus, or default
        #[arg(long, value_name = "MODEL")]
        model: Option<OrDefault<ModelName>>,
        /// How much agents think: low, medium, high, xhigh, max or default
        #[arg(long, value_name = "EFFORT")]
        effort: Option<OrDefault<Effort>>,
        /// What continues a task that is over: mention (words to the bot), or words (any request in
        /// its thread)
        #[arg(long, value_name = "RULE")]
        followups: Option<Followups>,
        /// Open a pull request for finished work: off, draft or ready
        #[arg(long, value_name = "RULE")]
        requests: Option<OpenRule>,
        /// The labels of its pull requests, with commas between them; empty for none
        #[arg(long, value_name = "NAMES")]
        labels: Option<ForgeNames>,
        /// Who reviews its pull requests, by their names on the forge; empty for nobody
        #[arg(long, value_name = "NAMES")]
        reviewers: Option<ForgeNames>,
        /// Whom its pull requests are assigned to, by their names on the forge; empty for nobody
        #[arg(long, value_name = "NAMES")]
        assignees: Option<ForgeNames>,
        /// How its pull requests are merged: merge, squash or rebase
        #[arg(long, value_name = "METHOD")]
        merge: Option<MergeMethod>,
        /// How often failed checks start a round by themselves: 0 to 5
        #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u8).range(0..=5))]
        fix_checks: Option<u8>,
        /// The names of its branches, like agents/{id}-{title}, or default
        #[arg(long, value_name = "PATTERN")]
        branches: Option<OrDefault<BranchPattern>>,
        /// The last lines of its commits, like "Refs: {id}", with ; between them, or default
        #[arg(long, value_name = "LINES")]
        trailers: Option<OrDefault<Trailers>>,
    },
    /// Remove a repository that has no open tasks; its history stays
    Remove {
        /// The repository's short name
        name: Slug,
    },
    /// List repositories
    List,
    /// Show a repository
    Show {
        /// The repository's short name
        name: Slug,
    },
}

impl TaskVerb {
    /// The title of a new task, from its words.
    pub fn title(words: &[String]) -> Result<Title, Invalid> {
        words.join(" ").parse()
    }
}

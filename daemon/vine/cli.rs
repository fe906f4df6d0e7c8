//! The shell's command line: the chat commands, and what only a shell can do.

use crate::output::write_bytes;
use std::path::PathBuf;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};
use vine_domain::{QuestionId, Timestamp, Wall, forge::ForgeKind};
use vine_grammar::{QuestionVerb, QueueVerb, RepoVerb, SessionVerb, TaskVerb, WorkerVerb};

/// `vine`
#[derive(Debug, Parser)]
#[command(
    name = "vine",
    version,
    about = "Run many headless Claude Code workers and answer their questions where your team \
     already talks"
)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub what: ShellCommand,
}

const EXIT_CODES: &str = "Global options: --json prints JSON instead of text, --config FILE \
 selects the configuration.\n\n\
    Exit codes: 0 success, 1 failed or refused, 2 usage error, 3 not found, 4 not allowed, 5 \
    daemon not reachable,
    6 no answer to `vine ask` in time.";

/// The commands of the shell.
#[derive(Debug, Subcommand)]
pub enum ShellCommand {
    /// Start the daemon, the page and local workers for this git repository
    Up(UpArgs),
    /// Run the daemon
    Daemon(DaemonArgs),
    /// Run a worker, or view and manage workers
    #[command(args_conflicts_with_subcommands = true)]
    Worker(WorkerArgs),
    /// Migrate the database and exit
    Migrate,
    /// Export everything to a file, for import into another database
    Export {
        /// The file to create
        file: PathBuf,
    },
    /// Import a file from `vine export` into an empty database
    Import {
        /// The file to import
        file: PathBuf,
    },
    /// Copy the SQLite database while the daemon keeps running
    Backup {
        /// The file to create
        file: PathBuf,
    },
    /// Check this machine and its configuration
    Doctor,
    /// Connect to GitHub, GitLab or Forgejo: what to click, the token, its rights, webhooks
    Setup(SetupArgs),
    /// Show or validate the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print a one-time login link to the page
    Login(LoginArgs),
    /// Create, list and revoke API tokens and worker enrolment codes
    #[command(subcommand)]
    Token(TokenVerb),
    /// Print all decisions and answers, and verify that they are unchanged
    Audit(AuditArgs),
    /// Answer open questions in the terminal, one after the other
    Answer {
        /// Only this question
        question: Option<QuestionId>,
    },
    /// Inside a task: ask people a question and print the answer
    Ask(AskArgs),
    /// Inside a task: post a message in its thread
    Note(TextArgs),
    /// Inside a task: report progress in its log
    Progress(TextArgs),
    /// Inside a task: show a file from its folder in the thread
    Show {
        /// The file to show
        file: PathBuf,
    },
    /// Inside a task: set the final message; the task ends when your program does
    Finish(TextArgs),
    /// Print the Slack app manifest, to paste into "Create New App"
    Manifest {
        /// The platform
        platform: ManifestPlatform,
    },
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Run the demo agent
    #[command(hide = true)]
    DemoAgent,
    /// Create, view and manage tasks
    #[command(subcommand)]
    Task(TaskVerb),
    /// View and answer agents' questions
    #[command(subcommand)]
    Question(QuestionVerb),
    /// View, keep and end agents' sessions
    #[command(subcommand)]
    Session(SessionVerb),
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
    /// Show this help, or that of a command
    Help {
        /// The command, like `task new`
        command: Vec<String>,
    },
}

/// Platforms whose apps are created from a manifest.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ManifestPlatform {
    /// api.slack.com/apps
    Slack,
}

/// `vine up`
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    /// Use a scratch repository with three tasks that ask questions
    #[arg(long)]
    pub demo: bool,
    /// Number of local workers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// State folder (default: one for this repository under the user's state folder)
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// Address to serve on (default: 127.0.0.1:7878, or any free port)
    #[arg(long)]
    pub listen: Option<std::net::SocketAddr>,
    /// Serve other machines without https, on a network that is yours alone
    #[arg(long)]
    pub insecure: bool,
    /// Agent: claude or script (default: claude if it is found)
    #[arg(long, value_parser = ["claude", "script"])]
    pub agent: Option<String>,
    /// Wall around agents: bubblewrap, container, user or plain (default: the strongest available)
    #[arg(long)]
    pub wall: Option<Wall>,
}

/// `vine daemon`
#[derive(Debug, clap::Args)]
pub struct DaemonArgs {
    /// State folder
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// Address to serve on
    #[arg(long)]
    pub listen: Option<std::net::SocketAddr>,
    /// Serve other machines without https, on a network that is yours alone
    #[arg(long)]
    pub insecure: bool,
}

/// `vine worker`
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    /// `list`, `drain` and so on, as in chat
    #[command(subcommand)]
    pub verb: Option<WorkerVerb>,
    /// Address of the daemon
    #[arg(long, env = "VINE_DAEMON")]
    pub daemon: Option<String>,
    /// One-time code from `vine token enrolment`, for the first start
    #[arg(long, env = "VINE_ENROL", hide_env_values = true)]
    pub enrol: Option<String>,
    /// Name of the worker (default: the host name)
    #[arg(long)]
    pub name: Option<String>,
    /// Number of agents to run at once
    #[arg(long)]
    pub slots: Option<u32>,
    /// Folder for identity and worktrees
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// Agent: claude or script (default: claude if it is found)
    #[arg(long, value_parser = ["claude", "script"])]
    pub agent: Option<String>,
    /// Wall around agents: bubblewrap, container, user or plain (default: the strongest available)
    #[arg(long)]
    pub wall: Option<Wall>,
}

/// `vine setup`
#[derive(Debug, clap::Args)]
pub struct SetupArgs {
    /// github, gitlab or forgejo
    pub forge: ForgeKind,
    /// The forge's host, as in the addresses of your repositories (default: the well-known one)
    #[arg(long)]
    pub host: Option<String>,
    /// The address of its API, if it is not where the forge usually has it
    #[arg(long, value_name = "URL")]
    pub api_url: Option<String>,
    /// A file that holds the token and stays there (default: asked for, or from standard input)
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The address of a repository to try, repeatable (default: the daemon's repositories)
    #[arg(long, value_name = "ADDRESS")]
    pub repo: Vec<String>,
    /// Do not have the forge send webhooks
    #[arg(long)]
    pub no_webhook: bool,
}

impl SetupArgs {
    /// The forge's host.
    pub fn host(&self) -> &str {
        let usual = match self.forge {
            ForgeKind::Github => "github.com",
            ForgeKind::Gitlab => "gitlab.com",
            ForgeKind::Forgejo => "codeberg.org",
        };
        self.host.as_deref().unwrap_or(usual)
    }
}

/// `vine login`
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// Person in the configuration (default: you)
    #[arg(long = "for", value_name = "NAME")]
    pub whom: Option<String>,
    /// Also clear the password, so a new one can be set, and log out all browsers (admins only)
    #[arg(long)]
    pub new_password: bool,
}

/// `vine token`
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Create an API token for a program that acts as you
    User {
        /// Person in the configuration (default: you)
        #[arg(long = "for", value_name = "NAME")]
        whom: Option<String>,
        /// Days until it expires (default: 7)
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
        days: Option<u32>,
    },
    /// Create a one-time code to enrol a worker, valid for ten minutes
    Enrolment {
        /// Person in the configuration (default: you)
        #[arg(long = "for", value_name = "NAME")]
        whom: Option<String>,
    },
    /// List valid tokens with their last use
    List {
        /// Include everyone's tokens (admins only)
        #[arg(long)]
        all: bool,
    },
    /// Revoke one or more tokens
    Revoke {
        /// Ids from `vine token list`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// `vine audit`
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// Start time, like 2026-11-28 or 2026-11-28T18:19:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
}

/// Parses a time; a date alone starts in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    let at: jiff::Timestamp = whole
        .parse()
        .map_err(|_| "write it like 2026-11-28 or 2026-11-28T18:19:00Z".to_owned())?;
    Ok(Timestamp(at.as_millisecond()))
}

/// `vine note`, `vine progress` and `vine finish`
#[derive(Debug, clap::Args)]
pub struct TextArgs {
    /// The text
    #[arg(required = true)]
    words: Vec<String>,
}

impl TextArgs {
    /// All of them.
    pub fn text(&self) -> String {
        self.words.join(" ")
    }
}

/// `vine ask`
#[derive(Debug, clap::Args)]
pub struct AskArgs {
    /// The question
    #[arg(required = true)]
    pub question: Vec<String>,
    /// A choice to offer; people may also answer in their own words
    #[arg(long)]
    pub option: Vec<String>,
    /// Allow several choices
    #[arg(long)]
    pub multi: bool,
}

/// `vine config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the example configuration with comments
    Example,
    /// Validate the configuration and explain what is wrong with it
    Check,
    /// Print the configuration in effect, without secrets
    Show,
}

/// Options of every command.
#[derive(Debug, Default)]
pub struct Globals {
    /// Print JSON instead of text.
    pub json: bool,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The command and its arguments.
    pub words: Vec<String>,
}

/// Takes `--json` and `--config` out of the arguments, anywhere before a `--`, so that they also
/// work after an answer's free text.
pub fn split(arguments: Vec<String>) -> (Vec<String>, Globals) {
    let mut globals = Globals::default();
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(word) = arguments.next() {
        match word.as_str() {
            "--" => {
                kept.push(word);
                kept.extend(arguments.by_ref());
            }
            "--json" => globals.json = true,
            "--config" => match arguments.next() {
                Some(file) => globals.config = Some(file.into()),
                None => Cli::command()
                    .error(ErrorKind::InvalidValue, "--config needs a file")
                    .exit(),
            },
            _ => match word.strip_prefix("--config=") {
                Some(file) => globals.config = Some(file.into()),
                None => kept.push(word),
            },
        }
    }
    globals.words = kept.iter().skip(1).cloned().collect();
    (kept, globals)
}

/// Prints the help of a command, or of the program.
///
/// # Errors
/// Names a word that is not a command.
pub fn help(words: &[String]) -> anyhow::Result<()> {
    let mut command = Cli::command();
    command.build();
    let mut shown = &mut command;
    for word in words {
        let known = shown.find_subcommand_mut(word);
        shown = known.with_context(|| format!("there is no command `{}`", words.join(" ")))?;
    }
    write_bytes(shown.render_long_help().to_string().as_bytes());
    Ok(())
}

pub fn completions(shell: clap_complete::Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "vine", &mut text);
    write_bytes(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound_and_has_every_noun_of_the_chat() {
        let tree = Cli::command();
        tree.clone().debug_assert();
        for line in vine_grammar::overview().lines() {
            let words: Vec<_> = line.split_whitespace().take(2).collect();
            let noun = tree
                .find_subcommand(words[0])
                .unwrap_or_else(|| panic!("no {}", words[0]));
            assert!(
                !noun.has_subcommands() || noun.find_subcommand(words[1]).is_some(),
                "no {words:?}"
            );
        }
    }

    #[test]
    fn json_works_behind_free_text_and_not_behind_a_double_dash() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let (_, globals) = split(words("vine question answer Q-1 yes --json"));
        assert!(globals.json && globals.words == ["question", "answer", "Q-1", "yes"]);
        let (_, globals) = split(words("vine question answer Q-1 -- --json"));
        assert!(!globals.json);
    }
}

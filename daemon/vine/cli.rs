//! The shell's command line: the chat commands, and what only a shell can do.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use vine_domain::{Timestamp, Wall};
use vine_grammar::{QuestionVerb, QueueVerb, RepoVerb, SessionVerb, TaskVerb, WorkerVerb};

/// `vine`
#[derive(Debug, Parser)]
#[command(
    name = "vine",
    version,
    about = "Many headless Claude Code workers; their questions answered where the team already \
     talks"
)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub what: ShellCommand,
}

const EXIT_CODES: &str = "Everywhere: --json prints data instead of text, --config FILE names the \
 configuration.\n\n\
    Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 no such thing, 4 not allowed, 5 \
    daemon not reached,
    6 nobody answered `vine ask` in time.";

/// What can be done from a shell.
#[derive(Debug, Subcommand)]
pub enum ShellCommand {
    /// Start everything here, on this git repository: daemon, page and local workers
    Up(UpArgs),
    /// Run the daemon
    Daemon(DaemonArgs),
    /// Run a worker; with a verb, look at and manage workers
    #[command(args_conflicts_with_subcommands = true)]
    Worker(WorkerArgs),
    /// Bring the database up to date and stop
    Migrate,
    /// Write everything to a file, to be taken in by another database
    Export {
        /// A new file
        file: PathBuf,
    },
    /// Take in what `vine export` wrote, into an empty database
    Import {
        /// The file
        file: PathBuf,
    },
    /// Copy the database while the daemon goes on (SQLite)
    Backup {
        /// A new file
        file: PathBuf,
    },
    /// Check this machine and its configuration
    Doctor,
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Print a link that opens the page, once
    Login(LoginArgs),
    /// Make, list and revoke secrets: for programs of yours, and for new workers
    #[command(subcommand)]
    Token(TokenVerb),
    /// Print who decided and answered what, and check that it is as it was written
    Audit(AuditArgs),
    /// Inside a task: ask people, print the answer
    Ask(AskArgs),
    /// Inside a task: say something in its thread
    Note(TextArgs),
    /// Inside a task: say what you are at, in its log
    Progress(TextArgs),
    /// Inside a task: show a text file of its folder in the thread
    Show {
        /// The file
        file: PathBuf,
    },
    /// Inside a task: say what your last words are; the task ends when your program does
    Finish(TextArgs),
    /// Print what makes the app of a chat platform: for Slack, the manifest to paste into "Create
    /// New App"
    #[cfg(feature = "slack")]
    Manifest {
        /// Which platform
        platform: ManifestPlatform,
    },
    /// Print completions for a shell
    Completions {
        /// Which one
        shell: clap_complete::Shell,
    },
    /// The agent that runs when Claude Code is not installed
    #[command(hide = true)]
    DemoAgent,
    /// Create, look at and steer tasks
    #[command(subcommand)]
    Task(TaskVerb),
    /// Look at what agents ask, and answer
    #[command(subcommand)]
    Question(QuestionVerb),
    /// Look at and end agents' sessions
    #[command(subcommand)]
    Session(SessionVerb),
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
    /// How to say things in chat
    Help,
}

/// Platforms whose apps are made from a manifest.
#[cfg(feature = "slack")]
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ManifestPlatform {
    /// api.slack.com/apps
    Slack,
}

/// `vine up`
#[derive(Debug, clap::Args)]
pub struct UpArgs {
    /// Work on a scratch repository with three tasks that ask questions
    #[arg(long)]
    pub demo: bool,
    /// How many local workers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// Where state lives (default: a folder for this repository under the user's state folder)
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// Where to serve (default: 127.0.0.1:7878, or any free port)
    #[arg(long)]
    pub listen: Option<std::net::SocketAddr>,
    /// Serve others without https: for a network that is yours alone
    #[arg(long)]
    pub insecure: bool,
    /// claude or script (default: claude when it is found)
    #[arg(long, value_parser = ["claude", "script"])]
    pub agent: Option<String>,
    /// What stands around agents: bubblewrap, container, user or plain (default: the best that can)
    #[arg(long)]
    pub wall: Option<Wall>,
}

/// `vine daemon`
#[derive(Debug, clap::Args)]
pub struct DaemonArgs {
    /// Where state lives
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// Where to serve
    #[arg(long)]
    pub listen: Option<std::net::SocketAddr>,
    /// Serve others without https: for a network that is yours alone
    #[arg(long)]
    pub insecure: bool,
}

/// `vine worker`
#[derive(Debug, clap::Args)]
pub struct WorkerArgs {
    /// `list`, `drain` and the like, as in chat
    #[command(subcommand)]
    pub verb: Option<WorkerVerb>,
    /// The daemon's address
    #[arg(long, env = "VINE_DAEMON")]
    pub daemon: Option<String>,
    /// The one-time code of `vine token enrolment`; needed once
    #[arg(long, env = "VINE_ENROL", hide_env_values = true)]
    pub enrol: Option<String>,
    /// What people call it (default: the host's name)
    #[arg(long)]
    pub name: Option<String>,
    /// How many agents at once
    #[arg(long)]
    pub slots: Option<u32>,
    /// Where identity and worktrees live
    #[arg(long, env = "VINE_STATE")]
    pub state: Option<PathBuf>,
    /// claude or script (default: claude when it is found)
    #[arg(long, value_parser = ["claude", "script"])]
    pub agent: Option<String>,
    /// What stands around agents: bubblewrap, container, user or plain (default: the best that can)
    #[arg(long)]
    pub wall: Option<Wall>,
}

/// `vine login`
#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// For this person of the configuration instead of you
    #[arg(long = "for", value_name = "NAME")]
    pub whom: Option<String>,
    /// Also forget the password, so that a new one can be set, and log the browsers out; for
    /// administrators
    #[arg(long)]
    pub new_password: bool,
}

/// `vine token`
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make one for a program that acts as you
    User {
        /// For this person of the configuration instead of you
        #[arg(long = "for", value_name = "NAME")]
        whom: Option<String>,
        /// How long it is good for (default: 7)
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
        days: Option<u32>,
    },
    /// Make one that turns a machine into a worker, once, within ten minutes
    Enrolment {
        /// For this person of the configuration instead of you
        #[arg(long = "for", value_name = "NAME")]
        whom: Option<String>,
    },
    /// Show those that are valid, with their last use
    List {
        /// Those of everybody; for administrators
        #[arg(long)]
        all: bool,
    },
    /// End one or several at once
    Revoke {
        /// As `vine token list` names them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// `vine audit`
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// Only since then: 2026-11-28, or 2026-11-28T18:19:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
}

/// A day begins in UTC.
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

/// `vine note` and the like
#[derive(Debug, clap::Args)]
pub struct TextArgs {
    /// The words
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
    /// A choice; any words may be answered all the same
    #[arg(long)]
    pub option: Vec<String>,
    /// Several choices may be made
    #[arg(long)]
    pub multi: bool,
}

/// `vine config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the commented example
    Example,
    /// Check the configuration and explain what is wrong with it
    Check,
    /// Print the configuration as it is in force, without secrets
    Show,
}

/// What holds for every command.
#[derive(Debug, Default)]
pub struct Globals {
    /// Print data instead of text.
    pub json: bool,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The command's own words.
    pub words: Vec<String>,
}

/// Takes `--json` and `--config` out of the words, wherever they stand before a `--`, so that they
/// also work behind an answer's free text.
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
            "--config" => globals.config = arguments.next().map(PathBuf::from),
            _ => match word.strip_prefix("--config=") {
                Some(file) => globals.config = Some(file.into()),
                None => kept.push(word),
            },
        }
    }
    globals.words = kept.iter().skip(1).cloned().collect();
    (kept, globals)
}

/// Prints completions.
pub fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "vine", &mut std::io::stdout());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound_and_has_every_noun_of_the_chat() {
        let tree = Cli::command();
        tree.clone().debug_assert();
        for line in vine_grammar::Command::overview().lines() {
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

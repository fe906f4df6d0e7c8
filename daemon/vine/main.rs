//! The one binary, `vine`: daemon, worker and shell. It wires parts together and contains no rules.
#![expect(
    clippy::disallowed_types,
    reason = "the program chooses its clock and its ids"
)]

mod agent_processes;
mod cli;
mod config;
mod endpoint;
mod git;
mod init;
mod log_limit;
mod logging;
mod output;
mod paths;
mod roles;
mod shell;
mod stop;
mod store;
mod traces;

use std::process::ExitCode;

use clap::Parser;
use vine_grammar::TaskVerb;
use vine_worker::{DoorCall, through_door};

use crate::{
    cli::{Cli, ShellCommand},
    config::Config,
    output::say,
    roles::merge::MergeHere,
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    // The supervisor: a process between a worker and its agent that does nothing else.
    if let [_, verb, dashes, command @ ..] = words.as_slice()
        && (verb.as_str(), dashes.as_str()) == ("supervise", "--")
    {
        return vine_worker::supervise(command);
    }
    // Without `vine-inside`, this program is also the first process of sandboxes.
    if words
        .first()
        .is_some_and(|name| name == vine_worker::INSIDE)
    {
        return vine_inside::run(&words);
    }
    if init::is_wanted() {
        return init::run(&words);
    }
    ordinary(words)
}

#[tokio::main]
async fn ordinary(words: Vec<String>) -> ExitCode {
    vine_worker::be_supervised();
    let (words, globals) = cli::split(words);
    let cli = Cli::parse_from(&words);
    match run(cli, globals).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vine: {error:#}");
            if let Some(hint) = shell::hint(&error) {
                eprintln!("{hint}");
            }
            ExitCode::from(shell::exit_code(&error))
        }
    }
}

async fn tell_door(call: DoorCall) -> anyhow::Result<()> {
    through_door(&call).await.map(|_| ())
}

async fn run(cli: Cli, globals: cli::Globals) -> anyhow::Result<ExitCode> {
    let config = || Config::load(globals.config.as_deref());
    match cli.what {
        ShellCommand::Up(up) => roles::up::run(&config()?, up).await?,
        ShellCommand::Daemon(daemon) => roles::daemon::run(&config()?, daemon).await?,
        ShellCommand::Worker(worker) if worker.verb.is_none() => {
            roles::worker::run(&config()?, worker).await?;
        }
        ShellCommand::Migrate => roles::migrate::run(&config()?).await?,
        ShellCommand::Export { file } => roles::transfer::export(&config()?, &file).await?,
        ShellCommand::Import { file } => roles::transfer::import(&config()?, &file).await?,
        ShellCommand::Backup { file } => roles::transfer::backup(&config()?, &file).await?,
        ShellCommand::Doctor => return roles::doctor::run(&config()?).await,
        ShellCommand::Setup(setup) => roles::setup::run(globals.config.as_deref(), setup).await?,
        ShellCommand::Task(TaskVerb::Merge {
            task: Some(task),
            method,
            when_checks_pass,
            head,
        }) => {
            let merge = MergeHere {
                task,
                method,
                needs_forge: when_checks_pass || head.is_some(),
            };
            roles::merge::run(&globals, &merge).await?;
        }
        ShellCommand::Manifest {
            platform: cli::ManifestPlatform::Slack,
        } => say!("{:#}", roles::chat::manifest(&config()?)?),
        ShellCommand::Config(verb) => roles::config::run(globals.config.as_deref(), &verb)?,
        ShellCommand::Login(login) => roles::login::login(&globals, login).await?,
        ShellCommand::Token(token) => roles::login::token(&globals, token).await?,
        ShellCommand::Audit(audit) => roles::audit::run(&globals, &audit).await?,
        ShellCommand::Answer { question } => roles::answer::run(question).await?,
        ShellCommand::Ask(ask) => {
            let call = DoorCall::Ask {
                question: ask.question.join(" "),
                options: ask.option,
                multi: ask.multi,
            };
            say!("{}", through_door(&call).await?.unwrap_or_default());
        }
        ShellCommand::Note(said) => tell_door(DoorCall::Note { text: said.text() }).await?,
        ShellCommand::Progress(said) => tell_door(DoorCall::Progress { text: said.text() }).await?,
        ShellCommand::Show { file } => {
            let file = std::path::absolute(file)?;
            tell_door(DoorCall::Show { file }).await?;
        }
        ShellCommand::Finish(said) => tell_door(DoorCall::Finish { text: said.text() }).await?,
        ShellCommand::Completions { shell } => cli::completions(shell),
        ShellCommand::DemoAgent => roles::demo::agent().await?,
        ShellCommand::Task(_)
        | ShellCommand::Question(_)
        | ShellCommand::Session(_)
        | ShellCommand::Worker(_)
        | ShellCommand::Queue(_)
        | ShellCommand::Repo(_) => {
            shell::order(&globals).await?;
        }
        ShellCommand::Help { command } => cli::help(&command)?,
        ShellCommand::Status | ShellCommand::Whoami => {
            shell::order(&globals).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

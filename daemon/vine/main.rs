//! The one binary, `vine`: daemon, worker and shell. It wires parts together and owns no rules.

mod calm;
mod cli;
mod config;
mod endpoint;
mod init;
mod kin;
mod roles;
mod shell;
mod stop;
mod store;
mod traces;

use std::process::ExitCode;

use clap::Parser;
use vine_worker::{Call, through_door};

use crate::{
    cli::{Cli, What},
    config::Config,
};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    // Between a worker and its agent stands a process that is nothing else.
    if let [_, verb, dashes, command @ ..] = words.as_slice()
        && (verb.as_str(), dashes.as_str()) == ("supervise", "--")
    {
        return vine_worker::supervise(command);
    }
    // Where `vine-inside` was not built, this program is the first process of sandboxes too.
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

async fn say(call: Call) -> anyhow::Result<()> {
    through_door(&call).await.map(|_| ())
}

async fn run(cli: Cli, globals: cli::Globals) -> anyhow::Result<ExitCode> {
    let config = || Config::load(globals.config.as_deref());
    match cli.what {
        What::Up(up) => roles::up::run(&config()?, up).await?,
        What::Daemon(daemon) => roles::daemon::run(&config()?, daemon).await?,
        What::Worker(worker) if worker.verb.is_none() => {
            roles::worker::run(&config()?, worker).await?;
        }
        What::Migrate => roles::migrate::run(&config()?).await?,
        What::Export { file } => roles::transfer::export(&config()?, &file).await?,
        What::Import { file } => roles::transfer::import(&config()?, &file).await?,
        What::Backup { file } => roles::transfer::backup(&config()?, &file).await?,
        What::Doctor => return roles::doctor::run(&config()?).await,
        #[cfg(feature = "slack")]
        What::Manifest {
            platform: cli::Manifested::Slack,
        } => println!("{:#}", roles::chat::manifest(&config()?)),
        What::Config(verb) => roles::config::run(globals.config.as_deref(), &verb)?,
        What::Login(login) => roles::login::login(&globals, login).await?,
        What::Token(token) => roles::login::token(&globals, token).await?,
        What::Audit(audit) => roles::audit::run(&globals, &audit).await?,
        What::Ask(ask) => {
            let call = Call::Ask {
                question: ask.question.join(" "),
                options: ask.option,
                multi: ask.multi,
            };
            println!("{}", through_door(&call).await?.unwrap_or_default());
        }
        What::Note(said) => say(Call::Note { text: said.text() }).await?,
        What::Progress(said) => say(Call::Progress { text: said.text() }).await?,
        What::Show { file } => {
            let file = std::path::absolute(file)?;
            say(Call::Show { file }).await?;
        }
        What::Finish(said) => say(Call::Finish { text: said.text() }).await?,
        What::Completions { shell } => cli::completions(shell),
        What::DemoAgent => roles::demo::agent().await?,
        What::Task(_)
        | What::Question(_)
        | What::Session(_)
        | What::Worker(_)
        | What::Queue(_)
        | What::Repo(_) => {
            shell::order(&globals).await?;
        }
        What::Status | What::Whoami | What::Help => shell::order(&globals).await?,
    }
    Ok(ExitCode::SUCCESS)
}

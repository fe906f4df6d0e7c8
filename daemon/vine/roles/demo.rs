//! The demo: a scratch repository, three tasks that ask, and an agent that needs no account.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use vine_app::{App, Caller, tasks::TaskRequest};
use vine_domain::ports::TaskFilter;
use vine_worker::{DoorCall, through_door};

use crate::{git::ask_git, paths::private_folder};

/// Creates the scratch repository, or reuses the one of an earlier demo.
pub fn scratch_repository(folder: &Path) -> Result<PathBuf> {
    let repository = folder.join("garden");
    if repository.join(".git").is_dir() {
        return Ok(repository);
    }
    private_folder(&repository)?;
    std::fs::write(
        repository.join("README.md"),
        "# Garden\n\nA scratch repository of AgentVine's demo.\n",
    )?;
    let author = [
        "-c",
        "user.name=AgentVine",
        "-c",
        "user.email=agentvine@localhost",
        "-c",
        "commit.gpgSign=false",
    ];
    for step in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "README.md"],
        &["commit", "--quiet", "-m", "Begin"],
    ] {
        if ask_git(&repository, &[&author[..], step].concat()).is_none() {
            bail!(
                "could not create the scratch repository {}: git {} failed",
                repository.display(),
                step[0]
            );
        }
    }
    Ok(repository)
}

const TASKS: [(&str, &str); 3] = [
    (
        "Plant a hedge",
        "Which plant should the hedge be of? | Beech | Hornbeam | Yew",
    ),
    (
        "Name the cat",
        "What should the cat be called? | Misty | Oscar",
    ),
    (
        "Water the beds",
        "How often should the beds be watered? | Every evening | Twice a week | Only when it is dry",
    ),
];

/// Creates the three tasks, unless a task of an earlier demo is not over.
pub async fn tasks(app: &App, caller: &Caller) -> Result<()> {
    let filter = TaskFilter {
        limit: 100,
        ..TaskFilter::default()
    };
    let known = app.tasks.list(caller, &filter).await?;
    if known.iter().any(|task| !task.is_over()) {
        return Ok(());
    }
    for (title, prompt) in TASKS {
        let wish = TaskRequest {
            prompt: Some(prompt.parse()?),
            ..TaskRequest::titled(title.parse()?)
        };
        app.tasks.create(caller, wish).await?;
    }
    Ok(())
}

/// What `vine demo-agent` does: asks one question about the task and writes the answer down.
///
/// A prompt like `Which? | a | b` names the question and its options itself.
pub async fn agent() -> Result<()> {
    let mut prompt = String::new();
    std::io::stdin()
        .read_to_string(&mut prompt)
        .context("could not read the prompt")?;
    let title = std::env::var("VINE_TITLE").unwrap_or_else(|_| "the task".into());
    let mut parts = prompt.trim().split('|').map(|part| part.trim().to_owned());
    let first = parts.next().unwrap_or_default();
    let options: Vec<String> = parts.collect();
    println!("I am the demo agent, working on “{title}”.");
    let (question, options) = match options.is_empty() {
        true => (
            format!("I am only a demo: what should I write down for “{title}”?"),
            vec!["Hello".into(), "Good night".into()],
        ),
        false => (first, options),
    };
    let answer = ask(question.clone(), options).await?;
    let file = format!("{}.md", vine_domain::Slug::from_text(&title));
    std::fs::write(&file, format!("# {title}\n\n{question}\n\n**{answer}**\n"))
        .with_context(|| format!("could not write {file}"))?;
    println!("Wrote {file}: {answer}");
    Ok(())
}

async fn ask(question: String, options: Vec<String>) -> Result<String> {
    let call = DoorCall::Ask {
        question,
        options,
        multi: false,
    };
    Ok(through_door(&call).await?.unwrap_or_default())
}

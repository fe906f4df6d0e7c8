//! `queue ...`

use serde_json::json;
use vine_domain::{Slug, Verb, lifecycle::Order, ports::TaskFilter};
use vine_grammar::QueueVerb;

use super::{Reply, task};
use crate::{App, Caller, Done, view};

pub async fn run(app: &App, caller: &Caller, verb: QueueVerb) -> Done<Reply> {
    match verb {
        QueueVerb::Status => status(app, caller).await,
        QueueVerb::Pause { repo } => pause(app, caller, repo.as_ref(), true).await,
        QueueVerb::Resume { repo } => pause(app, caller, repo.as_ref(), false).await,
        QueueVerb::Dead { range } => {
            let filter = TaskFilter {
                state: Some("dead".into()),
                limit: range.limit,
                ..TaskFilter::default()
            };
            let dead = app.tasks(caller, &filter).await?;
            Ok(Reply::list(
                &dead,
                |dead| task::line(app, dead),
                view::task,
                "No dead tasks.",
            ))
        }
        QueueVerb::Replay { task } => task::ordered(app, caller, task, Order::Retry).await,
        QueueVerb::Discard { task } => task::ordered(app, caller, task, Order::Discard).await,
    }
}

async fn status(app: &App, caller: &Caller) -> Done<Reply> {
    app.allow(caller, Verb::See, None, "queues").await?;
    let depths = app.store.depths().await?;
    let state = if depths.paused { "paused" } else { "open" };
    let queues = view::queues(&depths);
    let text: Vec<_> = queues
        .iter()
        .map(|(name, depth)| format!("{name:<22} {depth}"))
        .collect();
    let data: Vec<_> = queues
        .iter()
        .map(|(name, depth)| json!({ "id": name, "state": state, "depth": depth }))
        .collect();
    let paused = if depths.paused {
        "\nClaiming is paused; `queue resume` starts it again."
    } else {
        ""
    };
    Ok(Reply::new(text.join("\n") + paused, data.into()))
}

async fn pause(app: &App, caller: &Caller, repo: Option<&Slug>, paused: bool) -> Done<Reply> {
    let what = repo.map_or("everywhere".into(), |repo| format!("in {repo}"));
    let word = if paused { "paused" } else { "open" };
    app.allow(
        caller,
        Verb::Operate,
        repo,
        &format!("queue ({word} {what})"),
    )
    .await?;
    if let Some(name) = repo {
        app.repo(name).await?;
    }
    app.store.set_paused(repo, paused).await?;
    app.wakes.work();
    app.wakes.page();
    let text = if paused {
        format!("Nothing new is started {what}; agents at work go on.")
    } else {
        format!("Work is started again {what}.")
    };
    Ok(Reply::new(
        text,
        json!({ "id": repo.map_or("all", |repo| repo.as_str()), "state": word }),
    ))
}

//! `status`, `whoami`, `help`

use serde_json::json;
use vine_api::{QuestionView, TaskView, WorkerView};
use vine_domain::{Role, Task, Timestamp, WorkerLoad, access::ListScope, ports::TaskFilter};

use vine_grammar::HelpTopic;

use crate::{
    App, AppError, AppResult, Caller,
    commands::{output::CommandOutput, question, task},
    rooms::health::PlatformHealth,
    texts,
};

/// At most this many questions are shown.
const QUESTIONS: u32 = 20;

/// What needs people, at a glance.
pub async fn status(app: &App, caller: &Caller) -> AppResult<CommandOutput> {
    let everything = app.people.sight(caller, "status").await? == ListScope::Everything;
    let running = app
        .tasks
        .list(
            caller,
            &TaskFilter {
                state: Some("running".into()),
                limit: 200,
                ..TaskFilter::default()
            },
        )
        .await?;
    if !everything {
        return own_status(app, caller, &running).await;
    }
    let now = app.now();
    let questions = app.questions.open_questions(caller, QUESTIONS).await?;
    let workers = app.fleet.workers().await?;
    let depths = app.reporting.depths().await?;
    let queues = depths.named();
    let waiting = texts::counted(depths.open_questions, "open question", "open questions");
    let tasks = counted_tasks(&running);
    let crew = crew(&workers, now);
    let mut lines = vec![format!("{waiting}, {tasks}, {crew}")];
    lines.extend(
        app.tasks
            .paused()
            .await?
            .map(|paused| format!("{paused}: no new tasks start")),
    );
    lines.extend(questions.iter().map(question::line));
    lines.extend(running.iter().map(|running| task::line(app, running)));
    let adapters = app.rooms.platforms.health();
    lines.extend(adapters.iter().filter_map(|(platform, health)| {
        Some(format!(
            "{platform} is failing: {}",
            health.trouble.as_ref()?
        ))
    }));
    let remark = |(platform, health): (&String, &PlatformHealth)| {
        Some(format!("{platform}: {}", health.remark.as_ref()?))
    };
    lines.extend(adapters.iter().filter_map(remark));
    for WorkerLoad { worker, .. } in &workers {
        let name = &worker.name;
        lines.extend(
            worker
                .troubles()
                .map(|what| format!("{name} is unhealthy: {what}")),
        );
    }
    let hints = app.cluster.hint_trouble();
    lines.extend(hints.clone());
    let too_large = app.reporting.too_large();
    lines.extend(too_large.clone());
    let refused = app.refused_settings();
    lines.extend(
        refused
            .iter()
            .map(|why| format!("the changed configuration was not applied: {why}")),
    );
    lines.push(
        queues
            .iter()
            .map(|(name, depth)| format!("{name} {depth}"))
            .collect::<Vec<_>>()
            .join(" · "),
    );
    let data = json!({
        "id": "status", "state": if depths.paused { "paused" } else { "open" },
        "questions": questions.iter().map(QuestionView::of).collect::<Vec<_>>(),
        "running": running.iter().map(TaskView::row).collect::<Vec<_>>(),
        "workers": workers.iter().map(|row| WorkerView::of(row, now)).collect::<Vec<_>>(),
        "adapters": adapters.iter().map(|(platform, health)| health.view(platform)).collect::<Vec<_>>(),
        "hints": hints, "refused_settings": refused, "too_large": too_large,
        "queues": queues.iter().map(|(name, depth)| json!({ "id": name, "depth": depth })).collect::<Vec<_>>(),
    });
    Ok(CommandOutput::new(lines.join("\n"), data).fixed())
}

/// How many workers are online, and how many are not, if any.
fn crew(workers: &[WorkerLoad], now: Timestamp) -> String {
    let is_gone = |load: &&WorkerLoad| !load.worker.is_online(now);
    let gone = workers.iter().filter(is_gone).count();
    let there = texts::counted(
        (workers.len() - gone) as u64,
        "worker online",
        "workers online",
    );
    match gone {
        0 => there,
        gone => format!("{there}, {gone} offline"),
    }
}

fn counted_tasks(running: &[Task]) -> String {
    texts::counted(running.len() as u64, "task running", "tasks running")
}

/// The same for somebody who sees only some repositories, without what all repositories share.
async fn own_status(app: &App, caller: &Caller, running: &[Task]) -> AppResult<CommandOutput> {
    let questions = app.questions.open_questions(caller, u32::MAX).await?;
    let state = if app.reporting.depths().await?.paused {
        "paused"
    } else {
        "open"
    };
    let waiting = texts::counted(questions.len() as u64, "open question", "open questions");
    let mut lines = vec![format!(
        "{waiting} and {} in your repositories",
        counted_tasks(running)
    )];
    let shown = questions.iter().take(QUESTIONS as usize);
    lines.extend(shown.clone().map(question::line));
    lines.extend(running.iter().map(|running| task::line(app, running)));
    let data = json!({
        "id": "status", "state": state,
        "questions": shown.map(QuestionView::of).collect::<Vec<_>>(),
        "running": running.iter().map(TaskView::row).collect::<Vec<_>>(),
    });
    Ok(CommandOutput::new(lines.join("\n"), data).fixed())
}

/// Who the caller is and what they may do.
pub fn whoami(caller: &Caller) -> AppResult<CommandOutput> {
    let user = caller.user.as_ref().ok_or(AppError::Unauthenticated)?;
    let role = user.role.map_or("no role", Role::as_str);
    let own: Vec<_> = user
        .repos
        .iter()
        .map(|(repo, role)| format!(", {} in {repo}", role.as_str()))
        .collect();
    let text = format!(
        "You are {} ({role}{}), via {}.",
        user.name,
        own.concat(),
        caller.via
    );
    Ok(CommandOutput::new(
        text,
        json!({ "id": user.id, "state": role, "name": user.name, "via": caller.via, "repos": user.repos }),
    ))
}

/// How to answer and the most used commands, or all of them.
pub fn help(topic: Option<HelpTopic>) -> CommandOutput {
    let text = match topic {
        None => SHORT_HELP.to_owned(),
        Some(HelpTopic::All) => vine_grammar::overview(),
    };
    let data = json!({ "id": "help", "state": "ok", "text": text });
    let output = CommandOutput::new(text, data);
    match topic {
        None => output,
        Some(HelpTopic::All) => output.fixed(),
    }
}

const SHORT_HELP: &str = "\
To answer a question, press a button or reply with a number, a label or your own words.
`/vine new Fix the login` creates a task, with the lines below it as its prompt; so does a sentence to `@vine` in a room.
`/vine status` shows what needs you; `/vine tasks` and `/vine questions` list them.
`/vine task cancel`, `retry`, `log` and `diff` work on a task; in its thread they need no id.
Type `@vine …` or `!vine …` where slash commands do not work, as in Slack's threads.
`/vine help all` lists all commands.";

//! Suggestions for what somebody has typed so far: ids and names that they may view, for platforms
//! that offer them.

use vine_domain::{
    access::{self, ListScope},
    ports::{StoreResult, TaskFilter},
};

use crate::App;

/// At most this many suggestions.
const MOST: usize = 25;

/// Things of a kind that match, each with its label and value. Strangers get none.
pub(super) async fn matching(
    app: &App,
    platform: &str,
    subject: &str,
    what: &str,
    typed: &str,
) -> StoreResult<Vec<(String, String)>> {
    let user = app.core.store.user(platform, subject).await?;
    let Ok(sight) = access::sight(user.as_ref()) else {
        return Ok(Vec::new());
    };
    let all: Vec<(String, String)> = match what {
        "task" => {
            let tasks = app
                .tasks
                .tasks_in(
                    &sight,
                    &TaskFilter {
                        limit: 200,
                        ..TaskFilter::default()
                    },
                )
                .await?;
            tasks
                .iter()
                .map(|task| (format!("{} {}", task.id, task.title), task.id.to_string()))
                .collect()
        }
        "repo" => {
            let repos = app.tasks.repos_in(&sight).await?;
            repos
                .iter()
                .map(|repo| (repo.name.to_string(), repo.name.to_string()))
                .collect()
        }
        "question" => {
            let open = app.questions.open_questions_in(&sight, 100).await?;
            open.iter()
                .map(|question| {
                    (
                        format!("{} {}", question.id, question.ask.headline()),
                        question.id.to_string(),
                    )
                })
                .collect()
        }
        "session" => {
            let sessions = app.fleet.sessions_in(&sight, false, 100).await?;
            sessions
                .iter()
                .map(|(_, session)| {
                    (
                        format!("{} of {}", session.id, session.task),
                        session.id.to_string(),
                    )
                })
                .collect()
        }
        _ if sight != ListScope::Everything => Vec::new(),
        "worker" => app
            .core
            .store
            .workers()
            .await?
            .into_iter()
            .map(|load| (load.worker.name.clone(), load.worker.name))
            .collect(),
        _ => Vec::new(),
    };
    let typed = typed.trim().to_lowercase();
    Ok(all
        .into_iter()
        .filter(|(shown, _)| shown.to_lowercase().contains(&typed))
        .take(MOST)
        .collect())
}

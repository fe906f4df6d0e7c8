//! What the overview shows, read side by side.

use std::sync::Arc;

use tokio::try_join;
use vine_app::{
    App, AppError, Caller,
    fleet::RunningTask,
    reporting::{spending::NamedSpending, trends::Trends},
};
use vine_domain::{
    Question, Repo, Session, Slug, Task, WorkerLoad, access::ListScope, ports::TaskFilter,
    queue::QueueDepths,
};

/// How many of each are shown here; the rest is on its own screen.
pub const FEW: u32 = 12;
/// The same for open questions.
const QUESTIONS: u32 = 20;
/// The same for tasks.
pub const TASKS: u32 = 25;

/// What the overview shows to somebody.
pub struct Overview {
    /// The latest tasks.
    pub tasks: Vec<Task>,
    /// The repositories that a task can be created in.
    pub repos: Vec<Repo>,
    /// The oldest open questions, with their tasks.
    pub questions: Vec<(Question, Task)>,
    /// How many are open, these included.
    pub open: u64,
    /// Finished work that looks like it holds a secret, and what looked so.
    pub held: Vec<(Task, String)>,
    /// Only for those who see everything.
    pub machinery: Option<Machinery>,
}

/// Workers, queues, sessions, and what all of them do.
pub struct Machinery {
    /// How much waits where.
    pub depths: QueueDepths,
    /// What is paused, in words.
    pub paused: Option<String>,
    /// The first workers.
    pub workers: Vec<WorkerLoad>,
    /// What these run.
    pub at_work: Vec<RunningTask>,
    /// Live sessions, each with its repository.
    pub sessions: Vec<(Slug, Session)>,
    /// Recent activity.
    pub trends: Arc<Trends>,
    /// What attempts cost.
    pub spent: Arc<NamedSpending>,
}

impl Overview {
    /// What one person sees.
    pub async fn read(app: App, caller: Caller) -> Result<Self, AppError> {
        let (app, caller) = (&app, &caller);
        let latest = TaskFilter {
            limit: TASKS,
            ..TaskFilter::default()
        };
        let questions = async {
            let questions = app.questions.open_with_tasks(caller, None, QUESTIONS);
            let questions = questions.await?;
            let open = match questions.len() < QUESTIONS as usize {
                true => questions.len() as u64,
                false => app.questions.count_open(caller).await?,
            };
            Ok((questions, open))
        };
        let everything = app.people.sight(caller, "overview").await? == ListScope::Everything;
        let machinery = async {
            match everything {
                true => Machinery::read(app).await.map(Some),
                false => Ok(None),
            }
        };
        let (tasks, repos, (questions, open), held, machinery) = try_join!(
            app.tasks.list(caller, &latest),
            app.tasks.repos(caller),
            questions,
            app.fleet.held(caller),
            machinery,
        )?;
        Ok(Self {
            tasks,
            repos,
            questions,
            open,
            held,
            machinery,
        })
    }
}

impl Machinery {
    async fn read(app: &App) -> Result<Self, AppError> {
        let workers = async {
            let workers = app.fleet.workers_after("", FEW).await?;
            let at_work = app.fleet.at_work(&workers).await?;
            Ok((workers, at_work))
        };
        let numbers = async { Ok(try_join!(app.reporting.trends(), app.reporting.spent())?) };
        let (depths, paused, (workers, at_work), sessions, (trends, spent)) = try_join!(
            app.reporting.depths(),
            app.tasks.paused(),
            workers,
            app.fleet.live_sessions(FEW),
            numbers,
        )?;
        Ok(Self {
            depths,
            paused,
            workers,
            at_work,
            sessions,
            trends,
            spent,
        })
    }
}

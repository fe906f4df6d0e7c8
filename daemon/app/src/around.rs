//! What stands around the agents of a task, as its card names it. Kept in memory, since cards are
//! put into words while a change is decided; other daemons' news is read every now and then.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vine_domain::{Guard, Repo, Slug, Standing, Timestamp, Wall, Worker, WorkerId};

use crate::{App, Done};

/// News of other daemons is seen after this long.
const GOOD_FOR: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Seen {
    read: Option<Timestamp>,
    guards: HashMap<Slug, Guard>,
    walls: HashMap<WorkerId, Wall>,
}

/// Guards of repositories and walls of workers, as last seen.
#[derive(Debug, Default)]
pub(crate) struct Around(Mutex<Seen>);

impl Around {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker said what stands there.
    pub fn stands(&self, worker: WorkerId, standing: Option<&Standing>) {
        let mut seen = self.seen();
        match standing {
            Some(standing) => seen.walls.insert(worker, standing.wall),
            None => seen.walls.remove(&worker),
        };
    }

    /// A repository was saved.
    pub fn holds(&self, repo: &Repo) {
        self.seen()
            .guards
            .insert(repo.name.clone(), repo.guard.clone());
    }

    /// Repositories that demand more than stands around the agents of a worker.
    pub fn out_of_reach(&self, worker: WorkerId) -> Vec<Slug> {
        let seen = self.seen();
        // An older one does not say what stands there, and knows of no wall.
        let wall = seen.walls.get(&worker).copied().unwrap_or(Wall::Plain);
        let refuses = |(_, guard): &(&Slug, &Guard)| guard.refuses(wall).is_some();
        seen.guards
            .iter()
            .filter(refuses)
            .map(|(repo, _)| repo.clone())
            .collect()
    }

    /// What a card says of it: `preset test · wall bubblewrap`; nothing while nobody knows.
    pub fn said(&self, repo: &Slug, worker: Option<WorkerId>) -> Option<String> {
        let seen = self.seen();
        let guard = seen.guards.get(repo).cloned().unwrap_or_default();
        let wall = worker.and_then(|worker| seen.walls.get(&worker)).copied();
        let preset = match wall {
            Some(wall) => guard.preset_behind(wall).ok().flatten(),
            None => guard.preset,
        };
        let preset = match (preset, wall) {
            (Some(preset), _) => Some(format!("preset `{preset}`")),
            (None, Some(_)) => Some("asks about everything".into()),
            (None, None) => None,
        };
        let wall = match (wall, guard.wall) {
            (Some(Wall::Plain), _) => Some("no wall".into()),
            (Some(wall), _) => Some(format!("wall `{wall}`")),
            (None, Some(least)) => Some(format!("wall `{least}` or better")),
            (None, None) => None,
        };
        let parts: Vec<String> = preset.into_iter().chain(wall).collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }
}

impl App {
    /// What stands, or stood last, around the agent of a task; `on` is its latest worker, by name.
    pub async fn stands_around(&self, repo: &Slug, on: Option<&str>) -> Done<Option<String>> {
        self.look_around().await?;
        let workers = self.store.workers().await?;
        let named = |(worker, ..): &&(Worker, usize, usize)| Some(worker.name.as_str()) == on;
        let worker = workers.iter().find(named).map(|(worker, ..)| worker.id);
        Ok(self.around.said(repo, worker))
    }

    /// Reads what other daemons were told, if that is a while ago.
    pub(crate) async fn look_around(&self) -> Done<()> {
        let now = self.clock.now();
        let is_fresh = |at: Timestamp| now.since(at) < GOOD_FOR;
        if self.around.seen().read.is_some_and(is_fresh) {
            return Ok(());
        }
        let (repos, workers) = (self.store.repos().await?, self.store.workers().await?);
        let mut seen = self.around.seen();
        seen.read = Some(now);
        seen.guards = repos
            .into_iter()
            .map(|repo| (repo.name, repo.guard))
            .collect();
        let wall = |(worker, ..): (Worker, usize, usize)| Some((worker.id, worker.standing?.wall));
        seen.walls = workers.into_iter().filter_map(wall).collect();
        Ok(())
    }
}

//! The model, preset and wall of a task's agents, as its card shows them. Cached in memory, since cards
//! are written while a change is decided; changes by other daemons are read now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use vine_domain::{
    Clock, Guard, ModelChoice, Repo, Slug, Task, Timestamp, Wall, WorkerId, WorkerIsolation,
    WorkerLoad,
    guard::{LOGIN, Preset},
    ports::Store,
    repo::Source,
};

use crate::AppResult;

/// Changes by other daemons are seen after this long.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// The same while a worker is not known: it may have been enrolled a moment ago, or removed.
const ENROLLED: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct IsolationState {
    read: Option<Timestamp>,
    repos: HashMap<Slug, Repo>,
    walls: HashMap<WorkerId, WorkerWall>,
    names: HashMap<WorkerId, String>,
}

/// The wall around the agents of a worker, for cards.
#[derive(Debug, Clone, Copy)]
struct WorkerWall {
    wall: Wall,
    /// The agents can read the login of the model's account.
    login: bool,
}

impl WorkerWall {
    fn of(standing: &WorkerIsolation) -> Self {
        Self {
            wall: standing.wall,
            login: standing.login,
        }
    }
}

/// Guards of repositories and walls of workers, as last seen.
#[derive(Debug, Default)]
pub(crate) struct IsolationCache(Mutex<IsolationState>);

impl IsolationCache {
    fn seen(&self) -> MutexGuard<'_, IsolationState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker with this name, if it is known.
    fn named(&self, name: &str) -> Option<WorkerId> {
        let seen = self.seen();
        let mut names = seen.names.iter();
        names.find(|(_, known)| *known == name).map(|(id, _)| *id)
    }

    /// A worker reported its wall.
    pub fn stands(&self, worker: WorkerId, standing: Option<&WorkerIsolation>) {
        let mut seen = self.seen();
        match standing {
            Some(standing) => seen.walls.insert(worker, WorkerWall::of(standing)),
            None => seen.walls.remove(&worker),
        };
    }

    /// A repository was saved.
    pub fn holds(&self, repo: &Repo) {
        self.seen().repos.insert(repo.name.clone(), repo.clone());
    }

    /// Whether a repository is a folder on its workers' machines, and not at an address.
    pub fn is_folder(&self, repo: &Slug) -> bool {
        let seen = self.seen();
        let source = seen.repos.get(repo).map(|repo| &repo.source);
        matches!(source, Some(Source::Path(_)))
    }

    /// Repositories that require a stronger wall than a worker's.
    pub fn out_of_reach(&self, worker: WorkerId) -> Vec<Slug> {
        let seen = self.seen();
        // An older worker reports no wall and has none.
        let wall = seen
            .walls
            .get(&worker)
            .map_or(Wall::Plain, |stands| stands.wall);
        let refuses = |repo: &&Repo| repo.guard.refuses(wall).is_some();
        let repos = seen.repos.values().filter(refuses);
        repos.map(|repo| repo.name.clone()).collect()
    }

    /// What a card shows: `model opus · preset test · wall bubblewrap`; `None` while nothing is known.
    pub fn on_card(
        &self,
        repo: &Slug,
        chosen: &ModelChoice,
        worker: Option<WorkerId>,
    ) -> Option<String> {
        let seen = self.seen();
        let known = seen.repos.get(repo);
        let model = match known {
            Some(repo) => chosen.or(&repo.model).said(),
            None => chosen.said(),
        };
        let guard = known.map_or_else(Guard::default, |repo| repo.guard.clone());
        let stands = worker.and_then(|worker| seen.walls.get(&worker)).copied();
        let wall = stands.map(|stands| stands.wall);
        let login = stands.filter(|stands| stands.login);
        let preset = match wall {
            Some(wall) => guard.preset_behind(wall).ok().flatten(),
            None => guard.preset,
        };
        let preset = match (preset, wall) {
            (Some(Preset::Auto), _) => {
                Some("preset `auto` (Anthropic's classifier decides)".to_owned())
            }
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
        let login = login.map(|_| LOGIN.to_owned());
        let parts: Vec<String> = model
            .into_iter()
            .chain(preset)
            .chain(wall)
            .chain(login)
            .collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }
}

/// The cache, and where it is read from.
pub(crate) struct Isolation {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// As last read.
    pub known: IsolationCache,
    /// One reads; others use what is known meanwhile.
    reading: tokio::sync::Mutex<()>,
}

impl Isolation {
    /// Nothing is known yet.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            known: IsolationCache::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The model, preset and wall of a task's agent, current or last; `on` is the name of its
    /// latest worker.
    pub async fn of(&self, task: &Task, on: Option<&str>) -> AppResult<Option<String>> {
        self.refresh().await?;
        let worker = match on {
            None => None,
            Some(name) => match self.known.named(name) {
                Some(worker) => Some(worker),
                // It may have been enrolled a moment ago.
                None => {
                    self.refresh_after(ENROLLED).await?;
                    self.known.named(name)
                }
            },
        };
        Ok(self.known.on_card(&task.repo, &task.model, worker))
    }

    /// The names of workers; one that was removed has none.
    pub async fn names(
        &self,
        workers: impl Iterator<Item = WorkerId>,
    ) -> AppResult<HashMap<WorkerId, String>> {
        self.refresh().await?;
        let workers: Vec<WorkerId> = workers.collect();
        if !workers
            .iter()
            .all(|id| self.known.seen().names.contains_key(id))
        {
            self.refresh_after(ENROLLED).await?;
        }
        let seen = self.known.seen();
        let name = |id: WorkerId| Some((id, seen.names.get(&id)?.clone()));
        Ok(workers.into_iter().filter_map(name).collect())
    }

    /// Reads what other daemons changed, if the last time is a while ago.
    pub(crate) async fn refresh(&self) -> AppResult<()> {
        self.refresh_after(GOOD_FOR).await
    }

    async fn refresh_after(&self, age: Duration) -> AppResult<()> {
        let now = self.clock.now();
        let is_fresh = |at: Timestamp| now.since(at) < age;
        if self.known.seen().read.is_some_and(is_fresh) {
            return Ok(());
        }
        let Ok(_reading) = self.reading.try_lock() else {
            return Ok(());
        };
        let repos = self.store.repos().await?;
        let workers = self.store.workers().await?;
        let mut seen = self.known.seen();
        seen.read = Some(now);
        seen.names = workers
            .iter()
            .map(|WorkerLoad { worker, .. }| (worker.id, worker.name.clone()))
            .collect();
        let named = |repo: Repo| (repo.name.clone(), repo);
        seen.repos = repos.into_iter().map(named).collect();
        let wall = |WorkerLoad { worker, .. }| Some((worker.id, WorkerWall::of(&worker.standing?)));
        seen.walls = workers.into_iter().filter_map(wall).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{
        clock::{Ids, System},
        guard::Preset,
    };

    use super::*;

    #[test]
    fn a_card_says_what_the_agent_may_do_and_what_it_can_read() {
        let around = IsolationCache::default();
        let repo = Slug::from_text("site");
        let worker = WorkerId(System.uuid());
        assert_eq!(
            around.on_card(&repo, &ModelChoice::default(), Some(worker)),
            None,
            "nobody knows yet"
        );
        let standing = |wall, login| WorkerIsolation {
            wall,
            why: String::new(),
            login,
        };
        for (wall, login, words) in [
            (Wall::Bubblewrap, false, "preset `test` · wall `bubblewrap`"),
            (
                Wall::Bubblewrap,
                true,
                "preset `test` · wall `bubblewrap` · the agent can read the model login",
            ),
            (Wall::User, false, "asks about everything · wall `user`"),
            (Wall::Plain, false, "asks about everything · no wall"),
        ] {
            around.stands(worker, Some(&standing(wall, login)));
            assert_eq!(
                around
                    .on_card(&repo, &ModelChoice::default(), Some(worker))
                    .as_deref(),
                Some(words)
            );
        }
        let guard = Guard {
            preset: Some(Preset::Auto),
            wall: Some(Wall::Container),
            ..Guard::default()
        };
        let source = Source::Path("/srv/site".into());
        let site = Repo::new(repo.clone(), source, "main".parse().expect("a branch"));
        around.holds(&Repo { guard, ..site });
        let said = around
            .on_card(&repo, &ModelChoice::default(), None)
            .expect("known");
        assert_eq!(
            said,
            "preset `auto` (Anthropic's classifier decides) · wall `container` or better"
        );
        assert_eq!(
            around.out_of_reach(worker),
            [repo],
            "a plain worker gets no task of it"
        );
    }
}

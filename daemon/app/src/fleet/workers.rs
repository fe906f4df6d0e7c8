//! Workers, as people manage them.

use std::collections::HashMap;

use vine_domain::{TaskId, Verb, Worker, WorkerId, WorkerState, worker::WorkerLimits};

use crate::{AppResult, Caller, Missing, fleet::Fleet};

/// A task that a worker is running.
pub struct RunningTask {
    /// Who runs it.
    pub worker: WorkerId,
    /// Which.
    pub task: TaskId,
    /// Its title.
    pub title: String,
}

impl Fleet {
    /// One worker by its name.
    pub async fn worker_named(&self, name: &str) -> AppResult<(Worker, usize, usize)> {
        let found = self
            .store
            .workers()
            .await?
            .into_iter()
            .find(|(worker, ..)| worker.name == name);
        found.ok_or_else(|| Missing::Worker(vine_domain::invalid::shown(name)).into())
    }

    /// Stops or resumes assigning work to a worker.
    pub async fn drain(
        &self,
        caller: &Caller,
        name: &str,
        draining: bool,
    ) -> AppResult<(Worker, usize, usize)> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, running, waiting) = self.worker_named(name).await?;
        let worker = Worker { draining, ..worker };
        self.store.set_draining(worker.id, draining).await?;
        self.wakeups.work();
        self.wakeups.page();
        Ok((worker, running, waiting))
    }

    /// Removes a worker and its token; it loses what it holds.
    pub async fn remove_worker(&self, caller: &Caller, name: &str) -> AppResult<()> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, ..) = self.worker_named(name).await?;
        self.store.remove_worker(worker.id).await?;
        self.people.forget_tokens();
        self.lose_all(worker.id, "the worker was removed").await?;
        self.wakeups.page();
        Ok(())
    }

    /// Removes all offline workers if `confirm` is their number; returns whether it did, and their
    /// names.
    pub async fn remove_gone(
        &self,
        caller: &Caller,
        confirm: Option<u64>,
    ) -> AppResult<(bool, Vec<String>)> {
        self.people
            .allow(caller, Verb::Administer, None, "offline workers")
            .await?;
        let all = self.store.workers().await?;
        let now = self.clock.now();
        let gone = all.into_iter().filter(|(worker, running, waiting)| {
            worker.state(*running, *waiting, now) == WorkerState::Offline
        });
        let names: Vec<String> = gone.map(|(worker, ..)| worker.name).collect();
        let confirmed = !names.is_empty() && confirm == Some(names.len() as u64);
        if confirmed {
            for name in &names {
                self.remove_worker(caller, name).await?;
            }
        }
        Ok((confirmed, names))
    }

    /// Sets the limits of a worker, whatever it reports.
    pub async fn limit(
        &self,
        caller: &Caller,
        name: &str,
        limits: WorkerLimits,
    ) -> AppResult<(Worker, usize, usize)> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let (worker, running, waiting) = self.worker_named(name).await?;
        for repo in limits.repos.iter().flatten() {
            self.tasks.repo(repo).await?;
        }
        self.store.set_limits(worker.id, &limits).await?;
        self.wakeups.work();
        self.wakeups.page();
        Ok((Worker { limits, ..worker }, running, waiting))
    }

    /// All workers, with how many agents run and wait on each.
    pub async fn workers(&self) -> AppResult<Vec<(Worker, usize, usize)>> {
        Ok(self.store.workers().await?)
    }

    /// Up to `limit` workers after this name.
    pub async fn workers_after(
        &self,
        after: &str,
        limit: u32,
    ) -> AppResult<Vec<(Worker, usize, usize)>> {
        Ok(self.store.workers_after(after, limit).await?)
    }

    /// The names of workers; one that was removed has none.
    pub async fn worker_names(
        &self,
        workers: impl Iterator<Item = WorkerId>,
    ) -> AppResult<HashMap<WorkerId, String>> {
        self.isolation.names(workers).await
    }

    /// What these workers are running.
    pub async fn at_work(&self, workers: &[(Worker, usize, usize)]) -> AppResult<Vec<RunningTask>> {
        let ids: Vec<WorkerId> = workers.iter().map(|(worker, ..)| worker.id).collect();
        let running = self.store.at_work(&ids).await?.into_iter();
        let named = |(worker, task, title)| RunningTask {
            worker,
            task,
            title,
        };
        Ok(running.map(named).collect())
    }
}

//! Workers, as people manage them.

use std::collections::HashMap;

use vine_domain::{TaskId, Verb, WorkerId, WorkerLoad, worker::WorkerLimits};

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
    pub async fn worker_named(&self, name: &str) -> AppResult<WorkerLoad> {
        let found = self
            .store
            .workers()
            .await?
            .into_iter()
            .find(|load| load.worker.name == name);
        found.ok_or_else(|| Missing::Worker(vine_domain::invalid::shown(name)).into())
    }

    /// Stops or resumes assigning work to a worker.
    pub async fn drain(
        &self,
        caller: &Caller,
        name: &str,
        draining: bool,
    ) -> AppResult<WorkerLoad> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let mut load = self.worker_named(name).await?;
        load.worker.draining = draining;
        self.store.set_draining(load.worker.id, draining).await?;
        self.wakeups.work();
        self.wakeups.page();
        Ok(load)
    }

    /// Removes a worker and its token; it loses what it holds.
    pub async fn remove_worker(&self, caller: &Caller, name: &str) -> AppResult<()> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let WorkerLoad { worker, .. } = self.worker_named(name).await?;
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
        let all = all.into_iter().map(|load| load.worker);
        let gone = all.filter(|worker| !worker.is_online(now));
        let names: Vec<String> = gone.map(|worker| worker.name).collect();
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
    ) -> AppResult<WorkerLoad> {
        self.people
            .allow(caller, Verb::Administer, None, &format!("worker {name}"))
            .await?;
        let mut load = self.worker_named(name).await?;
        for repo in limits.repos.iter().flatten() {
            self.tasks.repo(repo).await?;
        }
        self.store.set_limits(load.worker.id, &limits).await?;
        self.wakeups.work();
        self.wakeups.page();
        load.worker.limits = limits;
        Ok(load)
    }

    /// All workers, with how many agents run and wait on each.
    pub async fn workers(&self) -> AppResult<Vec<WorkerLoad>> {
        Ok(self.store.workers().await?)
    }

    /// Up to `limit` workers after this name.
    pub async fn workers_after(&self, after: &str, limit: u32) -> AppResult<Vec<WorkerLoad>> {
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
    pub async fn at_work(&self, workers: &[WorkerLoad]) -> AppResult<Vec<RunningTask>> {
        let ids: Vec<WorkerId> = workers.iter().map(|load| load.worker.id).collect();
        let running = self.store.at_work(&ids).await?.into_iter();
        let named = |(worker, task, title)| RunningTask {
            worker,
            task,
            title,
        };
        Ok(running.map(named).collect())
    }
}

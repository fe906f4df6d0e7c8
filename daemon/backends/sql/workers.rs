//! Workers.

use async_trait::async_trait;
use vine_domain::{
    TaskId, Timestamp, Worker, WorkerId,
    ports::{Fleet, StoreError, StoreResult},
    worker::{WorkerLimits, WorkerLoad},
};

use super::{
    rows::{all, from_json, int, json, plain, uuid},
    run::{Fetch as _, Run as _},
};
use crate::{
    Database, engine,
    statement::{row, rows, statement},
};

row! {
    struct WorkerRow {
        id: String,
        name: String,
        slots: i64,
        version: String,
        draining: bool,
        trouble: Option<String>,
        ill_repos: String,
        boot: Option<String>,
        seen: i64,
        worktree_bytes: i64,
        most: Option<i64>,
        only_repos: Option<String>,
        gone: Option<i64>,
        standing: Option<String>,
        running: i64,
        waiting: i64,
    }
}

impl TryFrom<WorkerRow> for WorkerLoad {
    type Error = StoreError;

    fn try_from(row: WorkerRow) -> StoreResult<Self> {
        let worker = Worker {
            id: WorkerId(uuid(&row.id)?),
            name: row.name,
            slots: u32::try_from(row.slots).unwrap_or(1),
            version: row.version,
            draining: row.draining,
            trouble: row.trouble,
            without: from_json(&row.ill_repos)?,
            boot: row.boot.as_deref().map(uuid).transpose()?,
            seen: Timestamp(row.seen),
            worktree_bytes: row.worktree_bytes.unsigned_abs(),
            limits: WorkerLimits {
                slots: row.most.map(|most| u32::try_from(most).unwrap_or(0)),
                repos: row.only_repos.as_deref().map(from_json).transpose()?,
            },
            gone: row.gone.map(Timestamp),
            standing: row.standing.as_deref().map(from_json).transpose()?,
        };
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok(Self {
            worker,
            running: count(row.running),
            waiting: count(row.waiting),
        })
    }
}

#[async_trait]
impl Fleet for Database {
    async fn add_worker(&self, worker: &Worker) -> StoreResult<()> {
        let added = statement!(
            "INSERT INTO workers (id, name, slots, version, draining, trouble, boot, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            worker.id.to_string(),
            worker.name,
            i64::from(worker.slots),
            &*plain(&worker.version),
            worker.draining,
            worker.trouble,
            worker.boot.map(|boot| boot.to_string()),
            worker.seen.0
        );
        match added.run(self.writer()).await {
            Err(StoreError::Taken(_)) => Err(StoreError::Taken(worker.name.clone())),
            other => other.map(|_| ()),
        }
    }

    async fn save_worker(&self, worker: &Worker) -> StoreResult<()> {
        let saved = statement!("UPDATE workers SET slots = $1, version = $2, trouble = $3, ill_repos = $4, boot = $5, seen = $6, worktree_bytes = $7, standing = $8, gone = NULL
             WHERE id = $9",
            i64::from(worker.slots),
            &*plain(&worker.version),
            worker
                .trouble
                .as_deref()
                .map(|trouble| plain(trouble).into_owned()),
            plain(&json(&worker.without)).into_owned(),
            worker.boot.map(|boot| boot.to_string()),
            worker.seen.0,
            int(worker.worktree_bytes),
            worker
                .standing
                .as_ref()
                .map(|standing| plain(&json(standing)).into_owned()),
            worker.id.to_string()
        );
        saved.run(self.writer()).await.map(drop)
    }

    async fn set_draining(&self, id: WorkerId, draining: bool) -> StoreResult<()> {
        let set = statement!(
            "UPDATE workers SET draining = $1 WHERE id = $2",
            draining,
            id.to_string()
        );
        set.run(self.writer()).await.map(drop)
    }

    async fn set_limits(&self, id: WorkerId, limits: &WorkerLimits) -> StoreResult<()> {
        let set = statement!(
            "UPDATE workers SET most = $1, only_repos = $2 WHERE id = $3",
            limits.slots.map(i64::from),
            limits.repos.as_ref().map(json),
            id.to_string()
        );
        set.run(self.writer()).await.map(drop)
    }

    async fn set_gone(&self, id: WorkerId) -> StoreResult<()> {
        let set = statement!(
            "UPDATE workers SET gone = $1 WHERE id = $2",
            self.now().0,
            id.to_string()
        );
        set.run(self.writer()).await.map(drop)
    }

    async fn remove_worker(&self, id: WorkerId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let id = id.to_string();
        statement!("DELETE FROM tokens WHERE owner = $1", id)
            .run(&mut *tx)
            .await?;
        statement!("DELETE FROM workers WHERE id = $1", id)
            .run(&mut *tx)
            .await?;
        engine::commit(tx).await
    }

    async fn workers_after(&self, name: &str, limit: u32) -> StoreResult<Vec<WorkerLoad>> {
        let rows = rows!(
            WorkerRow,
            r#"SELECT id, name, slots, version, draining AS "draining: bool", trouble, ill_repos, boot, seen, worktree_bytes, most, only_repos, gone, standing,
                   (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state || '' = 'running') AS "running!: i64",
                   (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state || '' = 'waiting') AS "waiting!: i64"
               FROM workers w WHERE name > $1 ORDER BY name LIMIT CAST($2 AS BIGINT)"#,
            &*plain(name),
            i64::from(limit)
        );
        all(rows.all(self.reader()).await?)
    }

    async fn at_work(&self, workers: &[WorkerId]) -> StoreResult<Vec<(WorkerId, TaskId, String)>> {
        let ids: Vec<String> = workers.iter().map(ToString::to_string).collect();
        let rows = rows!(
            { worker: String, id: i64, title: String },
            r#"SELECT lease_worker AS "worker!", id AS "id!", title FROM tasks
               WHERE lease_worker IN (SELECT atom FROM json_each($1)) ORDER BY id"#,
            json(&ids)
        );
        let rows = rows.all(self.reader()).await?;
        rows.into_iter()
            .map(|row| {
                Ok((
                    WorkerId(uuid(&row.worker)?),
                    TaskId(row.id.unsigned_abs()),
                    row.title,
                ))
            })
            .collect()
    }

    async fn worker(&self, id: WorkerId) -> StoreResult<Option<Worker>> {
        let row = rows!(
            WorkerRow,
            r#"SELECT id, name, slots, version, draining AS "draining: bool", trouble, ill_repos, boot, seen, worktree_bytes, most, only_repos, gone, standing,
                   0 AS "running!: i64", 0 AS "waiting!: i64"
               FROM workers WHERE id = $1"#,
            id.to_string()
        );
        let row = row.maybe(self.quick()).await?;
        let load = row.map(WorkerLoad::try_from).transpose()?;
        Ok(load.map(|load| load.worker))
    }
}

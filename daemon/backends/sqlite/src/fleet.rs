//! Workers.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, query, query_as};
use vine_domain::{
    Timestamp, Worker, WorkerId,
    ports::{Fleet, StoreError, Stored},
};

use crate::{
    Sqlite,
    rows::{all, uuid},
    unavailable,
};

#[derive(FromRow)]
struct WorkerRow {
    id: String,
    name: String,
    slots: i64,
    version: String,
    draining: bool,
    trouble: Option<String>,
    boot: Option<String>,
    seen: i64,
    running: i64,
    waiting: i64,
}

impl TryFrom<WorkerRow> for (Worker, usize, usize) {
    type Error = StoreError;

    fn try_from(row: WorkerRow) -> Stored<Self> {
        let worker = Worker {
            id: WorkerId(uuid(&row.id)?),
            name: row.name,
            slots: u32::try_from(row.slots).unwrap_or(1),
            version: row.version,
            draining: row.draining,
            trouble: row.trouble,
            boot: row.boot.as_deref().map(uuid).transpose()?,
            seen: Timestamp(row.seen),
        };
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        Ok((worker, count(row.running), count(row.waiting)))
    }
}

const WORKER: &str = "SELECT id, name, slots, version, draining, trouble, boot, seen,
    (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state = 'running') AS running,
    (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state = 'waiting') AS waiting FROM workers w";

#[async_trait]
impl Fleet for Sqlite {
    async fn add_worker(&self, worker: &Worker) -> Stored<()> {
        query("INSERT INTO workers (id, name, slots, version, draining, trouble, boot, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(worker.id.to_string())
            .bind(&worker.name)
            .bind(worker.slots)
            .bind(&worker.version)
            .bind(worker.draining)
            .bind(&worker.trouble)
            .bind(worker.boot.map(|boot| boot.to_string()))
            .bind(worker.seen.0)
            .execute(&self.writer)
            .await
            .map_err(unavailable)
            .map_err(|error| if matches!(error, StoreError::Taken(_)) { StoreError::Taken(worker.name.clone()) } else { error })?;
        Ok(())
    }

    async fn save_worker(&self, worker: &Worker) -> Stored<()> {
        query("UPDATE workers SET slots = ?, version = ?, trouble = ?, boot = ?, seen = ? WHERE id = ?")
            .bind(worker.slots)
            .bind(&worker.version)
            .bind(&worker.trouble)
            .bind(worker.boot.map(|boot| boot.to_string()))
            .bind(worker.seen.0)
            .bind(worker.id.to_string())
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn set_draining(&self, id: WorkerId, draining: bool) -> Stored<()> {
        query("UPDATE workers SET draining = ? WHERE id = ?")
            .bind(draining)
            .bind(id.to_string())
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn remove_worker(&self, id: WorkerId) -> Stored<()> {
        let mut tx = self.begin().await?;
        query("DELETE FROM tokens WHERE owner = ?").bind(id.to_string()).execute(&mut *tx).await.map_err(unavailable)?;
        query("DELETE FROM workers WHERE id = ?").bind(id.to_string()).execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn workers(&self) -> Stored<Vec<(Worker, usize, usize)>> {
        let sql = AssertSqlSafe(format!("{WORKER} ORDER BY name"));
        all(query_as::<_, WorkerRow>(sql).fetch_all(&self.reader).await.map_err(unavailable)?)
    }

    async fn worker(&self, id: WorkerId) -> Stored<Option<Worker>> {
        let sql = AssertSqlSafe(format!("{WORKER} WHERE id = ?"));
        let row = query_as::<_, WorkerRow>(sql).bind(id.to_string()).fetch_optional(&self.reader).await.map_err(unavailable)?;
        Ok(row.map(<(Worker, usize, usize)>::try_from).transpose()?.map(|(worker, ..)| worker))
    }
}

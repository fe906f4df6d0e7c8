//! The queue: how work is kept and lost. How it is claimed is in `claim.rs`.

use async_trait::async_trait;
use serde_json::{Value, json};
use vine_domain::{
    Epoch, Note, Question, Slug, TaskId, Timestamp, WorkerId,
    attempt::Attempt,
    lease::LEASE,
    ports::{DueOrders, Orders, StoreResult, WorkerDuties},
    queue::QueueDepths,
};

use super::{
    question_rows::{NoteRow, QuestionRow, questions},
    rows::{all, json, uuid},
    run::{Fetch as _, Run as _},
};
use crate::{
    Database, engine,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Orders for Database {
    async fn renew(&self, held: &[(WorkerId, Attempt)]) -> StoreResult<()> {
        let row = |(worker, attempt): &(WorkerId, Attempt)| json!({ "task": attempt.task.0, "epoch": attempt.epoch.0, "worker": worker.to_string() });
        let rows: Vec<Value> = held.iter().map(row).collect();
        let mut tx = self.begin().await?;
        engine::lock(&mut tx, held.iter().map(|(_, attempt)| attempt.task)).await?;
        let renewed = statement!("UPDATE tasks SET lease_until = $1
             FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'epoch' AS BIGINT) AS epoch, value ->> 'worker' AS worker
                   FROM (SELECT key, value FROM json_each($2) LIMIT 1000000000 OFFSET 0) l) c
             WHERE tasks.id = c.task AND tasks.epoch = c.epoch AND tasks.lease_worker = c.worker",
            self.now().plus(LEASE).0,
            json(&rows)
        );
        renewed.run(&mut *tx).await?;
        engine::commit(tx).await
    }

    async fn adopt_leases(&self) -> StoreResult<()> {
        let adopted = statement!(
            "UPDATE tasks SET lease_until = $1 WHERE lease_worker IS NOT NULL",
            self.now().plus(LEASE).0
        );
        adopted.run(self.writer()).await.map(drop)
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<Attempt>> {
        let rows = rows!(
            { id: i64, epoch: i64 },
            r#"SELECT id AS "id!", epoch FROM tasks WHERE lease_worker = $1"#,
            worker.to_string()
        );
        let rows = rows.all(self.quick()).await?;
        Ok(rows
            .into_iter()
            .map(|row| attempt(row.id, row.epoch))
            .collect())
    }

    async fn duties(&self, worker: WorkerId) -> StoreResult<WorkerDuties> {
        let rows = rows!(
            { task: i64, epoch: i64, kept: Option<String>, told: bool },
            r#"SELECT id AS "task!", epoch AS "epoch!", NULL AS "kept: String",
                   NOT EXISTS (SELECT 1 FROM notes n WHERE n.task = tasks.id AND n.state = 'waiting')
                   AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.task = tasks.id
                                   AND q.state IN ('open', 'answered', 'expired') AND (q.state = 'answered' OR (q.state = 'expired' AND NOT q.told))) AS "told!: bool"
               FROM tasks WHERE lease_worker = $1
               UNION ALL
               SELECT task, epoch, coalesce(kept, ''), true FROM executions WHERE worker = $1 AND wanted IS NOT NULL"#,
            worker.to_string()
        );
        let rows = rows.all(self.quick()).await?;
        let mut duties = WorkerDuties::default();
        for row in rows {
            let attempt = attempt(row.task, row.epoch);
            duties.has_news |= !row.told;
            match row.kept {
                None => duties.leases.push(attempt),
                Some(kept) => duties.wanted.push((attempt, kept)),
            }
        }
        Ok(duties)
    }

    async fn expired(&self) -> StoreResult<Vec<Attempt>> {
        if !self.has_the_clock().await? {
            return Ok(Vec::new());
        }
        let rows = rows!(
            { id: i64, epoch: i64 },
            r#"SELECT id AS "id!", epoch FROM tasks WHERE lease_worker IS NOT NULL AND lease_until < $1 ORDER BY lease_until"#,
            self.now().0
        );
        let rows = rows.all(self.quick()).await?;
        Ok(rows
            .into_iter()
            .map(|row| attempt(row.id, row.epoch))
            .collect())
    }

    async fn undelivered(&self, worker: WorkerId) -> StoreResult<Vec<Question>> {
        let rows = questions!(
            "WHERE t.lease_worker = $1 AND q.state IN ('open', 'answered', 'expired') AND (q.state = 'answered' OR (q.state = 'expired' AND NOT q.told)) ORDER BY q.id",
            worker.to_string()
        );
        all(rows.all(self.quick()).await?)
    }

    async fn waiting_notes_for(&self, worker: WorkerId) -> StoreResult<Vec<(Attempt, Note)>> {
        let rows = rows!(
            { epoch: i64, key: String, task: i64, author: String, text: String, at: i64, state: String, delivered: Option<i64> },
            "SELECT t.epoch, n.key, n.task, n.author, n.text, n.at, n.state, n.delivered
             FROM tasks t JOIN notes n ON n.task = t.id AND n.state = 'waiting' WHERE t.lease_worker = $1 ORDER BY n.seq",
            worker.to_string()
        );
        let rows = rows.all(self.quick()).await?;
        rows.into_iter()
            .map(|row| {
                let key = row.key;
                let author = row.author;
                let text = row.text;
                let state = row.state;
                let note = NoteRow {
                    key,
                    task: row.task,
                    author,
                    text,
                    at: row.at,
                    state,
                    delivered: row.delivered,
                };
                Ok((attempt(row.task, row.epoch), Note::try_from(note)?))
            })
            .collect()
    }

    async fn keep_time(&self) -> StoreResult<Option<i64>> {
        self.follow_clock().await
    }

    async fn next_due(&self) -> StoreResult<DueOrders> {
        let now = self.now();
        let due = rows!(
            { now: bool, next: Option<i64> },
            r#"SELECT coalesce(min(first) <= $1, false) AS "now!: bool", min(next) AS "next?: i64"
               FROM (SELECT (SELECT min(o.due) FROM work_orders o WHERE o.resumes = l.resumes AND o.lane = l.lane) AS first,
                         (SELECT min(o.due) FROM work_orders o WHERE o.resumes = l.resumes AND o.lane = l.lane AND o.due > $1) AS next
                     FROM (SELECT resumes, lane FROM (SELECT true AS resumes UNION ALL SELECT false) r
                           CROSS JOIN (SELECT 0 AS lane UNION ALL SELECT 1 UNION ALL SELECT 2) n) l) lanes"#,
            now.0
        );
        let due = due.one(self.quick()).await?;
        Ok(DueOrders {
            now: due.now,
            next: due.next.map(|due| Timestamp(due).since(now)),
        })
    }

    async fn preferred(&self, limit: u32) -> StoreResult<Vec<WorkerId>> {
        let ids = scalar!(
            String,
            r#"SELECT worker AS "worker!" FROM work_orders WHERE worker IS NOT NULL AND due <= $1
               UNION SELECT worker AS "worker!" FROM sessions WHERE state = 'warm' LIMIT CAST($2 AS BIGINT)"#,
            self.now().0,
            i64::from(limit)
        );
        ids.all(self.quick())
            .await?
            .iter()
            .map(|id| Ok(WorkerId(uuid(id)?)))
            .collect()
    }

    async fn depths(&self) -> StoreResult<QueueDepths> {
        let row = rows!(
            { high: i64, normal: i64, low: i64, open: i64, answered: i64, dead: i64, outbox: i64, workers: i64, paused: bool },
            r#"SELECT (SELECT count(*) FROM work_orders WHERE lane = 0) AS "high!: i64",
                      (SELECT count(*) FROM work_orders WHERE lane = 1) AS "normal!: i64",
                      (SELECT count(*) FROM work_orders WHERE lane = 2) AS "low!: i64",
                      (SELECT count(*) FROM questions WHERE state = 'open') AS "open!: i64",
                      (SELECT count(*) FROM questions q JOIN tasks t ON t.id = q.task
                       WHERE q.state = 'answered' AND t.state IN ('queued', 'running', 'waiting')) AS "answered!: i64",
                      (SELECT count(*) FROM tasks WHERE dead) AS "dead!: i64",
                      (SELECT count(*) FROM outbox WHERE posted IS NULL) AS "outbox!: i64",
                      (SELECT count(*) FROM workers) AS "workers!: i64",
                      (SELECT paused FROM settings) AS "paused!: bool""#
        );
        let row = row.one(self.reader()).await?;
        Ok(QueueDepths {
            lanes: [row.high, row.normal, row.low].map(i64::unsigned_abs),
            open_questions: row.open.unsigned_abs(),
            undelivered_answers: row.answered.unsigned_abs(),
            dead: row.dead.unsigned_abs(),
            outbox: row.outbox.unsigned_abs(),
            workers: row.workers.unsigned_abs(),
            paused: row.paused,
        })
    }

    async fn set_paused(&self, repo: Option<&Slug>, paused: bool) -> StoreResult<()> {
        match repo {
            Some(repo) => {
                statement!(
                    "UPDATE repos SET paused = $1 WHERE name = $2",
                    paused,
                    repo.as_str()
                )
                .run(self.writer())
                .await
            }
            None => {
                statement!("UPDATE settings SET paused = $1", paused)
                    .run(self.writer())
                    .await
            }
        }
        .map(drop)
    }
}

fn attempt(task: i64, epoch: i64) -> Attempt {
    Attempt {
        task: TaskId(task.unsigned_abs()),
        epoch: Epoch(epoch.unsigned_abs()),
    }
}

//! The queue: how work is claimed, kept and lost.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, SqliteConnection, query, query_as, query_scalar};
use vine_domain::{
    Epoch, Lane, Note, Question, Repo, SessionId, Slug, Task, TaskId, Timestamp, WorkerId,
    ports::{Depths, Orders, StoreError, Stored, Want},
    queue::{Waiting, serve_order},
    task::LEASE,
    worker::{Assignment, Attempt},
};

use crate::{
    Sqlite,
    repos::repos,
    rows::{NoteRow, QUESTION, QUESTION_FROM, QuestionRow, TASK, TaskRow, all, json, uuid},
    unavailable,
};

#[async_trait]
impl Orders for Sqlite {
    /// One transaction for all wishes: look at the heads of the lanes, hand them out, take them with one statement.
    async fn claim(&self, wants: &[Want]) -> Stored<Vec<(WorkerId, Assignment)>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let paused: bool = query_scalar("SELECT paused FROM settings").fetch_one(&mut *tx).await.map_err(unavailable)?;
        let wants = willing(&mut tx, wants).await?;
        let heads = if paused || wants.is_empty() { Vec::new() } else { heads(&mut tx, &wants, now).await? };
        let warm = if heads.is_empty() { Vec::new() } else { warm(&mut tx, &wants).await? };
        let taken = hand_out(heads, warm, &wants, now);
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let tasks = take(&mut tx, &taken, now).await?;
        let reused = rebind(&mut tx, &taken, now).await?;
        let assignments = assign(&mut tx, tasks, &reused).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(assignments)
    }

    async fn renew(&self, worker: WorkerId, attempts: &[Attempt]) -> Stored<()> {
        let pairs: Vec<_> = attempts.iter().map(|attempt| (attempt.task.0, attempt.epoch.0)).collect();
        query(
            "UPDATE tasks SET lease_until = ?1 FROM json_each(?2) p
             WHERE tasks.id = p.value ->> 0 AND tasks.epoch = p.value ->> 1 AND tasks.lease_worker = ?3",
        )
        .bind(self.now().plus(LEASE).0)
        .bind(json(&pairs))
        .bind(worker.to_string())
        .execute(&self.writer)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn adopt_leases(&self) -> Stored<()> {
        query("UPDATE tasks SET lease_until = ? WHERE lease_until IS NOT NULL")
            .bind(self.now().plus(LEASE).0)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn leases_of(&self, worker: WorkerId) -> Stored<Vec<Attempt>> {
        let rows = query_as("SELECT id, epoch FROM tasks WHERE lease_worker = ?").bind(worker.to_string());
        Ok(attempts(rows.fetch_all(&self.reader).await.map_err(unavailable)?))
    }

    async fn expired(&self) -> Stored<Vec<Attempt>> {
        let rows = query_as("SELECT id, epoch FROM tasks WHERE lease_until < ? ORDER BY lease_until").bind(self.now().0);
        Ok(attempts(rows.fetch_all(&self.reader).await.map_err(unavailable)?))
    }

    async fn undelivered(&self, worker: WorkerId) -> Stored<Vec<Question>> {
        let sql = AssertSqlSafe(format!(
            "SELECT {QUESTION} {QUESTION_FROM} JOIN tasks t ON t.id = q.task AND t.lease_worker = ?
             WHERE q.state = 'answered' OR (q.state = 'expired' AND q.told = 0) ORDER BY q.id"
        ));
        let rows = query_as::<_, QuestionRow>(sql).bind(worker.to_string()).fetch_all(&self.reader).await.map_err(unavailable)?;
        all(rows)
    }

    async fn waiting_notes_for(&self, worker: WorkerId) -> Stored<Vec<(Attempt, Note)>> {
        #[derive(FromRow)]
        struct Row {
            epoch: i64,
            #[sqlx(flatten)]
            note: NoteRow,
        }
        let rows: Vec<Row> = query_as(
            "SELECT t.epoch, n.* FROM tasks t JOIN notes n ON n.task = t.id AND n.state = 'waiting' WHERE t.lease_worker = ? ORDER BY n.at, n.rowid",
        )
        .bind(worker.to_string())
        .fetch_all(&self.reader)
        .await
        .map_err(unavailable)?;
        rows.into_iter()
            .map(|row| {
                let note = Note::try_from(row.note)?;
                Ok((Attempt { task: note.task, epoch: Epoch(row.epoch.unsigned_abs()) }, note))
            })
            .collect()
    }

    async fn next_due(&self) -> Stored<Option<Duration>> {
        let now = self.now();
        let due: Option<i64> = query_scalar("SELECT min(due) FROM work_orders WHERE due > ?")
            .bind(now.0)
            .fetch_one(&self.reader)
            .await
            .map_err(unavailable)?;
        Ok(due.map(|due| Timestamp(due).since(now)))
    }

    async fn depths(&self) -> Stored<Depths> {
        #[derive(FromRow)]
        struct Row {
            high: i64,
            normal: i64,
            low: i64,
            open: i64,
            answered: i64,
            dead: i64,
            outbox: i64,
            paused: bool,
        }
        let row: Row = query_as(
            "SELECT (SELECT count(*) FROM work_orders WHERE lane = 0) AS high,
                    (SELECT count(*) FROM work_orders WHERE lane = 1) AS normal,
                    (SELECT count(*) FROM work_orders WHERE lane = 2) AS low,
                    (SELECT count(*) FROM questions WHERE state = 'open') AS open,
                    (SELECT count(*) FROM questions q JOIN tasks t ON t.id = q.task
                     WHERE q.state = 'answered' AND t.state IN ('queued', 'running', 'waiting')) AS answered,
                    (SELECT count(*) FROM tasks WHERE dead = 1) AS dead,
                    (SELECT count(*) FROM outbox WHERE posted IS NULL) AS outbox,
                    (SELECT paused FROM settings) AS paused",
        )
        .fetch_one(&self.reader)
        .await
        .map_err(unavailable)?;
        Ok(Depths {
            lanes: [row.high, row.normal, row.low].map(i64::unsigned_abs),
            open_questions: row.open.unsigned_abs(),
            undelivered_answers: row.answered.unsigned_abs(),
            dead: row.dead.unsigned_abs(),
            outbox: row.outbox.unsigned_abs(),
            paused: row.paused,
        })
    }

    async fn set_paused(&self, repo: Option<&Slug>, paused: bool) -> Stored<()> {
        let statement = match repo {
            Some(repo) => query("UPDATE repos SET paused = ? WHERE name = ?").bind(paused).bind(repo.as_str()),
            None => query("UPDATE settings SET paused = ?").bind(paused),
        };
        statement.execute(&self.writer).await.map_err(unavailable)?;
        Ok(())
    }
}

fn attempts(rows: Vec<(i64, i64)>) -> Vec<Attempt> {
    rows.into_iter().map(|(task, epoch)| Attempt { task: TaskId(task.unsigned_abs()), epoch: Epoch(epoch.unsigned_abs()) }).collect()
}

/// An order at the head of its lane, the worker it is kept for, and what it is similar to.
struct Head {
    order: Waiting,
    kept_for: Option<WorkerId>,
    /// It was never claimed before, so it has no session of its own.
    fresh: bool,
    like: Like,
}

/// Tasks with the same repository and base branch are similar.
type Like = (String, String);

/// A session that may do another task.
struct Warm {
    id: SessionId,
    worker: WorkerId,
    like: Like,
}

/// An order that was handed out.
struct Taken {
    task: TaskId,
    worker: WorkerId,
    /// The session that it is begun in.
    warm: Option<SessionId>,
}

/// Warm sessions of the workers that want work, latest used first.
async fn warm(tx: &mut SqliteConnection, wants: &[Want]) -> Stored<Vec<Warm>> {
    let workers: Vec<String> = wants.iter().map(|want| want.worker.to_string()).collect();
    let rows: Vec<(String, String, String, String)> = query_as(
        "SELECT s.id, s.worker, t.repo, t.base FROM json_each(?) w
         JOIN sessions s ON s.worker = w.value AND s.state = 'warm' JOIN tasks t ON t.id = s.task ORDER BY s.active DESC",
    )
    .bind(json(&workers))
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    let read = |(id, worker, repo, base): (String, String, String, String)| {
        Ok(Warm { id: SessionId(uuid(&id)?), worker: WorkerId(uuid(&worker)?), like: (repo, base) })
    };
    rows.into_iter().map(read).collect()
}

/// The wishes of workers that still exist and are not draining.
async fn willing(tx: &mut SqliteConnection, wants: &[Want]) -> Stored<Vec<Want>> {
    let ids: Vec<String> = wants.iter().map(|want| want.worker.to_string()).collect();
    let fit: Vec<String> = query_scalar("SELECT id FROM workers WHERE draining = 0 AND id IN (SELECT value FROM json_each(?))")
        .bind(json(&ids))
        .fetch_all(tx)
        .await
        .map_err(unavailable)?;
    Ok(wants.iter().zip(ids).filter(|(want, id)| want.slots > 0 && fit.contains(id)).map(|(want, _)| *want).collect())
}

/// As many heads of each lane as could be taken together: enough to fill every wish from any one of them.
async fn heads(tx: &mut SqliteConnection, wants: &[Want], now: Timestamp) -> Stored<Vec<Head>> {
    let workers: Vec<String> = wants.iter().map(|want| want.worker.to_string()).collect();
    let slots: u32 = wants.iter().map(|want| want.slots).sum();
    // An order is kept for its worker unless that is gone for too long; being busy is no absence.
    let kept = "EXISTS (SELECT 1 FROM workers w WHERE w.id = o.worker AND w.draining = 0 AND w.seen > ?1 - o.affinity)";
    // Four index scans, one for each lane and one for answered tasks; each stops at its limit.
    let part = |condition: &str| {
        format!(
            "SELECT * FROM (SELECT o.task, o.lane, o.due, o.resumes, CASE WHEN {kept} THEN o.worker END AS kept_for,
                 o.repo, t.base, t.epoch = 0 AS fresh
             FROM work_orders o JOIN tasks t ON t.id = o.task WHERE {condition} AND o.due <= ?1
             AND (NOT {kept} OR o.worker IN (SELECT value FROM json_each(?2)))
             AND o.repo NOT IN (SELECT name FROM repos WHERE paused = 1)
             ORDER BY o.due, o.task LIMIT ?3)"
        )
    };
    let parts = ["o.resumes = 1", "o.resumes = 0 AND o.lane = 0", "o.resumes = 0 AND o.lane = 1", "o.resumes = 0 AND o.lane = 2"];
    let sql = AssertSqlSafe(parts.map(part).join(" UNION ALL "));
    let rows: Vec<HeadRow> = query_as(sql).bind(now.0).bind(json(&workers)).bind(slots).fetch_all(tx).await.map_err(unavailable)?;
    all(rows)
}

#[derive(FromRow)]
struct HeadRow {
    task: i64,
    lane: i64,
    due: i64,
    resumes: bool,
    kept_for: Option<String>,
    repo: String,
    base: String,
    fresh: bool,
}

impl TryFrom<HeadRow> for Head {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Stored<Self> {
        let lane = Lane::from_rank(row.lane).ok_or_else(|| StoreError::Corrupt(format!("lane {}", row.lane)))?;
        let order = Waiting { task: TaskId(row.task.unsigned_abs()), lane, due: Timestamp(row.due), resumes: row.resumes };
        let kept_for = row.kept_for.as_deref().map(uuid).transpose()?.map(WorkerId);
        Ok(Self { order, kept_for, fresh: row.fresh, like: (row.repo, row.base) })
    }
}

/// Who gets what: orders in the order in which they are to be served, each to a worker that still has room. New work goes to
/// a worker with a warm session for it, else to the roomiest one.
fn hand_out(heads: Vec<Head>, mut warm: Vec<Warm>, wants: &[Want], now: Timestamp) -> Vec<Taken> {
    let mut orders: Vec<Waiting> = heads.iter().map(|head| head.order).collect();
    let heads: HashMap<TaskId, Head> = heads.into_iter().map(|head| (head.order.task, head)).collect();
    serve_order(&mut orders, now);
    let mut room: Vec<(WorkerId, u32)> = wants.iter().map(|want| (want.worker, want.slots)).collect();
    let mut taken: Vec<Taken> = Vec::new();
    for order in orders {
        let head = &heads[&order.task];
        let has_room = |worker: WorkerId| room.iter().any(|(other, slots)| *other == worker && *slots > 0);
        let fits = |session: &Warm| head.fresh && session.like == head.like && has_room(session.worker);
        let session = warm.iter().position(fits).map(|at| warm.remove(at));
        let wanted = session.as_ref().map(|session| session.worker).or(head.kept_for);
        let cold = |worker: &WorkerId| !warm.iter().any(|session| session.worker == *worker);
        let given = |worker: &WorkerId| taken.iter().filter(|other| other.worker == *worker).count();
        // The roomiest worker first, then one whose sessions are not for others, then the one with the fewest: that spreads
        // work over machines.
        let free = room.iter_mut().filter(|(worker, slots)| *slots > 0 && wanted.is_none_or(|wanted| wanted == *worker));
        if let Some((worker, slots)) = free.max_by_key(|(worker, slots)| (*slots, cold(worker), Reverse(given(worker)))) {
            *slots -= 1;
            taken.push(Taken { task: order.task, worker: *worker, warm: session.map(|session| session.id) });
        }
    }
    taken
}

/// The claim itself: one statement decides, under the new epoch; the rest follows in the same transaction.
async fn take(tx: &mut SqliteConnection, taken: &[Taken], now: Timestamp) -> Stored<Vec<Task>> {
    let pairs: Vec<_> = taken.iter().map(|one| (one.task.0, one.worker.to_string())).collect();
    let pairs = json(&pairs);
    let returning = TASK.split(", ").map(|column| format!("tasks.{}", column.trim())).collect::<Vec<_>>().join(", ");
    // The plus keeps SQLite from walking all queued tasks by their state instead of looking up the few by id.
    let sql = AssertSqlSafe(format!(
        "UPDATE tasks SET state = 'running', detail = NULL, epoch = epoch + 1, version = version + 1, updated = ?1,
                lease_worker = p.value ->> 1, lease_until = ?2
         FROM json_each(?3) p WHERE tasks.id = p.value ->> 0 AND +tasks.state = 'queued' RETURNING {returning}"
    ));
    let rows =
        query_as::<_, TaskRow>(sql).bind(now.0).bind(now.plus(LEASE).0).bind(&pairs).fetch_all(&mut *tx).await.map_err(unavailable)?;
    query("DELETE FROM work_orders WHERE task IN (SELECT value ->> 0 FROM json_each(?))")
        .bind(&pairs)
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
    query(
        "INSERT INTO executions (task, epoch, worker, started)
         SELECT t.id, t.epoch, t.lease_worker, ?1 FROM json_each(?2) p JOIN tasks t ON t.id = p.value ->> 0",
    )
    .bind(now.0)
    .bind(&pairs)
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    query(
        "INSERT INTO task_log (task, epoch, at, line)
         SELECT t.id, t.epoch, ?1, 'attempt ' || t.epoch || ' claimed by ' || coalesce(w.name, t.lease_worker)
         FROM json_each(?2) p JOIN tasks t ON t.id = p.value ->> 0 LEFT JOIN workers w ON w.id = t.lease_worker",
    )
    .bind(now.0)
    .bind(&pairs)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    // SQLite gives updated rows in an order of its own.
    let mut tasks: Vec<Task> = all(rows)?;
    tasks.sort_by_key(|task| taken.iter().position(|one| one.task == task.id));
    Ok(tasks)
}

/// Warm sessions now belong to the tasks that are begun in them.
async fn rebind(tx: &mut SqliteConnection, taken: &[Taken], now: Timestamp) -> Stored<HashMap<TaskId, SessionId>> {
    let reused: HashMap<TaskId, SessionId> = taken.iter().filter_map(|one| Some((one.task, one.warm?))).collect();
    if !reused.is_empty() {
        let pairs: Vec<_> = reused.iter().map(|(task, session)| (task.0, session.to_string())).collect();
        query(
            "UPDATE sessions SET state = 'active', task = p.value ->> 0, active = ?1, reused = reused + 1, heard = 0
             FROM json_each(?2) p WHERE sessions.id = p.value ->> 1",
        )
        .bind(now.0)
        .bind(json(&pairs))
        .execute(tx)
        .await
        .map_err(unavailable)?;
    }
    Ok(reused)
}

/// Adds what a worker needs beside the task: repository, session, earlier answers. Set-based, whatever the number.
async fn assign(tx: &mut SqliteConnection, tasks: Vec<Task>, reused: &HashMap<TaskId, SessionId>) -> Stored<Vec<(WorkerId, Assignment)>> {
    let again: Vec<u64> = tasks.iter().filter(|task| task.epoch.0 > 1).map(|task| task.id.0).collect();
    let mut sessions = sessions(tx, &again).await?;
    let mut answered = answered(tx, &again).await?;
    let repos: HashMap<Slug, Repo> = repos(tx).await?.into_iter().map(|repo| (repo.name.clone(), repo)).collect();
    tasks
        .into_iter()
        .map(|task| {
            let lease = task.lease().ok_or_else(|| StoreError::Corrupt(format!("{} was claimed without a lease", task.id)))?;
            let worker = lease.worker;
            let repo = repos.get(&task.repo).cloned().ok_or_else(|| StoreError::Corrupt(format!("no repository {}", task.repo)))?;
            let new = reused.get(&task.id).map(|id| (*id, false));
            let session = new.or_else(|| sessions.remove(&(task.id, worker)));
            let assignment = Assignment {
                attempt: task.attempt(),
                lease_secs: LEASE.as_secs(),
                resume: session.map(|(id, _)| id),
                unheard: session.is_some_and(|(_, heard)| !heard),
                answered: answered.remove(&task.id).unwrap_or_default(),
                title: task.title,
                prompt: task.prompt,
                repo,
                base: task.base,
                branch: task.branch,
                requester: task.requester,
                created: task.created,
            };
            Ok((worker, assignment))
        })
        .collect()
}

async fn sessions(tx: &mut SqliteConnection, tasks: &[u64]) -> Stored<HashMap<(TaskId, WorkerId), (SessionId, bool)>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, String, String, bool)> = query_as(
        "SELECT task, worker, id, heard FROM sessions WHERE state = 'active' AND task IN (SELECT value FROM json_each(?)) ORDER BY active",
    )
    .bind(json(tasks))
    .fetch_all(tx)
    .await
    .map_err(unavailable)?;
    rows.into_iter()
        .map(|(task, worker, id, heard)| Ok(((TaskId(task.unsigned_abs()), WorkerId(uuid(&worker)?)), (SessionId(uuid(&id)?), heard))))
        .collect()
}

async fn answered(tx: &mut SqliteConnection, tasks: &[u64]) -> Stored<HashMap<TaskId, Vec<Question>>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = AssertSqlSafe(format!(
        "SELECT {QUESTION} {QUESTION_FROM}
         WHERE q.state IN ('answered', 'delivered', 'expired') AND q.task IN (SELECT value FROM json_each(?)) ORDER BY q.id"
    ));
    let rows = query_as::<_, QuestionRow>(sql).bind(json(tasks)).fetch_all(tx).await.map_err(unavailable)?;
    let mut by_task: HashMap<TaskId, Vec<Question>> = HashMap::new();
    for question in all::<_, Question>(rows)? {
        by_task.entry(question.task()).or_default().push(question);
    }
    Ok(by_task)
}

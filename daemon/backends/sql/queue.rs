//! The queue: how work is claimed, kept and lost.

use std::{
    collections::HashMap,
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::{query, query_scalar};
use vine_domain::{
    Epoch, Lane, Note, Question, Repo, SessionId, Slug, Task, TaskId, Timestamp, WorkerId,
    assignment::{Assignment, UnfinishedWork},
    attempt::Attempt,
    failure::LONGEST_BACKOFF,
    lease::LEASE,
    ports::{ClaimedTask, DueOrders, Orders, StoreError, StoreResult, WorkerDuties},
    queue::{LaneHead, QueueDepths},
    schedule::{Assigned, ClaimRequest, LaneCandidate, WarmSession, schedule},
};

use super::{
    repos::repos,
    rows::{NoteRow, TaskRow, all, from_json, json, parsed, questions, uuid},
    script::{StatementBatch, part},
    unavailable,
};
use crate::{Connection, Database, engine};

#[async_trait]
impl Orders for Database {
    /// One transaction for all requests: reads the heads of the lanes, assigns them, and claims
    /// them with one statement.
    async fn claim(&self, wants: &[ClaimRequest]) -> StoreResult<Vec<ClaimedTask>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let (wants, has_warm) = willing(&mut tx, wants).await?;
        let heads = if wants.is_empty() {
            Vec::new()
        } else {
            heads(&mut tx, &wants, now).await?
        };
        let warm = if heads.is_empty() || !has_warm {
            Vec::new()
        } else {
            warm(&mut tx, &wants).await?
        };
        let taken = schedule(heads, warm, &wants, now);
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let tasks = take(&mut tx, &taken, now).await?;
        let reused = follow(&mut tx, &taken, &tasks, now).await?;
        let assignments = assign(&mut tx, tasks, &reused).await?;
        tx.commit().await.map_err(unavailable)?;
        let orders: HashMap<TaskId, LaneHead> = taken
            .iter()
            .map(|one| (one.order.task, one.order))
            .collect();
        let handed = |(worker, assignment): (WorkerId, Assignment)| {
            let order = orders.get(&assignment.attempt.task)?;
            Some(ClaimedTask {
                worker,
                assignment,
                lane: order.lane,
                waited: now.since(order.due),
            })
        };
        Ok(assignments.into_iter().filter_map(handed).collect())
    }

    async fn renew(&self, held: &[(WorkerId, Attempt)]) -> StoreResult<()> {
        let row = |(worker, attempt): &(WorkerId, Attempt)| json!({ "task": attempt.task.0, "epoch": attempt.epoch.0, "worker": worker.to_string() });
        let rows: Vec<Value> = held.iter().map(row).collect();
        let mut tx = self.begin().await?;
        engine::lock(&mut tx, held.iter().map(|(_, attempt)| attempt.task)).await?;
        let renewed = query!(
            "UPDATE tasks SET lease_until = $1
             FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'epoch' AS BIGINT) AS epoch, value ->> 'worker' AS worker
                   FROM json_each($2)) c
             WHERE tasks.id = c.task AND tasks.epoch = c.epoch AND tasks.lease_worker = c.worker",
            self.now().plus(LEASE).0,
            json(&rows)
        );
        renewed.execute(&mut *tx).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }

    async fn adopt_leases(&self) -> StoreResult<()> {
        let adopted = query!(
            "UPDATE tasks SET lease_until = $1 WHERE lease_until IS NOT NULL",
            self.now().plus(LEASE).0
        );
        adopted
            .execute(self.writer())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<Attempt>> {
        let rows = query!(
            r#"SELECT id AS "id!", epoch FROM tasks WHERE lease_worker = $1"#,
            worker.to_string()
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        Ok(rows
            .into_iter()
            .map(|row| attempt(row.id, row.epoch))
            .collect())
    }

    async fn duties(&self, worker: WorkerId) -> StoreResult<WorkerDuties> {
        let rows = query!(
            r#"SELECT id AS "task!", epoch AS "epoch!", NULL AS "kept: String" FROM tasks WHERE lease_worker = $1
               UNION ALL
               SELECT task, epoch, coalesce(kept, '') FROM executions WHERE worker = $1 AND wanted IS NOT NULL"#,
            worker.to_string()
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        let mut duties = WorkerDuties::default();
        for row in rows {
            let attempt = attempt(row.task, row.epoch);
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
        let rows = query!(
            r#"SELECT id AS "id!", epoch FROM tasks WHERE lease_until < $1 ORDER BY lease_until"#,
            self.now().0
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
        Ok(rows
            .into_iter()
            .map(|row| attempt(row.id, row.epoch))
            .collect())
    }

    async fn undelivered(&self, worker: WorkerId) -> StoreResult<Vec<Question>> {
        let rows = questions!(
            "WHERE t.lease_worker = $1 AND (q.state = 'answered' OR (q.state = 'expired' AND NOT q.told)) ORDER BY q.id",
            worker.to_string()
        );
        all(rows.fetch_all(self.reader()).await.map_err(unavailable)?)
    }

    async fn waiting_notes_for(&self, worker: WorkerId) -> StoreResult<Vec<(Attempt, Note)>> {
        let rows = query!(
            "SELECT t.epoch, n.key, n.task, n.author, n.text, n.at, n.state, n.delivered
             FROM tasks t JOIN notes n ON n.task = t.id AND n.state = 'waiting' WHERE t.lease_worker = $1 ORDER BY n.seq",
            worker.to_string()
        );
        let rows = rows.fetch_all(self.reader()).await.map_err(unavailable)?;
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
        let by = self.clock.strayed();
        if by == 0 {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let now = self.now();
        if self.is_first_to_see(&mut tx).await? {
            shift(&mut tx, now, by).await?;
        }
        tx.commit().await.map_err(unavailable)?;
        self.clock.follow(by);
        self.era
            .store(self.era_in_force().await?, Ordering::Relaxed);
        Ok(Some(by))
    }

    async fn next_due(&self) -> StoreResult<DueOrders> {
        let now = self.now();
        let due = query!(
            r#"SELECT EXISTS (SELECT 1 FROM work_orders WHERE due <= $1) AS "now!: bool",
                      (SELECT min(due) FROM work_orders WHERE due > $1) AS "next?: i64""#,
            now.0
        );
        let due = due.fetch_one(self.reader()).await.map_err(unavailable)?;
        Ok(DueOrders {
            now: due.now,
            next: due.next.map(|due| Timestamp(due).since(now)),
        })
    }

    async fn preferred(&self, limit: u32) -> StoreResult<Vec<WorkerId>> {
        let ids = query_scalar!(
            r#"SELECT worker AS "worker!" FROM work_orders WHERE worker IS NOT NULL AND due <= $1
               UNION SELECT worker AS "worker!" FROM sessions WHERE state = 'warm' LIMIT $2"#,
            self.now().0,
            i64::from(limit)
        );
        ids.fetch_all(self.reader())
            .await
            .map_err(unavailable)?
            .iter()
            .map(|id| Ok(WorkerId(uuid(id)?)))
            .collect()
    }

    async fn depths(&self) -> StoreResult<QueueDepths> {
        let row = query!(
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
        let row = row.fetch_one(self.reader()).await.map_err(unavailable)?;
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
                query!(
                    "UPDATE repos SET paused = $1 WHERE name = $2",
                    paused,
                    repo.as_str()
                )
                .execute(self.writer())
                .await
            }
            None => {
                query!("UPDATE settings SET paused = $1", paused)
                    .execute(self.writer())
                    .await
            }
        }
        .map(|_| ())
        .map_err(unavailable)
    }
}

fn attempt(task: i64, epoch: i64) -> Attempt {
    Attempt {
        task: TaskId(task.unsigned_abs()),
        epoch: Epoch(epoch.unsigned_abs()),
    }
}

fn ids(wants: &[ClaimRequest]) -> String {
    json(
        &wants
            .iter()
            .map(|want| want.worker.to_string())
            .collect::<Vec<_>>(),
    )
}

/// Workers that may receive work, with their free slots. In the order of IDs, so that claims never
/// deadlock.
macro_rules! fit {
    ($lock:literal, $workers:expr) => {
        query!(
            r#"SELECT id, CASE WHEN most < slots THEN most ELSE slots END
                       - (SELECT count(*) FROM tasks WHERE lease_worker = w.id AND state || '' = 'running') AS "room!: i64",
                   (SELECT count(*) FROM tasks WHERE lease_worker = w.id) AS "held!: i64", only_repos,
                   EXISTS (SELECT 1 FROM sessions WHERE worker = w.id AND state = 'warm') AS "warm!: bool" FROM workers w
               WHERE NOT draining AND id IN (SELECT atom FROM json_each($1)) AND NOT (SELECT paused FROM settings) ORDER BY id "#
                + $lock,
            $workers
        )
    };
}

/// The most tasks that a worker holds, including those that wait for people.
const MOST_HELD: i64 = 1_000;

/// All repositories.
async fn names(tx: &mut Connection) -> StoreResult<Vec<Slug>> {
    let names = query_scalar!("SELECT name FROM repos");
    let names = names.fetch_all(tx).await.map_err(unavailable)?;
    names.iter().map(|name| parsed(name)).collect()
}

/// The requests of workers that exist, are not draining and have free slots, and whether any of
/// them holds a warm session. Empty while the queue is paused.
async fn willing(
    tx: &mut Connection,
    wants: &[ClaimRequest],
) -> StoreResult<(Vec<ClaimRequest>, bool)> {
    let fit = engine::kept!(fit, ids(wants));
    let rows = fit.fetch_all(&mut *tx).await.map_err(unavailable)?;
    let has_warm = rows.iter().any(|row| row.warm);
    let bound = rows.iter().any(|row| row.only_repos.is_some());
    let names = if bound { names(tx).await? } else { Vec::new() };
    let mut room: HashMap<String, (u32, Vec<Slug>)> = HashMap::new();
    for row in rows {
        let slots = u32::try_from(row.room.min(MOST_HELD - row.held)).unwrap_or(0);
        let only: Option<Vec<Slug>> = row.only_repos.as_deref().map(from_json).transpose()?;
        let not = only.map_or_else(Vec::new, |only| {
            let others = names.iter().filter(|name| !only.contains(name));
            others.cloned().collect()
        });
        room.insert(row.id, (slots, not));
    }
    // Several requests of one worker are combined.
    let mut wishes: HashMap<WorkerId, ClaimRequest> = HashMap::new();
    for want in wants {
        let none = || ClaimRequest {
            slots: 0,
            ..want.clone()
        };
        wishes.entry(want.worker).or_insert_with(none).slots += want.slots;
    }
    let fit = |(worker, want): (WorkerId, ClaimRequest)| {
        let (room, not) = room.get(&worker.to_string())?;
        let slots = want.slots.min(*room);
        let without = want
            .without
            .into_iter()
            .chain(not.iter().cloned())
            .collect();
        (slots > 0).then_some(ClaimRequest {
            slots,
            without,
            ..want
        })
    };
    Ok((wishes.into_iter().filter_map(fit).collect(), has_warm))
}

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

impl TryFrom<HeadRow> for LaneCandidate {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> StoreResult<Self> {
        let lane = Lane::from_rank(row.lane)
            .ok_or_else(|| StoreError::Corrupt(format!("lane {}", row.lane)))?;
        let order = LaneHead {
            task: TaskId(row.task.unsigned_abs()),
            lane,
            due: Timestamp(row.due),
            resumes: row.resumes,
        };
        let kept_for = row.kept_for.as_deref().map(uuid).transpose()?.map(WorkerId);
        Ok(Self {
            order,
            kept_for,
            fresh: row.fresh,
            like: (row.repo, row.base),
        })
    }
}

/// The heads of each lane and of resuming orders, with the engine's lock: four index scans that
/// each stop at their limit. An order is reserved for its worker unless that has been gone for too
/// long; a busy worker is not gone.
macro_rules! heads {
    ($lock:literal, $now:expr, $workers:expr, $limit:expr, $without:expr) => {
        heads!(
            @ "(SELECT o.task, o.lane, o.due, o.resumes, k.worker AS kept_for, o.repo, t.base, t.epoch = 0 AS fresh
                FROM work_orders o JOIN tasks t ON t.id = o.task
                    LEFT JOIN (SELECT id AS worker, seen, ill_repos, only_repos FROM workers WHERE NOT draining AND trouble IS NULL) k
                        ON k.worker = o.worker AND k.seen > $1 - o.affinity AND k.ill_repos NOT LIKE '%\"' || o.repo || '\"%'
                        AND (k.only_repos IS NULL OR k.only_repos LIKE '%\"' || o.repo || '\"%')
                WHERE o.due <= $1 AND (k.worker IS NULL OR k.worker IN (SELECT atom FROM json_each($2)))
                  AND o.repo NOT IN (SELECT name FROM repos WHERE paused OR removed)
                  AND o.repo NOT IN (SELECT atom FROM json_each($4)) AND ",
            " ORDER BY o.due, o.task LIMIT $3 ",
            $lock, $now, $workers, $limit, $without
        )
    };
    (@ $begin:literal, $end:literal, $lock:literal, $now:expr, $workers:expr, $limit:expr, $without:expr) => {
        sqlx::query_as!(
            HeadRow,
            r#"SELECT task AS "task!", lane AS "lane!", due AS "due!", resumes AS "resumes!: bool", kept_for AS "kept_for?", repo AS "repo!",
                   base AS "base!", fresh AS "fresh!: bool" FROM (SELECT * FROM "#
                + $begin + "o.resumes = true" + $end + $lock + ") r UNION ALL SELECT * FROM "
                + $begin + "o.resumes = false AND o.lane = 0" + $end + $lock + ") h UNION ALL SELECT * FROM "
                + $begin + "o.resumes = false AND o.lane = 1" + $end + $lock + ") n UNION ALL SELECT * FROM "
                + $begin + "o.resumes = false AND o.lane = 2" + $end + $lock + ") l) heads",
            $now,
            $workers,
            $limit,
            $without
        )
    };
}

/// Repositories that none of these workers accepts. Their orders would hide those behind them.
fn nobodys(wants: &[ClaimRequest]) -> Vec<Slug> {
    let Some((first, others)) = wants.split_first() else {
        return Vec::new();
    };
    let all = |repo: &&Slug| others.iter().all(|want| want.without.contains(repo));
    first.without.iter().filter(all).cloned().collect()
}

/// The heads of each lane, as many as all requests could take from that lane alone.
async fn heads(
    tx: &mut Connection,
    wants: &[ClaimRequest],
    now: Timestamp,
) -> StoreResult<Vec<LaneCandidate>> {
    let slots = wants.iter().map(|want| i64::from(want.slots)).sum::<i64>();
    let rows = engine::locked!(heads, now.0, ids(wants), slots, json(&nobodys(wants)));
    all(rows.fetch_all(tx).await.map_err(unavailable)?)
}

/// Warm sessions of the workers that want work, most recently used first.
async fn warm(tx: &mut Connection, wants: &[ClaimRequest]) -> StoreResult<Vec<WarmSession>> {
    let rows = query!(
        "SELECT s.id, s.worker, t.repo, t.base FROM sessions s JOIN tasks t ON t.id = s.task
         WHERE s.state = 'warm' AND s.worker IN (SELECT atom FROM json_each($1)) ORDER BY s.active DESC",
        ids(wants)
    );
    let rows = rows.fetch_all(tx).await.map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            Ok(WarmSession {
                id: SessionId(uuid(&row.id)?),
                worker: WorkerId(uuid(&row.worker)?),
                like: (row.repo, row.base),
            })
        })
        .collect()
}

/// The claim itself: one statement decides and sets the new epoch. The rest follows in the same
/// transaction.
async fn take(tx: &mut Connection, taken: &[Assigned], now: Timestamp) -> StoreResult<Vec<Task>> {
    let pairs: Vec<Value> = taken
        .iter()
        .map(|one| json!({ "task": one.order.task.0, "worker": one.worker.to_string() }))
        .collect();
    // The concatenation makes SQLite look up the few tasks by ID instead of scanning all queued
    // ones by state.
    let rows = sqlx::query_as!(
        TaskRow,
        r#"UPDATE tasks SET state = 'running', detail = NULL, epoch = tasks.epoch + 1, version = tasks.version + 1, updated = $1,
               lease_worker = c.worker, lease_until = $2
           FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, value ->> 'worker' AS worker FROM json_each($3)) c
           WHERE tasks.id = c.task AND tasks.state || '' = 'queued'
           RETURNING tasks.id AS "id!", tasks.title, tasks.prompt, tasks.repo, tasks.base, tasks.branch, tasks.lane, tasks.requester, tasks.created,
               tasks.updated, tasks.epoch, tasks.failures, tasks.losses, tasks.state, tasks.detail, tasks.lease_worker, tasks.lease_until,
               tasks.version, tasks.updated AS "claimed?""#,
        now.0,
        now.plus(LEASE).0,
        json(&pairs)
    );
    let mut tasks: Vec<Task> = all(rows.fetch_all(&mut *tx).await.map_err(unavailable)?)?;
    // Engines return updated rows in any order.
    tasks.sort_by_key(|task| taken.iter().position(|one| one.order.task == task.id));
    Ok(tasks)
}

part!(pub DROP_ORDERS, "DELETE FROM work_orders WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))");

part!(
    BEGIN_ATTEMPTS,
    now,
    "INSERT INTO executions (task, epoch, worker, started)
     SELECT id, epoch, lease_worker, $2 FROM tasks WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))"
);

part!(
    LOG_CLAIMS,
    now,
    "INSERT INTO task_log (task, epoch, at, line)
     SELECT t.id, t.epoch, $2, 'attempt ' || t.epoch || ' claimed by ' || coalesce(w.name, t.lease_worker)
     FROM tasks t LEFT JOIN workers w ON w.id = t.lease_worker WHERE t.id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))"
);

part!(
    REBIND,
    now,
    "UPDATE sessions SET state = 'active', task = c.task, active = $2, reused = sessions.reused + 1, heard = false
     FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, value ->> 'session' AS session FROM json_each($1)) c
     WHERE sessions.id = c.session"
);

/// Writes what follows from a claim. Assigns warm sessions to the tasks that start in them, and
/// returns those.
async fn follow(
    tx: &mut Connection,
    taken: &[Assigned],
    tasks: &[Task],
    now: Timestamp,
) -> StoreResult<HashMap<TaskId, SessionId>> {
    let got: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let reused: HashMap<TaskId, SessionId> = taken
        .iter()
        .filter(|one| got.contains(&one.order.task))
        .filter_map(|one| Some((one.order.task, one.warm?)))
        .collect();
    let pairs = reused
        .iter()
        .map(|(task, session)| json!({ "task": task.0, "session": session.to_string() }));
    let mut script = StatementBatch::default();
    script.add(
        &got.iter().map(|task| task.0.into()).collect::<Vec<_>>(),
        &[&DROP_ORDERS, &BEGIN_ATTEMPTS, &LOG_CLAIMS],
    );
    script.add(&pairs.collect::<Vec<_>>(), &[&REBIND]);
    script.run(tx, now).await?;
    Ok(reused)
}

/// Adds what a worker needs besides the task: repository, session, earlier answers. The number of
/// statements does not depend on the number of tasks.
async fn assign(
    tx: &mut Connection,
    tasks: Vec<Task>,
    reused: &HashMap<TaskId, SessionId>,
) -> StoreResult<Vec<(WorkerId, Assignment)>> {
    let again: Vec<u64> = tasks
        .iter()
        .filter(|task| task.epoch.0 > 1)
        .map(|task| task.id.0)
        .collect();
    let mut sessions = sessions(tx, &again).await?;
    let mut answered = answered(tx, &again).await?;
    let mut works = works(tx, &again).await?;
    let repos: HashMap<Slug, Repo> = repos(tx)
        .await?
        .into_iter()
        .map(|repo| (repo.name.clone(), repo))
        .collect();
    tasks
        .into_iter()
        .map(|task| {
            let lease = task.lease().ok_or_else(|| {
                StoreError::Corrupt(format!("{} was claimed without a lease", task.id))
            })?;
            let worker = lease.worker;
            let repo = repos
                .get(&task.repo)
                .cloned()
                .ok_or_else(|| StoreError::Corrupt(format!("no repository {}", task.repo)))?;
            let new = reused.get(&task.id).map(|id| (*id, false));
            let session = new.or_else(|| sessions.remove(&(task.id, worker)));
            let assignment = Assignment {
                attempt: task.attempt(),
                lease_secs: LEASE.as_secs(),
                resume: session.map(|(id, _)| id),
                unheard: session.is_some_and(|(_, heard)| !heard),
                unfinished_work: works.remove(&task.id),
                answered: answered.remove(&task.id).unwrap_or_default(),
                title: task.title,
                prompt: task.prompt,
                repo,
                base: task.base,
                branch: task.branch,
                requester: task.requester,
                created_at: task.created,
            };
            Ok((worker, assignment))
        })
        .collect()
}

async fn sessions(
    tx: &mut Connection,
    tasks: &[u64],
) -> StoreResult<HashMap<(TaskId, WorkerId), (SessionId, bool)>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = query!(
        r#"SELECT task, worker, id, heard AS "heard: bool" FROM sessions
           WHERE state = 'active' AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY active"#,
        json(tasks)
    );
    let rows = rows.fetch_all(tx).await.map_err(unavailable)?;
    rows.into_iter()
        .map(|row| {
            Ok((
                (
                    TaskId(row.task.unsigned_abs()),
                    WorkerId(uuid(&row.worker)?),
                ),
                (SessionId(uuid(&row.id)?), row.heard),
            ))
        })
        .collect()
}

/// The latest unfinished work of each task that other workers can fetch.
async fn works(tx: &mut Connection, tasks: &[u64]) -> StoreResult<HashMap<TaskId, UnfinishedWork>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = query!(
        r#"SELECT task, pushed AS "name!", kept AS "kept!" FROM executions
           WHERE pushed IS NOT NULL AND kept IS NOT NULL AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY epoch"#,
        json(tasks)
    );
    let rows = rows.fetch_all(tx).await.map_err(unavailable)?;
    let mut works = HashMap::new();
    for row in rows {
        let work = UnfinishedWork {
            name: row.name,
            commit: row.kept,
        };
        works.insert(TaskId(row.task.unsigned_abs()), work);
    }
    Ok(works)
}

async fn answered(
    tx: &mut Connection,
    tasks: &[u64],
) -> StoreResult<HashMap<TaskId, Vec<Question>>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = questions!(
        "WHERE q.state IN ('answered', 'delivered', 'expired') AND q.task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY q.id",
        json(tasks)
    );
    let mut by_task: HashMap<TaskId, Vec<Question>> = HashMap::new();
    for question in all::<_, Question>(rows.fetch_all(tx).await.map_err(unavailable)?)? {
        by_task.entry(question.task()).or_default().push(question);
    }
    Ok(by_task)
}

impl Database {
    /// Several daemons follow one clock. The first to notice a change shifts the stored times.
    async fn is_first_to_see(&self, tx: &mut Connection) -> StoreResult<bool> {
        let known = self.era.load(Ordering::Relaxed);
        let moved = query!("UPDATE settings SET era = era + 1 WHERE era = $1", known);
        let moved = moved.execute(&mut *tx).await.map_err(unavailable)?;
        Ok(moved.rows_affected() > 0)
    }

    async fn era_in_force(&self) -> StoreResult<i64> {
        let era = query_scalar!("SELECT era FROM settings");
        era.fetch_one(self.reader()).await.map_err(unavailable)
    }

    /// Whether stored leases match this daemon's clock: another daemon may have noticed first that
    /// the clock was set. If this one does not notice within [`SEES`], it adopts the era.
    async fn has_the_clock(&self) -> StoreResult<bool> {
        let era = self.era_in_force().await?;
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if era == self.era.load(Ordering::Relaxed) {
            *behind = None;
            return Ok(true);
        }
        let since = *behind.get_or_insert_with(Instant::now);
        if since.elapsed() > SEES {
            self.era.store(era, Ordering::Relaxed);
        }
        Ok(false)
    }
}

/// Every daemon checks its clock more often than this.
const SEES: Duration = Duration::from_secs(30);

/// Shifts leases, pauses and the times when workers were last seen. Orders due after the longest
/// backoff stay: they wait for a time of day, such as the end of a limit.
async fn shift(tx: &mut Connection, now: Timestamp, by: i64) -> StoreResult<()> {
    for moved in [
        query!(
            "UPDATE tasks SET lease_until = lease_until + $1 WHERE lease_until IS NOT NULL",
            by
        ),
        query!(
            "UPDATE work_orders SET due = due + $1 WHERE due <= $2",
            by,
            now.plus(LONGEST_BACKOFF).0
        ),
        query!(
            "UPDATE outbox SET due = due + $1 WHERE posted IS NULL AND due > $2",
            by,
            now.0.min(now.0.saturating_add(by))
        ),
        query!("UPDATE workers SET seen = seen + $1", by),
        query!("UPDATE leases SET expires = expires + $1", by),
    ] {
        moved.execute(&mut *tx).await.map_err(unavailable)?;
    }
    Ok(())
}

//! Claiming: which work goes to which worker, read, decided and written in one transaction.

use std::collections::HashMap;

use serde_json::{Value, json};
use vine_domain::{
    Lane, SessionId, Slug, Task, TaskId, Timestamp, WorkerId,
    assignment::Assignment,
    lease::LEASE,
    ports::{ClaimedTask, StoreError, StoreResult},
    queue::LaneHead,
    schedule::{Assigned, ClaimRequest, LaneCandidate, WarmSession, schedule},
};

use super::{
    assign::{assign, follow},
    rows::{TaskRow, all, from_json, json, parsed, uuid},
    run::Fetch as _,
};
use crate::{
    Connection, engine,
    statement::{row, rows, scalar},
};

/// Reads the heads of the lanes, assigns them, and claims them with one statement.
pub(super) async fn claim(
    tx: &mut Connection,
    wants: &[ClaimRequest],
    now: Timestamp,
) -> StoreResult<Vec<ClaimedTask>> {
    let (wants, has_warm) = willing(&mut *tx, wants).await?;
    let heads = if wants.is_empty() {
        Vec::new()
    } else {
        heads(&mut *tx, &wants, now).await?
    };
    let warm = if heads.is_empty() || !has_warm {
        Vec::new()
    } else {
        warm(&mut *tx, &wants).await?
    };
    let taken = schedule(heads, warm, &wants, now);
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let tasks = take(&mut *tx, &taken, now).await?;
    let reused = follow(&mut *tx, &taken, &tasks, now).await?;
    let assignments = assign(&mut *tx, tasks, &reused).await?;
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
        rows!(
            { id: String, room: i64, held: i64, only_repos: Option<String>, warm: bool },
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
    let names = scalar!(String, "SELECT name FROM repos");
    let names = names.all(tx).await?;
    names.iter().map(|name| parsed(name)).collect()
}

/// The requests of workers that exist, are not draining and have free slots, and whether any of
/// them holds a warm session. Empty while the queue is paused.
async fn willing(
    tx: &mut Connection,
    wants: &[ClaimRequest],
) -> StoreResult<(Vec<ClaimRequest>, bool)> {
    let fit = engine::kept!(fit, ids(wants));
    let rows = fit.all(&mut *tx).await?;
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

row! {
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
/// long; a busy worker is not gone. Names of repositories may have `_`, which LIKE takes for any
/// character.
macro_rules! heads {
    ($lock:literal, $now:expr, $workers:expr, $limit:expr, $without:expr) => {
        heads!(
            @ "(SELECT o.task, o.lane, o.due, o.resumes, k.worker AS kept_for, o.repo, t.base, t.epoch = 0 AS fresh
                FROM work_orders o JOIN tasks t ON t.id = o.task
                    LEFT JOIN (SELECT id AS worker, seen, ill_repos, only_repos FROM workers WHERE NOT draining AND trouble IS NULL) k
                        ON k.worker = o.worker AND k.seen > $1 - o.affinity AND replace(k.ill_repos, '\"' || o.repo || '\"', '') = k.ill_repos
                        AND (k.only_repos IS NULL OR replace(k.only_repos, '\"' || o.repo || '\"', '') <> k.only_repos)
                WHERE o.due <= $1 AND (k.worker IS NULL OR k.worker IN (SELECT atom FROM json_each($2)))
                  AND o.repo NOT IN (SELECT name FROM repos WHERE paused OR removed)
                  AND o.repo NOT IN (SELECT atom FROM json_each($4)) AND ",
            " ORDER BY o.due, o.task LIMIT CAST($3 AS BIGINT) ",
            $lock, $now, $workers, $limit, $without
        )
    };
    (@ $begin:literal, $end:literal, $lock:literal, $now:expr, $workers:expr, $limit:expr, $without:expr) => {
        rows!(
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
    all(rows.all(tx).await?)
}

/// Warm sessions of workers, most recently used first.
macro_rules! warm_sessions {
    ($lock:literal, $workers:expr) => {
        rows!(
            { id: String, worker: String, repo: String, base: String },
            "SELECT s.id, s.worker, t.repo, t.base FROM sessions s JOIN tasks t ON t.id = s.task
             WHERE s.state = 'warm' AND s.worker IN (SELECT atom FROM json_each($1)) ORDER BY s.active DESC "
                + $lock,
            $workers
        )
    };
}

/// Warm sessions of the workers that want work, most recently used first. Each may start one task.
async fn warm(tx: &mut Connection, wants: &[ClaimRequest]) -> StoreResult<Vec<WarmSession>> {
    let rows = engine::free!(warm_sessions, ids(wants)).all(tx).await?;
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
    let rows = rows!(
        TaskRow,
        r#"UPDATE tasks SET state = 'running', detail = NULL, epoch = tasks.epoch + 1, version = tasks.version + 1, updated = $1,
               lease_worker = c.worker, lease_until = $2
           FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, value ->> 'worker' AS worker FROM (SELECT key, value FROM json_each($3) LIMIT 1000000000 OFFSET 0) l) c
           WHERE tasks.id = c.task AND tasks.state || '' = 'queued'
           RETURNING tasks.id AS "id!", tasks.title, tasks.prompt, tasks.repo, tasks.base, tasks.branch, tasks.lane, tasks.model, tasks.round, tasks.round_key, tasks.waits_for, tasks.request, tasks.requester, tasks.created,
               tasks.updated, tasks.epoch, tasks.failures, tasks.losses, tasks.state, tasks.detail, tasks.lease_worker, tasks.lease_until,
               tasks.version, tasks.updated AS "claimed?", CAST(0 AS BIGINT) AS "pending!: i64""#,
        now.0,
        now.plus(LEASE).0,
        json(&pairs)
    );
    let mut tasks: Vec<Task> = all(rows.all(&mut *tx).await?)?;
    // Engines return updated rows in any order.
    tasks.sort_by_key(|task| taken.iter().position(|one| one.order.task == task.id));
    Ok(tasks)
}

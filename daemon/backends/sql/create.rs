//! New tasks.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use vine_domain::{
    Epoch, TaskId, TaskState, Timestamp,
    attempt::Attempt,
    ports::{NewTask, StoreResult},
};

use super::{
    rows::{StateColumns, json, plain},
    run::Fetch as _,
    script::{StatementBatch, part},
};
use crate::{Connection, statement::scalar};

/// The fence: a task is only written if its key is new.
macro_rules! insert_tasks {
    ($kind:ident, ($($before:tt)+), $end:literal $(, $arg:expr)*) => {
        $kind! {
            $($before)+
            "INSERT INTO tasks (id, key, title, prompt, repo, base, branch, lane, model, waits_for, requester, created, updated, state, detail)
             SELECT CAST(value ->> 'id' AS BIGINT), value ->> 'key', value ->> 'title', value ->> 'prompt', value ->> 'repo', value ->> 'base',
                 value ->> 'branch', CAST(value ->> 'lane' AS BIGINT), value ->> 'model', CAST(value ->> 'waits_for' AS BIGINT),
                 value ->> 'requester', $2, $2, value ->> 'state', value ->> 'detail' FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l
             WHERE true ORDER BY l.key ON CONFLICT (key) DO NOTHING" + $end
            $(, $arg)*
        }
    };
}

insert_tasks!(part, (pub INSERT_TASKS, now,), "");

/// The row of a fence.
pub(super) fn row(new: &NewTask, now: Timestamp) -> Value {
    let state = StateColumns::from(&TaskState::Queued {
        due: now,
        resumes: false,
    });
    json!({
        "id": new.id.0, "key": new.key.as_deref().map(plain), "title": plain(new.title.as_str()), "prompt": plain(new.prompt.as_str()),
        "repo": new.repo, "base": new.base, "branch": new.branch, "lane": new.lane.rank(),
        "model": json(&new.model), "waits_for": new.waits_for.map(|id| id.0), "requester": plain(&new.requester),
        "state": state.word, "detail": state.detail,
    })
}

/// Returns the IDs of the tasks whose key was new.
pub(super) async fn insert(
    tx: &mut Connection,
    news: &[&NewTask],
    now: Timestamp,
) -> StoreResult<HashSet<TaskId>> {
    if news.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<Value> = news.iter().map(|new| row(new, now)).collect();
    let made = insert_tasks!(
        scalar,
        (i64,),
        r#" RETURNING id AS "id!""#,
        json(&rows),
        now.0
    );
    let made = made.all(tx).await?;
    Ok(made
        .into_iter()
        .map(|id| TaskId(id.unsigned_abs()))
        .collect())
}

part!(
    pub QUEUE_NEW,
    now,
    "INSERT INTO work_orders (task, lane, repo, due, resumes)
     SELECT CAST(value ->> 'task' AS BIGINT), CAST(value ->> 'lane' AS BIGINT), value ->> 'repo', $2, false FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l"
);

/// Queues new tasks that wait for no other.
pub(super) fn follow(script: &mut StatementBatch, fresh: &[&NewTask]) {
    let row =
        |new: &&NewTask| json!({ "task": new.id.0, "lane": new.lane.rank(), "repo": new.repo });
    let ready = fresh.iter().filter(|new| new.waits_for.is_none());
    script.add(&ready.map(row).collect::<Vec<_>>(), &[&QUEUE_NEW]);
}

/// The first line of a task's log.
pub(super) fn log_line(new: &NewTask) -> (Attempt, String) {
    let attempt = Attempt {
        task: new.id,
        epoch: Epoch(0),
    };
    (attempt, format!("created by {}", new.requester))
}

/// The earlier tasks with the keys of those that were not created.
pub(super) async fn known(
    tx: &mut Connection,
    news: &[&NewTask],
    created: &HashSet<TaskId>,
) -> StoreResult<HashMap<TaskId, TaskId>> {
    let mut known = HashMap::new();
    for new in news.iter().filter(|new| !created.contains(&new.id)) {
        let first = with_key(&mut *tx, new.key.as_deref()).await?;
        known.extend(first.map(|first| (new.id, first)));
    }
    Ok(known)
}

async fn with_key(tx: &mut Connection, key: Option<&str>) -> StoreResult<Option<TaskId>> {
    let known = scalar!(
        i64,
        r#"SELECT id AS "id!" FROM tasks WHERE key = $1"#,
        key.map(|key| plain(key).into_owned())
    );
    let known = known.maybe(tx).await?;
    Ok(known.map(|id| TaskId(id.unsigned_abs())))
}

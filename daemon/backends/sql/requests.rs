//! Pull requests of tasks.

use async_trait::async_trait;
use serde_json::{Value, json as value};
use vine_domain::{
    TaskId, TaskState, Timestamp,
    forge::{ChangeRequest, ForgeProject},
    ports::{Commit, Requests, SaveRequest, StoreError, StoreResult},
};

use super::{
    rows::{all, from_json, int, json},
    run::{Fetch as _, Run as _},
    script::{StatementBatch, part},
};
use crate::{
    Connection, Database,
    statement::{row, rows, scalar, statement},
};

row! {
    struct RequestRow {
        detail: String,
        version: i64,
    }
}

impl TryFrom<RequestRow> for ChangeRequest {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> StoreResult<Self> {
        let request: Self = from_json(&row.detail)?;
        Ok(Self {
            version: row.version.unsigned_abs(),
            ..request
        })
    }
}

#[async_trait]
impl Requests for Database {
    async fn request(&self, task: TaskId) -> StoreResult<Option<ChangeRequest>> {
        let row = rows!(
            RequestRow,
            "SELECT detail, version FROM change_requests WHERE task = $1",
            int(task.0)
        );
        let row = row.maybe(self.quick()).await?;
        row.map(ChangeRequest::try_from).transpose()
    }

    async fn due_requests(&self, limit: u32) -> StoreResult<Vec<ChangeRequest>> {
        let rows = rows!(
            RequestRow,
            "SELECT detail, version FROM change_requests WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT CAST($2 AS BIGINT)",
            self.now().0,
            i64::from(limit)
        );
        all(rows.all(self.quick()).await?)
    }

    async fn stir_requests(&self, project: &ForgeProject, at: Timestamp) -> StoreResult<u64> {
        let stirred = statement!(
            "UPDATE change_requests SET due = $1, version = version + 1 WHERE due > $1 AND host = $2 AND lower(path) = lower($3)",
            at.0,
            project.host,
            project.path
        );
        stirred.run(self.writer()).await
    }
}

/// The fence: a request is only written if its row is still the one that was decided on. Returns for each
/// whether it was.
pub(super) async fn save(tx: &mut Connection, requests: &[&SaveRequest]) -> StoreResult<Vec<bool>> {
    let mut saved = Vec::with_capacity(requests.len());
    for SaveRequest { request, due, .. } in requests {
        let task = int(request.task.0);
        let project = request.project.as_ref();
        let kept = scalar!(
            i64,
            r#"INSERT INTO change_requests (task, host, path, detail, due, version)
               VALUES ($1, $2, $3, $4, $5, CAST($6 AS BIGINT) + 1)
               ON CONFLICT (task) DO UPDATE SET host = excluded.host, path = excluded.path, detail = excluded.detail,
                   due = excluded.due, version = excluded.version
               WHERE change_requests.version = CAST($6 AS BIGINT) RETURNING task AS "task!""#,
            task,
            project.map(|project| project.host.as_str()),
            project.map(|project| project.path.as_str()),
            json(request),
            due.map(|due| due.0),
            int(request.version)
        );
        let is_kept = kept.maybe(&mut *tx).await?.is_some();
        saved.push(is_kept);
        if !is_kept {
            continue;
        }
        let brief = request.brief();
        let on_card = statement!(
            "UPDATE tasks SET request = $1 WHERE id = $2",
            brief.as_ref().map(json),
            task
        );
        on_card.run(&mut *tx).await?;
    }
    Ok(saved)
}

part!(
    pub PUSHED,
    now,
    "INSERT INTO change_requests (task, detail, due, version)
     SELECT CAST(value ->> 'task' AS BIGINT), value ->> 'detail', $2, 1 FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE true ORDER BY l.key
     ON CONFLICT (task) DO UPDATE SET due = excluded.due, version = change_requests.version + 1"
);

/// A task whose work was pushed has its request looked at.
pub(super) fn pushed(script: &mut StatementBatch, commits: &[&Commit]) {
    let is_pushed = |commit: &&&Commit| {
        commit.pushed && matches!(commit.change.task.state, TaskState::Done { .. })
    };
    let row = |commit: &&Commit| {
        let task = commit.change.task.id;
        value!({ "task": task.0, "detail": json(&ChangeRequest::of(task)) })
    };
    let rows: Vec<Value> = commits.iter().filter(is_pushed).map(row).collect();
    script.add(&rows, &[&PUSHED]);
}

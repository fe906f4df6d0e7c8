//! Tasks, their attempts and logs.

use async_trait::async_trait;
use serde_json::{Value, json};
use vine_domain::{
    Epoch, Task, TaskId, TaskState, Timestamp,
    attempt::Attempt,
    lifecycle::TaskSnapshot,
    ports::{Commit, NewTask, StoreResult, TaskFilter, Tasks},
};

use super::{
    commit,
    messages::{self, ThreadLine},
    rows::{
        NoteRow, QuestionRow, StateColumns, TaskRow, all, int, json, listed, plain, questions,
        tasks,
    },
    run::Fetch as _,
    script::{StatementBatch, part},
    users::audit,
};
use crate::{
    Connection, Database, engine,
    statement::{rows, scalar},
};

#[async_trait]
impl Tasks for Database {
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>> {
        self.task_ids(count).await
    }

    async fn create(&self, news: &[NewTask]) -> StoreResult<Vec<Option<TaskId>>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let made = insert(&mut tx, news, now).await?;
        let fresh: Vec<&NewTask> = news.iter().filter(|new| made.contains(&new.id)).collect();
        let mut script = StatementBatch::default();
        put_orders(&mut script, &fresh);
        audit(
            &mut script,
            news.iter().filter_map(|new| new.audit.as_ref()),
        );
        let created: Vec<String> = fresh
            .iter()
            .map(|new| format!("created by {}", new.requester))
            .collect();
        let attempts = fresh.iter().map(|new| Attempt {
            task: new.id,
            epoch: Epoch(0),
        });
        commit::log(
            &mut script,
            &attempts
                .zip(created.iter().map(String::as_str))
                .collect::<Vec<_>>(),
        );
        messages::put(
            &mut script,
            &fresh
                .iter()
                .flat_map(|new| &new.messages)
                .map(ThreadLine::Ours)
                .collect::<Vec<_>>(),
        );
        script.run(&mut tx, now).await?;
        let mut known = Vec::with_capacity(news.len());
        for new in news {
            known.push(if made.contains(&new.id) {
                None
            } else {
                with_key(&mut tx, new.key.as_deref()).await?
            });
        }
        engine::commit(tx).await?;
        Ok(known)
    }

    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>> {
        let row = tasks!("WHERE id = $1", int(id.0))
            .maybe(self.quick())
            .await?;
        row.map(Task::try_from).transpose()
    }

    async fn snapshots(&self, ids: &[TaskId]) -> StoreResult<Vec<TaskSnapshot>> {
        let list = json(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
        let rows = tasks!(
            "WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            list
        );
        let mut situations: Vec<TaskSnapshot> = all::<_, Task>(rows.all(self.quick()).await?)?
            .into_iter()
            .map(|task| TaskSnapshot {
                task,
                questions: Vec::new(),
                notes: Vec::new(),
            })
            .collect();
        let rows = questions!(
            "WHERE q.task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY q.id",
            list
        );
        for question in all::<_, vine_domain::Question>(rows.all(self.quick()).await?)? {
            situations
                .iter_mut()
                .filter(|one| one.task.id == question.task())
                .for_each(|one| one.questions.push(question.clone()));
        }
        let rows = rows!(
            NoteRow,
            "SELECT key, task, author, text, at, state, delivered FROM notes
             WHERE state = 'waiting' AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY seq",
            list
        );
        for note in all::<_, vine_domain::Note>(rows.all(self.quick()).await?)? {
            situations
                .iter_mut()
                .filter(|one| one.task.id == note.task)
                .for_each(|one| one.notes.push(note.clone()));
        }
        Ok(situations)
    }

    async fn tasks(&self, filter: &TaskFilter) -> StoreResult<Vec<Task>> {
        let before = filter.before.map_or(i64::MAX, |id| int(id.0));
        let repo = filter.repo.as_ref().map(|repo| repo.as_str());
        let text = filter
            .text
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(plain);
        let text = text.as_deref();
        let limit = i64::from(filter.limit);
        // One statement for each index, since each statement has only one plan.
        let rows = match filter.state.as_deref() {
            None if repo.is_some() => {
                // Written as a range, since PostgreSQL would otherwise scan all tasks by ID.
                listing!(
                    "WHERE repo BETWEEN $2 AND $2",
                    "repo DESC, id DESC",
                    before,
                    repo,
                    text,
                    limit
                )
                .all(self.reader())
                .await
            }
            None => {
                listing!("WHERE true", "id DESC", before, repo, text, limit)
                    .all(self.reader())
                    .await
            }
            Some("dead") => {
                listing!("WHERE dead", "id DESC", before, repo, text, limit)
                    .all(self.reader())
                    .await
            }
            Some(state) => {
                listing!(
                    "WHERE state = $5",
                    "id DESC",
                    before,
                    repo,
                    text,
                    limit,
                    state
                )
                .all(self.reader())
                .await
            }
        };
        all(rows?)
    }

    async fn commit(&self, commits: &[Commit]) -> StoreResult<Vec<StoreResult<()>>> {
        let mut tx = self.begin().await?;
        let stored = commit::commit(&mut tx, commits, self.now()).await?;
        engine::commit(tx).await?;
        Ok(stored)
    }
}

/// Returns the IDs of the tasks whose key was new.
async fn insert(tx: &mut Connection, news: &[NewTask], now: Timestamp) -> StoreResult<Vec<TaskId>> {
    let state = StateColumns::from(&TaskState::Queued {
        due: now,
        resumes: false,
    });
    let row = |new: &NewTask| {
        json!({
            "id": new.id.0, "key": new.key.as_deref().map(plain), "title": plain(new.title.as_str()), "prompt": plain(new.prompt.as_str()),
            "repo": new.repo, "base": new.base, "branch": new.branch, "lane": new.lane.rank(), "requester": plain(&new.requester),
        })
    };
    let rows: Vec<Value> = news.iter().map(row).collect();
    let made = scalar!(
        i64,
        r#"INSERT INTO tasks (id, key, title, prompt, repo, base, branch, lane, requester, created, updated, state, detail)
           SELECT CAST(value ->> 'id' AS BIGINT), value ->> 'key', value ->> 'title', value ->> 'prompt', value ->> 'repo', value ->> 'base',
               value ->> 'branch', CAST(value ->> 'lane' AS BIGINT), value ->> 'requester', $1, $1, $2, $3 FROM json_each($4) l
           WHERE true ORDER BY l.key ON CONFLICT (key) DO NOTHING RETURNING id AS "id!""#,
        now.0,
        state.word,
        state.detail,
        json(&rows)
    );
    let made = made.all(tx).await?;
    Ok(made
        .into_iter()
        .map(|id| TaskId(id.unsigned_abs()))
        .collect())
}

part!(
    PUT_ORDERS,
    now,
    "INSERT INTO work_orders (task, lane, repo, due, resumes)
     SELECT CAST(value ->> 'task' AS BIGINT), CAST(value ->> 'lane' AS BIGINT), value ->> 'repo', $2, false FROM json_each($1)"
);

fn put_orders(script: &mut StatementBatch, news: &[&NewTask]) {
    let row =
        |new: &&NewTask| json!({ "task": new.id.0, "lane": new.lane.rank(), "repo": new.repo });
    script.add(&news.iter().map(row).collect::<Vec<_>>(), &[&PUT_ORDERS]);
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

/// Tasks below an ID that match the filter, newest first. With LIKE, PostgreSQL would expect few
/// matches for the text and sort the whole table for them.
macro_rules! listing {
    ($first:literal, $order:literal, $($arg:expr),*) => {
        listed!(
            $first + " AND id < $1 AND (CAST($2 AS TEXT) IS NULL OR repo = $2)
               AND (CAST($3 AS TEXT) IS NULL OR replace(lower(title), lower($3), '') <> lower(title)
                    OR replace(lower(branch), lower($3), '') <> lower(branch))
             ORDER BY " + $order + " LIMIT CAST($4 AS BIGINT)",
            $($arg),*
        )
    };
}
use listing;

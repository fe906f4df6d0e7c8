//! What a worker gets with a claimed task.

use std::collections::HashMap;

use vine_domain::{
    Epoch, Question, Repo, Round, SessionId, Slug, Task, TaskId, Timestamp, WorkerId,
    assignment::{Assignment, UnfinishedWork},
    lease::LEASE,
    ports::{StoreError, StoreResult},
    schedule::Assigned,
};

use super::{
    question_rows::{QuestionRow, questions},
    repos::{RepoRow, all_repos},
    rows::{all, from_json, json, uuid},
    run::Fetch as _,
    script::{StatementBatch, part},
};
use crate::{
    Connection,
    statement::{row, rows},
};

part!(pub DROP_ORDERS, "DELETE FROM work_orders WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))");

part!(
    pub BEGIN_ATTEMPTS,
    now,
    "INSERT INTO executions (task, epoch, worker, started, round)
     SELECT id, epoch, lease_worker, $2, round FROM tasks WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))"
);

part!(
    pub LOG_CLAIMS,
    now,
    "INSERT INTO task_log (task, epoch, at, line)
     SELECT t.id, t.epoch, $2, 'attempt ' || t.epoch || ' claimed by ' || coalesce(w.name, t.lease_worker)
     FROM tasks t LEFT JOIN workers w ON w.id = t.lease_worker WHERE t.id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))"
);

part!(
    pub COPY,
    now,
    "UPDATE sessions SET state = CASE WHEN kept THEN state ELSE 'ended' END, ended = CASE WHEN kept THEN ended ELSE $2 END,
         reason = CASE WHEN kept THEN reason ELSE 'completed' END, active = $2, reused = sessions.reused + 1
     WHERE state = 'warm' AND id IN (SELECT atom FROM json_each($1))"
);

/// Writes what follows from a claim. Returns the warm sessions of whose copies tasks start; each stays
/// with its own task, which may continue.
pub(super) async fn follow(
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
    let copied = reused.values().map(|session| session.to_string().into());
    let mut script = StatementBatch::default();
    script.add(
        &got.iter().map(|task| task.0.into()).collect::<Vec<_>>(),
        &[&DROP_ORDERS, &BEGIN_ATTEMPTS, &LOG_CLAIMS],
    );
    script.add(&copied.collect::<Vec<_>>(), &[&COPY]);
    script.run(tx, now).await?;
    Ok(reused)
}

/// Adds what a worker needs besides the task: repository, session, earlier answers. The number of
/// statements does not depend on the number of tasks.
pub(super) async fn assign(
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
    let later: Vec<u64> = tasks
        .iter()
        .filter(|task| task.round.is_later())
        .map(|task| task.id.0)
        .collect();
    let mut rounds = match later.is_empty() {
        true => HashMap::new(),
        false => by_task(later_rounds!(&later).all(&mut *tx).await?)?,
    };
    let repos: HashMap<Slug, Repo> = all::<_, Repo>(all_repos!().all(tx).await?)?
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
                fork: new.is_some(),
                unfinished_work: works.remove(&task.id),
                answered: answered.remove(&task.id).unwrap_or_default(),
                rounds: rounds
                    .remove(&task.id)
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|round| !round.withdrawn)
                    .collect(),
                model: task.model.or(&repo.model),
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

pub(super) async fn sessions(
    tx: &mut Connection,
    tasks: &[u64],
) -> StoreResult<HashMap<(TaskId, WorkerId), (SessionId, bool)>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = rows!(
        { task: i64, worker: String, id: String, heard: bool },
        r#"SELECT task, worker, id, heard AS "heard: bool" FROM sessions
           WHERE state = 'active' AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY active"#,
        json(tasks)
    );
    let rows = rows.all(tx).await?;
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
pub(super) async fn works(
    tx: &mut Connection,
    tasks: &[u64],
) -> StoreResult<HashMap<TaskId, UnfinishedWork>> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = rows!(
        { task: i64, name: String, kept: String },
        r#"SELECT task, pushed AS "name!", kept AS "kept!" FROM executions
           WHERE pushed IS NOT NULL AND kept IS NOT NULL AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY epoch"#,
        json(tasks)
    );
    let rows = rows.all(tx).await?;
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

row! {
    pub(super) struct RoundRow {
        pub task: i64,
        pub round: i64,
        pub key: String,
        pub author: String,
        pub text: String,
        pub before: String,
        pub tip: Option<String>,
        pub clean: bool,
        pub former: String,
        pub epoch: i64,
        pub withdrawn: bool,
        pub at: i64,
    }
}

/// The later rounds of tasks, oldest first.
macro_rules! later_rounds {
    ($tasks:expr) => {
        rows!(
            RoundRow,
            r#"SELECT task, round, key, author, text, before, tip, clean AS "clean: bool", former, epoch,
                   withdrawn AS "withdrawn: bool", at FROM rounds
               WHERE task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY task, round"#,
            json($tasks)
        )
    };
}
pub(super) use later_rounds;

/// The same by task.
pub(super) fn by_task(rows: Vec<RoundRow>) -> StoreResult<HashMap<TaskId, Vec<Round>>> {
    let mut by_task: HashMap<TaskId, Vec<Round>> = HashMap::new();
    for row in rows {
        let round = Round {
            number: u32::try_from(row.round).unwrap_or(u32::MAX),
            key: uuid(&row.key)?,
            author: row.author,
            text: row.text,
            before: row.before,
            tip: row.tip,
            clean: row.clean,
            former: from_json(&row.former)?,
            epoch: Epoch(row.epoch.unsigned_abs()),
            withdrawn: row.withdrawn,
            at: Timestamp(row.at),
        };
        let task = TaskId(row.task.unsigned_abs());
        by_task.entry(task).or_default().push(round);
    }
    Ok(by_task)
}

pub(super) async fn answered(
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
    for question in all::<_, Question>(rows.all(tx).await?)? {
        by_task.entry(question.task()).or_default().push(question);
    }
    Ok(by_task)
}

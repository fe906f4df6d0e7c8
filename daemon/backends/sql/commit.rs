//! How decided changes are stored: the fenced tasks, and what follows from them.

use std::collections::HashSet;

use serde_json::{Value, json};
use vine_domain::{
    Note, NoteState, Question, QuestionState, TaskId, TaskState, Timestamp,
    attempt::Attempt,
    lifecycle::Change,
    ports::{Commit, StoreError, StoreResult},
};

use super::{
    assign::DROP_ORDERS,
    requests,
    rows::{StateColumns, int, json, millis, plain},
    run::Fetch as _,
    script::{StatementBatch, part},
};
use crate::{Connection, engine, statement::scalar};

/// Writes everything that follows from the accepted changes, except for log lines, messages and
/// audit entries, which new tasks have too.
pub(super) fn follow(script: &mut StatementBatch, commits: &[&Commit], now: Timestamp) {
    begin_rounds(script, commits);
    save_orders(script, commits, now);
    let questions = commits.iter().flat_map(|commit| &commit.change.questions);
    save_questions(script, questions);
    save_notes(
        script,
        commits.iter().flat_map(|commit| &commit.change.notes),
    );
    end_attempts(script, commits);
    requests::pushed(script, commits);
    end_sessions(script, commits, now);
}

/// The lines that a change adds to its task's log.
pub(super) fn log_lines(commit: &Commit) -> impl Iterator<Item = (Attempt, &str)> {
    let Change { task, log, .. } = &commit.change;
    log.iter().map(|line| (task.attempt(), line.as_str()))
}

/// The fence: a task is only written if its row is still the one that was decided on.
macro_rules! save_tasks {
    ($kind:ident, ($($before:tt)+), $end:literal $(, $arg:expr)*) => {
        $kind! {
            $($before)+
            "UPDATE tasks SET lane = c.lane, branch = c.branch, updated = $2, failures = c.failures, losses = c.losses, state = c.state, detail = c.detail,
               round = c.round, round_key = c.round_key, base = c.base, waits_for = c.waits_for,
               dead = c.dead, lease_worker = c.worker,
               lease_until = CASE WHEN c.until < tasks.lease_until THEN tasks.lease_until ELSE c.until END, version = tasks.version + 1
           FROM (SELECT CAST(value ->> 'id' AS BIGINT) AS id, CAST(value ->> 'version' AS BIGINT) AS version,
                     CAST(value ->> 'epoch' AS BIGINT) AS epoch, CAST(value ->> 'lane' AS BIGINT) AS lane, value ->> 'branch' AS branch,
                     CAST(value ->> 'failures' AS BIGINT) AS failures, value ->> 'losses' AS losses, value ->> 'state' AS state,
                     value ->> 'detail' AS detail, CAST(value ->> 'dead' AS BOOLEAN) AS dead, value ->> 'worker' AS worker,
                     CAST(value ->> 'until' AS BIGINT) AS until, CAST(value ->> 'round' AS BIGINT) AS round, value ->> 'round_key' AS round_key,
                     value ->> 'base' AS base, CAST(value ->> 'waits_for' AS BIGINT) AS waits_for
                 FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
             WHERE tasks.id = c.id AND tasks.version = c.version AND tasks.epoch = c.epoch" + $end
            $(, $arg)*
        }
    };
}

save_tasks!(part, (pub SAVE_TASKS, now,), "");

/// The row of a fence.
pub(super) fn row(commit: &Commit) -> Value {
    let task = &commit.change.task;
    let state = StateColumns::from(&task.state);
    json!({
        "id": task.id.0, "version": task.version, "epoch": task.epoch.0, "lane": task.lane.rank(), "branch": task.branch, "failures": task.failures,
        "losses": json(&task.losses), "state": state.word, "detail": state.detail, "dead": state.dead, "worker": state.worker,
        "until": state.until, "round": task.round.number, "round_key": task.round.key, "base": task.base, "waits_for": task.waits_for.map(|id| id.0),
    })
}

/// Writes the tasks that passed their fence, and returns them.
pub(super) async fn save_tasks(
    tx: &mut Connection,
    commits: &[&Commit],
    now: Timestamp,
) -> StoreResult<HashSet<TaskId>> {
    if commits.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<Value> = commits.iter().copied().map(row).collect();
    let kept = save_tasks!(
        scalar,
        (i64,),
        r#" RETURNING tasks.id AS "id!""#,
        json(&rows),
        now.0
    );
    let kept = kept.all(tx).await?;
    Ok(kept
        .into_iter()
        .map(|id| TaskId(id.unsigned_abs()))
        .collect())
}

// A task that continues after its end returns to its last session.
part!(
    pub REVIVE_SESSIONS,
    "UPDATE sessions SET state = 'active', ended = NULL, reason = NULL
     WHERE id IN (SELECT (SELECT s.id FROM sessions s WHERE s.task = c.task AND (s.state = 'warm' OR s.reason IN ('completed', 'failed'))
                          ORDER BY s.active DESC LIMIT 1)
                  FROM (SELECT CAST(atom AS BIGINT) AS task FROM json_each($1)) c
                  WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.task = c.task AND s.state = 'active'))"
);

part!(
    pub PUT_ORDERS,
    "INSERT INTO work_orders (task, lane, repo, due, resumes, worker, affinity)
     SELECT o.task, o.lane, o.repo, o.due, o.resumes, o.worker, CASE WHEN o.worker IS NOT NULL THEN o.affinity END
     FROM (SELECT c.task, c.lane, c.repo, c.due, c.resumes, c.affinity,
               (SELECT s.worker FROM sessions s JOIN workers w ON w.id = s.worker AND NOT w.draining
                WHERE c.resumes AND s.task = c.task AND s.state = 'active' AND s.agent <> 'script' ORDER BY s.active DESC LIMIT 1) AS worker
           FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'lane' AS BIGINT) AS lane, value ->> 'repo' AS repo,
                     CAST(value ->> 'due' AS BIGINT) AS due, CAST(value ->> 'resumes' AS BOOLEAN) AS resumes,
                     CAST(value ->> 'affinity' AS BIGINT) AS affinity FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c) o
     WHERE true
     ON CONFLICT (task) DO UPDATE SET lane = excluded.lane, due = excluded.due, resumes = excluded.resumes,
         worker = excluded.worker, affinity = excluded.affinity"
);

/// A work order exists exactly while its task is queued and waits for no other. A resuming one is reserved for the worker
/// with the session.
fn save_orders(script: &mut StatementBatch, commits: &[&Commit], now: Timestamp) {
    let mut rounds = Vec::new();
    let mut gone = Vec::new();
    let mut back = Vec::new();
    let mut queued = Vec::new();
    for commit in commits {
        let task = &commit.change.task;
        let TaskState::Queued { due, resumes } = task.state else {
            if commit.was_queued {
                gone.push(task.id.0.into());
            }
            continue;
        };
        if task.waits_for.is_some() {
            continue;
        }
        // A retry of a later round continues in its session, too.
        if resumes && task.round.is_later() {
            rounds.push(session_of(commit, now));
        } else if resumes {
            back.push(task.id.0.into());
        }
        let affinity = millis(commit.sessions.affinity);
        queued.push(json!({
            "task": task.id.0, "lane": task.lane.rank(), "repo": task.repo, "due": due.0, "resumes": resumes, "affinity": affinity,
        }));
    }
    script.add(&gone, &[&DROP_ORDERS]);
    script.add(&back, &[&REVIVE_SESSIONS]);
    script.add(&rounds, &[&CONTINUE_SESSIONS]);
    script.add(&queued, &[&PUT_ORDERS]);
}

part!(
    pub BEGIN_ROUNDS,
    "INSERT INTO rounds (task, round, key, author, text, before, tip, clean, former, epoch, at)
     SELECT c.task, c.round, c.key, c.author, c.text, c.before,
         coalesce(c.tip, (SELECT r.tip FROM rounds r WHERE r.task = c.task AND r.round = c.round - 1)), c.clean, c.former, c.epoch, c.at
     FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'round' AS BIGINT) AS round, value ->> 'key' AS key,
               value ->> 'author' AS author, value ->> 'text' AS text, value ->> 'before' AS before, value ->> 'tip' AS tip,
               CAST(value ->> 'clean' AS BOOLEAN) AS clean, value ->> 'former' AS former,
               CAST(value ->> 'epoch' AS BIGINT) AS epoch, CAST(value ->> 'at' AS BIGINT) AS at FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c WHERE true ORDER BY c.task"
);

part!(
    pub WITHDRAW_ROUNDS,
    "UPDATE rounds SET withdrawn = true
     FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'round' AS BIGINT) AS round FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
     WHERE rounds.task = c.task AND rounds.round = c.round"
);

// The last session of the task, unless it is too full, has rested for too long, or was ended for another reason.
part!(
    pub CONTINUE_SESSIONS,
    "UPDATE sessions SET state = 'active', ended = NULL, reason = NULL, heard = false
     FROM (SELECT CAST(value ->> 'context' AS BIGINT) AS context, CAST(value ->> 'rested' AS BIGINT) AS rested,
               (SELECT s.id FROM sessions s WHERE s.task = CAST(value ->> 'task' AS BIGINT) ORDER BY s.active DESC LIMIT 1) AS last
           FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
     WHERE sessions.id = c.last AND coalesce(sessions.context, 0) <= c.context
       AND (sessions.state = 'warm' OR (sessions.reason IN ('completed', 'failed', 'cancelled', 'idle', 'age') AND sessions.ended > c.rested))"
);

/// New rounds.
fn begin_rounds(script: &mut StatementBatch, commits: &[&Commit]) {
    let begins = commits
        .iter()
        .filter_map(|commit| Some((commit, commit.change.round.as_ref()?)));
    let mut rounds = Vec::new();
    for (commit, round) in begins {
        let task = commit.change.task.id.0;
        rounds.push(json!({
            "task": task, "round": round.number, "key": round.key, "author": plain(&round.author), "text": plain(&round.text),
            "before": plain(&round.before), "tip": round.tip, "clean": round.clean, "former": json(&round.former), "epoch": round.epoch.0, "at": round.at.0,
        }));
    }
    script.add(&rounds, &[&BEGIN_ROUNDS]);
    let withdrawn = commits.iter().filter_map(|commit| {
        let round = commit.change.withdrawn?;
        Some(json!({ "task": commit.change.task.id.0, "round": round }))
    });
    script.add(&withdrawn.collect::<Vec<_>>(), &[&WITHDRAW_ROUNDS]);
}

fn session_of(commit: &Commit, now: Timestamp) -> Value {
    let policy = &commit.sessions;
    json!({ "task": commit.change.task.id.0, "context": policy.max_context, "rested": now.minus(policy.rest).0 })
}

part!(
    pub SAVE_NOTES,
    "INSERT INTO notes (key, task, author, text, at, state, delivered)
     SELECT value ->> 'key', CAST(value ->> 'task' AS BIGINT), value ->> 'author', value ->> 'text', CAST(value ->> 'at' AS BIGINT),
         value ->> 'state', CAST(value ->> 'delivered' AS BIGINT) FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE true ORDER BY l.key
     ON CONFLICT (key) DO UPDATE SET state = excluded.state, delivered = excluded.delivered WHERE notes.state = 'waiting'"
);

fn save_notes<'a>(script: &mut StatementBatch, notes: impl Iterator<Item = &'a Note>) {
    let row = |note: &Note| {
        let delivered = match note.state {
            NoteState::Delivered { at } => Some(at.0),
            NoteState::Waiting | NoteState::Missed => None,
        };
        json!({
            "key": note.key, "task": note.task.0, "author": plain(&note.author), "text": plain(&note.text), "at": note.at.0,
            "state": note.state.as_str(), "delivered": delivered,
        })
    };
    let rows: Vec<Value> = notes.map(row).collect();
    script.add(&rows, &[&SAVE_NOTES]);
}

part!(
    pub SAVE_QUESTIONS,
    "INSERT INTO questions (id, key, task, epoch, session, call, ask, context, asked_at, state, why, delivered_at, reminders, escalated,
         alarm, expired, told)
     SELECT CAST(value ->> 'id' AS BIGINT), value ->> 'key', CAST(value ->> 'task' AS BIGINT), CAST(value ->> 'epoch' AS BIGINT),
         value ->> 'session', value ->> 'call', value ->> 'ask', value ->> 'context', CAST(value ->> 'asked_at' AS BIGINT),
         value ->> 'state', value ->> 'why', CAST(value ->> 'delivered_at' AS BIGINT), CAST(value ->> 'reminders' AS BIGINT),
         CAST(value ->> 'escalated' AS BOOLEAN), CAST(value ->> 'alarm' AS BIGINT), CAST(value ->> 'expired' AS BIGINT),
         CAST(value ->> 'told' AS BOOLEAN) FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE true
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, why = excluded.why, delivered_at = excluded.delivered_at,
         reminders = excluded.reminders, escalated = excluded.escalated, alarm = excluded.alarm, expired = excluded.expired,
         told = excluded.told"
);

fn save_questions<'a>(
    script: &mut StatementBatch,
    questions: impl Iterator<Item = &'a Question> + Clone,
) {
    let rows: Vec<Value> = questions.clone().map(question_row).collect();
    script.add(&rows, &[&SAVE_QUESTIONS]);
    save_answers(script, questions);
}

fn question_row(question: &Question) -> Value {
    let (why, delivered) = match &question.state {
        QuestionState::Withdrawn { why } => (Some(plain(why)), None),
        QuestionState::Delivered { at, .. } => (None, Some(at.0)),
        QuestionState::Open | QuestionState::Expired { .. } | QuestionState::Answered { .. } => {
            (None, None)
        }
    };
    json!({
        "id": question.id.0, "key": question.key, "task": question.task().0, "epoch": question.attempt.epoch.0,
        "session": question.session.map(|session| session.to_string()), "call": plain(&question.call), "ask": json(&question.ask),
        "context": plain(&question.context), "asked_at": question.asked_at.0, "state": question.state.as_str(), "why": why,
        "delivered_at": delivered, "reminders": question.pings.reminders, "escalated": question.pings.escalated,
        "alarm": question.alarm.map(|at| at.0), "expired": question.expired.map(|at| at.0),
        "told": matches!(question.state, QuestionState::Expired { told: true }),
    })
}

part!(
    pub SAVE_ANSWERS,
    "INSERT INTO answers (question, key, decision, user_id, name, via, at)
     SELECT CAST(value ->> 'question' AS BIGINT), value ->> 'key', value ->> 'decision', value ->> 'user_id', value ->> 'name',
         value ->> 'via', CAST(value ->> 'at' AS BIGINT) FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l"
);

fn save_answers<'a>(script: &mut StatementBatch, questions: impl Iterator<Item = &'a Question>) {
    let row = |question: &Question| {
        let QuestionState::Answered { answer } = &question.state else {
            return None;
        };
        Some(json!({
            "question": question.id.0, "key": answer.key, "decision": json(&answer.decision), "user_id": answer.by.to_string(),
            "name": plain(&answer.name), "via": answer.via, "at": answer.at.0,
        }))
    };
    let rows: Vec<Value> = questions.filter_map(row).collect();
    script.add(&rows, &[&SAVE_ANSWERS]);
}

// An ended attempt keeps its values. That is not in the WHERE clause: PostgreSQL would search all
// attempts for the few that run.
part!(
    pub END_ATTEMPTS,
    now,
    "UPDATE executions SET ended = coalesce(executions.ended, $2), outcome = coalesce(executions.outcome, c.outcome),
         usage = CASE WHEN executions.ended IS NULL THEN coalesce(c.usage, executions.usage) ELSE executions.usage END,
         patch = coalesce(c.patch, executions.patch)
     FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, CAST(value ->> 'epoch' AS BIGINT) AS epoch, value ->> 'outcome' AS outcome,
               value ->> 'usage' AS usage, value ->> 'patch' AS patch FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
     WHERE executions.task = c.task AND executions.epoch = c.epoch"
);

fn end_attempts(script: &mut StatementBatch, commits: &[&Commit]) {
    let row = |commit: &&Commit| {
        let ended = commit.change.ended.as_ref()?;
        let attempt = commit.change.task.attempt();
        Some(json!({
            "task": attempt.task.0, "epoch": attempt.epoch.0, "outcome": ended.outcome, "usage": ended.usage.as_ref().map(json),
            "patch": commit.patch.as_deref().map(plain),
        }))
    };
    let rows: Vec<Value> = commits.iter().filter_map(row).collect();
    script.add(&rows, &[&END_ATTEMPTS]);
}

part!(
    pub END_SESSIONS,
    now,
    "UPDATE sessions SET state = v.state, active = CASE WHEN v.state = 'warm' THEN $2 ELSE sessions.active END,
         ended = CASE WHEN v.state = 'ended' THEN $2 END, reason = CASE WHEN v.state = 'ended' THEN v.reason END
     FROM (SELECT s.id, c.reason,
               CASE WHEN c.done AND s.agent LIKE 'claude %' AND (s.kept OR (c.reuse AND s.started > c.since
                   AND coalesce(s.context, 0) <= c.context AND EXISTS (SELECT 1 FROM work_orders o CROSS JOIN tasks t
                       WHERE t.id = o.task AND o.repo = c.repo AND t.base = c.base AND NOT o.resumes))) THEN 'warm' ELSE 'ended' END AS state
           FROM (SELECT CAST(value ->> 'task' AS BIGINT) AS task, value ->> 'repo' AS repo, value ->> 'base' AS base,
                     CAST(value ->> 'done' AS BOOLEAN) AS done, CAST(value ->> 'reuse' AS BOOLEAN) AS reuse,
                     CAST(value ->> 'since' AS BIGINT) AS since, CAST(value ->> 'context' AS BIGINT) AS context,
                     value ->> 'reason' AS reason FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
               JOIN sessions s ON s.task = c.task AND s.state = 'active') v
     WHERE sessions.id = v.id"
);

/// A completed task's session stays warm if a task with the same repository and base branch is
/// queued. All other sessions end with their task. Scripts have no memory that could be reused.
fn end_sessions(script: &mut StatementBatch, commits: &[&Commit], now: Timestamp) {
    let row = |commit: &&Commit| {
        let task = &commit.change.task;
        let policy = &commit.sessions;
        let done = matches!(task.state, TaskState::Done { .. });
        task.is_over().then(|| {
            json!({
                "task": task.id.0, "repo": task.repo, "base": task.base, "done": done, "reuse": policy.reuse,
                "since": now.minus(policy.max_age).0, "context": policy.max_context,
                "reason": if done { "completed" } else { task.state.as_str() },
            })
        })
    };
    let rows: Vec<Value> = commits.iter().filter_map(row).collect();
    script.add(&rows, &[&END_SESSIONS]);
}

part!(
    pub LOG,
    now,
    "INSERT INTO task_log (task, epoch, at, line)
     SELECT CAST(value ->> 'task' AS BIGINT), CAST(value ->> 'epoch' AS BIGINT), $2, value ->> 'line' FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l ORDER BY l.key"
);

/// Adds lines to task logs.
pub fn log(script: &mut StatementBatch, lines: &[(Attempt, &str)]) {
    let row = |(attempt, line): &(Attempt, &str)| json!({ "task": attempt.task.0, "epoch": attempt.epoch.0, "line": plain(line) });
    let rows: Vec<Value> = lines.iter().map(row).collect();
    script.add(&rows, &[&LOG]);
}

/// The fence for other writes of an attempt: `worker` must still hold it. Locks the task until the
/// transaction ends.
pub async fn holds(tx: &mut Connection, worker: &str, attempt: Attempt) -> StoreResult<()> {
    engine::lock(tx, std::iter::once(attempt.task)).await?;
    let held = scalar!(
        i64,
        r#"SELECT count(*) AS "count!: i64" FROM tasks WHERE id = $1 AND epoch = $2 AND lease_worker = $3"#,
        int(attempt.task.0),
        int(attempt.epoch.0),
        worker
    );
    match held.one(tx).await? {
        0 => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

//! How a decided change is stored: the task under its version, then everything that follows from it. `group` runs
//! this inside a transaction.

use std::time::Duration;

use sqlx::{SqliteConnection, query, query_scalar};
use vine_domain::{
    Note, NoteState, Question, QuestionState, SessionPolicy, Task, TaskId, TaskState, Timestamp,
    chat::{Aside, Outbound, OutboundKind, Place},
    lifecycle::Ended,
    ports::{Commit, Stored},
    worker::Attempt,
};

use crate::{
    rows::{StateColumns, int, json, millis, one_row},
    unavailable,
};

/// Writes one decided change inside the transaction under way.
pub async fn write(tx: &mut SqliteConnection, commit: &Commit, now: Timestamp) -> Stored<()> {
    let change = &commit.change;
    save_task(tx, &change.task, now).await?;
    save_order(tx, &change.task, commit.sessions.affinity).await?;
    for question in &change.questions {
        save_question(tx, question).await?;
    }
    for note in &change.notes {
        save_note(tx, note).await?;
    }
    if let Some(ended) = &change.ended {
        end_attempt(tx, change.task.attempt(), ended, now).await?;
    }
    if change.task.is_over() {
        end_sessions(tx, &change.task, &commit.sessions, now).await?;
    }
    log(tx, change.task.attempt(), &change.log, now).await?;
    let reply = commit.reply.as_ref().map(|(author, text)| (author.as_str(), text.as_str()));
    say(tx, change.task.id, reply, &commit.messages, now).await
}

/// The fence: nothing is written unless the row is still the one that was decided on.
async fn save_task(tx: &mut SqliteConnection, task: &Task, now: Timestamp) -> Stored<()> {
    let state = StateColumns::from(&task.state);
    let losses: Vec<i64> = task.losses.iter().map(|moment| moment.0).collect();
    let done = query(
        "UPDATE tasks SET lane = ?, updated = ?, failures = ?, losses = ?, state = ?, detail = ?, dead = ?,
                lease_worker = ?, lease_until = CASE WHEN ? IS NULL THEN NULL ELSE max(?, coalesce(lease_until, 0)) END,
                version = version + 1
         WHERE id = ? AND version = ? AND epoch = ?",
    )
    .bind(task.lane.rank())
    .bind(now.0)
    .bind(task.failures)
    .bind(json(&losses))
    .bind(state.word)
    .bind(state.detail)
    .bind(state.dead)
    .bind(state.worker)
    .bind(state.until)
    .bind(state.until)
    .bind(int(task.id.0))
    .bind(int(task.version))
    .bind(int(task.epoch.0))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    one_row(&done)
}

/// A work order exists exactly while its task is queued. One that resumes is kept for the worker with the session.
async fn save_order(tx: &mut SqliteConnection, task: &Task, affinity: Duration) -> Stored<()> {
    let TaskState::Queued { due, resumes } = &task.state else {
        query("DELETE FROM work_orders WHERE task = ?").bind(int(task.id.0)).execute(tx).await.map_err(unavailable)?;
        return Ok(());
    };
    if *resumes {
        revive_session(tx, task).await?;
    }
    query(
        "INSERT INTO work_orders (task, lane, repo, due, resumes, worker, affinity)
         SELECT ?1, ?2, ?3, ?4, ?5, s.worker, CASE WHEN s.worker IS NOT NULL THEN ?6 END
         FROM (SELECT 1) LEFT JOIN sessions s ON ?5 AND s.task = ?1 AND s.state = 'active'
              AND s.worker IN (SELECT id FROM workers WHERE draining = 0)
         ORDER BY s.active DESC LIMIT 1
         ON CONFLICT (task) DO UPDATE SET lane = excluded.lane, due = excluded.due, resumes = excluded.resumes,
             worker = excluded.worker, affinity = excluded.affinity",
    )
    .bind(int(task.id.0))
    .bind(task.lane.rank())
    .bind(task.repo.as_str())
    .bind(due.0)
    .bind(resumes)
    .bind(millis(affinity))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// A task that goes on after its end goes back into the session that it ended in.
async fn revive_session(tx: &mut SqliteConnection, task: &Task) -> Stored<()> {
    query(
        "UPDATE sessions SET state = 'active', ended = NULL, reason = NULL
         WHERE id = (SELECT id FROM sessions WHERE task = ?1 AND (state = 'warm' OR reason IN ('completed', 'failed')) ORDER BY active DESC LIMIT 1)
           AND NOT EXISTS (SELECT 1 FROM sessions WHERE task = ?1 AND state = 'active')",
    )
    .bind(int(task.id.0))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn save_note(tx: &mut SqliteConnection, note: &Note) -> Stored<()> {
    let delivered = match note.state {
        NoteState::Delivered { at } => Some(at.0),
        NoteState::Waiting | NoteState::Missed => None,
    };
    query(
        "INSERT INTO notes (key, task, author, text, at, state, delivered) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET state = excluded.state, delivered = excluded.delivered WHERE notes.state = 'waiting'",
    )
    .bind(note.key.to_string())
    .bind(int(note.task.0))
    .bind(&note.author)
    .bind(&note.text)
    .bind(note.at.0)
    .bind(note.state.as_str())
    .bind(delivered)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn save_question(tx: &mut SqliteConnection, question: &Question) -> Stored<()> {
    let (why, delivered) = match &question.state {
        QuestionState::Withdrawn { why } => (Some(why), None),
        QuestionState::Delivered { at, .. } => (None, Some(at.0)),
        QuestionState::Open | QuestionState::Expired { .. } | QuestionState::Answered { .. } => (None, None),
    };
    let told = matches!(question.state, QuestionState::Expired { told: true });
    query(
        "INSERT INTO questions (id, key, task, epoch, session, call, ask, context, asked_at, state, why, delivered_at,
             reminders, escalated, alarm, expired, told)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, why = excluded.why, delivered_at = excluded.delivered_at,
             reminders = excluded.reminders, escalated = excluded.escalated, alarm = excluded.alarm, expired = excluded.expired,
             told = excluded.told",
    )
    .bind(int(question.id.0))
    .bind(question.key.to_string())
    .bind(int(question.task().0))
    .bind(int(question.attempt.epoch.0))
    .bind(question.session.map(|session| session.to_string()))
    .bind(&question.call)
    .bind(json(&question.ask))
    .bind(&question.context)
    .bind(question.asked_at.0)
    .bind(question.state.as_str())
    .bind(why)
    .bind(delivered)
    .bind(question.pings.reminders)
    .bind(question.pings.escalated)
    .bind(question.alarm.map(|at| at.0))
    .bind(question.expired.map(|at| at.0))
    .bind(told)
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    save_answer(tx, question).await
}

async fn save_answer(tx: &mut SqliteConnection, question: &Question) -> Stored<()> {
    let QuestionState::Answered { answer } = &question.state else { return Ok(()) };
    query("INSERT INTO answers (question, key, decision, user_id, name, via, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(int(question.id.0))
        .bind(answer.key.to_string())
        .bind(json(&answer.decision))
        .bind(answer.by.to_string())
        .bind(&answer.name)
        .bind(&answer.via)
        .bind(answer.at.0)
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

async fn end_attempt(tx: &mut SqliteConnection, attempt: Attempt, ended: &Ended, now: Timestamp) -> Stored<()> {
    query("UPDATE executions SET ended = ?, outcome = ?, usage = ? WHERE task = ? AND epoch = ? AND ended IS NULL")
        .bind(now.0)
        .bind(ended.outcome)
        .bind(json(&ended.usage))
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The session of a task that is done is kept warm when something similar is queued; every other one ends with its task.
async fn end_sessions(tx: &mut SqliteConnection, task: &Task, policy: &SessionPolicy, now: Timestamp) -> Stored<()> {
    let done = matches!(task.state, TaskState::Done { .. });
    if done {
        keep_warm(tx, task, policy, now).await?;
    }
    let reason = if done { "completed" } else { task.state.as_str() };
    query("UPDATE sessions SET state = 'ended', ended = ?, reason = ? WHERE task = ? AND state = 'active'")
        .bind(now.0)
        .bind(reason)
        .bind(int(task.id.0))
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// Similar is: the same repository and the same base branch. Scripts have no memory that could be used again.
async fn keep_warm(tx: &mut SqliteConnection, task: &Task, policy: &SessionPolicy, now: Timestamp) -> Stored<()> {
    query(
        "UPDATE sessions SET state = 'warm', active = ?1 WHERE task = ?2 AND state = 'active' AND agent LIKE 'claude %' AND (kept OR (?7 AND
             started > ?1 - ?3 AND coalesce(context, 0) <= ?4
             AND EXISTS (SELECT 1 FROM work_orders o JOIN tasks t ON t.id = o.task WHERE o.repo = ?5 AND t.base = ?6 AND o.resumes = 0)))",
    )
    .bind(now.0)
    .bind(int(task.id.0))
    .bind(millis(policy.max_age))
    .bind(policy.max_context)
    .bind(task.repo.as_str())
    .bind(task.base.as_str())
    .bind(policy.reuse)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

pub async fn log(tx: &mut SqliteConnection, attempt: Attempt, lines: &[String], now: Timestamp) -> Stored<()> {
    if lines.is_empty() {
        return Ok(());
    }
    query("INSERT INTO task_log (task, epoch, at, line) SELECT ?, ?, ?, value FROM json_each(?) ORDER BY key")
        .bind(int(attempt.task.0))
        .bind(int(attempt.epoch.0))
        .bind(now.0)
        .bind(json(lines))
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// Adds what a person wrote and our messages to the thread, and a row for each room that is to show them.
pub async fn say(
    tx: &mut SqliteConnection,
    task: TaskId,
    reply: Option<(&str, &str)>,
    messages: &[Outbound],
    now: Timestamp,
) -> Stored<()> {
    if let Some((author, text)) = reply {
        query("INSERT INTO chat_messages (id, task, author, kind, text, at) VALUES (lower(hex(randomblob(16))), ?, ?, 'reply', ?, ?)")
            .bind(int(task.0))
            .bind(author)
            .bind(text)
            .bind(now.0)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
    }
    for message in messages {
        post(tx, message, now).await?;
    }
    Ok(())
}

/// Adds one message of ours, unless it is there already.
pub async fn post(tx: &mut SqliteConnection, message: &Outbound, now: Timestamp) -> Stored<()> {
    let id = message.id.to_string();
    let (task, repo, aside) = match &message.place {
        Place::Thread(task) => (Some(int(task.0)), None, None),
        Place::Room(repo) => (None, Some(repo.as_str()), None),
        Place::Aside(aside) => (None, None, Some(aside)),
    };
    let added = query(
        "INSERT INTO chat_messages (id, task, repo, aside, question, note, author, kind, text, buttons, calls, at)
         VALUES (?, ?, ?, ?, ?, ?, 'vine', ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&id)
    .bind(task)
    .bind(repo)
    .bind(aside.map(json))
    .bind(message.kind.question().map(|question| int(question.0)))
    .bind(message.kind.note().map(|note| note.to_string()))
    .bind(message.kind.as_str())
    .bind(&message.text)
    .bind(json(&message.buttons))
    .bind(json(&message.calls))
    .bind(now.0)
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    match aside {
        Some(aside) => put_aside(tx, &id, aside).await,
        None => put_out(tx, &id, message.kind).await,
    }
}

/// A row for each room of the repository.
async fn put_out(tx: &mut SqliteConnection, id: &str, kind: OutboundKind) -> Stored<()> {
    let begins = kind == OutboundKind::Card && !supersede_cards(tx, id).await?;
    query(
        "INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
         SELECT m.id, r.platform, r.room, m.seq, m.task, ?2, ?3, m.at
         FROM chat_messages m LEFT JOIN tasks t ON t.id = m.task JOIN rooms r ON r.repo = coalesce(m.repo, t.repo) WHERE m.id = ?1",
    )
    .bind(id)
    .bind(kind.edits(begins))
    .bind(kind.rank(begins))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// A newer state of a card stands for all older ones that still wait, but for the first, which makes the thread.
/// Returns whether there was a card before.
async fn supersede_cards(tx: &mut SqliteConnection, id: &str) -> Stored<bool> {
    let first: Option<String> = query_scalar(
        "SELECT c.id FROM chat_messages c JOIN chat_messages m ON m.task = c.task WHERE m.id = ?1 AND c.kind = 'card' AND c.id <> ?1 ORDER BY c.seq LIMIT 1",
    )
    .bind(id)
    .fetch_optional(&mut *tx)
    .await
    .map_err(unavailable)?;
    let Some(first) = first else { return Ok(false) };
    query(
        "DELETE FROM outbox WHERE task = (SELECT task FROM chat_messages WHERE id = ?1) AND rank = ?3 AND posted IS NULL AND message <> ?2",
    )
    .bind(id)
    .bind(first)
    .bind(OutboundKind::Card.rank(false))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(true)
}

async fn put_aside(tx: &mut SqliteConnection, id: &str, aside: &Aside) -> Stored<()> {
    query("INSERT INTO outbox (message, platform, room, seq, edit, rank, due) SELECT id, ?2, ?3, seq, 0, 0, at FROM chat_messages WHERE id = ?1")
        .bind(id)
        .bind(&aside.platform)
        .bind(&aside.room)
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

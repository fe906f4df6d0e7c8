//! What is said in threads, and where it is to be shown: each message is stored once, with a row for each room it goes to.

use serde_json::{Value, json};
use sqlx::{query, query_scalar};
use uuid::Uuid;
use vine_domain::{
    TaskId, Timestamp,
    chat::{Outbound, OutboundKind, Place},
    clock::{Ids, System},
    ports::{Commit, Stored},
};

use super::{
    rows::{json, plain},
    unavailable,
};
use crate::{Connection, engine};

/// One line of a thread.
pub enum Line<'a> {
    /// What a person wrote: author and words.
    Reply(TaskId, &'a str, &'a str),
    /// What we say.
    Ours(&'a Outbound),
}

impl<'a> Line<'a> {
    /// What is said with a change, in order.
    pub fn of(commit: &'a Commit) -> impl Iterator<Item = Self> {
        let reply = commit.reply.iter().map(|(author, text)| Line::Reply(commit.change.task.id, author, text));
        reply.chain(commit.messages.iter().map(Line::Ours))
    }

    fn task(&self) -> Option<TaskId> {
        match self {
            Self::Reply(task, ..) => Some(*task),
            Self::Ours(message) => message.place.task(),
        }
    }

    fn id(&self) -> Uuid {
        match self {
            Self::Reply(..) => System.uuid(),
            Self::Ours(message) => message.id.0,
        }
    }

    fn row(&self) -> Value {
        let mut row = match self {
            Self::Reply(_, author, text) => json!({ "author": plain(author), "kind": "reply", "text": plain(text), "out": false }),
            Self::Ours(message) => ours(message),
        };
        row["id"] = self.id().to_string().into();
        row["task"] = self.task().map(|task| task.0).into();
        row
    }
}

fn ours(message: &Outbound) -> Value {
    let (repo, aside) = match &message.place {
        Place::Thread(_) => (None, None),
        Place::Room(repo) => (Some(repo), None),
        Place::Aside(aside) => (None, Some(aside)),
    };
    let kind = message.kind;
    json!({
        "author": "vine", "kind": kind.as_str(), "text": plain(&message.text), "buttons": json(&message.buttons),
        "calls": json(&message.calls), "repo": repo, "aside": aside.map(json), "question": kind.question().map(|question| question.0),
        "note": kind.note(), "out": true, "platform": aside.map(|aside| &aside.platform), "room": aside.map(|aside| &aside.room),
        "edit": kind.edits(false), "rank": kind.rank(false), "first_edit": kind.edits(true), "first_rank": kind.rank(true),
    })
}

/// Adds lines to their threads, and a row for each room that is to show them. A message that is there already is none.
pub async fn say(tx: &mut Connection, lines: &[Line<'_>], now: Timestamp) -> Stored<()> {
    if lines.is_empty() {
        return Ok(());
    }
    engine::lock(tx, lines.iter().filter_map(Line::task)).await?;
    let mut rows: Vec<Value> = lines.iter().map(Line::row).collect();
    let added = add(tx, &rows, now).await?;
    rows.retain(|row| row["out"] == true && added.iter().any(|id| row["id"] == id.as_str()));
    if rows.iter().any(|row| row["kind"] == OutboundKind::Card.as_str()) {
        supersede_cards(tx, &rows).await?;
    }
    if rows.is_empty() { Ok(()) } else { put_out(tx, &rows).await }
}

/// Returns the ids of those that are new.
async fn add(tx: &mut Connection, rows: &[Value], now: Timestamp) -> Stored<Vec<String>> {
    let added = query_scalar!(
        "INSERT INTO chat_messages (id, task, repo, aside, question, note, author, kind, text, buttons, calls, at)
         SELECT value ->> 'id', CAST(value ->> 'task' AS BIGINT), value ->> 'repo', value ->> 'aside', CAST(value ->> 'question' AS BIGINT),
             value ->> 'note', value ->> 'author', value ->> 'kind', value ->> 'text', coalesce(value ->> 'buttons', '[]'),
             coalesce(value ->> 'calls', '[]'), $1 FROM json_each($2) l WHERE true ORDER BY l.key
         ON CONFLICT (id) DO NOTHING RETURNING id",
        now.0,
        json(rows)
    );
    added.fetch_all(tx).await.map_err(unavailable)
}

/// A newer state of a card stands for all older ones that still wait, but for the first, which makes the thread.
async fn supersede_cards(tx: &mut Connection, rows: &[Value]) -> Stored<()> {
    let older = query!(
        "DELETE FROM outbox WHERE posted IS NULL AND rank = $1
           AND task IN (SELECT CAST(value ->> 'task' AS BIGINT) FROM json_each($2) WHERE value ->> 'kind' = 'card')",
        i64::from(OutboundKind::Card.rank(false)),
        json(rows)
    );
    older.execute(tx).await.map_err(unavailable)?;
    Ok(())
}

/// A row for each room of the repository, or for the one place where a person is told something.
async fn put_out(tx: &mut Connection, rows: &[Value]) -> Stored<()> {
    let out = query!(
        "INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
         SELECT m.id, coalesce(c.platform, r.platform), coalesce(c.room, r.room), m.seq, m.task,
             CASE WHEN m.begins THEN c.first_edit ELSE c.edit END, CASE WHEN m.begins THEN c.first_rank ELSE c.rank END, m.at
         FROM (SELECT value ->> 'id' AS id, value ->> 'platform' AS platform, value ->> 'room' AS room,
                   CAST(value ->> 'edit' AS BOOLEAN) AS edit, CAST(value ->> 'rank' AS BIGINT) AS rank,
                   CAST(value ->> 'first_edit' AS BOOLEAN) AS first_edit, CAST(value ->> 'first_rank' AS BIGINT) AS first_rank
               FROM json_each($1)) c
             JOIN (SELECT n.id, n.seq, n.task, n.repo, n.at,
                       n.kind = 'card' AND NOT EXISTS (SELECT 1 FROM chat_messages e
                           WHERE e.task = n.task AND e.kind = 'card' AND e.seq < n.seq) AS begins,
                       n.kind = 'card' AND EXISTS (SELECT 1 FROM chat_messages e
                           WHERE e.task = n.task AND e.kind = 'card' AND e.seq > n.seq) AS is_old FROM chat_messages n) m ON m.id = c.id
             LEFT JOIN tasks t ON t.id = m.task
             LEFT JOIN rooms r ON c.platform IS NULL AND r.repo = coalesce(m.repo, t.repo)
         WHERE (c.platform IS NOT NULL OR r.platform IS NOT NULL) AND (m.begins OR NOT m.is_old)",
        json(rows)
    );
    out.execute(tx).await.map_err(unavailable)?;
    Ok(())
}

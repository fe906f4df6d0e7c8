//! Messages in threads and where to post them: each message is stored once, with an outbox row for
//! each room.

use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::{
    TaskId,
    chat::{MessagePlace, Outbound, OutboundKind},
    ports::{Commit, Reply, Say},
};

use super::{
    rows::{json, plain},
    script::{StatementBatch, part},
};

/// One line of a thread.
pub enum ThreadLine<'a> {
    /// A person's message.
    Reply(TaskId, &'a Reply),
    /// Our message.
    Ours(&'a Outbound),
}

impl<'a> ThreadLine<'a> {
    /// Messages that change no task, in order.
    pub fn said(say: &'a Say) -> impl Iterator<Item = Self> {
        let reply = say.reply.iter();
        let reply = reply.map(|(task, reply)| ThreadLine::Reply(*task, reply));
        reply.chain(say.messages.iter().map(ThreadLine::Ours))
    }

    /// The messages of a change, in order.
    pub fn of(commit: &'a Commit) -> impl Iterator<Item = Self> {
        let reply = commit
            .reply
            .iter()
            .map(|reply| ThreadLine::Reply(commit.change.task.id, reply));
        reply.chain(commit.messages.iter().map(ThreadLine::Ours))
    }

    /// The task whose thread it belongs to.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::Reply(task, ..) => Some(*task),
            Self::Ours(message) => message.place.task(),
        }
    }

    fn id(&self) -> Uuid {
        match self {
            Self::Reply(_, reply) => reply.id.0,
            Self::Ours(message) => message.id.0,
        }
    }

    fn row(&self) -> Value {
        let mut row = match self {
            Self::Reply(_, Reply { author, text, .. }) => {
                json!({ "author": plain(author), "kind": "reply", "text": plain(text) })
            }
            Self::Ours(message) => ours(message),
        };
        row["id"] = self.id().to_string().into();
        row["task"] = self.task().map(|task| task.0).into();
        row
    }

    /// What posting it needs, if it is to be posted.
    fn post(&self) -> Option<Value> {
        let Self::Ours(message) = self else {
            return None;
        };
        let kind = message.kind;
        let aside = match &message.place {
            MessagePlace::Aside(aside) => Some(aside),
            MessagePlace::Thread(_) | MessagePlace::Room(_) => None,
        };
        Some(json!({
            "id": message.id.0.to_string(), "platform": aside.map(|aside| &aside.platform), "room": aside.map(|aside| &aside.room),
            "edit": kind.edits(false), "rank": kind.rank(false), "first_edit": kind.edits(true), "first_rank": kind.rank(true),
        }))
    }

    /// A card replaces its older ones.
    fn supersedes(&self) -> Option<Value> {
        match self {
            Self::Ours(message) if message.kind == OutboundKind::Card => Some(json!({
                "id": message.id.0.to_string(), "task": self.task().map(|task| task.0), "rank": message.kind.rank(false),
            })),
            _ => None,
        }
    }
}

fn ours(message: &Outbound) -> Value {
    let (repo, aside) = match &message.place {
        MessagePlace::Thread(_) => (None, None),
        MessagePlace::Room(repo) => (Some(repo), None),
        MessagePlace::Aside(aside) => (None, Some(aside)),
    };
    let kind = message.kind;
    json!({
        "author": "vine", "kind": kind.as_str(), "text": plain(&message.text), "buttons": json(&message.buttons),
        "calls": json(&message.calls), "file": message.file.as_ref().map(json), "repo": repo, "aside": aside.map(json),
        "question": kind.question().map(|question| question.0), "note": kind.note(),
    })
}

part!(
    pub ADD,
    now,
    "INSERT INTO chat_messages (id, task, repo, aside, question, note, author, kind, text, buttons, calls, file, at)
     SELECT value ->> 'id', CAST(value ->> 'task' AS BIGINT), value ->> 'repo', value ->> 'aside', CAST(value ->> 'question' AS BIGINT),
         value ->> 'note', value ->> 'author', value ->> 'kind', value ->> 'text', coalesce(value ->> 'buttons', '[]'),
         coalesce(value ->> 'calls', '[]'), value ->> 'file', $2 FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l WHERE true ORDER BY l.key
     ON CONFLICT (id) DO NOTHING"
);

// A newer card replaces all older ones that are still queued, except the first, which starts the
// thread.
part!(
    pub SUPERSEDE_CARDS,
    "DELETE FROM outbox WHERE posted IS NULL
       AND task IN (SELECT CAST(value ->> 'task' AS BIGINT) FROM json_each($1))
       AND rank = (SELECT max(CAST(value ->> 'rank' AS BIGINT)) FROM json_each($1))
       AND seq < (SELECT max(m.seq) FROM chat_messages m JOIN json_each($1) l ON m.id = l.value ->> 'id' WHERE m.task = outbox.task)"
);

// A row for each room of the repository, or for the one place of a private reply. Existing rows
// stay.
part!(
    pub PUT_OUT,
    "INSERT INTO outbox (message, platform, room, seq, task, edit, rank, due)
     SELECT m.id, coalesce(c.platform, r.platform), coalesce(c.room, r.room), m.seq, m.task,
         CASE WHEN m.begins THEN c.first_edit ELSE c.edit END, CASE WHEN m.begins THEN c.first_rank ELSE c.rank END, m.at
     FROM (SELECT value ->> 'id' AS id, value ->> 'platform' AS platform, value ->> 'room' AS room,
               CAST(value ->> 'edit' AS BOOLEAN) AS edit, CAST(value ->> 'rank' AS BIGINT) AS rank,
               CAST(value ->> 'first_edit' AS BOOLEAN) AS first_edit, CAST(value ->> 'first_rank' AS BIGINT) AS first_rank
           FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
         JOIN (SELECT n.id, n.seq, n.task, n.repo, n.at,
                   n.kind = 'card' AND NOT EXISTS (SELECT 1 FROM chat_messages e
                       WHERE e.task = n.task AND e.kind = 'card' AND e.seq < n.seq) AS begins,
                   n.kind = 'card' AND EXISTS (SELECT 1 FROM chat_messages e
                       WHERE e.task = n.task AND e.kind = 'card' AND e.seq > n.seq) AS is_old FROM chat_messages n) m ON m.id = c.id
         LEFT JOIN tasks t ON t.id = m.task
         LEFT JOIN rooms r ON c.platform IS NULL AND r.repo = coalesce(m.repo, t.repo)
     WHERE (c.platform IS NOT NULL OR r.platform IS NOT NULL) AND (m.begins OR NOT m.is_old)
     ON CONFLICT (message, platform) DO NOTHING"
);

/// Adds lines to their threads, which are locked, and an outbox row for each room.
pub fn put(script: &mut StatementBatch, lines: &[ThreadLine<'_>]) {
    let rows: Vec<Value> = lines.iter().map(ThreadLine::row).collect();
    let cards: Vec<Value> = lines.iter().filter_map(ThreadLine::supersedes).collect();
    let posts: Vec<Value> = lines.iter().filter_map(ThreadLine::post).collect();
    script.add(&rows, &[&ADD]);
    script.add(&cards, &[&SUPERSEDE_CARDS]);
    script.add(&posts, &[&PUT_OUT]);
}

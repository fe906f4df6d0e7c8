//! Messages in the threads of tasks.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;
use vine_domain::{
    MessageId, QuestionId, Slug, TaskId, Timestamp,
    chat::Message,
    ports::{Messages, StoreError, StoreResult},
};

use super::{
    rows::{from_json, int, parsed, uuid},
    run::Fetch as _,
};
use crate::{
    Database,
    statement::{row, rows, scalar},
};

row! {
    struct MessageRow {
        seq: i64,
        id: String,
        task: Option<i64>,
        aside: bool,
        question: Option<i64>,
        note: Option<String>,
        author: String,
        kind: String,
        text: String,
        buttons: String,
        file: Option<String>,
        at: i64,
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = StoreError;

    fn try_from(row: MessageRow) -> StoreResult<Self> {
        Ok(Self {
            seq: row.seq.unsigned_abs(),
            id: MessageId(uuid(&row.id)?),
            task: row.task.map(|number| TaskId(number.unsigned_abs())),
            question: row.question.map(|number| QuestionId(number.unsigned_abs())),
            note: row.note.as_deref().map(uuid).transpose()?,
            author: row.author,
            kind: row.kind,
            text: row.text,
            buttons: from_json(&row.buttons)?,
            file: row.file.as_deref().map(from_json).transpose()?,
            at: Timestamp(row.at),
        })
    }
}

/// Messages, by the clauses after `FROM chat_messages`.
macro_rules! messages {
    ($rest:literal $(, $arg:expr)*) => {
        rows!(
            MessageRow,
            r#"SELECT seq AS "seq!", id, task, aside IS NOT NULL AS "aside!: bool", question, note, author, kind, text, buttons, file, at
               FROM chat_messages "# + $rest
            $(, $arg)*
        )
    };
}

#[async_trait]
impl Messages for Database {
    async fn thread(&self, task: TaskId, after: u64, limit: u32) -> StoreResult<Vec<Message>> {
        let rows = messages!(
            "WHERE task = $1 AND seq > $2 ORDER BY seq LIMIT CAST($3 AS BIGINT)",
            int(task.0),
            int(after),
            i64::from(limit)
        );
        rows.all(self.reader())
            .await?
            .into_iter()
            .map(Message::try_from)
            .collect()
    }

    async fn latest(&self, task: TaskId, limit: u32) -> StoreResult<Vec<Message>> {
        let rows = messages!(
            "WHERE task = $1 ORDER BY seq DESC LIMIT CAST($2 AS BIGINT)",
            int(task.0),
            i64::from(limit)
        );
        rows.all(self.reader())
            .await?
            .into_iter()
            .rev()
            .map(Message::try_from)
            .collect()
    }

    async fn last_message(&self) -> StoreResult<u64> {
        let last = scalar!(
            Option<i64>,
            r#"SELECT max(seq) AS "last?: i64" FROM chat_messages"#
        );
        let last = last.one(self.quick()).await?;
        Ok(last.unwrap_or_default().unsigned_abs())
    }

    async fn digests(&self, since: Timestamp) -> StoreResult<Vec<(Slug, Uuid)>> {
        let rows = rows!(
            { repo: String, list: String },
            r#"SELECT repo AS "repo!", note AS "list!" FROM chat_messages
               WHERE kind = 'notice' AND note IS NOT NULL AND repo IS NOT NULL AND at >= $1 GROUP BY repo, note ORDER BY min(seq)"#,
            since.0
        );
        let rows = rows.all(self.quick()).await?.into_iter();
        rows.map(|row| Ok((parsed(&row.repo)?, uuid(&row.list)?)))
            .collect()
    }

    async fn messages(&self, mut after: u64, limit: u32) -> StoreResult<Vec<Message>> {
        loop {
            let rows = messages!(
                "WHERE seq > $1 ORDER BY seq LIMIT CAST($2 AS BIGINT)",
                int(after),
                i64::from(limit)
            );
            let rows = settled(rows.all(self.reader()).await?, after, self.now());
            // Private replies have numbers but are not shown. A page with nothing else must not
            // look like the end.
            let only_aside = rows
                .last()
                .filter(|_| rows.iter().all(|row| row.aside))
                .map(|row| row.seq.unsigned_abs());
            match only_aside {
                Some(last) => after = last,
                None => {
                    return rows
                        .into_iter()
                        .filter(|row| !row.aside)
                        .map(Message::try_from)
                        .collect();
                }
            }
        }
    }
}

/// No transaction takes this long.
const SETTLED: Duration = Duration::from_secs(20);

/// Messages up to the first gap that an open transaction may still fill. Numbers are assigned
/// before transactions end, and a reader that continues after a number must not miss a lower one
/// that appears later.
fn settled(mut rows: Vec<MessageRow>, after: u64, now: Timestamp) -> Vec<MessageRow> {
    let mut last = int(after);
    let gap = rows.iter().position(|row| {
        let follows = row.seq == last + 1 || now.since(Timestamp(row.at)) >= SETTLED;
        last = row.seq;
        !follows
    });
    rows.truncate(gap.unwrap_or(rows.len()));
    rows
}

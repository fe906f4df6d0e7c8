//! Questions and notes: reads, and the few changes that need no decision.

use std::collections::HashMap;

use async_trait::async_trait;
use vine_domain::{
    Note, Question, QuestionId, Slug, TaskId, Timestamp,
    ports::{QuestionPage, Questions, StoreResult},
    question::Milestones,
};

use super::{
    question_rows::{NoteRow, QuestionRow, questions},
    rows::{all, int, json, parsed},
    run::{Fetch as _, Run as _},
};
use crate::{
    Database,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Questions for Database {
    async fn next_question(&self) -> StoreResult<QuestionId> {
        self.question_id().await
    }

    async fn questions_of(&self, task: TaskId) -> StoreResult<Vec<Question>> {
        let rows = questions!("WHERE q.task = $1 ORDER BY q.id", int(task.0));
        all(rows.all(self.quick()).await?)
    }

    async fn question(&self, id: QuestionId) -> StoreResult<Option<Question>> {
        let row = questions!("WHERE q.id = $1", int(id.0))
            .maybe(self.quick())
            .await?;
        row.map(Question::try_from).transpose()
    }

    async fn open_questions(
        &self,
        within: Option<&Slug>,
        limit: u32,
    ) -> StoreResult<Vec<Question>> {
        let rows = questions!(
            "WHERE q.state = 'open' AND (CAST($1 AS TEXT) IS NULL OR t.repo = $1) ORDER BY q.id LIMIT CAST($2 AS BIGINT)",
            within.map(Slug::as_str),
            i64::from(limit)
        );
        all(rows.all(self.reader()).await?)
    }

    async fn count_open(&self, within: Option<&Slug>) -> StoreResult<u64> {
        let count = scalar!(
            i64,
            r#"SELECT count(*) AS "count!: i64" FROM questions q JOIN tasks t ON t.id = q.task
               WHERE q.state = 'open' AND (CAST($1 AS TEXT) IS NULL OR t.repo = $1)"#,
            within.map(Slug::as_str)
        );
        Ok(count.one(self.quick()).await?.unsigned_abs())
    }

    async fn closed_questions(
        &self,
        within: Option<&Slug>,
        page: &QuestionPage,
    ) -> StoreResult<Vec<Question>> {
        let within = within.map(Slug::as_str);
        let limit = i64::from(page.limit);
        if let Some(after) = page.after {
            let rows = questions!(
                "WHERE q.state <> 'open' AND (CAST($1 AS TEXT) IS NULL OR t.repo = $1) AND q.id > $3 ORDER BY q.id LIMIT CAST($2 AS BIGINT)",
                within,
                limit,
                int(after.0)
            );
            let mut nearest = all(rows.all(self.reader()).await?)?;
            nearest.reverse();
            return Ok(nearest);
        }
        let rows = questions!(
            "WHERE q.state <> 'open' AND (CAST($1 AS TEXT) IS NULL OR t.repo = $1) AND q.id < $3 ORDER BY q.id DESC LIMIT CAST($2 AS BIGINT)",
            within,
            limit,
            page.before.map_or(i64::MAX, |id| int(id.0))
        );
        all(rows.all(self.reader()).await?)
    }

    async fn alarms(&self, limit: u32) -> StoreResult<Vec<(Slug, Question)>> {
        let rows = questions!(
            "WHERE q.state = 'open' AND q.alarm <= $1 ORDER BY q.alarm, q.id LIMIT CAST($2 AS BIGINT)",
            self.now().0,
            i64::from(limit)
        );
        let rows = rows.all(self.quick()).await?;
        rows.into_iter()
            .map(|row| Ok((parsed(&row.repo)?, row.try_into()?)))
            .collect()
    }

    async fn set_alarms(&self, alarms: &[(QuestionId, Timestamp)]) -> StoreResult<()> {
        let rows: Vec<(u64, i64)> = alarms.iter().map(|(id, at)| (id.0, at.0)).collect();
        let set = statement!("UPDATE questions SET alarm = c.at
             FROM (SELECT CAST(value ->> 0 AS BIGINT) AS id, CAST(value ->> 1 AS BIGINT) AS at FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l) c
             WHERE questions.id = c.id AND questions.state = 'open'",
            json(&rows)
        );
        set.run(self.writer()).await.map(drop)
    }

    async fn mark_seen(&self, questions: &[QuestionId]) -> StoreResult<()> {
        let ids: Vec<u64> = questions.iter().map(|id| id.0).collect();
        let unseen = scalar!(
            bool,
            r#"SELECT EXISTS (SELECT 1 FROM questions WHERE seen IS NULL AND id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))) AS "any!: bool""#,
            json(&ids)
        );
        // Repeated views write nothing.
        if !unseen.one(self.quick()).await? {
            return Ok(());
        }
        let marked = statement!(
            "UPDATE questions SET seen = $1 WHERE seen IS NULL AND id IN (SELECT CAST(atom AS BIGINT) FROM json_each($2))",
            self.now().0,
            json(&ids)
        );
        marked.run(self.writer()).await.map(drop)
    }

    async fn milestones(
        &self,
        questions: &[QuestionId],
    ) -> StoreResult<HashMap<QuestionId, Milestones>> {
        let list = json(
            &questions
                .iter()
                .map(|question| question.0)
                .collect::<Vec<_>>(),
        );
        let rows = rows!(
            { id: i64, posted: Option<i64>, has_room: bool, asked_at: i64, seen: Option<i64>, resumed: Option<i64> },
            r#"SELECT q.id AS "id!", (SELECT min(o.posted) FROM chat_messages m JOIN outbox o ON o.message = m.id
                       WHERE m.task = q.task AND m.kind = 'question' AND m.question = q.id) AS "posted?: i64",
                   EXISTS (SELECT 1 FROM tasks t JOIN rooms r ON r.repo = t.repo WHERE t.id = q.task) AS "has_room!: bool", q.asked_at,
                   q.seen,
                   (SELECT min(e.started) FROM executions e WHERE e.task = q.task AND e.epoch > q.epoch
                      AND e.started >= coalesce(a.at, q.expired)) AS "resumed?: i64"
               FROM questions q LEFT JOIN answers a ON a.question = q.id WHERE q.id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))"#,
            list
        );
        let rows = rows.all(self.reader()).await?;
        let stations = rows.into_iter().map(|row| {
            // Without a room, only the console shows it, straight from the store.
            let posted = row
                .posted
                .or((!row.has_room).then_some(row.asked_at))
                .map(Timestamp);
            let stations = Milestones {
                posted,
                seen: row.seen.map(Timestamp),
                resumed: row.resumed.map(Timestamp),
            };
            (QuestionId(row.id.unsigned_abs()), stations)
        });
        Ok(stations.collect())
    }

    async fn notes_of(&self, task: TaskId) -> StoreResult<Vec<Note>> {
        let rows = rows!(
            NoteRow,
            "SELECT key, task, author, text, at, state, delivered FROM notes WHERE task = $1 ORDER BY seq",
            int(task.0)
        );
        all(rows.all(self.quick()).await?)
    }
}

//! Questions of agents and notes to them: reading, and the little that changes without a decision.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, FromRow, query, query_as};
use vine_domain::{
    Note, Question, QuestionId, Slug, TaskId, Timestamp,
    ports::{Questions, Stations, Stored},
};

use crate::{
    Sqlite,
    rows::{NoteRow, QUESTION, QUESTION_FROM, QuestionRow, all, int, json, parsed},
    unavailable,
};

#[async_trait]
impl Questions for Sqlite {
    async fn next_question(&self) -> Stored<QuestionId> {
        Ok(QuestionId(Self::next(&self.last_question)))
    }

    async fn questions_of(&self, task: TaskId) -> Stored<Vec<Question>> {
        let sql = AssertSqlSafe(format!("SELECT {QUESTION} {QUESTION_FROM} WHERE q.task = ? ORDER BY q.id"));
        let rows = query_as::<_, QuestionRow>(sql).bind(int(task.0)).fetch_all(&self.reader).await.map_err(unavailable)?;
        all(rows)
    }

    async fn question(&self, id: QuestionId) -> Stored<Option<Question>> {
        let sql = AssertSqlSafe(format!("SELECT {QUESTION} {QUESTION_FROM} WHERE q.id = ?"));
        let row = query_as::<_, QuestionRow>(sql).bind(int(id.0)).fetch_optional(&self.reader).await.map_err(unavailable)?;
        row.map(Question::try_from).transpose()
    }

    async fn open_questions(&self, limit: u32) -> Stored<Vec<Question>> {
        let sql = AssertSqlSafe(format!("SELECT {QUESTION} {QUESTION_FROM} WHERE q.state = 'open' ORDER BY q.id LIMIT ?"));
        let rows = query_as::<_, QuestionRow>(sql).bind(limit).fetch_all(&self.reader).await.map_err(unavailable)?;
        all(rows)
    }

    async fn open_questions_in(&self, repo: &Slug) -> Stored<Vec<Question>> {
        let sql = AssertSqlSafe(format!(
            "SELECT {QUESTION} {QUESTION_FROM} JOIN tasks t ON t.id = q.task WHERE q.state = 'open' AND t.repo = ? ORDER BY q.id"
        ));
        let rows = query_as::<_, QuestionRow>(sql).bind(repo.as_str()).fetch_all(&self.reader).await.map_err(unavailable)?;
        all(rows)
    }

    async fn alarms(&self, limit: u32) -> Stored<Vec<(Slug, Question)>> {
        #[derive(FromRow)]
        struct Row {
            repo: String,
            #[sqlx(flatten)]
            question: QuestionRow,
        }
        let sql = AssertSqlSafe(format!(
            "SELECT t.repo, {QUESTION} {QUESTION_FROM} JOIN tasks t ON t.id = q.task
             WHERE q.state = 'open' AND q.alarm <= ? ORDER BY q.alarm, q.id LIMIT ?"
        ));
        let rows: Vec<Row> = query_as(sql).bind(self.now().0).bind(limit).fetch_all(&self.reader).await.map_err(unavailable)?;
        rows.into_iter().map(|row| Ok((parsed(&row.repo)?, row.question.try_into()?))).collect()
    }

    async fn reset_alarms(&self) -> Stored<()> {
        let statement = query("UPDATE questions SET alarm = ? WHERE state = 'open'").bind(self.now().0);
        statement.execute(&self.writer).await.map_err(unavailable)?;
        Ok(())
    }

    async fn mark_seen(&self, questions: &[QuestionId]) -> Stored<()> {
        let ids: Vec<u64> = questions.iter().map(|id| id.0).collect();
        query("UPDATE questions SET seen = ? WHERE seen IS NULL AND id IN (SELECT value FROM json_each(?))")
            .bind(self.now().0)
            .bind(json(&ids))
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn stations(&self, question: QuestionId) -> Stored<Stations> {
        let row: Option<(Option<i64>, Option<i64>, Option<i64>)> = query_as(
            "SELECT (SELECT min(o.posted) FROM chat_messages m JOIN outbox o ON o.message = m.id
                     WHERE m.task = q.task AND m.kind = 'question' AND m.question = q.id),
                    q.seen,
                    (SELECT min(e.started) FROM executions e WHERE e.task = q.task AND e.epoch > q.epoch
                       AND e.started >= coalesce(a.at, q.expired))
             FROM questions q LEFT JOIN answers a ON a.question = q.id WHERE q.id = ?",
        )
        .bind(int(question.0))
        .fetch_optional(&self.reader)
        .await
        .map_err(unavailable)?;
        let (posted, seen, resumed) = row.unwrap_or_default();
        Ok(Stations { posted: posted.map(Timestamp), seen: seen.map(Timestamp), resumed: resumed.map(Timestamp) })
    }

    async fn waiting_notes(&self, task: TaskId) -> Stored<Vec<Note>> {
        let rows = query_as::<_, NoteRow>("SELECT * FROM notes WHERE task = ? AND state = 'waiting' ORDER BY at, rowid").bind(int(task.0));
        all(rows.fetch_all(&self.reader).await.map_err(unavailable)?)
    }

    async fn notes_of(&self, task: TaskId) -> Stored<Vec<Note>> {
        let rows = query_as::<_, NoteRow>("SELECT * FROM notes WHERE task = ? ORDER BY at, rowid").bind(int(task.0));
        all(rows.fetch_all(&self.reader).await.map_err(unavailable)?)
    }
}

//! Tasks, their attempts and logs.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use vine_domain::{
    Note, Question, Task, TaskId,
    lifecycle::{About, TaskSnapshot},
    ports::{StoreResult, TaskFilter, Tasks},
};

use super::{
    question_rows::{NoteRow, QuestionRow, questions},
    rows::{NOTES, QUESTIONS, TaskRow, all, decided, int, json, listed, plain, tasks},
    run::Fetch as _,
};
use crate::{Database, statement::rows};

#[async_trait]
impl Tasks for Database {
    async fn next_tasks(&self, count: u32) -> StoreResult<Vec<TaskId>> {
        self.task_ids(count).await
    }

    async fn task(&self, id: TaskId) -> StoreResult<Option<Task>> {
        let row = tasks!("WHERE id = $1", int(id.0))
            .maybe(self.quick())
            .await?;
        row.map(Task::try_from).transpose()
    }

    async fn unblocked(&self) -> StoreResult<Vec<(TaskId, TaskId)>> {
        let rows = rows!(
            { id: i64, first: i64 },
            r#"SELECT t.id AS "id!", t.waits_for AS "first!" FROM tasks t LEFT JOIN tasks f ON f.id = t.waits_for
               WHERE t.waits_for IS NOT NULL AND t.state || '' = 'queued' AND (f.id IS NULL OR f.state || '' = 'done')"#
        );
        let rows = rows.all(self.quick()).await?.into_iter();
        let id = |id: i64| TaskId(id.unsigned_abs());
        Ok(rows.map(|row| (id(row.id), id(row.first))).collect())
    }

    async fn snapshots(&self, wanted: &[(TaskId, About)]) -> StoreResult<Vec<TaskSnapshot>> {
        let ids: Vec<u64> = wanted.iter().map(|(task, _)| task.0).collect();
        let asked = wanted.iter().filter_map(|(_, about)| match about {
            About::Asked(key) => Some(key.to_string()),
            _ => None,
        });
        let asked: Vec<String> = asked.collect();
        let rows = decided!(
            "WHERE id IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
            json(&ids),
            json(&asked)
        );
        let rows = rows.all(self.quick()).await?;
        let with = |what: i64| rows.iter().filter(move |row| row.pending & what != 0);
        let noted: Vec<i64> = with(NOTES).map(|row| row.id).collect();
        let asking: HashSet<u64> = with(QUESTIONS).map(|row| row.id.unsigned_abs()).collect();
        let mut wanted = wanted.to_vec();
        wanted.retain(|(task, about)| match about {
            About::Unsettled | About::Asked(_) => asking.contains(&task.0),
            About::Question(_) | About::Said(_) | About::Everything => true,
        });
        let tasks = all::<_, Task>(rows)?;
        // After the tasks: what is read later than a task may be newer, which its fence notices.
        let (notes, questions) =
            tokio::try_join!(self.waiting_notes(&noted), self.questions_about(&wanted))?;
        let mut notes = by_task(notes, |note: &Note| note.task);
        let mut questions = by_task(questions, Question::task);
        let snapshot = |task: Task| TaskSnapshot {
            questions: questions.remove(&task.id).unwrap_or_default(),
            notes: notes.remove(&task.id).unwrap_or_default(),
            task,
        };
        Ok(tasks.into_iter().map(snapshot).collect())
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
        if let Some(after) = filter.after {
            let rows = tasks!(
                "WHERE id > $1 AND (CAST($2 AS TEXT) IS NULL OR repo = $2)
                   AND (CAST($3 AS TEXT) IS NULL OR replace(lower(title), lower($3), '') <> lower(title)
                        OR replace(lower(branch), lower($3), '') <> lower(branch))
                   AND (CAST($4 AS TEXT) IS NULL OR ($4 = 'dead' AND dead) OR state = $4)
                 ORDER BY id LIMIT CAST($5 AS BIGINT)",
                int(after.0),
                repo,
                text,
                filter.state.as_deref(),
                limit
            );
            let mut nearest: Vec<Task> = all(rows.all(self.reader()).await?)?;
            nearest.reverse();
            return Ok(nearest);
        }
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
}

impl Database {
    /// The waiting notes of these tasks, oldest first.
    async fn waiting_notes(&self, tasks: &[i64]) -> StoreResult<Vec<Note>> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows!(
            NoteRow,
            "SELECT key, task, author, text, at, state, delivered FROM notes
             WHERE state = 'waiting' AND task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1)) ORDER BY seq",
            json(tasks)
        );
        all(rows.all(self.quick()).await?)
    }

    /// The questions of these tasks, oldest first.
    async fn questions_about(&self, wanted: &[(TaskId, About)]) -> StoreResult<Vec<Question>> {
        let (whole, rest): (Vec<_>, Vec<_>) = wanted
            .iter()
            .copied()
            .partition(|(_, about)| *about == About::Everything);
        let mut found = Vec::new();
        if !rest.is_empty() {
            let ids: Vec<u64> = rest.iter().map(|(task, _)| task.0).collect();
            let rows = questions!(
                "WHERE q.state IN ('open', 'answered', 'expired') AND q.task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
                json(&ids)
            );
            found = all(rows.all(self.quick()).await?)?;
        }
        if !whole.is_empty() {
            let ids: Vec<u64> = whole.iter().map(|(task, _)| task.0).collect();
            let rows = questions!(
                "WHERE q.task IN (SELECT CAST(atom AS BIGINT) FROM json_each($1))",
                json(&ids)
            );
            found.extend(all::<_, Question>(rows.all(self.quick()).await?)?);
        }
        for (task, about) in rest {
            let settled = self.question_about(about, &found).await?;
            found.extend(settled.filter(|question| question.task() == task));
        }
        // A task may be wanted twice, and about different questions.
        found.sort_by_key(|question| question.id);
        found.dedup_by_key(|question| question.id);
        Ok(found)
    }

    /// The question that a decision is about, unless it was found already.
    async fn question_about(
        &self,
        about: About,
        found: &[Question],
    ) -> StoreResult<Option<Question>> {
        let is_it = |question: &Question| match about {
            About::Question(id) => question.id == id,
            About::Asked(key) => question.key == key,
            About::Said(key) => question.answer().is_some_and(|answer| answer.key == key),
            About::Unsettled | About::Everything => false,
        };
        if found.iter().any(is_it) {
            return Ok(None);
        }
        let at = self.quick();
        let row = match about {
            About::Question(id) => questions!("WHERE q.id = $1", int(id.0)).maybe(at).await?,
            About::Asked(key) => {
                questions!("WHERE q.key = $1", key.to_string())
                    .maybe(at)
                    .await?
            }
            About::Said(key) => {
                let answered = questions!(
                    "WHERE q.id IN (SELECT question FROM answers WHERE key = $1)",
                    key.to_string()
                );
                answered.maybe(at).await?
            }
            About::Unsettled | About::Everything => None,
        };
        row.map(Question::try_from).transpose()
    }
}

fn by_task<T>(all: Vec<T>, task: impl Fn(&T) -> TaskId) -> HashMap<TaskId, Vec<T>> {
    let mut by: HashMap<TaskId, Vec<T>> = HashMap::new();
    for one in all {
        by.entry(task(&one)).or_default().push(one);
    }
    by
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

//! Statistics.

use std::time::Duration;

use async_trait::async_trait;
use vine_domain::{
    Timestamp,
    attempt::Usage,
    ports::{DayStats, EndedAttempts, OldestPending, Spending, Stats, StoreResult},
};

use super::{
    rows::millis,
    run::{Fetch as _, Run as _},
};
use crate::{
    Database, engine,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Stats for Database {
    async fn oldest_pending(&self) -> StoreResult<OldestPending> {
        let row = rows!(
            { queued: Option<i64>, question: Option<i64>, lease: Option<i64>, outbox: Option<i64>, inbox: Option<i64>, inbox_depth: i64 },
            r#"SELECT (SELECT min((SELECT min(o.due) FROM work_orders o WHERE o.resumes = r.resumes AND o.lane = n.lane AND o.due <= $1))
                       FROM (SELECT true AS resumes UNION ALL SELECT false) r
                       CROSS JOIN (SELECT 0 AS lane UNION ALL SELECT 1 UNION ALL SELECT 2) n) AS "queued?: i64",
                      (SELECT min(asked_at) FROM questions WHERE state = 'open') AS "question?: i64",
                      (SELECT min(e.started) FROM tasks t JOIN executions e ON e.task = t.id AND e.epoch = t.epoch
                       WHERE t.lease_worker IS NOT NULL) AS "lease?: i64",
                      (SELECT min(m.at) FROM outbox o JOIN chat_messages m ON m.id = o.message WHERE o.posted IS NULL) AS "outbox?: i64",
                      (SELECT min(at) FROM inbox WHERE read IS NULL) AS "inbox?: i64",
                      (SELECT count(*) FROM inbox WHERE read IS NULL) AS "inbox_depth!: i64""#,
            self.now().0
        );
        let row = row.one(self.reader()).await?;
        let [queued, question, lease, outbox, inbox] =
            [row.queued, row.question, row.lease, row.outbox, row.inbox]
                .map(|at| at.map(Timestamp));
        Ok(OldestPending {
            queued,
            question,
            lease,
            outbox,
            inbox,
            inbox_depth: row.inbox_depth.unsigned_abs(),
        })
    }

    async fn probe_write(&self) -> StoreResult<()> {
        let beat = statement!(
            "INSERT INTO pulse (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
            self.now().0
        );
        let mut tx = self.begin().await?;
        beat.run(&mut *tx).await?;
        engine::commit(tx).await?;
        let read = scalar!(i64, "SELECT at FROM pulse WHERE id = 1");
        read.one(self.quick()).await.map(drop)
    }

    async fn ended_since(
        &self,
        since: Timestamp,
        span: Duration,
    ) -> StoreResult<Vec<EndedAttempts>> {
        let rows = rows!(
            { span: i64, done: i64, failed: i64 },
            r#"SELECT (ended - $1) / $2 AS "span!: i64", sum(CASE outcome WHEN 'done' THEN 1 ELSE 0 END) AS "done!: i64",
                   sum(CASE outcome WHEN 'failed' THEN 1 ELSE 0 END) AS "failed!: i64"
               FROM executions WHERE ended >= $1 GROUP BY 1 ORDER BY 1"#,
            since.0,
            millis(span)
        );
        let rows = rows.all(self.reader()).await?.into_iter();
        let ended = rows.map(|row| EndedAttempts {
            span: usize::try_from(row.span).unwrap_or(0),
            done: row.done.unsigned_abs(),
            failed: row.failed.unsigned_abs(),
        });
        Ok(ended.collect())
    }

    async fn day(&self, since: Timestamp) -> StoreResult<DayStats> {
        let row = rows!(
            { done: i64, failed: i64, took: i64, busy: i64, first: i64, queued: i64, asked: i64, messages: i64 },
            r#"SELECT coalesce(sum(CASE outcome WHEN 'done' THEN 1 ELSE 0 END), 0) AS "done!: i64",
                   coalesce(sum(CASE outcome WHEN 'failed' THEN 1 ELSE 0 END), 0) AS "failed!: i64",
                   CAST(coalesce(sum(CASE outcome WHEN 'done' THEN e.ended - e.started ELSE 0 END), 0) AS BIGINT) AS "took!: i64",
                   CAST(coalesce(sum(e.ended - e.started), 0) AS BIGINT) AS "busy!: i64",
                   coalesce(sum(CASE e.epoch WHEN 1 THEN 1 ELSE 0 END), 0) AS "first!: i64",
                   CAST(coalesce(sum(CASE e.epoch WHEN 1 THEN e.started - t.created ELSE 0 END), 0) AS BIGINT) AS "queued!: i64",
                   (SELECT count(*) FROM questions WHERE asked_at >= $1) AS "asked!: i64",
                   (SELECT count(*) FROM chat_messages m JOIN executions x ON x.task = m.task
                    WHERE x.ended >= $1 AND x.outcome = 'done') AS "messages!: i64"
               FROM executions e JOIN tasks t ON t.id = e.task WHERE e.ended >= $1"#,
            since.0
        );
        let row = row.one(self.reader()).await?;
        let span = |millis: i64| Duration::from_millis(millis.unsigned_abs());
        Ok(DayStats {
            done: row.done.unsigned_abs(),
            failed: row.failed.unsigned_abs(),
            took: span(row.took),
            busy: span(row.busy),
            first_claims: row.first.unsigned_abs(),
            queued: span(row.queued),
            asked: row.asked.unsigned_abs(),
            messages: row.messages.unsigned_abs(),
        })
    }

    async fn spent_since(&self, since: Timestamp) -> StoreResult<Vec<Spending>> {
        let rows = rows!(
            { repo: String, requester: String, day: i64, turns: i64, input: i64, output: i64, cost: i64 },
            r#"SELECT t.repo AS "repo!", t.requester AS "requester!", e.ended / 86400000 AS "day!: i64",
                   CAST(sum(CAST(u.value ->> 'turns' AS BIGINT)) AS BIGINT) AS "turns!: i64",
                   CAST(sum(CAST(u.value ->> 'input_tokens' AS BIGINT)) AS BIGINT) AS "input!: i64",
                   CAST(sum(CAST(u.value ->> 'output_tokens' AS BIGINT)) AS BIGINT) AS "output!: i64",
                   CAST(sum(CAST(u.value ->> 'cost_microdollars' AS BIGINT)) AS BIGINT) AS "cost!: i64"
               FROM executions e JOIN tasks t ON t.id = e.task CROSS JOIN json_each('[' || e.usage || ']') u
               WHERE e.ended >= $1 GROUP BY 1, 2, 3"#,
            since.0
        );
        let rows = rows.all(self.reader()).await?;
        let spending = rows.into_iter().map(|row| Spending {
            repo: row.repo,
            requester: row.requester,
            day: row.day,
            usage: Usage {
                turns: row.turns.unsigned_abs(),
                input_tokens: row.input.unsigned_abs(),
                output_tokens: row.output.unsigned_abs(),
                cost_microdollars: row.cost.unsigned_abs(),
            },
        });
        Ok(spending.collect())
    }

    async fn answers_since(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(Timestamp, Duration)>> {
        let rows = rows!(
            { at: i64, asked_at: i64 },
            "SELECT a.at, q.asked_at FROM answers a JOIN questions q ON q.id = a.question WHERE a.at >= $1 ORDER BY a.at DESC LIMIT CAST($2 AS BIGINT)",
            since.0,
            i64::from(limit)
        );
        let rows = rows.all(self.reader()).await?.into_iter();
        Ok(rows
            .map(|row| {
                (
                    Timestamp(row.at),
                    Timestamp(row.at).since(Timestamp(row.asked_at)),
                )
            })
            .collect())
    }

    fn skew(&self) -> Duration {
        engine::skew(self)
    }
}

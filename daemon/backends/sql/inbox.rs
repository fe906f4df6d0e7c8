//! The inbox: what people did on platforms, stored before it is acknowledged.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use vine_domain::{
    Timestamp,
    chat::{Inbound, InboundBatch, InboundKind},
    ports::{Inbox, StoreResult, UnprocessedEvent},
};

use super::{
    posts::noticed,
    rows::{from_json, int, json},
    run::{Fetch as _, Run as _},
};
use crate::{
    Connection, Database, engine,
    statement::{rows, scalar, statement},
};

#[async_trait]
impl Inbox for Database {
    async fn store_event(&self, event: &Inbound) -> StoreResult<bool> {
        let mut tx = self.begin().await?;
        let new = take(&mut tx, std::slice::from_ref(event), self.now()).await? == 1;
        engine::commit(tx).await?;
        Ok(new)
    }

    async fn ingest(&self, platform: &str, batch: &InboundBatch) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let twice = noticed(&mut tx, platform, &batch.echoes).await?;
        take(&mut tx, &batch.events, self.now()).await?;
        if let Some(cursor) = &batch.cursor {
            let position = statement!(
                "INSERT INTO cursors (platform, position) VALUES ($1, $2) ON CONFLICT (platform) DO UPDATE SET position = excluded.position",
                platform,
                cursor
            );
            position.run(&mut *tx).await?;
        }
        engine::commit(tx).await?;
        Ok(twice)
    }

    async fn cursor(&self, platform: &str) -> StoreResult<Option<String>> {
        let position = scalar!(
            String,
            "SELECT position FROM cursors WHERE platform = $1",
            platform
        );
        position.maybe(self.quick()).await
    }

    async fn event(&self, platform: &str, event: &str) -> StoreResult<Option<Inbound>> {
        let body = scalar!(
            String,
            "SELECT body FROM inbox WHERE platform = $1 AND event = $2",
            platform,
            event
        );
        body.maybe(self.quick())
            .await?
            .as_deref()
            .map(from_json)
            .transpose()
    }

    async fn is_processed(&self, event: &Inbound) -> StoreResult<bool> {
        let read = scalar!(
            bool,
            r#"SELECT EXISTS (SELECT 1 FROM inbox WHERE platform = $1 AND event = $2 AND read IS NOT NULL) AS "read!: bool""#,
            event.platform,
            event.event
        );
        read.one(self.quick()).await
    }

    async fn unprocessed(
        &self,
        age: Duration,
        awaited: Duration,
        after: u64,
    ) -> StoreResult<Vec<UnprocessedEvent>> {
        let now = self.now();
        let rows = rows!(
            { seq: i64, body: String, at: i64 },
            r#"SELECT seq AS "seq!", body, at FROM inbox WHERE read IS NULL AND seq > $3 AND at <= $1 AND (NOT awaited OR at <= $2)
               ORDER BY seq LIMIT 100"#,
            now.minus(age).0,
            now.minus(awaited).0,
            int(after)
        );
        let rows = rows.all(self.reader()).await?.into_iter();
        rows.map(|row| {
            Ok(UnprocessedEvent {
                seq: row.seq.unsigned_abs(),
                at: Timestamp(row.at),
                event: from_json(&row.body)?,
            })
        })
        .collect()
    }

    async fn awaited(&self, platform: &str) -> StoreResult<Vec<Inbound>> {
        let bodies = scalar!(
            String,
            "SELECT body FROM inbox WHERE read IS NULL AND awaited AND platform = $1 ORDER BY seq LIMIT 100",
            platform
        );
        bodies
            .all(self.reader())
            .await?
            .iter()
            .map(|body| from_json(body))
            .collect()
    }

    async fn mark_processed(&self, event: &Inbound) -> StoreResult<()> {
        mark(&mut *self.alone().await?, event, self.now()).await
    }

    async fn live_threads(&self, platform: &str) -> StoreResult<Vec<(String, String)>> {
        let rows = rows!(
            { room: String, thread: String },
            r#"SELECT o.room AS "room!", o.thread AS "thread!" FROM outbox o JOIN tasks t ON t.id = o.task
               WHERE o.platform = $1 AND o.thread IS NOT NULL AND t.state IN ('queued', 'running', 'waiting')
               GROUP BY o.room, o.thread ORDER BY min(o.task)"#,
            platform
        );
        let rows = rows.all(self.reader()).await?;
        Ok(rows.into_iter().map(|row| (row.room, row.thread)).collect())
    }
}

/// Adds events to the inbox and returns how many were new or updated. An event whose content was
/// awaited is updated with it.
async fn take(tx: &mut Connection, events: &[Inbound], now: Timestamp) -> StoreResult<u64> {
    let row = |event: &Inbound| {
        let about = match &event.act {
            InboundKind::Edited(of) => of,
            _ => &event.event,
        };
        json!({
            "platform": event.platform, "event": event.event, "key": event.own_key(), "about": about, "awaited": event.act == InboundKind::Awaited,
            "body": json(event),
        })
    };
    let rows: Vec<Value> = events.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let taken = statement!("INSERT INTO inbox (platform, event, key, about, awaited, body, at)
         SELECT value ->> 'platform', value ->> 'event', value ->> 'key', value ->> 'about', CAST(value ->> 'awaited' AS BOOLEAN),
             value ->> 'body', $1 FROM (SELECT key, value FROM json_each($2) LIMIT 1000000000 OFFSET 0) l WHERE true ORDER BY l.key
         ON CONFLICT (platform, event) DO UPDATE SET body = excluded.body, awaited = excluded.awaited, about = excluded.about
         WHERE inbox.read IS NULL AND inbox.awaited",
        now.0,
        json(&rows)
    );
    taken.run(tx).await
}

pub(super) async fn mark(tx: &mut Connection, event: &Inbound, now: Timestamp) -> StoreResult<()> {
    let marked = statement!(
        "UPDATE inbox SET read = $1 WHERE platform = $2 AND event = $3",
        now.0,
        event.platform,
        event.event
    );
    marked.run(tx).await.map(drop)
}

//! Detects whether this is the same server, database and timeline as last time. If not, the
//! database was restored from a copy, or a replica that was behind took over. Numbers that were
//! assigned since then may still be in use in branches and rooms, so they are not assigned again.

use sqlx::{PgPool, query, query_scalar};

/// The size of the gap in the numbers.
const GAP: i64 = 1_000;

/// Records the server's identity, and leaves a gap in all numbers if it has changed.
pub async fn look(pool: &PgPool) -> sqlx::Result<()> {
    // Not with the macros, since the user at compile time may not be allowed to read these.
    let born = query_scalar::<_, String>(
        "SELECT concat_ws('/', s.system_identifier, c.timeline_id, (SELECT oid FROM pg_database WHERE datname = current_database()))
         FROM pg_control_system() s, pg_control_checkpoint() c",
    );
    let born = match born.fetch_one(pool).await {
        Ok(born) => born,
        Err(sqlx::Error::Database(why)) => {
            tracing::debug!("could not read the server's identity: {why}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let mut tx = pool.begin().await?;
    let known = query_scalar!("SELECT born FROM settings FOR UPDATE")
        .fetch_one(&mut *tx)
        .await?;
    if known.as_deref() == Some(&*born) {
        return Ok(());
    }
    query!("UPDATE settings SET born = $1", born)
        .execute(&mut *tx)
        .await?;
    if known.is_some() {
        let skipped = query!(
            "SELECT setval('task_ids', last_value + $1) AS tasks,
                    (SELECT setval('question_ids', last_value + $1) FROM question_ids) AS questions
             FROM task_ids",
            GAP
        );
        let skipped = skipped.fetch_one(&mut *tx).await?;
        query!(
            "UPDATE settings SET last_task = $1, last_question = $2",
            skipped.tasks,
            skipped.questions
        )
        .execute(&mut *tx)
        .await?;
        tracing::warn!(
            "this database was restored from a copy, or another server took over; numbers of tasks and \
             questions continue after a gap, so that none is assigned twice"
        );
    }
    tx.commit().await
}

//! Which server and database this is, and on which branch of its history. Another one than the last time
//! was restored from a copy, or took over from a server that it did not follow to the end: numbers that
//! were handed out since may stand in branches, rooms and people's heads, and are not handed out again.

use sqlx::{PgPool, query, query_scalar};

/// Numbers go on after this many.
const GAP: i64 = 1_000;

/// Notes who the server is, and leaves a gap in all numbers when it is another one.
pub async fn look(pool: &PgPool) -> sqlx::Result<()> {
    // The macros' user may be none that reads these.
    let born = query_scalar::<_, String>(
        "SELECT concat_ws('/', s.system_identifier, c.timeline_id, (SELECT oid FROM pg_database WHERE datname = current_database()))
         FROM pg_control_system() s, pg_control_checkpoint() c",
    );
    let born = match born.fetch_one(pool).await {
        Ok(born) => born,
        Err(sqlx::Error::Database(why)) => {
            tracing::debug!("who this server is cannot be read: {why}");
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
            "this database was restored from a copy, or another server took it over; numbers of tasks and \
             questions go on after a gap, so that none of them is handed out twice"
        );
    }
    tx.commit().await
}

//! The fences, and the statements that follow from a decision, as one function: a round trip costs more than most of
//! them. Each connection has its own, so that daemons of two versions do not share one.

use sqlx::{AssertSqlSafe, Executor, PgConnection, query_scalar};
use vine_domain::{
    Timestamp,
    ports::{StoreError, StoreResult},
};

use crate::{
    errors::unavailable,
    sql::{
        StatementBatch,
        assign::{BEGIN_ATTEMPTS, COPY, DROP_ORDERS, LOG_CLAIMS},
        commit::{
            BEGIN_ROUNDS, CONTINUE_SESSIONS, END_ATTEMPTS, END_SESSIONS, LOG, PUT_ORDERS,
            REVIVE_SESSIONS, SAVE_ANSWERS, SAVE_NOTES, SAVE_QUESTIONS, SAVE_TASKS, WITHDRAW_ROUNDS,
        },
        create::{INSERT_TASKS, QUEUE_NEW},
        messages::{ADD, PUT_OUT, SUPERSEDE_CARDS},
        requests::PUSHED,
        script::Statement,
        users::AUDIT,
    },
};

/// All statements that batches are made of. Their positions are their numbers.
const PARTS: [&Statement; 23] = [
    &SAVE_TASKS,
    &INSERT_TASKS,
    &BEGIN_ATTEMPTS,
    &DROP_ORDERS,
    &LOG_CLAIMS,
    &COPY,
    &BEGIN_ROUNDS,
    &WITHDRAW_ROUNDS,
    &CONTINUE_SESSIONS,
    &END_ATTEMPTS,
    &END_SESSIONS,
    &LOG,
    &PUT_ORDERS,
    &REVIVE_SESSIONS,
    &SAVE_ANSWERS,
    &SAVE_NOTES,
    &SAVE_QUESTIONS,
    &QUEUE_NEW,
    &ADD,
    &PUT_OUT,
    &SUPERSEDE_CARDS,
    &AUDIT,
    &PUSHED,
];

/// Defines the function on a new connection.
pub async fn define(at: &mut PgConnection) -> sqlx::Result<()> {
    let cases: Vec<String> = PARTS.iter().enumerate().map(case).collect();
    // Its own words must not be names of columns.
    let function = format!(
        "CREATE OR REPLACE FUNCTION pg_temp.run_parts(run_numbers BIGINT[], run_lists TEXT[], run_now BIGINT, run_fenced BOOLEAN)
             RETURNS BOOLEAN LANGUAGE plpgsql AS $parts$
         DECLARE run_rows BIGINT;
         BEGIN
             FOR run_at IN 1..cardinality(run_numbers) LOOP
                 CASE run_numbers[run_at] {} END CASE;
                 GET DIAGNOSTICS run_rows = ROW_COUNT;
                 IF run_fenced AND run_at = 1 AND run_rows = 0 THEN RETURN false; END IF;
             END LOOP;
             RETURN true;
         END $parts$",
        cases.join(" ")
    );
    at.execute(AssertSqlSafe(function)).await.map(drop)
}

fn case((number, part): (usize, &&Statement)) -> String {
    let listed = part.sql.replace("$1", "run_lists[run_at]");
    let sql = match part.timed {
        true => listed.replace("$2", "run_now"),
        false => listed,
    };
    format!("WHEN {number} THEN {sql};")
}

/// Runs the statements of a batch.
pub async fn run(tx: &mut PgConnection, batch: StatementBatch, now: Timestamp) -> StoreResult<()> {
    call(tx, batch, now, false).await.map(drop)
}

/// Runs the first statement of a batch, and if that changed a row, the others.
pub async fn run_fenced(
    at: &mut PgConnection,
    batch: StatementBatch,
    now: Timestamp,
) -> StoreResult<bool> {
    call(at, batch, now, true).await
}

async fn call(
    at: &mut PgConnection,
    batch: StatementBatch,
    now: Timestamp,
    fenced: bool,
) -> StoreResult<bool> {
    let mut numbers = Vec::with_capacity(batch.parts.len());
    let mut lists = Vec::with_capacity(batch.parts.len());
    for (part, list) in &batch.parts {
        let number = PARTS.iter().position(|known| known.sql == part.sql);
        let number = number.and_then(|number| i64::try_from(number).ok());
        numbers.push(
            number.ok_or_else(|| {
                StoreError::Corrupt(format!("no part of any batch: {}", part.sql))
            })?,
        );
        lists.push(batch.lists[*list].as_str());
    }
    // The macros do not know a function of one connection.
    query_scalar::<_, bool>("SELECT pg_temp.run_parts($1, $2, $3, $4)")
        .bind(numbers)
        .bind(lists)
        .bind(now.0)
        .bind(fenced)
        .fetch_one(at)
        .await
        .map_err(unavailable)
}

//! The statements that follow from a decision, as one function: a round trip costs more than most of
//! them. Each connection has its own, so that daemons of two versions do not share one.

use sqlx::{AssertSqlSafe, Executor, PgConnection, query};
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
            REVIVE_SESSIONS, SAVE_ANSWERS, SAVE_NOTES, SAVE_QUESTIONS, WITHDRAW_ROUNDS,
        },
        create::QUEUE_NEW,
        messages::{ADD, PUT_OUT, SUPERSEDE_CARDS},
        requests::PUSHED,
        script::Statement,
        users::AUDIT,
    },
};

/// All statements that batches are made of. Their positions are their numbers.
const PARTS: [&Statement; 21] = [
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
        "CREATE OR REPLACE FUNCTION pg_temp.run_parts(run_numbers BIGINT[], run_lists TEXT[], run_now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $parts$
         BEGIN
             FOR run_at IN 1..cardinality(run_numbers) LOOP
                 CASE run_numbers[run_at] {} END CASE;
             END LOOP;
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
    query("SELECT pg_temp.run_parts($1, $2, $3)")
        .bind(numbers)
        .bind(lists)
        .bind(now.0)
        .execute(tx)
        .await
        .map(drop)
        .map_err(unavailable)
}

//! The statements that follow from a decision, as one function: a round trip costs more than most of
//! them. Each connection has its own, so that daemons of two versions do not share one.

use sqlx::{AssertSqlSafe, Executor, PgConnection, query};
use vine_domain::{Timestamp, ports::StoreResult};

use crate::{
    errors::unavailable,
    sql::{
        StatementBatch,
        parts::{Statement, all},
    },
};

/// Defines the function on a new connection.
pub async fn define(at: &mut PgConnection) -> sqlx::Result<()> {
    let cases: Vec<String> = all().into_iter().map(case).collect();
    // Its own words must not be names of columns.
    let function = format!(
        "CREATE OR REPLACE FUNCTION pg_temp.run_parts(run_names TEXT[], run_lists TEXT[], run_now BIGINT) RETURNS VOID LANGUAGE plpgsql AS $parts$
         BEGIN
             FOR run_at IN 1..cardinality(run_names) LOOP
                 CASE run_names[run_at] {} END CASE;
             END LOOP;
         END $parts$",
        cases.join(" ")
    );
    at.execute(AssertSqlSafe(function)).await.map(drop)
}

fn case(part: &Statement) -> String {
    let sql = part
        .sql
        .replace("$1", "run_lists[run_at]")
        .replace("$2", "run_now");
    format!("WHEN '{}' THEN {sql};", part.name)
}

/// Runs the statements of a batch.
pub async fn run(tx: &mut PgConnection, batch: StatementBatch, now: Timestamp) -> StoreResult<()> {
    let (names, lists): (Vec<&str>, Vec<&str>) = batch
        .parts
        .iter()
        .map(|(part, list)| (part.name, batch.lists[*list].as_str()))
        .unzip();
    // The macros do not know a function of one connection.
    query("SELECT pg_temp.run_parts($1, $2, $3)")
        .bind(names)
        .bind(lists)
        .bind(now.0)
        .execute(tx)
        .await
        .map(drop)
        .map_err(unavailable)
}

//! The consequences of a decision: statements without results, collected and run together; on
//! PostgreSQL in one round trip (`parts.rs` there).

use serde_json::Value;
use vine_domain::{Timestamp, ports::StoreResult};

use super::rows::json;
use crate::{Connection, engine};

/// A statement that reads a list of rows, as JSON, from `$1`, and the time from `$2` if it is
/// `timed`. Defined with [`part`].
pub struct Statement {
    pub sql: &'static str,
    pub timed: bool,
}

/// Defines a named statement that is checked at compile time like any other.
macro_rules! part {
    ($vis:vis $name:ident, now, $sql:literal $(+ $more:literal)*) => {
        part!(@ $vis $name, true, concat!($sql $(, $more)*), ($sql $(+ $more)*), String::new(), 0_i64);
    };
    ($vis:vis $name:ident, $sql:literal) => { part!(@ $vis $name, false, $sql, ($sql), String::new()); };
    (@ $vis:vis $name:ident, $timed:literal, $sql:expr, ($($checked:tt)+), $($arg:expr),+) => {
        $vis const $name: $crate::sql::script::Statement = {
            fn _is_checked() {
                let _statement = sqlx::query!($($checked)+, $($arg),+);
            }
            $crate::sql::script::Statement { sql: $sql, timed: $timed }
        };
    };
}
pub(crate) use part;

/// Statements in the order in which they run.
#[derive(Default)]
pub struct StatementBatch {
    pub lists: Vec<String>,
    /// Each with the index of its list.
    pub parts: Vec<(&'static Statement, usize)>,
}

impl StatementBatch {
    /// A batch that begins with a fence: if that writes no row, [`StatementBatch::run_fenced`] runs
    /// nothing else.
    pub fn fenced(fence: &'static Statement, rows: &[Value]) -> Self {
        let mut batch = Self::default();
        batch.add(rows, &[fence]);
        batch
    }

    /// Adds statements that read the same rows; does nothing without rows.
    pub fn add(&mut self, rows: &[Value], parts: &[&'static Statement]) {
        if !rows.is_empty() {
            self.parts
                .extend(parts.iter().map(|part| (*part, self.lists.len())));
            self.lists.push(json(rows));
        }
    }

    /// Runs all statements in the current transaction.
    pub async fn run(self, tx: &mut Connection, now: Timestamp) -> StoreResult<()> {
        if self.parts.is_empty() {
            Ok(())
        } else {
            engine::run(tx, self, now).await
        }
    }

    /// Runs its fence, and if that wrote a row, all other statements. Returns whether it did.
    pub async fn run_fenced(self, tx: &mut Connection, now: Timestamp) -> StoreResult<bool> {
        engine::run_fenced(tx, self, now).await
    }
}

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
    ($vis:vis $name:ident, $sql:literal) => { part!(@ $vis $name, false, $sql, String::new()); };
    ($vis:vis $name:ident, now, $sql:literal) => { part!(@ $vis $name, true, $sql, String::new(), 0_i64); };
    (@ $vis:vis $name:ident, $timed:literal, $sql:literal, $($arg:expr),+) => {
        $vis const $name: $crate::sql::script::Statement = {
            fn _is_checked() {
                let _statement = sqlx::query!($sql, $($arg),+);
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
}

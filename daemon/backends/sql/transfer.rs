//! Moves all data from one database to another: every row of every table as a line of JSON, in the
//! same format for both engines.

use std::{
    collections::BTreeMap,
    io::{BufRead, Write},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use vine_domain::ports::StoreError;

use super::run::Run as _;
use crate::{Connection, Database, engine, statement::built};

/// Columns of `settings` that belong to one database and are not transferred.
const OWN: [&str; 3] = ["place", "born", "era"];

/// Tables, in an order in which each refers only to earlier ones. Leases are left out, since they
/// belong to running daemons.
const TABLES: [&str; 26] = [
    "users",
    "identities",
    "passwords",
    "tokens",
    "audit",
    "settings",
    "repos",
    "rooms",
    "workers",
    "tasks",
    "work_orders",
    "executions",
    "rounds",
    "change_requests",
    "task_log",
    "sessions",
    "questions",
    "answers",
    "ledger",
    "notes",
    "files",
    "chat_messages",
    "outbox",
    "posts",
    "inbox",
    "cursors",
];
/// The version of the format.
const FORMAT: u32 = 1;
/// Rows per statement.
const PORTION: usize = 500;
/// Characters per statement, unless a single row has more.
const LARGEST_PORTION: usize = 16 << 20;

/// The first line.
#[derive(Serialize, Deserialize)]
struct ExportHeader {
    agentvine_export: u32,
    /// The program that wrote it.
    version: String,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
struct ExportRow {
    table: String,
    row: Box<RawValue>,
}

/// The last line: the number of rows. Without it the file is incomplete.
#[derive(Serialize, Deserialize)]
struct ExportFooter {
    rows: u64,
}

/// Why a transfer failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database returned an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be written or read.
    #[error("the file could not be read or written: {0}")]
    File(#[from] std::io::Error),
    /// The file is not a valid export.
    #[error("invalid export at line {0}: {1}")]
    Line(usize, String),
    /// The database is not empty.
    #[error("the database already has {0} rows in `{1}`; import into an empty one")]
    NotEmpty(i64, &'static str),
}

impl Database {
    /// Writes a consistent snapshot of all rows. Returns their number.
    pub async fn export(&self, out: &mut (dyn Write + Send)) -> Result<u64, TransferError> {
        let head = ExportHeader {
            agentvine_export: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
        };
        writeln!(out, "{}", json(&head))?;
        let mut tx = engine::snapshot(self).await?;
        let mut rows = 0;
        for table in TABLES {
            let columns = columns(&mut tx, table).await?;
            let statement = engine::as_json(table, &columns);
            rows += engine::each(&mut tx, statement, |row| put_line(out, table, row)).await?;
        }
        writeln!(out, "{}", json(&ExportFooter { rows }))?;
        Ok(rows)
    }

    /// Imports all rows of an export, or none. Returns their number.
    pub async fn import(&self, from: &mut (dyn BufRead + Send)) -> Result<u64, TransferError> {
        let mut lines = from.lines().zip(1..);
        let (head, _) = lines
            .next()
            .ok_or_else(|| TransferError::Line(1, "the file is empty".into()))?;
        let head: ExportHeader = read(1, &head?)?;
        if head.agentvine_export != FORMAT {
            let why = format!(
                "it was written in format {} by version {}, but this program reads format {FORMAT}",
                head.agentvine_export, head.version
            );
            return Err(TransferError::Line(1, why));
        }
        let mut tx = self.begin().await?;
        engine::take_time(&mut tx).await?;
        is_empty(&mut tx).await?;
        built("DELETE FROM settings".into(), Vec::new())
            .run(&mut *tx)
            .await?;
        let mut taken = 0;
        let mut portion: Vec<Box<RawValue>> = Vec::new();
        let mut size = 0;
        let mut table = String::new();
        let mut end = None;
        for (line, number) in lines {
            let line = line?;
            if let Ok(last) = serde_json::from_str::<ExportFooter>(&line) {
                end = Some(last.rows);
                break;
            }
            let line: ExportRow = read(number, &line)?;
            if !TABLES.contains(&line.table.as_str()) {
                return Err(TransferError::Line(
                    number,
                    format!("unknown table `{}`", line.table),
                ));
            }
            let is_full = portion.len() == PORTION || size > LARGEST_PORTION;
            if line.table != table || is_full {
                put(&mut tx, &table, &portion).await?;
                portion.clear();
                size = 0;
                table = line.table;
            }
            size += line.row.get().len();
            portion.push(line.row);
            taken += 1;
        }
        put(&mut tx, &table, &portion).await?;
        if end != Some(taken) {
            return Err(TransferError::Line(
                0,
                format!(
                    "found {taken} rows instead of {}; the file is incomplete",
                    end.unwrap_or(0)
                ),
            ));
        }
        engine::count_on(&mut tx).await?;
        engine::commit(tx).await?;
        Ok(taken)
    }
}

fn put_line(out: &mut (dyn Write + Send), table: &str, row: String) -> Result<(), TransferError> {
    let row =
        RawValue::from_string(row).map_err(|error| TransferError::Line(0, error.to_string()))?;
    let table = table.into();
    Ok(writeln!(out, "{}", json(&ExportRow { table, row }))?)
}

/// Checks that the database is empty.
async fn is_empty(tx: &mut Connection) -> Result<(), TransferError> {
    for table in TABLES.into_iter().filter(|table| *table != "settings") {
        let count = engine::count(tx, table).await?;
        if count > 0 {
            return Err(TransferError::NotEmpty(count, table));
        }
    }
    Ok(())
}

/// A table's columns with their types, without those that belong to one database.
async fn columns(tx: &mut Connection, table: &str) -> Result<Vec<(String, String)>, TransferError> {
    let mut columns = engine::columns(tx, table).await?;
    columns.retain(|(name, _)| table != "settings" || !OWN.contains(&name.as_str()));
    Ok(columns)
}

async fn put(
    tx: &mut Connection,
    table: &str,
    rows: &[Box<RawValue>],
) -> Result<(), TransferError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = columns(&mut *tx, table).await?;
    // Columns that the exporting version did not have get their defaults.
    let given: BTreeMap<String, &RawValue> = serde_json::from_str(rows[0].get())
        .map_err(|error| TransferError::Line(0, error.to_string()))?;
    columns.retain(|(name, _)| given.contains_key(name));
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|(name, kind)| format!("CAST(value ->> '{name}' AS {kind})"))
        .collect();
    let statement = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM json_each($1) l WHERE true ORDER BY l.key",
        names.join(", "),
        values.join(", ")
    );
    built(statement, vec![json(rows)]).run(tx).await?;
    Ok(())
}

fn read<T: for<'a> Deserialize<'a>>(number: usize, line: &str) -> Result<T, TransferError> {
    serde_json::from_str(line).map_err(|error| TransferError::Line(number, error.to_string()))
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("rows are JSON")
}

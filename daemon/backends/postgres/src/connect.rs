//! The first connection. A pool would only report a timeout; this reports why there is no
//! connection and what to do.

use std::{str::FromStr, time::Duration};

use log::LevelFilter;
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, Row,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;

use crate::{
    errors::{ConnectError, OpenError},
    parts,
};

/// A healthy server answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parses the URL, which is never part of an error since it may contain a password.
pub fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .application_name("agentvine")
        // We read no floating-point numbers, and poolers refuse this option.
        .extra_float_digits(None);
    // `tests/cost` counts them. They hold no values.
    let quiet = options.log_slow_statements(LevelFilter::Off, Duration::MAX);
    Ok(quiet.log_statements(LevelFilter::Trace))
}

/// Settings of each connection. Set with statements, since poolers refuse startup options.
///
/// Confirmed commits survive a power cut, whatever the server's default is. A statement only takes
/// 20 s if something is wrong with it or with a lock that another connection holds. A daemon that
/// is stopped in the middle of a transaction loses its locks after 10 s. Each of our statements
/// uses an index to find a few rows, so its plan is always the same, and replanning costs more than
/// running it. Database disks read random pages about as fast as sequential ones. JIT compilation
/// does not pay off for such statements.
const SETTINGS: &str = "SET statement_timeout = '20s'; SET idle_in_transaction_session_timeout = '10s'; SET synchronous_commit = 'on'; \
    SET plan_cache_mode = 'force_generic_plan'; SET random_page_cost = '1.1'; SET jit = 'off'";

/// Applies our settings to a new connection.
pub async fn settle(at: &mut PgConnection) -> sqlx::Result<()> {
    at.execute(SETTINGS).await?;
    parts::define(at).await
}

/// Connects once and returns the server's version and address.
pub async fn greet(options: &PgConnectOptions) -> Result<String, OpenError> {
    let connection = timeout(PATIENCE, PgConnection::connect_with(options)).await;
    let mut connection = connection
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| explain(options, error))?;
    let version = sqlx::raw_sql("SHOW server_version")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get::<String, _>(0))
        .map_err(OpenError::Engine)?;
    let pooled = is_pooled(options, &mut connection).await;
    if pooled.map_err(OpenError::Engine)? {
        return Err(ConnectError::Pooled { at: at(options) }.into());
    }
    connection.close().await.map_err(OpenError::Engine)?;
    Ok(format!("PostgreSQL {version} at {}", at(options)))
}

/// Whether two open connections can get the same server process, as in a pooler's transaction mode.
/// Only unprepared statements work both with and without a pooler.
async fn is_pooled(options: &PgConnectOptions, first: &mut PgConnection) -> sqlx::Result<bool> {
    let own = process(first).await?;
    let mut second = PgConnection::connect_with(options).await?;
    match second.execute("BEGIN").await {
        // PgBouncer's error in statement mode.
        Err(sqlx::Error::Database(why)) if why.code().as_deref() == Some("08P01") => {
            return Ok(true);
        }
        other => other?,
    };
    let mut pooled = process(&mut second).await? == own;
    second.execute("ROLLBACK").await?;
    // Some poolers assign the process that was idle the longest.
    for _ in 0..4 {
        pooled |= process(first).await? != own;
        pooled |= process(&mut second).await? == own;
    }
    second.close().await?;
    Ok(pooled)
}

async fn process(at: &mut PgConnection) -> sqlx::Result<i32> {
    let rows = sqlx::raw_sql("SELECT pg_backend_pid()")
        .fetch_one(at)
        .await?;
    rows.try_get(0)
}

fn at(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Error codes are from appendix A of PostgreSQL's manual: class 28 is invalid authorization, 3D000
/// is a missing database.
fn explain(options: &PgConnectOptions, error: sqlx::Error) -> OpenError {
    let at = at(options);
    let user = options.get_username().to_owned();
    match error {
        sqlx::Error::Io(why) => ConnectError::Silent {
            at,
            why: why.to_string(),
        }
        .into(),
        sqlx::Error::PoolTimedOut => ConnectError::Silent {
            at,
            why: format!("waited {PATIENCE:?}"),
        }
        .into(),
        sqlx::Error::Database(why) if why.code().is_some_and(|code| code.starts_with("28")) => {
            ConnectError::Stranger {
                at,
                user,
                why: why.downcast::<PgDatabaseError>().message().to_owned(),
            }
            .into()
        }
        sqlx::Error::Database(why) if why.code().as_deref() == Some("3D000") => {
            ConnectError::NoDatabase {
                at,
                name: options.get_database().unwrap_or(&user).to_owned(),
            }
            .into()
        }
        other => OpenError::Engine(other),
    }
}

//! The first connection. A pool would only say that it waited in vain; this says why there is none,
//! and what to do.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, Row,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;

use crate::OpenError;

/// A server that is well answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing that speaks PostgreSQL is there.
    #[error("PostgreSQL does not answer at {at} ({why}); start it, or correct database.url")]
    Silent {
        /// Where it was looked for.
        at: String,
        /// In the words of the system.
        why: String,
    },
    /// User or password are not the right ones.
    #[error(
        "PostgreSQL at {at} does not let {user} in ({why}); correct the user or the password in \
         database.url"
    )]
    Stranger {
        /// Where it was looked for.
        at: String,
        /// As whom we came.
        user: String,
        /// In the words of the server.
        why: String,
    },
    /// The server has no such database.
    #[error(
        "PostgreSQL at {at} has no database `{name}`; create it with `createdb {name}`, its tables \
         come by themselves"
    )]
    NoDatabase {
        /// Where it was looked for.
        at: String,
        /// The name that was asked for.
        name: String,
    },
    /// A pooler gives each transaction another connection.
    #[error(
        "{at} is PgBouncer, or another pooler, in transaction mode: each transaction comes to another connection, \
         and statements that were prepared, locks and notifications are lost on the way; set \
         `pool_mode = session` for this database there, or name PostgreSQL itself in database.url"
    )]
    Pooled {
        /// Where it was looked for.
        at: String,
    },
}

/// How to connect. The address is never part of an error: it may hold a password.
pub fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .application_name("agentvine")
        // No numbers with a fraction are read, and poolers refuse it.
        .extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// What holds for each of our connections. Said in statements, since poolers refuse options at the start.
///
/// What was confirmed survives a power cut, whatever the server's default is. No statement takes 20 s
/// unless something is wrong with it, or with a lock that somebody else holds; a daemon that is stopped in
/// the middle of a transaction loses what it had locked after 10 s. Each of our statements walks an index
/// to a few rows, so its plan is always the same, and making it anew costs more than following it; a disk
/// for a database finds a row as fast as the next one; and nothing here is worth a compiler.
const SETTINGS: &str = "SET statement_timeout = '20s'; SET idle_in_transaction_session_timeout = '10s'; SET synchronous_commit = 'on'; \
    SET plan_cache_mode = 'force_generic_plan'; SET random_page_cost = '1.1'; SET jit = 'off'";

/// Makes a new connection ours.
pub async fn settle(at: &mut PgConnection) -> sqlx::Result<()> {
    at.execute(SETTINGS).await.map(|_| ())
}

/// Connects once, and says what the server calls itself.
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

/// Whether another connection comes to the same server process while this one is open, as in a pooler's
/// transaction mode. Only statements that are not prepared work in both.
async fn is_pooled(options: &PgConnectOptions, first: &mut PgConnection) -> sqlx::Result<bool> {
    let own = process(first).await?;
    let mut second = PgConnection::connect_with(options).await?;
    match second.execute("BEGIN").await {
        // What PgBouncer says in the mode in which each statement is by itself.
        Err(sqlx::Error::Database(why)) if why.code().as_deref() == Some("08P01") => {
            return Ok(true);
        }
        other => other?,
    };
    let mut pooled = process(&mut second).await? == own;
    second.execute("ROLLBACK").await?;
    // Some give the process that rested longest.
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

/// Codes by appendix A of PostgreSQL's manual: class 28 is about who may come, 3D000 is a database
/// that is not there.
fn explain(options: &PgConnectOptions, error: sqlx::Error) -> OpenError {
    let (at, user) = (at(options), options.get_username().to_owned());
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

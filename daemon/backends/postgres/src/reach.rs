//! The first connection. A pool would only say that it waited in vain; this says why there is none,
//! and what to do.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;

use crate::OpenError;

/// A server that is well answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);
/// No statement takes this long unless something is wrong with it, or with a lock that somebody
/// else holds.
const STATEMENT_TIMEOUT: &str = "20s";
/// A daemon that is stopped in the middle of a transaction loses what it had locked after this
/// long.
const IDLE_TRANSACTION_TIMEOUT: &str = "10s";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
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
}

/// How to connect. The address is never part of an error: it may hold a password.
pub fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(OpenError::Address)?
        .application_name("agentvine")
        .options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            (
                "idle_in_transaction_session_timeout",
                IDLE_TRANSACTION_TIMEOUT,
            ),
            // What was confirmed survives a power cut, whatever the server's default is.
            ("synchronous_commit", "on"),
            // Each of our statements walks an index to a few rows, so its plan is always the same,
            // and making it anew costs more than following it. A disk for a database finds a row as
            // fast as the next one; and nothing here is worth a compiler.
            ("plan_cache_mode", "force_generic_plan"),
            ("random_page_cost", "1.1"),
            ("jit", "off"),
        ]);
    Ok(options.disable_statement_logging())
}

/// Connects once, and says what the server calls itself.
pub async fn greet(options: &PgConnectOptions) -> Result<String, OpenError> {
    let connection = timeout(PATIENCE, PgConnection::connect_with(options)).await;
    let mut connection = connection
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| explain(options, error))?;
    let version = sqlx::query_scalar::<_, String>("SHOW server_version")
        .fetch_one(&mut connection)
        .await
        .map_err(OpenError::Engine)?;
    connection.close().await.map_err(OpenError::Engine)?;
    Ok(format!("PostgreSQL {version} at {}", at(options)))
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
        sqlx::Error::Io(why) => Unreached::Silent {
            at,
            why: why.to_string(),
        }
        .into(),
        sqlx::Error::PoolTimedOut => Unreached::Silent {
            at,
            why: format!("waited {PATIENCE:?}"),
        }
        .into(),
        sqlx::Error::Database(why) if why.code().is_some_and(|code| code.starts_with("28")) => {
            Unreached::Stranger {
                at,
                user,
                why: why.downcast::<PgDatabaseError>().message().to_owned(),
            }
            .into()
        }
        sqlx::Error::Database(why) if why.code().as_deref() == Some("3D000") => {
            Unreached::NoDatabase {
                at,
                name: options.get_database().unwrap_or(&user).to_owned(),
            }
            .into()
        }
        other => OpenError::Engine(other),
    }
}

//! What goes wrong: opening the store, and what PostgreSQL says, as the port says it.

use vine_domain::ports::StoreError;

use crate::sql::Incompatible;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not valid.
    #[error(
        "invalid database address: {0}; expected something like \
         postgres://user@host:5432/name"
    )]
    Address(sqlx::Error),
    /// There is no connection.
    #[error(transparent)]
    Unreached(#[from] ConnectError),
    /// Its schema does not fit this program.
    #[error(transparent)]
    Unfit(#[from] Incompatible),
    /// PostgreSQL returned an error.
    #[error("the database could not be opened: {0}")]
    Engine(sqlx::Error),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No PostgreSQL server answers there.
    #[error("PostgreSQL does not answer at {at} ({why}); start it, or correct database.url")]
    Silent {
        /// The server's address.
        at: String,
        /// The system's error message.
        why: String,
    },
    /// The user or the password is wrong.
    #[error(
        "PostgreSQL at {at} rejected the login of {user} ({why}); correct the user or the password \
         in database.url"
    )]
    Stranger {
        /// The server's address.
        at: String,
        /// The user name.
        user: String,
        /// The server's error message.
        why: String,
    },
    /// The server has no such database.
    #[error(
        "PostgreSQL at {at} has no database `{name}`; create it with `createdb {name}`, AgentVine \
         then creates its tables"
    )]
    NoDatabase {
        /// The server's address.
        at: String,
        /// The database's name.
        name: String,
    },
    /// A pooler assigns connections per transaction.
    #[error(
        "{at} is PgBouncer, or another pooler, in transaction mode: each transaction may use a different connection, \
         so prepared statements, locks and notifications are lost; set \
         `pool_mode = session` for this database there, or use PostgreSQL itself in database.url"
    )]
    Pooled {
        /// The server's address.
        at: String,
    },
}

/// Converts an error of the engine to the port's error.
pub fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(db) if db.is_unique_violation() => {
            StoreError::Taken(db.message().to_owned())
        }
        other => StoreError::Unavailable(Box::new(other)),
    }
}

//! Tables of several versions. What is older is brought up to date; what is newer is used as long
//! as it allows that.
//!
//! Changes come in two steps, so that two versions of the program can serve together: one version
//! adds what is new and writes both, a later one takes away what is old. `settings.needs` says from
//! which version on a program may use the tables.

use sqlx::{
    migrate::{MigrateError, Migrator},
    query_scalar,
};

use crate::Connection;

/// Why a program cannot use a database.
#[derive(Debug, thiserror::Error)]
pub enum Incompatible {
    /// Something that this program knows is there no more.
    #[error(
        "the database needs a program that knows tables of version {needs}, and this one knows {knows}; use the newer program, or restore a backup"
    )]
    Newer {
        /// The version that it needs.
        needs: i64,
        /// The latest that this program knows.
        knows: i64,
    },
    /// It was made before the first release, whose tables still changed.
    #[error(
        "the database was made by a development version with other tables; move it away and start with an empty one"
    )]
    Draft,
    /// The engine refused.
    #[error("the database cannot be brought up to date: {0}")]
    Engine(sqlx::Error),
}

/// Runs the migrations that are missing, all of them or up to a version. Daemons that start
/// together take turns.
pub async fn run(
    at: &mut Connection,
    mut migrator: Migrator,
    to: Option<i64>,
) -> Result<(), Incompatible> {
    let knows = migrator
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    // Tables that do not say so yet, or that are not there yet, need nothing.
    let needs = query_scalar::<_, i64>("SELECT needs FROM settings")
        .fetch_one(&mut *at)
        .await
        .unwrap_or(0);
    if needs > knows {
        return Err(Incompatible::Newer { needs, knows });
    }
    // What a newer program has added does not concern this one.
    migrator.set_ignore_missing(true);
    let ran = match to {
        Some(version) => migrator.run_to(version, &mut *at).await,
        None => migrator.run(&mut *at).await,
    };
    ran.map_err(|error| match error {
        MigrateError::VersionMismatch(_) => Incompatible::Draft,
        MigrateError::Execute(error) => Incompatible::Engine(error),
        other => Incompatible::Engine(sqlx::Error::Migrate(Box::new(other))),
    })
}

//! Schema versions. An older schema is migrated; a newer one is used if it allows that.
//!
//! Changes come in two steps, so that two versions of the program can run together: one version
//! adds the new schema and writes both, a later one removes the old one. `settings.needs` is the
//! lowest schema version that a program must know.

use sqlx::{
    migrate::{MigrateError, Migrator},
    query_scalar,
};

use crate::Engine;

/// The connection that the migrations run on.
type Connection = <Engine as sqlx::Database>::Connection;

/// Why a program cannot use a database.
#[derive(Debug, thiserror::Error)]
pub enum Incompatible {
    /// The schema is too new for this program.
    #[error(
        "the database needs schema version {needs}, but this program only knows version {knows}; use a newer program, or restore a backup"
    )]
    Newer {
        /// The required version.
        needs: i64,
        /// The latest version that this program knows.
        knows: i64,
    },
    /// A development version created it.
    #[error(
        "the database was created by a development version with a different schema; move it away and start with an empty one"
    )]
    Draft,
    /// A migration failed.
    #[error("the database could not be migrated: {0}")]
    Engine(sqlx::Error),
}

/// Runs the missing migrations, all of them or up to a version. Daemons that start together take
/// turns.
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
    // Without this column or table, no minimum version is required.
    let needs = query_scalar::<_, i64>("SELECT needs FROM settings")
        .fetch_one(&mut *at)
        .await
        .unwrap_or(0);
    if needs > knows {
        return Err(Incompatible::Newer { needs, knows });
    }
    // Migrations of a newer program do not concern this one.
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

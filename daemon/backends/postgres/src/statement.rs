//! Statements, as `sqlx` has them.

use sqlx::{
    AssertSqlSafe, FromRow, IntoArguments, PgConnection, PgPool, Postgres,
    postgres::{PgArguments, PgRow},
    query::{Map, Query, QueryScalar},
};
use vine_domain::ports::StoreResult;

use crate::{
    errors::unavailable,
    sql::run::{Fetch, Run},
};

/// A statement that returns no rows.
macro_rules! statement {
    ($($all:tt)+) => { sqlx::query!($($all)+) };
}
pub(crate) use statement;

/// A statement that returns rows: of a type declared by [`row`], or of these fields.
macro_rules! rows {
    ({ $($field:ident: $type:ty),+ $(,)? }, $($rest:tt)+) => {{
        struct Record { $($field: $type),+ }
        sqlx::query_as!(Record, $($rest)+)
    }};
    ($row:ident, $($rest:tt)+) => { sqlx::query_as!($row, $($rest)+) };
}
pub(crate) use rows;

/// A statement that returns one value of this type in each row.
macro_rules! scalar {
    ($type:ty, $($rest:tt)+) => { sqlx::query_scalar!($($rest)+) };
}
pub(crate) use scalar;

/// Declares the type of a row, its fields in the order of the columns.
macro_rules! row {
    ($($all:tt)+) => { $($all)+ };
}
pub(crate) use row;

/// A statement whose text was built, so that nothing has checked it.
pub fn built(sql: String, values: Vec<String>) -> Query<'static, Postgres, PgArguments> {
    let statement = sqlx::query(AssertSqlSafe(sql));
    values.into_iter().fold(statement, Query::bind)
}

/// The methods of [`Fetch`], by those of `sqlx`.
macro_rules! fetch {
    ($target:ty) => {
        async fn all(self, at: $target) -> StoreResult<Vec<T>> {
            self.fetch_all(at).await.map_err(unavailable)
        }

        async fn one(self, at: $target) -> StoreResult<T> {
            self.fetch_one(at).await.map_err(unavailable)
        }

        async fn maybe(self, at: $target) -> StoreResult<Option<T>> {
            self.fetch_optional(at).await.map_err(unavailable)
        }
    };
}

/// Implements [`Run`] and [`Fetch`] for a place where statements run.
macro_rules! at {
    ($($target:ty),+) => {
        $(
            impl<A: IntoArguments<Postgres> + Send> Run<$target> for Query<'_, Postgres, A> {
                async fn run(self, at: $target) -> StoreResult<u64> {
                    let ran = self.execute(at).await.map_err(unavailable)?;
                    Ok(ran.rows_affected())
                }
            }

            impl<F, T, A> Fetch<T, $target> for Map<'_, Postgres, F, A>
            where
                F: FnMut(PgRow) -> sqlx::Result<T> + Send,
                T: Send + Unpin,
                A: IntoArguments<Postgres> + Send,
            {
                fetch!($target);
            }

            impl<T, A> Fetch<T, $target> for QueryScalar<'_, Postgres, T, A>
            where
                T: Send + Unpin,
                (T,): Send + Unpin + for<'r> FromRow<'r, PgRow>,
                A: IntoArguments<Postgres> + Send,
            {
                fetch!($target);
            }
        )+
    };
}

at!(&mut PgConnection, &PgPool);

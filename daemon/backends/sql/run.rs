//! Running statements: what an engine says becomes what the port says.

use sqlx::{
    Database, Executor, FromRow, IntoArguments,
    query::{Map, Query, QueryScalar},
};
use vine_domain::ports::StoreResult;

use super::unavailable;
use crate::Engine;

/// A row of the engine.
type Row = <Engine as Database>::Row;

/// A statement that returns no rows.
pub trait Run<'q>: Sized {
    /// Runs it, and returns how many rows it changed.
    fn run<'e, 'c: 'e, E>(self, at: E) -> impl Future<Output = StoreResult<u64>> + Send + 'e
    where
        'q: 'e,
        Self: 'e,
        E: Executor<'c, Database = Engine> + 'e;
}

impl<'q, A: IntoArguments<Engine> + Send + 'q> Run<'q> for Query<'q, Engine, A> {
    async fn run<'e, 'c: 'e, E>(self, at: E) -> StoreResult<u64>
    where
        'q: 'e,
        Self: 'e,
        E: Executor<'c, Database = Engine> + 'e,
    {
        let ran = self.execute(at).await.map_err(unavailable)?;
        Ok(ran.rows_affected())
    }
}

/// Declares, or implements with `sqlx`'s own method, a way to fetch rows.
macro_rules! fetch {
    ($($doc:literal $name:ident -> $out:ty;)+) => {
        $(
            #[doc = $doc]
            fn $name<'e, 'c: 'e, E>(
                self,
                at: E,
            ) -> impl Future<Output = StoreResult<$out>> + Send + 'e
            where
                'q: 'e,
                Self: 'e,
                T: 'e,
                E: Executor<'c, Database = Engine> + 'e;
        )+
    };
    ($($name:ident -> $out:ty = $sqlx:ident;)+) => {
        $(
            async fn $name<'e, 'c: 'e, E>(self, at: E) -> StoreResult<$out>
            where
                'q: 'e,
                Self: 'e,
                T: 'e,
                E: Executor<'c, Database = Engine> + 'e,
            {
                self.$sqlx(at).await.map_err(unavailable)
            }
        )+
    };
}

/// A statement that returns rows.
pub trait Fetch<'q, T>: Sized {
    fetch! {
        "All of them." all -> Vec<T>;
        "The only one." one -> T;
        "The only one, if there is one." maybe -> Option<T>;
    }
}

impl<'q, F, T, A> Fetch<'q, T> for Map<'q, Engine, F, A>
where
    F: FnMut(Row) -> sqlx::Result<T> + Send,
    T: Send + Unpin,
    A: IntoArguments<Engine> + Send + 'q,
{
    fetch! { all -> Vec<T> = fetch_all; one -> T = fetch_one; maybe -> Option<T> = fetch_optional; }
}

impl<'q, T, A> Fetch<'q, T> for QueryScalar<'q, Engine, T, A>
where
    T: Send + Unpin,
    (T,): Send + Unpin + for<'r> FromRow<'r, Row>,
    A: IntoArguments<Engine> + Send + 'q,
{
    fetch! { all -> Vec<T> = fetch_all; one -> T = fetch_one; maybe -> Option<T> = fetch_optional; }
}

//! Statements: their text is checked when it is compiled, and they run at once, on the thread that
//! asks. A thread of its own for each connection, as `sqlx` has, costs two switches per statement:
//! more than most statements take.

use std::{borrow::Cow, marker::PhantomData};

use rusqlite::{Row, types::Value};
use vine_domain::ports::{StoreError, StoreResult};

use crate::{
    connection::{Connection, Writer},
    errors::unavailable,
    readers::{Quick, Reader},
    sql::run::{Fetch, Run},
};
/// A statement that returns no rows, with its values.
pub struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement that returns rows, with its values.
pub struct Rows<T> {
    statement: Statement,
    row: PhantomData<fn() -> T>,
}

/// A row as the program wants it.
pub trait FromRow: Sized + Send + 'static {
    /// Its columns, in their order.
    const COLUMNS: &'static [&'static str];
    /// Reads it, by the positions of its columns.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self>;
}

/// A statement that returns no rows.
macro_rules! statement {
    ($first:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {{
        let _checked = || sqlx::query!($first $(+ $more)* $(, $arg)*);
        $crate::statement::Statement::new(
            concat!($first $(, $more)*),
            vec![$($crate::statement::Bind::value(&$arg)),*],
        )
    }};
}
pub(crate) use statement;

/// A statement that returns rows: of a type declared by [`row`], or of these fields.
macro_rules! rows {
    ({ $($field:ident: $type:ty),+ $(,)? }, $($rest:tt)+) => {{
        $crate::statement::row! { struct Record { $($field: $type),+ } }
        $crate::statement::rows!(Record, $($rest)+)
    }};
    ($row:ident, $first:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {{
        let _checked = || sqlx::query_as!($row, $first $(+ $more)* $(, $arg)*);
        $crate::statement::Rows::<$row>::new($crate::statement::Statement::new(
            concat!($first $(, $more)*),
            vec![$($crate::statement::Bind::value(&$arg)),*],
        ))
    }};
}
pub(crate) use rows;

/// A statement that returns one value of this type in each row.
macro_rules! scalar {
    ($type:ty, $first:literal $(+ $more:literal)* $(, $arg:expr)* $(,)?) => {{
        let _checked = || sqlx::query_scalar!($first $(+ $more)* $(, $arg)*);
        $crate::statement::Rows::<$type>::new($crate::statement::Statement::new(
            concat!($first $(, $more)*),
            vec![$($crate::statement::Bind::value(&$arg)),*],
        ))
    }};
}
pub(crate) use scalar;

/// Declares the type of a row, its fields in the order of the columns.
macro_rules! row {
    ($(#[$about:meta])* $vis:vis struct $name:ident { $($(#[$of:meta])* $inner:vis $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$about])*
        $vis struct $name { $($(#[$of])* $inner $field: $type),+ }

        impl $crate::statement::FromRow for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                let mut columns = 0..;
                let mut next = || columns.next().unwrap_or_default();
                Ok(Self { $($field: row.get(next())?),+ })
            }
        }
    };
}
pub(crate) use row;

/// Implements [`FromRow`] for a single column.
macro_rules! single {
    ($($type:ty),+) => {
        $(
            impl FromRow for $type {
                const COLUMNS: &'static [&'static str] = &[];

                fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
                    row.get(0)
                }
            }
        )+
    };
}
single!(i64, bool, String, Option<i64>);

impl Statement {
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        let sql = Cow::Borrowed(sql);
        Self { sql, values }
    }

    /// The same with a text that was built, so that nothing has checked it.
    pub fn built(sql: String, values: Vec<Value>) -> Self {
        let sql = Cow::Owned(sql);
        Self { sql, values }
    }
}

/// A statement whose text was built, so that nothing has checked it.
pub fn built(sql: String, values: Vec<String>) -> Statement {
    Statement::built(sql, values.into_iter().map(Value::Text).collect())
}

impl<T: FromRow> Rows<T> {
    pub fn new(statement: Statement) -> Self {
        Self {
            statement,
            row: PhantomData,
        }
    }

    /// All of them.
    fn read(&self, at: &mut Connection) -> StoreResult<Vec<T>> {
        let mut found = Vec::new();
        self.each(at, |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    /// The same one by one.
    pub fn each<E: From<StoreError>>(
        &self,
        at: &mut Connection,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let Statement { sql, values } = &self.statement;
        at.each(sql, values, T::COLUMNS, |row| {
            take(T::from_row(row).map_err(unavailable)?)
        })
    }
}

/// A value of a statement.
pub trait Bind {
    fn value(&self) -> Value;
}

impl Bind for i64 {
    fn value(&self) -> Value {
        Value::Integer(*self)
    }
}

impl Bind for bool {
    fn value(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl Bind for str {
    fn value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl Bind for String {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: Bind + ?Sized> Bind for &T {
    fn value(&self) -> Value {
        (**self).value()
    }
}

impl<T: Bind> Bind for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Bind::value)
    }
}

impl Run<&mut Connection> for Statement {
    async fn run(self, at: &mut Connection) -> StoreResult<u64> {
        at.run(&self.sql, &self.values)
    }
}

impl Run<&Writer> for Statement {
    async fn run(self, at: &Writer) -> StoreResult<u64> {
        at.take().await?.run(&self.sql, &self.values)
    }
}

/// Implements [`Fetch`], given how to read all rows.
macro_rules! fetch {
    ($target:ty, |$rows:ident, $at:ident| $all:expr) => {
        impl<T: FromRow> Fetch<T, $target> for Rows<T> {
            async fn all(self, $at: $target) -> StoreResult<Vec<T>> {
                let $rows = self;
                $all
            }

            async fn one(self, at: $target) -> StoreResult<T> {
                let found = self.all(at).await?.pop();
                found.ok_or_else(|| unavailable(rusqlite::Error::QueryReturnedNoRows))
            }

            async fn maybe(self, at: $target) -> StoreResult<Option<T>> {
                Ok(self.all(at).await?.into_iter().next())
            }
        }
    };
}

fetch!(&mut Connection, |rows, at| rows.read(at));
fetch!(&Writer, |rows, at| rows.read(&mut *at.take().await?));
fetch!(&Quick, |rows, at| rows.read(&mut *at.take()?));
fetch!(&Reader, |rows, at| at.read(move |at| rows.read(at)).await);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_sqlite_stores() {
        assert_eq!(true.value(), Value::Integer(1));
        assert_eq!("a".value(), Value::Text("a".into()));
        assert_eq!(None::<i64>.value(), Value::Null);
        assert_eq!(Some(&7_i64).value(), Value::Integer(7));
    }
}

//! Reading what was committed. Reads of a few rows ([`Quick`]) run on the spot; those that may take
//! longer ([`Reader`]) on a thread of their own.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

use vine_domain::ports::{StoreError, StoreResult};

use crate::{
    connection::{Connection, Options, OwnedConnection, Writer, closed},
    errors::unavailable,
};

/// At most this many connections for reading are kept open.
const READERS: usize = 8;

/// The connections that read. Cheap to clone.
#[derive(Clone)]
struct Pool {
    options: Arc<Options>,
    /// `None` once closed.
    idle: Arc<Mutex<Option<Vec<Connection>>>>,
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> StoreResult<ReadConnection> {
        let known = self.idle().as_mut().ok_or_else(closed)?.pop();
        let at = match known {
            Some(at) => at,
            None => Connection::open(&self.options, false).map_err(unavailable)?,
        };
        Ok(ReadConnection {
            at: Some(at),
            pool: self.clone(),
        })
    }
}

/// A connection that reads, for as long as it is held.
pub struct ReadConnection {
    /// Always there; it goes back when this is dropped.
    at: Option<Connection>,
    pool: Pool,
}

impl Deref for ReadConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.at.as_ref().expect("it is taken when dropped")
    }
}

impl DerefMut for ReadConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        self.at.as_mut().expect("it is taken when dropped")
    }
}

impl Drop for ReadConnection {
    fn drop(&mut self) {
        if let Some(idle) = self.pool.idle().as_mut()
            && idle.len() < READERS
        {
            idle.extend(self.at.take());
        }
    }
}

/// Reads of a few rows by their keys: they take microseconds, so they run on the spot. If nobody
/// writes, they use the connection that wrote what they read, which has it in memory.
#[derive(Clone)]
pub struct Quick {
    writer: Writer,
    pool: Pool,
}

/// A connection for a quick read.
pub enum QuickConnection {
    Writer(OwnedConnection),
    Reader(ReadConnection),
}

impl Deref for QuickConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Writer(at) => at,
            Self::Reader(at) => at,
        }
    }
}

impl DerefMut for QuickConnection {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Writer(at) => at,
            Self::Reader(at) => at,
        }
    }
}

/// Reads that may take longer: they run on a thread of their own.
#[derive(Clone)]
pub struct Reader(Pool);

/// Both ways to read a file.
pub fn readers(options: Options, writer: &Writer) -> (Quick, Reader) {
    let pool = Pool {
        options: Arc::new(options),
        idle: Arc::new(Mutex::new(Some(Vec::new()))),
    };
    let writer = writer.clone();
    let reader = Reader(pool.clone());
    (Quick { writer, pool }, reader)
}

impl Quick {
    pub fn take(&self) -> StoreResult<QuickConnection> {
        match self.writer.try_own() {
            Some(at) => Ok(QuickConnection::Writer(at)),
            None => self.pool.take().map(QuickConnection::Reader),
        }
    }
}

impl Reader {
    /// One connection, for a snapshot that is read bit by bit.
    pub fn take(&self) -> StoreResult<ReadConnection> {
        self.0.take()
    }

    /// Closes the connections that are not in use, and each other one after its use.
    pub fn close(&self) {
        drop(self.0.idle().take());
    }

    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let pool = self.0.clone();
        let read = tokio::task::spawn_blocking(move || read(&mut *pool.take()?));
        read.await
            .map_err(|ended| StoreError::Unavailable(Box::new(ended)))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::tests::{count, opened, put};

    #[tokio::test]
    async fn a_committed_row_is_read_at_once_and_a_closed_file_is_not() {
        let (_folder, options) = opened();
        let writer = Writer::new(Connection::open(&options, true).expect("opened"));
        let (quick, reader) = readers(options, &writer);
        put(&mut writer.take().await.expect("taken")).expect("written");
        assert_eq!(count(&mut quick.take().expect("taken")), 1);
        let read = reader.read(|at| Ok(count(at))).await;
        assert_eq!(read.expect("read"), 1);
        reader.close();
        writer.close().await;
        assert!(quick.take().is_err());
        assert!(writer.take().await.is_err());
        assert!(reader.read(|at| Ok(count(at))).await.is_err());
    }
}

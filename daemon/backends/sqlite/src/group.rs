//! Group commit: changes that arrive while another transaction is being written share the next one, and with it the
//! wait for the disk. Each still succeeds or fails alone: one that conflicts is undone to its savepoint.

use std::sync::Arc;

use sqlx::{SqliteConnection, SqlitePool, query};
use tokio::sync::{mpsc, oneshot};
use vine_domain::{
    Clock,
    ports::{Commit, StoreError, Stored},
};

use crate::{commit::write, unavailable};

/// At most this many changes share a transaction, so that none waits for long.
const LARGEST: usize = 64;

/// A change on its way to the disk.
struct Job {
    commit: Commit,
    reply: oneshot::Sender<Stored<()>>,
}

/// Hands changes to the one task that writes them.
#[derive(Clone)]
pub struct Group(mpsc::UnboundedSender<Job>);

impl Group {
    /// Starts the task; it ends when the last handle is gone.
    pub fn start(writer: SqlitePool, clock: Arc<dyn Clock>) -> Self {
        let (send, jobs) = mpsc::unbounded_channel();
        tokio::spawn(run(writer, clock, jobs));
        Self(send)
    }

    /// Returns when the change is on disk, or refused.
    pub async fn commit(&self, commit: &Commit) -> Stored<()> {
        let (reply, stored) = oneshot::channel();
        let gone = || StoreError::Unavailable("the store is closed".into());
        self.0.send(Job { commit: commit.clone(), reply }).map_err(|_| gone())?;
        stored.await.map_err(|_| gone())?
    }
}

async fn run(writer: SqlitePool, clock: Arc<dyn Clock>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut together = Vec::with_capacity(LARGEST);
    while jobs.recv_many(&mut together, LARGEST).await > 0 {
        let results = transaction(&writer, &*clock, &together).await;
        // When the transaction as a whole failed, nothing of it is stored and everybody is told so.
        let mut results = results.unwrap_or_else(|error| together.iter().map(|_| Err(unavailable_again(&error))).collect()).into_iter();
        for job in together.drain(..) {
            let _caller_is_gone = job.reply.send(results.next().unwrap_or(Err(StoreError::Conflict)));
        }
    }
}

fn unavailable_again(error: &StoreError) -> StoreError {
    StoreError::Unavailable(error.to_string().into())
}

async fn transaction(writer: &SqlitePool, clock: &dyn Clock, jobs: &[Job]) -> Stored<Vec<Stored<()>>> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let mut results = Vec::with_capacity(jobs.len());
    for job in jobs {
        results.push(alone(&mut tx, clock, &job.commit).await?);
    }
    tx.commit().await.map_err(unavailable)?;
    Ok(results)
}

/// One change, undone whole when it is refused. The outer error is one of the transaction.
async fn alone(tx: &mut SqliteConnection, clock: &dyn Clock, commit: &Commit) -> Stored<Stored<()>> {
    query("SAVEPOINT change").execute(&mut *tx).await.map_err(unavailable)?;
    let written = write(tx, commit, clock.now()).await;
    if written.is_err() {
        query("ROLLBACK TO change").execute(&mut *tx).await.map_err(unavailable)?;
    }
    query("RELEASE change").execute(tx).await.map_err(unavailable)?;
    Ok(written)
}

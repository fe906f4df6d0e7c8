//! The way into the database: one transaction for all that was decided at the same time.
//!
//! The fences come first: which tasks are new (`create`), and which are still as they were when
//! their change was decided (`commit`). Then everything that follows from those, with one statement
//! for each table, however many writes come together. Claims come last (`claim`), so that a worker
//! whose task has just ended gets the next one.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use vine_domain::{
    AuditEntry, TaskId, Timestamp,
    ports::{Commit, NewTask, SaveRequest, Say, StoreError, StoreResult, Write, Writes, Written},
};

use super::{
    claim::claim,
    commit, create,
    inbox::mark,
    messages::{self, ThreadLine},
    requests,
    script::StatementBatch,
    users::audit,
};
use crate::{Connection, Database, engine};

#[async_trait]
impl Writes for Database {
    async fn commit(&self, batch: &[Write]) -> StoreResult<Vec<StoreResult<Written>>> {
        let now = self.now();
        let mut tx = self.begin().await?;
        let outcomes = store(&mut tx, batch, now).await?;
        engine::commit(tx).await?;
        Ok(outcomes)
    }
}

/// The writes of a batch by their kind, each in its order.
#[derive(Default)]
struct ByKind<'a> {
    news: Vec<&'a NewTask>,
    commits: Vec<&'a Commit>,
    says: Vec<&'a Say>,
    audits: Vec<&'a AuditEntry>,
    requests: Vec<&'a SaveRequest>,
}

impl<'a> ByKind<'a> {
    fn of(batch: &'a [Write]) -> Self {
        let mut by = Self::default();
        for write in batch {
            match write {
                Write::Create(new) => by.news.push(new),
                Write::Change(commit) => by.commits.push(commit),
                Write::Say(say) => by.says.push(say),
                Write::Audit(entry) => by.audits.push(entry),
                Write::Request(saved) => by.requests.push(saved),
                Write::Claim(_) => {}
            }
        }
        by
    }
}

/// The tasks that passed their fences.
struct Passed {
    created: HashSet<TaskId>,
    changed: HashSet<TaskId>,
    /// For each request whether it was written.
    requests: Vec<bool>,
    /// Tasks that were created earlier, by the new ones with the same key.
    known: HashMap<TaskId, TaskId>,
}

async fn store(
    tx: &mut Connection,
    batch: &[Write],
    now: Timestamp,
) -> StoreResult<Vec<StoreResult<Written>>> {
    let by = ByKind::of(batch);
    let passed = fence(tx, &by, now).await?;
    let mut script = StatementBatch::default();
    follow(&mut script, &by, &passed, now);
    script.run(tx, now).await?;
    let mut requests = passed.requests.iter();
    let mut outcomes = Vec::with_capacity(batch.len());
    for write in batch {
        outcomes.push(match write {
            Write::Create(new) => {
                let first = passed.known.get(&new.id);
                Ok(Written::Created(*first.unwrap_or(&new.id)))
            }
            Write::Change(commit) if passed.changed.contains(&commit.change.task.id) => {
                Ok(Written::Stored)
            }
            Write::Change(_) => Err(StoreError::Conflict),
            Write::Request(_) => match requests.next() {
                Some(true) => Ok(Written::Stored),
                Some(false) | None => Err(StoreError::Conflict),
            },
            Write::Claim(wants) => Ok(Written::Claimed(claim(tx, wants, now).await?)),
            Write::Say(Say { event, .. }) => {
                if let Some(event) = event {
                    mark(tx, event, now).await?;
                }
                Ok(Written::Stored)
            }
            Write::Audit(_) => Ok(Written::Stored),
        });
    }
    Ok(outcomes)
}

/// Writes the rows of tasks that nobody else wrote in the meantime.
async fn fence(tx: &mut Connection, by: &ByKind<'_>, now: Timestamp) -> StoreResult<Passed> {
    // Several rows are locked in one order; one that is written is locked by that.
    if by.commits.len() > 1 || !by.says.is_empty() || !by.news.is_empty() || !by.requests.is_empty()
    {
        let said = by.says.iter().flat_map(|say| ThreadLine::said(say));
        let threads = said.filter_map(|line| line.task());
        let tasks = by.commits.iter().map(|commit| commit.change.task.id);
        let requests = by.requests.iter().map(|saved| saved.request.task);
        engine::lock(tx, tasks.chain(threads).chain(requests)).await?;
    }
    let created = create::insert(tx, &by.news, now).await?;
    Ok(Passed {
        known: create::known(tx, &by.news, &created).await?,
        changed: commit::save_tasks(tx, &by.commits, now).await?,
        requests: requests::save(tx, &by.requests).await?,
        created,
    })
}

/// Writes everything that follows from the tasks that passed.
fn follow(script: &mut StatementBatch, by: &ByKind<'_>, passed: &Passed, now: Timestamp) {
    let news = by.news.clone();
    let (fresh, _): (Vec<&NewTask>, Vec<_>) = news
        .into_iter()
        .partition(|new| passed.created.contains(&new.id));
    let (stored, _): (Vec<&Commit>, Vec<_>) = by
        .commits
        .iter()
        .partition(|commit| passed.changed.contains(&commit.change.task.id));
    create::follow(script, &fresh);
    commit::follow(script, &stored, now);
    let audits = by.news.iter().filter_map(|new| new.audit.as_ref());
    let audits = audits.chain(stored.iter().filter_map(|commit| commit.audit.as_ref()));
    let written = by.requests.iter().zip(&passed.requests);
    let carried: Vec<&SaveRequest> = written
        .filter(|(_, is_written)| **is_written)
        .map(|(saved, _)| *saved)
        .collect();
    audit(script, audits.chain(by.audits.iter().copied()));
    let created: Vec<(_, String)> = fresh.iter().map(|new| create::log_line(new)).collect();
    let created = created
        .iter()
        .map(|(attempt, line)| (*attempt, line.as_str()));
    let logged = stored.iter().flat_map(|commit| commit::log_lines(commit));
    commit::log(script, &created.chain(logged).collect::<Vec<_>>());
    let firsts = fresh
        .iter()
        .flat_map(|new| &new.messages)
        .map(ThreadLine::Ours);
    let lines = firsts.chain(stored.iter().flat_map(|commit| ThreadLine::of(commit)));
    let lines = lines.chain(by.says.iter().flat_map(|say| ThreadLine::said(say)));
    let of_requests = carried.iter().flat_map(|saved| &saved.messages);
    let lines = lines.chain(of_requests.map(ThreadLine::Ours));
    messages::put(script, &lines.collect::<Vec<_>>());
}

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
        if let [write] = batch
            && let Some((script, passed)) = only(&ByKind::of(batch), now)
        {
            match (engine::run_alone(self, script, now).await?, write) {
                (true, write) => return Ok(vec![passed.outcome(write)]),
                // Another task has its key.
                (false, Write::Create(_)) => {}
                (false, _) => return Ok(vec![Err(StoreError::Conflict)]),
            }
        }
        let mut tx = self.begin().await?;
        let outcomes = store(&mut tx, batch, now).await?;
        engine::commit(tx).await?;
        Ok(outcomes)
    }
}

/// The writes of a batch by their kind, each in its order.
#[derive(Default)]
struct ByKind<'a> {
    creates: Vec<&'a NewTask>,
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
                Write::Create(new) => by.creates.push(new),
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
#[derive(Default)]
struct Passed {
    created: HashSet<TaskId>,
    changed: HashSet<TaskId>,
    /// For each request whether it was written; several may be of one task.
    requests: Vec<bool>,
    /// Tasks that were created earlier, by the new ones with the same key.
    known: HashMap<TaskId, TaskId>,
}

impl Passed {
    /// The outcome of a write, except claims and requests.
    fn outcome(&self, write: &Write) -> StoreResult<Written> {
        match write {
            Write::Create(new) => {
                let first = self.known.get(&new.id);
                Ok(Written::Created(*first.unwrap_or(&new.id)))
            }
            Write::Change(commit) if !self.changed.contains(&commit.change.task.id) => {
                Err(StoreError::Conflict)
            }
            _ => Ok(Written::Stored),
        }
    }
}

async fn store(
    tx: &mut Connection,
    batch: &[Write],
    now: Timestamp,
) -> StoreResult<Vec<StoreResult<Written>>> {
    let passed = write(tx, &ByKind::of(batch), now).await?;
    let mut requests = passed.requests.iter();
    let mut outcomes = Vec::with_capacity(batch.len());
    for write in batch {
        outcomes.push(match write {
            Write::Claim(wants) => Ok(Written::Claimed(claim(tx, wants, now).await?)),
            Write::Request(_) => match requests.next() {
                Some(true) => Ok(Written::Stored),
                Some(false) | None => Err(StoreError::Conflict),
            },
            Write::Say(Say {
                event: Some(event), ..
            }) => {
                mark(tx, event, now).await?;
                Ok(Written::Stored)
            }
            other => passed.outcome(other),
        });
    }
    Ok(outcomes)
}

/// Writes what passes its fence, and everything that follows from it.
async fn write(tx: &mut Connection, by: &ByKind<'_>, now: Timestamp) -> StoreResult<Passed> {
    if let Some((script, passed)) = only(by, now) {
        if script.run_fenced(tx, now).await? {
            return Ok(passed);
        }
        if by.creates.is_empty() {
            return Ok(Passed::default());
        }
    }
    let passed = fence(tx, by, now).await?;
    let mut script = StatementBatch::default();
    follow(&mut script, by, &passed, now);
    script.run(tx, now).await?;
    Ok(passed)
}

/// The only write that has a fence, with everything that follows from it: for PostgreSQL that is one
/// statement.
fn only(by: &ByKind<'_>, now: Timestamp) -> Option<(StatementBatch, Passed)> {
    if !(by.says.is_empty() && by.audits.is_empty() && by.requests.is_empty()) {
        return None;
    }
    let mut passed = Passed::default();
    let mut script = match (&by.creates[..], &by.commits[..]) {
        ([new], []) => {
            passed.created.insert(new.id);
            StatementBatch::fenced(&create::INSERT_TASKS, &[create::row(new, now)])
        }
        ([], [commit]) => {
            passed.changed.insert(commit.change.task.id);
            StatementBatch::fenced(&commit::SAVE_TASKS, &[commit::row(commit)])
        }
        _ => return None,
    };
    follow(&mut script, by, &passed, now);
    Some((script, passed))
}

/// Writes the rows of tasks that nobody else wrote in the meantime.
async fn fence(tx: &mut Connection, by: &ByKind<'_>, now: Timestamp) -> StoreResult<Passed> {
    // Several rows are locked in one order; one that is written is locked by that.
    if by.commits.len() > 1
        || !by.says.is_empty()
        || !by.creates.is_empty()
        || !by.requests.is_empty()
    {
        let said = by.says.iter().flat_map(|say| ThreadLine::said(say));
        let threads = said.filter_map(|line| line.task());
        let tasks = by.commits.iter().map(|commit| commit.change.task.id);
        let requests = by.requests.iter().map(|saved| saved.request.task);
        engine::lock(tx, tasks.chain(threads).chain(requests)).await?;
    }
    let created = create::insert(tx, &by.creates, now).await?;
    Ok(Passed {
        known: create::known(tx, &by.creates, &created).await?,
        changed: commit::save_tasks(tx, &by.commits, now).await?,
        requests: requests::save(tx, &by.requests).await?,
        created,
    })
}

/// Writes everything that follows from the tasks that passed.
fn follow(script: &mut StatementBatch, by: &ByKind<'_>, passed: &Passed, now: Timestamp) {
    let creates = by.creates.clone();
    let (fresh, _): (Vec<&NewTask>, Vec<_>) = creates
        .into_iter()
        .partition(|new| passed.created.contains(&new.id));
    let (stored, _): (Vec<&Commit>, Vec<_>) = by
        .commits
        .iter()
        .partition(|commit| passed.changed.contains(&commit.change.task.id));
    create::follow(script, &fresh);
    commit::follow(script, &stored, now);
    let audits = by.creates.iter().filter_map(|new| new.audit.as_ref());
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

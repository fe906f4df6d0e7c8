//! What one call costs, counted where noise cannot reach it.

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::statements::{Statements, listening};

/// What one call costs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Cost {
    /// Transactions that wrote.
    pub commits: u64,
    /// Statements; with PostgreSQL each is a round trip.
    pub statements: u64,
    /// How often SQLite parsed a statement.
    pub parsed: u64,
    /// Pieces of memory that this thread asked for.
    pub allocations: u64,
    /// How often this thread waited for something.
    pub switches: u64,
}

/// One call and its cost.
#[derive(Serialize)]
pub struct Sample {
    call: &'static str,
    #[serde(flatten)]
    cost: Cost,
}

/// What to count. Who listens to statements allocates, so that is counted in a run of its own.
pub enum Count {
    Statements,
    Work,
}

/// Counts what calls cost, on one thread.
pub struct Meter {
    at: Runtime,
    count: Count,
    /// All calls so far, in order.
    pub samples: Vec<Sample>,
}

impl Meter {
    pub fn new(at: Runtime, count: Count) -> Self {
        let samples = Vec::new();
        Self { at, count, samples }
    }

    /// Runs a call and counts.
    pub fn measure<T>(
        &mut self,
        call: &'static str,
        running: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (cost, outcome) = match self.count {
            Count::Statements => statements(&self.at, running),
            Count::Work => work(&self.at, running)?,
        };
        self.samples.push(Sample { call, cost });
        outcome
    }
}

fn statements<T>(at: &Runtime, running: impl Future<Output = Result<T>>) -> (Cost, Result<T>) {
    let heard = Statements::default();
    let outcome = listening(&heard, || at.block_on(running));
    (heard.cost(), outcome)
}

fn work<T>(at: &Runtime, running: impl Future<Output = Result<T>>) -> Result<(Cost, Result<T>)> {
    let waited = waits()?;
    let mut outcome = None;
    let memory = allocation_counter::measure(|| outcome = Some(measured(at, running)));
    let cost = Cost {
        allocations: memory.count_total,
        switches: waits()? - waited,
        ..Cost::default()
    };
    Ok((cost, outcome.context("it ran")?))
}

/// Callgrind counts what happens in here, and writes a file after each call.
#[inline(never)]
fn measured<T>(at: &Runtime, running: impl Future<Output = Result<T>>) -> Result<T> {
    at.block_on(running)
}

/// How often this thread has waited (proc(5), `status`).
fn waits() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    Ok(line.context("Linux tells")?.trim().parse()?)
}

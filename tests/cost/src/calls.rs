//! The calls that are measured, in the order of a task's life.

use anyhow::{Context, Result};
use vine_domain::attempt::Attempt;

use crate::{bed::Bed, meter::Meter};

/// Calls of each kind. The first ones prepare statements.
const ROUNDS: usize = 20;
/// Questions that a task asked before the one that is measured as `ask_later`.
const EARLIER: usize = 40;

/// Measures every kind of call.
pub fn measure(bed: &Bed, meter: &mut Meter) -> Result<()> {
    for _ in 0..5 * ROUNDS {
        meter.measure("create", bed.create())?;
    }
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        held.push(meter.measure("claim", bed.claim())?);
    }
    for _ in 0..3 {
        for attempt in &mut held {
            *attempt = meter.measure("complete_and_claim", bed.complete(*attempt))?;
        }
    }
    for _ in 0..3 * ROUNDS {
        meter.measure("heartbeat", bed.beat(&held))?;
    }
    for round in 0..EARLIER + ROUNDS {
        let ask = match round {
            0..ROUNDS => "ask",
            ROUNDS..EARLIER => "",
            _ => "ask_later",
        };
        let attempt = *held.first().context("claimed")?;
        question(bed, meter, ask, attempt, &held)?;
    }
    Ok(())
}

/// The life of one question.
fn question(
    bed: &Bed,
    meter: &mut Meter,
    ask: &'static str,
    attempt: Attempt,
    held: &[Attempt],
) -> Result<()> {
    let question = meter.measure(ask, bed.ask(attempt))?;
    meter.measure("answer", bed.answer(question))?;
    let answers = meter.measure("heartbeat_with_answer", bed.beat(held))?;
    let [answered] = answers.as_slice() else {
        anyhow::bail!("{} answers for one question", answers.len());
    };
    meter.measure("confirm_answer", bed.confirm(attempt, answered))
}

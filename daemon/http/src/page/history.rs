//! A task's history: its attempts with their cost, and how long each step of its questions took.

use std::{collections::HashMap, time::Duration};

use maud::{Markup, html};
use vine_app::texts;
use vine_domain::{Question, QuestionId, attempt::Execution, question::Milestones};

use super::{screen, time};

/// Attempts, oldest first.
pub fn attempts(attempts: &[Execution]) -> Markup {
    screen::table(
        "Attempts",
        &["Attempt", "Worker", "Started", "Took", "Outcome", "Cost"],
        &html! {
            @for attempt in attempts {
                tr {
                    th scope="row" { (attempt.epoch.0) }
                    td { (attempt.worker) }
                    td { (time::at(attempt.started)) }
                    td { @if let Some(ended) = attempt.ended { (texts::span(ended.since(attempt.started))) } }
                    td { (attempt.outcome.as_deref().unwrap_or("running")) }
                    td { @if attempt.usage.turns > 0 { (texts::spent(&attempt.usage)) } }
                }
            }
            @if let Some(total) = texts::total(attempts) { tr { th scope="row" colspan="5" { "Total" } td { (total) } } }
        },
    )
}

/// Milestones that questions have reached, each with the time since the previous one.
pub fn ways(questions: &[Question], stations: &HashMap<QuestionId, Milestones>) -> Markup {
    screen::table(
        "Question timelines",
        &["Question", "Step", "When", "After"],
        &html! {
            @for question in questions {
                @let reached = question.timeline(&stations.get(&question.id).copied().unwrap_or_default());
                @for (number, (station, at)) in reached.iter().enumerate() {
                    tr {
                        @if number == 0 { th scope="row" rowspan=(reached.len()) { (question.id) } }
                        td { (station) }
                        td { (time::at(*at)) }
                        td { @if let Some((_, before)) = number.checked_sub(1).map(|before| reached[before]) { (after(at.since(before))) } }
                    }
                }
            }
        },
    )
}

/// Machines take milliseconds, people minutes.
fn after(span: Duration) -> String {
    if span.as_secs() < 10 {
        format!("{:.2} s", span.as_secs_f64())
    } else {
        texts::span(span)
    }
}

//! What a card shows while an agent works: its own steps, what it is at, since when, and the cost.

use vine_domain::{
    MessageId, Progress,
    attempt::Usage,
    chat::Outbound,
    markdown::quoted,
    ports::WorkingCard,
    progress::{Step, StepState},
};

use crate::texts::{card::card, context::TextContext, words::spent};

/// At most so many steps are shown, those around the one that it is at.
const SHOWN: usize = 8;

/// The card of a task at work.
pub(crate) fn working_card(
    context: &TextContext<'_>,
    id: MessageId,
    working: &WorkingCard,
) -> Outbound {
    let card = card(context, id, &working.task);
    let since = working.since.to_minute();
    let cost = match working.usage == Usage::default() {
        true => String::new(),
        false => format!(" · {}", spent(&working.usage)),
    };
    let text = format!(
        "{}\n\n{}\n\nAt work since {since}{cost}",
        card.text,
        at_work(&working.progress)
    );
    Outbound { text, ..card }
}

/// What an agent is at, as its own words.
pub fn at_work(progress: &Progress) -> String {
    quoted(&lines(progress).join("\n"))
}

/// The agent's words, one line for each step.
fn lines(progress: &Progress) -> Vec<String> {
    let steps = &progress.steps;
    let at = steps.iter().position(|step| step.state != StepState::Done);
    let at = at.unwrap_or(steps.len());
    let from = at
        .saturating_sub(SHOWN / 2)
        .min(steps.len().saturating_sub(SHOWN));
    let to = (from + SHOWN).min(steps.len());
    let earlier = (from > 0).then(|| format!("✓ {from} done before"));
    let later = (to < steps.len()).then(|| format!("… {} more", steps.len() - to));
    let doing = Some(format!("→ {}", progress.doing)).filter(|_| !progress.doing.is_empty());
    let shown = steps[from..to].iter().map(line);
    earlier
        .into_iter()
        .chain(shown)
        .chain(later)
        .chain(doing)
        .collect()
}

fn line(step: &Step) -> String {
    let sign = match step.state {
        StepState::Pending => "☐",
        StepState::Active => "▶",
        StepState::Done => "☑",
    };
    format!("{sign} {}", step.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: usize, all: usize) -> Progress {
        let state = |number: usize| match number.cmp(&done) {
            std::cmp::Ordering::Less => StepState::Done,
            std::cmp::Ordering::Equal => StepState::Active,
            std::cmp::Ordering::Greater => StepState::Pending,
        };
        let step = |number| Step {
            text: format!("step {number}"),
            state: state(number),
        };
        Progress {
            steps: (0..all).map(step).collect(),
            doing: "painting".into(),
        }
    }

    #[test]
    fn the_steps_around_the_active_one_are_shown() {
        assert_eq!(
            lines(&progress(1, 3)),
            ["☑ step 0", "▶ step 1", "☐ step 2", "→ painting"]
        );
        let long = lines(&progress(10, 20));
        assert_eq!(long.first().map(String::as_str), Some("✓ 6 done before"));
        assert_eq!(long[5], "▶ step 10");
        assert_eq!(long[9], "… 6 more");
        let over = lines(&progress(20, 20));
        assert_eq!(over.len(), 10, "{over:?}");
        assert_eq!(over[8], "☑ step 19");
        assert_eq!(lines(&progress(0, 0)), ["→ painting"]);
    }
}

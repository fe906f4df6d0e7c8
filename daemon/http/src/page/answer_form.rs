//! The form that answers a question.

use maud::{Markup, html};
use vine_app::texts;
use vine_domain::{Ask, Question};

/// Buttons and a reply box that are bound to a question.
pub fn answers(question: &Question) -> Markup {
    let action = format!("/tasks/{}/say", question.task());
    html! {
        form.answer method="post" action=(action) {
            input type="hidden" name="reply_to" value=(question.id);
            @for button in texts::buttons(&question.ask) {
                @if button.dangerous { button.dangerous name="press" value=(button.says) { (button.label) } }
                @else { button name="press" value=(button.says) { (button.label) } }
            }
        }
        form.answer method="post" action=(action) {
            input type="hidden" name="reply_to" value=(question.id);
            textarea name="text" rows=(rows(question)) data-enter=(enter(question)) aria-label={ "Answer to " (question.id) } placeholder=(hint(question)) required {}
            button { "Send" }
        }
    }
}

/// One line for each item, and one more.
fn rows(question: &Question) -> usize {
    match &question.ask {
        Ask::Clarify { items } => items.len() + 1,
        Ask::Permission { .. } | Ask::Plan { .. } => 2,
    }
}

/// What the key Enter does, see `vine.js`.
fn enter(question: &Question) -> &'static str {
    match &question.ask {
        Ask::Clarify { items } if items.len() > 1 => "breaks",
        _ => "sends",
    }
}

fn hint(question: &Question) -> &'static str {
    match &question.ask {
        Ask::Clarify { items } if items.len() > 1 => "One line for each question; Ctrl+Enter sends",
        _ => "In your own words",
    }
}

//! The form that answers a question: buttons for what one press can answer, and the question's form
//! for the rest.

use maud::{Markup, html};
use vine_app::{App, Caller, texts};
use vine_domain::{
    Ask, Question, QuestionId, Task,
    chat::{Button, ButtonKind},
    form::{Field, FilledField, FilledForm, Form},
    question::Choice,
    visible_text,
};

use super::text;

/// An answer that was refused: it is shown again where it was given, with what was written.
pub struct RefusedAnswer {
    /// The question.
    pub question: QuestionId,
    /// Why.
    pub why: String,
    /// What was filled in.
    pub filled: FilledForm,
}

impl RefusedAnswer {
    /// What was written, a line for each field.
    pub fn words(&self) -> String {
        let words = self.filled.fields.iter().map(|field| field.words.as_str());
        words
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// What is asked, with the means to answer it.
pub fn ask(
    app: &App,
    caller: &Caller,
    task: &Task,
    question: &Question,
    refused: Option<&RefusedAnswer>,
) -> Markup {
    let shown = app.questions.shown_to(caller, &task.repo, question);
    let closed = app.questions.refusal(caller, task, &question.ask);
    html! {
        // The form of a clarifying question shows all of it.
        @if closed.is_some() || !matches!(shown, Ask::Clarify { .. }) { div { (text::message(&texts::body(&shown))) } }
        // Some of Markdown is not shown, and all of a plan has to be seen before it is approved.
        @if let Ask::Plan { plan } = &shown { (source(plan)) }
        @if let Some(why) = closed { div.dim { (text::message(&why)) } }
        @else { (answers(question, refused)) }
    }
}

/// The lines of a plan as it was written; the page's script quotes those whose number is clicked.
fn source(plan: &str) -> Markup {
    html! {
        details {
            summary { "As it was written, by line" }
            p.dim { "Click the number of a line to quote it in your reply." }
            pre tabindex="0" { code { @for (number, line) in plan.lines().enumerate() { span data-n=(number + 1) { (line) "\n" } } } }
        }
    }
}

/// Buttons and the form of a question.
fn answers(question: &Question, refused: Option<&RefusedAnswer>) -> Markup {
    let action = format!("/tasks/{}/say", question.task());
    let refused = refused.filter(|refused| refused.question == question.id);
    let buttons = texts::quick(&question.ask);
    let form = Form::of(&question.ask);
    html! {
        @if let Some(refused) = refused { div.problem role="alert" { (text::message(&refused.why)) } }
        @if !buttons.is_empty() {
            form.answer method="post" action=(action) autocomplete="off" {
                input type="hidden" name="reply_to" value=(question.id);
                @match &question.ask {
                    Ask::Clarify { .. } => (choices(&form)),
                    Ask::Permission { .. } | Ask::Plan { .. } => @for button in &buttons { (press(button)) },
                }
            }
        }
        form.fill method="post" action=(action) autocomplete="off" {
            input type="hidden" name="reply_to" value=(question.id);
            input type="hidden" name="filled" value=(form.fields.len());
            @for (place, field) in form.fields.iter().enumerate() {
                @let filled = refused.and_then(|refused| refused.filled.fields.get(place));
                (one(question, &form, place, field, filled, buttons.is_empty()))
            }
            button { (sends(&question.ask)) }
        }
    }
}

/// What the form's button says.
fn sends(ask: &Ask) -> &'static str {
    match ask {
        Ask::Clarify { .. } => "Send",
        Ask::Permission { .. } => "Deny with this reason",
        Ask::Plan { .. } => "Send back",
    }
}

fn press(button: &Button) -> Markup {
    let look = match button.kind {
        ButtonKind::Agree => "agree",
        ButtonKind::Refuse => "refuse",
        _ if button.dangerous => "dangerous",
        _ => "choice",
    };
    let confirm = confirmation(button);
    html! { button.(look) name="press" value=(button.says) data-confirm=[confirm] { (visible_text::exact(&button.label)) } }
}

/// What is asked before a button is pressed.
pub fn confirmation(button: &Button) -> Option<&str> {
    let asked = match button.confirm.as_str() {
        "" => &button.label,
        confirm => confirm,
    };
    button.dangerous.then_some(asked)
}

/// The choices of the only field, each as a button.
fn choices(form: &Form) -> Markup {
    html! {
        @for field in &form.fields {
            fieldset {
                legend { (visible_text::exact(&field.label)) }
                @for (number, choice) in field.options.iter().enumerate() {
                    div.choice { button name="choice" value=(number) { (visible_text::exact(&choice.label)) } (about(choice)) }
                }
            }
        }
    }
}

/// What a choice means and leads to.
fn about(choice: &Choice) -> Markup {
    html! {
        @if !choice.description.is_empty() { span.dim { " " (visible_text::exact(&choice.description)) } }
        @if !choice.preview.is_empty() {
            details { summary { "Preview" } pre tabindex="0" { code { (visible_text::exact(&choice.preview)) } } }
        }
    }
}

/// One field: its choices, unless they are buttons already, and its box for words.
fn one(
    question: &Question,
    form: &Form,
    place: usize,
    field: &Field,
    filled: Option<&FilledField>,
    with_choices: bool,
) -> Markup {
    let kind = if field.multi { "checkbox" } else { "radio" };
    let is_picked = |choice: usize| filled.is_some_and(|filled| filled.picks.contains(&choice));
    let words = filled.map_or("", |filled| filled.words.as_str());
    let single = form.fields.len() == 1;
    let enter = if single { "sends" } else { "breaks" };
    let has_choices = with_choices && !field.options.is_empty();
    let name = match single {
        true => format!("{} to {}", field.words, question.id),
        false => format!("{} to part {} of {}", field.words, place + 1, question.id),
    };
    html! {
        fieldset {
            @if with_choices { legend { (visible_text::exact(&field.label)) @if field.multi { span.dim { " Choose all that apply" } } } }
            @if has_choices {
                @for (number, choice) in field.options.iter().enumerate() {
                    div.choice {
                        label {
                            input type=(kind) name={ "pick." (place) } value=(number) checked[is_picked(number)];
                            span { (visible_text::exact(&choice.label)) }
                        }
                        (about(choice))
                    }
                }
            }
            textarea name={ "words." (place) } rows=(if with_choices { "2" } else { "1" }) data-enter=(enter) aria-label=(name) placeholder=(placeholder(&question.ask, has_choices)) required[!has_choices] { (words) }
        }
    }
}

fn placeholder(ask: &Ask, has_choices: bool) -> &'static str {
    match ask {
        Ask::Clarify { .. } if has_choices => "Other, or a remark",
        Ask::Clarify { .. } => "In your own words",
        Ask::Permission { .. } => "Why not?",
        Ask::Plan { .. } => "What should change?",
    }
}

/// Reads the fields that a browser sent; `None` if they are not those of a form.
pub fn read(sent: &[(String, String)]) -> Option<FilledForm> {
    let value = |name: &str| sent.iter().find(|(known, _)| known == name);
    if let Some((_, place)) = value("choice") {
        return place.parse().ok().map(FilledForm::choosing);
    }
    // A question has few items, whatever a browser claims.
    let fields: usize = value("filled")?
        .1
        .parse()
        .ok()
        .filter(|many| *many <= 100)?;
    let field = |place: usize| {
        let picks = sent
            .iter()
            .filter(|(name, _)| *name == format!("pick.{place}"));
        let words = value(&format!("words.{place}"));
        FilledField {
            picks: picks.filter_map(|(_, value)| value.parse().ok()).collect(),
            words: words.map_or_else(String::new, |(_, words)| words.trim().to_owned()),
        }
    };
    Some(FilledForm {
        fields: (0..fields).map(field).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_sends_what_was_chosen_and_written() {
        let sent = |pairs: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            read(&pairs.iter().map(pair).collect::<Vec<_>>())
        };
        let filled = sent(&[
            ("reply_to", "Q-1"),
            ("filled", "2"),
            ("pick.0", "1"),
            ("words.0", ""),
            ("pick.1", "0"),
            ("pick.1", "2"),
            ("words.1", " and\r\nthis "),
        ]);
        let field = |picks: &[usize], words: &str| FilledField {
            picks: picks.to_vec(),
            words: words.into(),
        };
        let fields = vec![field(&[1], ""), field(&[0, 2], "and\r\nthis")];
        assert_eq!(filled, Some(FilledForm { fields }));
        assert_eq!(sent(&[("reply_to", "Q-1"), ("text", "yes")]), None);
        assert_eq!(sent(&[("filled", "100000000")]), None);
        assert_eq!(sent(&[("choice", "2")]), Some(FilledForm::choosing(2)));
    }
}

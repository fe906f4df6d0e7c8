//! The form of a question: described once, drawn by each surface with what it has, and read in one
//! place.
//!
//! Buttons answer what one press can answer. The form answers everything else: several items, several
//! choices, own words, a reason for a refusal, what to change in a plan.

use crate::{
    invalid::Invalid,
    question::{Ask, Choice, Decision, Item},
    reading,
    visible_text::is_blank,
};

pub use crate::filled_form::{FilledField, FilledForm};

/// Choices that every surface can show: Discord's menus have no more.
const SHOWN: usize = 25;

const ANSWER: &str = "Your answer";

/// What a person fills in to answer a question, or to let a task continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What opens it: `Answer…`, `Deny with a reason…`, `Send back…`.
    pub opens: &'static str,
    /// Its title.
    pub title: &'static str,
    /// At least one.
    pub fields: Vec<Field>,
}

/// One thing to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What is asked.
    pub label: String,
    /// The choices; if empty, it takes only words.
    pub options: Vec<Choice>,
    /// Several choices may be made.
    pub multi: bool,
    /// The name of the box for words: `Other`, `Reason`.
    pub words: &'static str,
}

/// Why a field cannot be used, for the person who filled it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its position, from 0.
    pub field: usize,
    /// What to do, as a clause: `choose only one`.
    pub hint: &'static str,
}

impl Form {
    /// The form of a question.
    pub fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Clarify { items } => Self {
                opens: "Answer…",
                title: ANSWER,
                fields: (1..).zip(items).map(Field::of).collect(),
            },
            Ask::Permission { .. } => Self {
                opens: "Deny with a reason…",
                title: ANSWER,
                fields: vec![Field::words("Why not?", "Reason")],
            },
            Ask::Plan { .. } => Self {
                opens: "Send back…",
                title: ANSWER,
                fields: vec![Field::words("What should change?", "Changes")],
            },
        }
    }

    /// The form on the card of a task that is over.
    pub fn next_round() -> Self {
        Self {
            opens: "Continue…",
            title: "What to do next",
            fields: vec![Field::words("What should be done next?", "Next")],
        }
    }

    /// Which fields cannot be used as they are.
    pub fn errors(&self, filled: &FilledForm) -> Vec<FieldError> {
        let empty = FilledField::default();
        let all = self.fields.iter().enumerate();
        all.filter_map(|(place, field)| {
            let filled = filled.fields.get(place).unwrap_or(&empty);
            let hint = field.error(filled)?;
            Some(FieldError { field: place, hint })
        })
        .collect()
    }
}

impl Field {
    fn of((number, item): (usize, &Item)) -> Self {
        Self {
            label: match item.asked() {
                nothing if is_blank(&nothing) => format!("Question {number}"),
                asked => asked,
            },
            options: item.options.clone(),
            multi: item.multi,
            words: if item.options.is_empty() {
                "Answer"
            } else {
                "Other"
            },
        }
    }

    fn words(label: &str, words: &'static str) -> Self {
        Self {
            label: label.into(),
            options: Vec::new(),
            multi: false,
            words,
        }
    }

    fn error(&self, filled: &FilledField) -> Option<&'static str> {
        let picks = filled.picks.len();
        match () {
            () if filled.picks.iter().any(|pick| *pick >= self.options.len()) => {
                Some("choose among what is shown")
            }
            () if picks > 1 && !self.multi => Some("choose only one"),
            () if picks == 0 && is_blank(&filled.words) => Some(match self.options.len() {
                0 => "write something",
                _ if self.multi => "choose at least one, or write your own answer",
                _ => "choose one, or write your own answer",
            }),
            () => None,
        }
    }

    /// The labels that were chosen, and what was written beside them: one choice takes the words as a
    /// remark, several take them as one more. Words alone are one's own, except where not every surface
    /// can show all choices: there they may name some, as in chat.
    fn chosen(&self, filled: &FilledField) -> Vec<String> {
        if filled.picks.is_empty() && self.options.len() > SHOWN {
            let words = filled.words.trim();
            return reading::labels(&self.options, self.multi, words)
                .unwrap_or_else(|| vec![words.to_owned()]);
        }
        let mut picks = filled.picks.clone();
        picks.sort_unstable();
        picks.dedup();
        let chosen = picks.iter().filter_map(|pick| self.options.get(*pick));
        let mut labels: Vec<String> = chosen.map(|choice| choice.label.clone()).collect();
        let words = filled.words.trim();
        match labels.as_mut_slice() {
            _ if is_blank(words) => {}
            [only] if !self.multi => *only = format!("{only} ({words})"),
            _ => labels.push(words.to_owned()),
        }
        labels
    }
}

/// The decision that a filled form makes on a question.
///
/// # Errors If a field is empty or names a choice that does not exist; [`Form::errors`] says which.
pub fn decision(ask: &Ask, filled: &FilledForm) -> Result<Decision, Invalid> {
    let form = Form::of(ask);
    if filled.fields.len() > form.fields.len() {
        let hint = "fill in the form of this question";
        return Err(Invalid::new("answer", "it has too many parts", hint));
    }
    if let Some(error) = form.errors(filled).first() {
        let place = match form.fields.len() {
            1 => "it is not complete".into(),
            _ => format!("part {} is not complete", error.field + 1),
        };
        return Err(Invalid::new("answer", place, error.hint));
    }
    let words = || {
        let first = filled.fields.first();
        first.map_or_else(String::new, |field| field.words.trim().to_owned())
    };
    // A person who agrees in the box for a refusal has taken it for another one.
    if !matches!(ask, Ask::Clarify { .. }) && reading::agrees(&words()) {
        let hint = "press the button that agrees, or write why not";
        return Err(Invalid::new(
            "answer",
            "this box only refuses, and these words agree",
            hint,
        ));
    }
    Ok(match ask {
        Ask::Clarify { items } if items.iter().all(|item| item.options.is_empty()) => {
            Decision::Words {
                text: own_words(&form, filled),
            }
        }
        Ask::Clarify { .. } => {
            let fields = form.fields.iter().zip(&filled.fields);
            Decision::Chosen {
                labels: fields.map(|(field, filled)| field.chosen(filled)).collect(),
            }
        }
        Ask::Permission { .. } => Decision::Deny { reason: words() },
        Ask::Plan { .. } => Decision::SendBack { words: words() },
    })
}

/// The answers to questions without choices: one is itself, several are numbered.
fn own_words(form: &Form, filled: &FilledForm) -> String {
    let words = filled.fields.iter().map(|field| field.words.trim());
    match form.fields.len() {
        1 => words.collect(),
        _ => (1..)
            .zip(words)
            .map(|(number, words)| format!("{number}. {words}"))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

/// A filled form in words, as the thread shows it.
pub fn in_words(ask: &Ask, filled: &FilledForm) -> String {
    match decision(ask, filled) {
        Ok(Decision::Chosen { labels }) => {
            let lines = labels.iter().map(|item| item.join(", "));
            lines.collect::<Vec<_>>().join("\n")
        }
        Ok(Decision::Deny { reason }) => format!("no: {reason}"),
        Ok(Decision::SendBack { words }) => format!("send back: {words}"),
        Ok(other) => other.whole(),
        Err(_) => {
            let words = filled.fields.iter().map(|field| field.words.as_str());
            words.collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(options: &[&str], multi: bool) -> Item {
        let option = |label: &&str| Choice {
            label: (*label).into(),
            ..Choice::default()
        };
        Item {
            question: "Which?".into(),
            header: String::new(),
            options: options.iter().map(option).collect(),
            multi,
        }
    }

    fn filled(fields: &[(&[usize], &str)]) -> FilledForm {
        let field = |(picks, words): &(&[usize], &str)| FilledField {
            picks: picks.to_vec(),
            words: (*words).into(),
        };
        FilledForm {
            fields: fields.iter().map(field).collect(),
        }
    }

    fn chosen(labels: &[&[&str]]) -> Decision {
        let item = |item: &&[&str]| item.iter().map(ToString::to_string).collect();
        Decision::Chosen {
            labels: labels.iter().map(item).collect(),
        }
    }

    #[test]
    fn each_item_takes_a_choice_several_choices_or_words() {
        let colours = ["Red", "Blue", "3"];
        let ask = Ask::Clarify {
            items: vec![
                item(&colours, false),
                item(&colours, true),
                item(&[], false),
            ],
        };
        for (form, want) in [
            (
                filled(&[(&[2], ""), (&[1, 0], ""), (&[], "soon")]),
                chosen(&[&["3"], &["Red", "Blue"], &["soon"]]),
            ),
            (
                filled(&[(&[1], "but light"), (&[1], "Green, too"), (&[], "a\nb")]),
                chosen(&[&["Blue (but light)"], &["Blue", "Green, too"], &["a\nb"]]),
            ),
            (
                filled(&[(&[], " 2 "), (&[], "1, blue"), (&[], "3")]),
                chosen(&[&["2"], &["1, blue"], &["3"]]),
            ),
        ] {
            assert_eq!(decision(&ask, &form), Ok(want));
        }
    }

    #[test]
    fn what_is_missing_is_named_by_its_field() {
        let ask = Ask::Clarify {
            items: vec![
                item(&["A", "B"], false),
                item(&["A"], true),
                item(&[], false),
            ],
        };
        let form = Form::of(&ask);
        let wrong = |fields: &[(&[usize], &str)]| {
            let errors = form.errors(&filled(fields));
            assert_eq!(decision(&ask, &filled(fields)).is_err(), !errors.is_empty());
            errors.iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(wrong(&[(&[0], ""), (&[0], ""), (&[], "x")]), [0_usize; 0]);
        assert_eq!(
            wrong(&[(&[], " "), (&[], ""), (&[], "\u{200b}")]),
            [0, 1, 2]
        );
        assert_eq!(wrong(&[(&[0, 1], ""), (&[1], ""), (&[], "x")]), [0, 1]);
        assert_eq!(wrong(&[]), [0, 1, 2]);
    }

    #[test]
    fn words_on_a_permission_deny_and_words_on_a_plan_send_it_back() {
        let permission = Ask::Permission {
            tool: "Bash".into(),
            what: "rm x".into(),
            why: String::new(),
            rules: Vec::new(),
        };
        let plan = Ask::Plan { plan: "1.".into() };
        let but = filled(&[(&[], "yes, but later")]);
        let reason = "yes, but later".into();
        assert_eq!(decision(&permission, &but), Ok(Decision::Deny { reason }));
        let words = "yes, but later".into();
        assert_eq!(decision(&plan, &but), Ok(Decision::SendBack { words }));
        assert_eq!(in_words(&permission, &but), "no: yes, but later");
        for refused in ["", "yes", "LGTM 👍", "always"] {
            let refused = filled(&[(&[], refused)]);
            assert!(decision(&permission, &refused).is_err());
            assert!(decision(&plan, &refused).is_err());
        }
    }

    #[test]
    fn where_not_all_choices_can_be_shown_words_may_name_them() {
        let labels: Vec<String> = (1..=26).map(|number| format!("Room {number}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let ask = Ask::Clarify {
            items: vec![item(&labels, false)],
        };
        let named = decision(&ask, &filled(&[(&[], "26")]));
        assert_eq!(named, Ok(chosen(&[&["Room 26"]])));
        assert!(decision(&ask, &filled(&[(&[], "1"), (&[], "2")])).is_err());
    }

    #[test]
    fn questions_without_choices_are_answered_in_words() {
        let one = Ask::Clarify {
            items: vec![item(&[], false)],
        };
        let words = |text: &str| Decision::Words { text: text.into() };
        assert_eq!(decision(&one, &filled(&[(&[], "2")])), Ok(words("2")));
        let two = Ask::Clarify {
            items: vec![item(&[], false), item(&[], false)],
        };
        let both = filled(&[(&[], "a"), (&[], "b")]);
        assert_eq!(decision(&two, &both), Ok(words("1. a\n2. b")));
    }
}

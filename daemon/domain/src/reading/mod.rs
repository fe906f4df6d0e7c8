//! Parses a person's words into a decision on a question. It never guesses: words that cannot be
//! parsed are refused.

mod followup;
mod followup_words;
mod phrases;

pub use self::followup::{Followup, followup};
pub use self::phrases::all as phrases;

use self::phrases::{Meaning, is_pause, meaning};
use crate::visible_text::is_blank;
use crate::{
    chat::attachment::is_passed_on,
    invalid::Invalid,
    question::{Ask, Choice, Decision, Item},
};

/// Minimum words of a request to change a plan; shorter text is refused.
const ORDER: usize = 3;
/// Marks the text after it as what to change, however short.
const SEND_BACK: &str = "send back";

/// The decision that `text` states on `ask`.
///
/// - clarify: numbers or labels of the choices (`2`, `1, 3`), each with an optional remark (`2, but
///   small`), one line per item; with several items a line may be free text; any other text is free
///   text for all items
/// - permission: assent, `always`, or a refusal with an optional reason after it; anything else is
///   refused, including digits, since a permission's choices have no numbers
/// - plan: assent, or what to change in at least three words or after `send back:`; a refusal sends
///   the plan back, with its text as the reason; anything shorter is refused, and so is text that
///   was forwarded, spoken or sent as a file
///
/// `phrases.txt` lists how people agree and refuse.
pub fn decision(ask: &Ask, text: &str) -> Result<Decision, Invalid> {
    let text = text.trim();
    // A label may be a dash.
    let choice = match ask {
        Ask::Clarify { items } => chosen(items, text),
        Ask::Permission { .. } | Ask::Plan { .. } => None,
    };
    if let Some(choice) = choice {
        return Ok(choice);
    }
    if is_blank(text) {
        return Err(Invalid::new("answer", "it is empty", options_hint(ask)));
    }
    match ask {
        Ask::Clarify { .. } => Ok(Decision::Words {
            text: text.to_owned(),
        }),
        Ask::Permission { rules, .. } => permission(text, !rules.is_empty()).ok_or_else(|| {
            Invalid::new(
                "answer",
                "it does not clearly allow or deny this",
                options_hint(ask),
            )
        }),
        Ask::Plan { .. } => plan(text).ok_or_else(|| {
            Invalid::new(
                "answer",
                "it does not clearly approve the plan or send it back",
                options_hint(ask),
            )
        }),
    }
}

/// How well words fit a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They are one of its expected answers (a label, a number, assent, a refusal), or it takes any
    /// words.
    Exact,
    /// They can be a free-text answer.
    Loose,
    /// They cannot be an answer.
    No,
}

/// How well `text` fits `ask`, to find out which of several questions it answers.
pub fn fit(ask: &Ask, text: &str) -> Fit {
    let Ok(decision) = decision(ask, text) else {
        return Fit::No;
    };
    match (ask, decision) {
        (Ask::Clarify { items }, Decision::Words { .. })
            if items.iter().any(|item| !item.options.is_empty()) =>
        {
            Fit::Loose
        }
        (Ask::Plan { .. }, Decision::SendBack { .. })
            if meaning(text).is_none() && behind(text.trim(), SEND_BACK).is_none() =>
        {
            Fit::Loose
        }
        _ => Fit::Exact,
    }
}

/// Whether the text has anything to read.
pub fn has_words(text: &str) -> bool {
    !is_blank(text)
}

/// Whether `text` only agrees, for this time or for longer.
pub fn agrees(text: &str) -> bool {
    matches!(
        meaning(text),
        Some(Meaning::Assent | Meaning::Once | Meaning::Session)
    )
}

/// Whether `text` only agrees for this time, or refuses.
pub fn decides(text: &str) -> bool {
    matches!(
        meaning(text),
        Some(Meaning::Assent | Meaning::Once | Meaning::Refusal)
    )
}

/// How to answer, in one phrase.
pub fn options_hint(ask: &Ask) -> String {
    match ask {
        Ask::Clarify { items } if items.iter().all(|item| item.options.is_empty()) => {
            "reply in your own words".into()
        }
        Ask::Clarify { items } if items.len() > 1 => {
            "reply with one line for each question, by number or label, or in your own words".into()
        }
        Ask::Clarify { .. } => "reply with a number or label, or in your own words".into(),
        Ask::Permission { rules, .. } if rules.is_empty() => {
            "reply `yes` (this can only be allowed once) or `no, because …`".into()
        }
        Ask::Permission { .. } => "reply `yes`, `always` (this session) or `no, because …`".into(),
        Ask::Plan { .. } => {
            "reply `approve`, or describe what to change in a sentence (or `send back: …`)".into()
        }
    }
}

/// `session`: there is something to allow for the session.
fn permission(text: &str, session: bool) -> Option<Decision> {
    match meaning(text) {
        Some(Meaning::Assent | Meaning::Once) => Some(Decision::Allow { session: false }),
        Some(Meaning::Session) => session.then_some(Decision::Allow { session: true }),
        Some(Meaning::Refusal | Meaning::Negation) => Some(Decision::Deny {
            reason: String::new(),
        }),
        Some(Meaning::Pause | Meaning::Filler) | None => {
            denied_because(text).map(|reason| Decision::Deny { reason })
        }
    }
}

fn plan(text: &str) -> Option<Decision> {
    if is_passed_on(text) {
        return None;
    }
    let back = |words: &str| {
        (!is_blank(words)).then(|| Decision::SendBack {
            words: words.to_owned(),
        })
    };
    if let Some(words) = behind(text, SEND_BACK) {
        return back(words);
    }
    match meaning(text) {
        Some(Meaning::Assent | Meaning::Once) => Some(Decision::Approve),
        Some(Meaning::Refusal | Meaning::Negation) => back(text),
        Some(Meaning::Session | Meaning::Filler | Meaning::Pause) => None,
        None if is_pause(text) => None,
        None => (phrases::words(text).len() >= ORDER).then(|| back(text))?,
    }
}

/// `no, keep the file` and `deny: too risky`: a refusal, a separator, and a reason that does not
/// agree.
fn denied_because(text: &str) -> Option<String> {
    let (refusal, reason) = text.split_at(text.char_indices().find_map(|(at, c)| {
        let after = text[at + c.len_utf8()..].chars().next();
        let apart = after.is_none_or(char::is_whitespace);
        let separates = match c {
            '\n' | '—' => true,
            ',' | ':' | ';' | '.' | '!' => apart,
            // `no-one knows` and `no-go` are words.
            '-' | '–' => apart && text[..at].ends_with(char::is_whitespace),
            _ => false,
        };
        separates.then_some(at)
    })?);
    let reason = reason.trim_start_matches([' ', ',', ':', ';', '.', '!', '-', '–', '—', '\n']);
    let refuses = meaning(refusal) == Some(Meaning::Refusal);
    let agrees = matches!(
        meaning(reason),
        Some(Meaning::Assent | Meaning::Once | Meaning::Session)
    );
    (refuses && !is_blank(reason) && !agrees).then(|| reason.to_owned())
}

/// The text after a word and a colon.
fn behind<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_once(':')?;
    head.trim().eq_ignore_ascii_case(word).then(|| rest.trim())
}

/// One line for each item: a number, a label, or free text if another line is a choice. `None` if
/// the text does not have this form.
fn chosen(items: &[Item], text: &str) -> Option<Decision> {
    let lines: Vec<&str> = match items.len() {
        1 => vec![text],
        _ => text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect(),
    };
    if lines.len() != items.len() {
        return None;
    }
    let read: Vec<_> = items
        .iter()
        .zip(&lines)
        .map(|(item, line)| labels(&item.options, item.multi, line))
        .collect();
    let any = read.iter().any(Option::is_some);
    let labels = read
        .into_iter()
        .zip(&lines)
        .map(|(labels, line)| labels.unwrap_or_else(|| vec![(*line).to_owned()]))
        .collect();
    any.then_some(Decision::Chosen { labels })
}

/// The labels that a line names, by number or label: several of them if several may be chosen.
/// Otherwise one, perhaps with a remark. `None` if it names none.
pub fn labels(options: &[Choice], multi: bool, line: &str) -> Option<Vec<String>> {
    if let Some(label) = label(options, line) {
        return Some(vec![label]);
    }
    if multi {
        line.split(',').map(|part| label(options, part)).collect()
    } else {
        remarked(options, line).map(|label| vec![label])
    }
}

/// `2, but small`: a choice with a remark. Text that looks like another choice or a number does not
/// count as a remark.
fn remarked(options: &[Choice], line: &str) -> Option<String> {
    let marks = [", ", ": ", "; ", " – ", " — ", " - ", " ("];
    let (choice, remark) = marks
        .into_iter()
        .filter_map(|mark| line.split_once(mark))
        .min_by_key(|(choice, _)| choice.len())?;
    let chosen = label(options, choice)?;
    let remark = remark.trim().trim_end_matches(')');
    let second = remark.starts_with(|c: char| c.is_ascii_digit())
        || remark.split(',').any(|part| label(options, part).is_some());
    (!remark.is_empty() && !second).then(|| format!("{chosen} ({remark})"))
}

fn label(options: &[Choice], text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    // Labels first: a button sends its label, and a label may be a number.
    let by_label = options
        .iter()
        .find(|choice| choice.label.eq_ignore_ascii_case(text));
    let by_number = || {
        text.parse::<usize>()
            .ok()
            .and_then(|n| options.get(n.checked_sub(1)?))
    };
    by_label
        .or_else(by_number)
        .map(|choice| choice.label.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(multi: bool) -> Item {
        let option = |label: &str| Choice {
            label: label.into(),
            ..Choice::default()
        };
        Item {
            question: "Which?".into(),
            header: String::new(),
            options: vec![option("Red"), option("Blue"), option("Green")],
            multi,
        }
    }

    fn clarify(items: Vec<Item>) -> Ask {
        Ask::Clarify { items }
    }

    fn words(text: &str) -> Decision {
        Decision::Words { text: text.into() }
    }

    fn chosen(labels: &[&[&str]]) -> Decision {
        Decision::Chosen {
            labels: labels
                .iter()
                .map(|item| item.iter().map(ToString::to_string).collect())
                .collect(),
        }
    }

    #[test]
    fn clarify_takes_numbers_labels_and_any_words() {
        let one = clarify(vec![item(false)]);
        assert_eq!(decision(&one, "2"), Ok(chosen(&[&["Blue"]])));
        assert_eq!(decision(&one, "blue."), Ok(chosen(&[&["Blue"]])));
        assert_eq!(decision(&one, "4"), Ok(words("4")));
        assert_eq!(decision(&one, "1, 2"), Ok(words("1, 2")));
        assert_eq!(
            decision(&one, "no, something else"),
            Ok(words("no, something else"))
        );
        assert_eq!(
            decision(&clarify(vec![item(true)]), "1, green"),
            Ok(chosen(&[&["Red", "Green"]]))
        );
        let two = clarify(vec![item(false), item(true)]);
        assert_eq!(
            decision(&two, "1\n2,3"),
            Ok(chosen(&[&["Red"], &["Blue", "Green"]]))
        );
        assert_eq!(decision(&two, "1"), Ok(words("1")));
        assert_eq!(
            decision(&two, "1\nsomething else"),
            Ok(chosen(&[&["Red"], &["something else"]]))
        );
        assert_eq!(
            decision(&two, "I do not know\nask Ann"),
            Ok(words("I do not know\nask Ann"))
        );
    }

    #[test]
    fn a_choice_may_carry_a_remark_and_is_not_mistaken_for_two() {
        let one = clarify(vec![item(false)]);
        assert_eq!(
            decision(&one, "2, but a light one"),
            Ok(chosen(&[&["Blue (but a light one)"]]))
        );
        assert_eq!(
            decision(&one, "Red (for now)"),
            Ok(chosen(&[&["Red (for now)"]]))
        );
        assert_eq!(decision(&one, "1, 2"), Ok(words("1, 2")));
        assert_eq!(decision(&one, "2-3 of them"), Ok(words("2-3 of them")));
        assert_eq!(decision(&one, "2, 3 of them"), Ok(words("2, 3 of them")));
        assert_eq!(
            decision(&one, "Blue, or red"),
            Ok(chosen(&[&["Blue (or red)"]]))
        );
    }

    #[test]
    fn a_label_that_is_a_number_is_meant_before_a_place_in_the_list() {
        let option = |label: &str| Choice {
            label: label.into(),
            ..Choice::default()
        };
        let options = vec![option("1"), option("3"), option("5")];
        let item = Item {
            question: "How many?".into(),
            header: String::new(),
            options,
            multi: false,
        };
        assert_eq!(
            decision(&clarify(vec![item.clone()]), "3"),
            Ok(chosen(&[&["3"]]))
        );
        assert_eq!(decision(&clarify(vec![item]), "2"), Ok(chosen(&[&["3"]])));
        let dash = Item {
            question: "Which sign?".into(),
            header: String::new(),
            options: vec![option("+"), option("-")],
            multi: false,
        };
        assert_eq!(
            decision(&clarify(vec![dash]), "-"),
            Ok(chosen(&[&["-"]])),
            "a button says its label"
        );
    }

    #[test]
    fn a_permission_is_never_given_by_words_that_could_mean_something_else() {
        let ask = Ask::Permission {
            tool: "Bash".into(),
            what: "rm x".into(),
            why: String::new(),
            rules: vec!["Bash(rm *)".into()],
        };
        for (text, want) in [
            ("yes", Some(Decision::Allow { session: false })),
            ("OK!", Some(Decision::Allow { session: false })),
            ("always", Some(Decision::Allow { session: true })),
            (
                "No",
                Some(Decision::Deny {
                    reason: String::new(),
                }),
            ),
            (
                "no, keep the file",
                Some(Decision::Deny {
                    reason: "keep the file".into(),
                }),
            ),
            ("lgtm 👍🏽", Some(Decision::Allow { session: false })),
            (
                ":+1::skin-tone-2:",
                Some(Decision::Allow { session: false }),
            ),
            (
                "yes, for this session",
                Some(Decision::Allow { session: true }),
            ),
            (
                "Don’t!",
                Some(Decision::Deny {
                    reason: String::new(),
                }),
            ),
            (
                "no way: it deletes the beds",
                Some(Decision::Deny {
                    reason: "it deletes the beds".into(),
                }),
            ),
            ("1", None),
            ("2", None),
            ("3", None),
            ("no, go ahead", None),
            ("no-one knows", None),
            ("don't stop", None),
            ("once, always", None),
            (
                ":-1: too risky",
                Some(Decision::Deny {
                    reason: "too risky".into(),
                }),
            ),
            (
                "no - keep it",
                Some(Decision::Deny {
                    reason: "keep it".into(),
                }),
            ),
            ("-", None),
            ("\u{200b}", None),
            ("yes but only if it is safe", None),
            ("nobody knows", None),
            ("no problem, go ahead", None),
            ("not sure", None),
            ("", None),
        ] {
            assert_eq!(decision(&ask, text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn what_covers_nothing_more_is_not_allowed_for_the_session() {
        let ask = Ask::Permission {
            tool: "Bash".into(),
            what: "rm x".into(),
            why: String::new(),
            rules: vec![],
        };
        assert!(decision(&ask, "always").is_err());
        assert_eq!(
            decision(&ask, "yes"),
            Ok(Decision::Allow { session: false })
        );
    }

    #[test]
    fn a_plan_is_approved_or_sent_back() {
        let ask = Ask::Plan {
            plan: "1. do it".into(),
        };
        let back = |words: &str| {
            Some(Decision::SendBack {
                words: words.into(),
            })
        };
        for (text, want) in [
            ("Approve", Some(Decision::Approve)),
            ("okay", Some(Decision::Approve)),
            ("Sounds good, go ahead", Some(Decision::Approve)),
            ("ship it 🚀", Some(Decision::Approve)),
            ("👍🏽", Some(Decision::Approve)),
            ("yes, but test first", back("yes, but test first")),
            ("Water it first", back("Water it first")),
            ("send back: smaller", back("smaller")),
            ("先に水をやって", back("先に水をやって")),
            ("Send back: 1", back("1")),
            ("no", back("no")),
            ("👎", back("👎")),
            ("1", None),
            ("2", None),
            ("perhaps", None),
            ("hm, maybe", None),
            ("let me think", None),
            ("One moment please…", None),
            ("not sure yet, hm", None),
            (
                "let me think about the beds first",
                back("let me think about the beds first"),
            ),
            ("ok?", None),
            ("always", None),
            ("send back:", None),
            ("—", None),
        ] {
            assert_eq!(decision(&ask, text).ok(), want, "{text:?}");
        }
    }
}

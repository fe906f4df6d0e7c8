//! Reads a person's words as a decision on a question. Never guesses: what cannot be read is said
//! to be so.

use crate::{
    input::Invalid,
    question::{Ask, Decision, Item},
};

const ALLOW: [&str; 7] = ["1", "yes", "y", "ok", "allow", "allow once", "👍"];
const ALLOW_SESSION: [&str; 5] = [
    "2",
    "always",
    "session",
    "allow for this session",
    "allow for session",
];
const DENY: [&str; 6] = ["3", "no", "n", "deny", "don't", "👎"];
const APPROVE: [&str; 7] = ["1", "yes", "y", "ok", "approve", "approved", "👍"];

/// The decision that `text` states on `ask`.
///
/// - clarify: numbers or labels of the choices (`2`, `1, 3`), each with a remark if wanted
///   (`2, but small`), one line per item; with several items a line may be own words; else the text
///   as own words for all
/// - permission: `yes`, `always`, or `no` with a reason after it; anything else is refused
/// - plan: `approve`, else the text as what to change
pub fn decision(ask: &Ask, text: &str) -> Result<Decision, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new("answer", "it is empty", options_hint(ask)));
    }
    match ask {
        Ask::Clarify { items } => Ok(chosen(items, text).unwrap_or_else(|| Decision::Words {
            text: text.to_owned(),
        })),
        Ask::Permission { .. } => permission(text).ok_or_else(|| {
            Invalid::new(
                "answer",
                "a permission is allowed or denied, and these words do neither for sure",
                options_hint(ask),
            )
        }),
        Ask::Plan { .. } if is_one_of(text, &APPROVE) => Ok(Decision::Approve),
        Ask::Plan { .. } => Ok(Decision::SendBack {
            words: text.to_owned(),
        }),
    }
}

/// What can be answered, in one sentence.
pub fn options_hint(ask: &Ask) -> String {
    match ask {
        Ask::Clarify { items } if items.iter().all(|item| item.options.is_empty()) => {
            "reply in your own words".into()
        }
        Ask::Clarify { items } if items.len() > 1 => {
            "reply with one line for each question, by number or label, or in your own words".into()
        }
        Ask::Clarify { .. } => "reply with a number or label, or in your own words".into(),
        Ask::Permission { .. } => "reply `yes`, `always` (this session) or `no, because …`".into(),
        Ask::Plan { .. } => "reply `approve`, or say what to change".into(),
    }
}

fn permission(text: &str) -> Option<Decision> {
    match text {
        _ if is_one_of(text, &ALLOW) => Some(Decision::Allow { session: false }),
        _ if is_one_of(text, &ALLOW_SESSION) => Some(Decision::Allow { session: true }),
        _ if is_one_of(text, &DENY) => Some(Decision::Deny {
            reason: String::new(),
        }),
        _ => denied_because(text).map(|reason| Decision::Deny { reason }),
    }
}

/// `no, keep the file` and `deny: too risky`: a word of refusal, a separator, a reason.
fn denied_because(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let word = ["no", "deny", "don't", "3"].into_iter().find(|word| {
        lower.strip_prefix(word).is_some_and(|rest| {
            rest.trim_start()
                .starts_with([',', ':', ';', '.', '-', '–', '—', '\n'])
        })
    })?;
    let reason = text
        .get(word.len()..)?
        .trim_start_matches([' ', ',', ':', ';', '.', '-', '–', '—', '\n']);
    (!reason.is_empty()).then(|| reason.to_owned())
}

/// One line for each item: chosen by number or label, or own words beside others that are chosen.
/// `None` when that is not what the text is.
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
        .map(|(item, line)| labels(item, line))
        .collect();
    let any = read.iter().any(Option::is_some);
    let labels = read
        .into_iter()
        .zip(&lines)
        .map(|(labels, line)| labels.unwrap_or_else(|| vec![(*line).to_owned()]))
        .collect();
    any.then_some(Decision::Chosen { labels })
}

fn labels(item: &Item, line: &str) -> Option<Vec<String>> {
    if let Some(label) = label(item, line) {
        return Some(vec![label]);
    }
    let several = || line.split(',').map(|part| label(item, part)).collect();
    if item.multi {
        several()
    } else {
        remarked(item, line).map(|label| vec![label])
    }
}

/// `2, but small`: a choice with a remark. What looks like another choice, or like a number, is no
/// remark.
fn remarked(item: &Item, line: &str) -> Option<String> {
    let marks = [", ", ": ", "; ", " – ", " — ", " - ", " ("];
    let (choice, remark) = marks
        .into_iter()
        .filter_map(|mark| line.split_once(mark))
        .min_by_key(|(choice, _)| choice.len())?;
    let (chosen, remark) = (label(item, choice)?, remark.trim().trim_end_matches(')'));
    let second = remark.starts_with(|c: char| c.is_ascii_digit())
        || remark.split(',').any(|part| label(item, part).is_some());
    (!remark.is_empty() && !second).then(|| format!("{chosen} ({remark})"))
}

fn label(item: &Item, text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    // Labels first: a button says its label, and a label may be a number.
    let by_label = item
        .options
        .iter()
        .find(|choice| choice.label.eq_ignore_ascii_case(text));
    let by_number = || {
        text.parse::<usize>()
            .ok()
            .and_then(|n| item.options.get(n.checked_sub(1)?))
    };
    by_label
        .or_else(by_number)
        .map(|choice| choice.label.clone())
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    let bare = text.trim_end_matches(['.', '!']).to_lowercase();
    words.contains(&bare.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Choice;

    fn item(multi: bool) -> Item {
        let option = |label: &str| Choice {
            label: label.into(),
            description: String::new(),
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
            description: String::new(),
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
    }

    #[test]
    fn a_permission_is_never_given_by_words_that_could_mean_something_else() {
        let ask = Ask::Permission {
            tool: "Bash".into(),
            what: "rm x".into(),
            why: String::new(),
            rules: vec![],
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
    fn a_plan_is_approved_or_sent_back() {
        let ask = Ask::Plan {
            plan: "1. do it".into(),
        };
        assert_eq!(decision(&ask, "Approve"), Ok(Decision::Approve));
        assert_eq!(
            decision(&ask, "yes, but test first"),
            Ok(Decision::SendBack {
                words: "yes, but test first".into()
            })
        );
    }
}

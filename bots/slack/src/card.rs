//! Messages in Block Kit: text in sections, choices as buttons.

use serde_json::{Value, json};
use vine_domain::{
    chat::{Button, ButtonKind},
    markdown::split_to_fit,
    visible_text,
};

use crate::mrkdwn::mrkdwn;

/// Initial size of a section in bytes, and its maximum of characters (reference, "Section block":
/// 3,000).
const SECTION: usize = 1_200;
const SHOWN: usize = 2_900;
/// Initial size of a message in bytes, and the maximum of characters of all its sections: Slack
/// refuses more than about 13,200.
const PART: usize = 9_000;
const MESSAGE: usize = 12_000;
/// Maximum characters of a button's label (reference: 75).
const LABEL: usize = 75;
/// Maximum characters of a confirmation (reference: 300).
const CONFIRM: usize = 300;

/// IDs of the buttons.
pub const PICK: &str = "vine_pick_";
pub const WRITE: &str = "vine_write";
/// The message shortcut that makes a task.
pub const TASK_SHORTCUT: &str = "vine_task";
/// The message shortcut for answers.
pub const SHORTCUT: &str = "vine_answer";

/// Plain text, as Slack wants it.
pub fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

/// Text without buttons.
pub fn words(text: &str) -> Vec<Value> {
    sections(text)
        .iter()
        .map(|shown| json!({ "type": "section", "text": { "type": "mrkdwn", "text": shown, "verbatim": true } }))
        .collect()
}

/// Splits a text into sections, escaped, since escaping makes it longer.
fn sections(text: &str) -> Vec<String> {
    let parts = split_to_fit(text, SECTION, |part| {
        mrkdwn(part, &[]).chars().count() <= SHOWN
    });
    parts.iter().map(|part| mrkdwn(part, &[])).collect()
}

/// Splits a text into parts that fit into messages.
pub fn parts(text: &str) -> Vec<String> {
    split_to_fit(text, PART, |part| {
        sections(part)
            .iter()
            .map(|one| one.chars().count())
            .sum::<usize>()
            <= MESSAGE
    })
}

/// Text with buttons.
pub fn choices(text: &str, buttons: &[Button]) -> Vec<Value> {
    with(words(text), &picks(buttons))
}

fn picks(buttons: &[Button]) -> Vec<Value> {
    Button::shown(buttons)
        .map(|(index, one)| button(index, one))
        .collect()
}

fn with(mut blocks: Vec<Value>, elements: &[Value]) -> Vec<Value> {
    // A block holds 25 elements.
    blocks.extend(
        elements
            .chunks(25)
            .map(|some| json!({ "type": "actions", "elements": some })),
    );
    blocks
}

fn button(index: usize, button: &Button) -> Value {
    let label: String = visible_text::exact(&button.label)
        .chars()
        .take(LABEL)
        .collect();
    let action = match button.kind {
        ButtonKind::Form => WRITE.to_owned(),
        _ => format!("{PICK}{index}"),
    };
    let mut shown = json!({ "type": "button", "text": { "type": "plain_text", "text": label }, "action_id": action, "value": index.to_string() });
    match button.kind {
        ButtonKind::Agree => shown["style"] = json!("primary"),
        ButtonKind::Refuse => shown["style"] = json!("danger"),
        _ => {}
    }
    if button.dangerous {
        let confirm: String = visible_text::exact(&button.confirm)
            .chars()
            .take(CONFIRM)
            .collect();
        shown["confirm"] = json!({
            "title": plain("Are you sure?"), "text": plain(if confirm.is_empty() { &label } else { &confirm }),
            "confirm": { "type": "plain_text", "text": "Yes" }, "deny": { "type": "plain_text", "text": "No" }, "style": "danger",
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_too_long_however_much_there_is_to_escape() {
        let markup = "<b>&amp;</b>\n".repeat(2_000);
        let all = parts(&markup);
        assert!(all.len() > 1);
        for part in &all {
            let blocks = words(part);
            let lengths: Vec<usize> = blocks
                .iter()
                .map(|block| {
                    block["text"]["text"]
                        .as_str()
                        .expect("text")
                        .chars()
                        .count()
                })
                .collect();
            assert!(
                lengths.iter().all(|length| *length <= 3_000)
                    && lengths.iter().sum::<usize>() <= 13_200,
                "{lengths:?}"
            );
            assert!(blocks.len() < 45, "{}", blocks.len());
        }
    }

    #[test]
    fn a_dangerous_choice_asks_back_and_a_long_text_has_several_sections() {
        let buttons = [
            Button::choice("Yes").of(ButtonKind::Agree),
            Button::choice("Always").dangerous("Allow every `rm …`?"),
            Button::saying("Deny with a reason…", "").of(ButtonKind::Form),
        ];
        let blocks = choices(&"word ".repeat(600), &buttons);
        assert!(blocks.len() > 3, "{}", blocks.len());
        let elements = blocks.last().expect("actions")["elements"].clone();
        assert_eq!(
            (
                elements[0]["confirm"].is_null(),
                elements[1]["confirm"].is_null()
            ),
            (true, false)
        );
        assert_eq!(elements[0]["style"], "primary");
        assert_eq!(
            elements[1]["confirm"]["text"]["text"],
            "Allow every `rm …`?"
        );
        assert_eq!(elements[2]["action_id"], WRITE);
        assert!(blocks.iter().all(|block| {
            block["text"]["text"]
                .as_str()
                .is_none_or(|text| text.len() <= 3_000)
        }));
    }
}

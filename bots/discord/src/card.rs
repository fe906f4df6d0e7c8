//! The controls under a question: a button for each choice, and one to write something else.

use serde_json::{Value, json};
use vine_domain::{
    chat::{Button, ButtonKind},
    visible_text,
};

/// Maximum characters of a label (reference, "Button").
const LABEL: usize = 80;
/// Suppresses link previews.
pub const PLAIN: u64 = 4;
/// Styles (reference, "Button styles").
const BLUE: u8 = 1;
const GREY: u8 = 2;
const GREEN: u8 = 3;
const RED: u8 = 4;
/// Buttons in a row, and the most buttons; if there are more, the choices become a list.
const ROW: usize = 5;
const BUTTONS: usize = 21;
/// Maximum options of a list.
const OPTIONS: usize = 25;

/// What a person pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// The choice with this index.
    Pick(usize),
    /// A choice that needs confirmation.
    Careful(usize),
    /// A confirmed choice of this message.
    Sure(usize, String),
    /// Opens the modal.
    Write,
}

/// The rows of controls under a message: more choices than fit become a list.
pub fn rows(buttons: &[Button]) -> Vec<Value> {
    let all = || Button::shown(buttons);
    if buttons.len() <= BUTTONS {
        return in_rows(
            &all()
                .map(|(index, one)| button(index, one))
                .collect::<Vec<_>>(),
        );
    }
    let is_form = |(_, one): &(usize, &Button)| one.kind == ButtonKind::Form;
    let opens: Vec<Value> = all()
        .filter(is_form)
        .map(|(index, one)| button(index, one))
        .collect();
    let choices: Vec<&Button> = buttons
        .iter()
        .filter(|one| one.kind != ButtonKind::Form)
        .collect();
    let mut rows = vec![json!({ "type": 1, "components": [list(&choices)] })];
    rows.extend(in_rows(&opens));
    rows
}

fn in_rows(all: &[Value]) -> Vec<Value> {
    all.chunks(ROW)
        .map(|row| json!({ "type": 1, "components": row }))
        .collect()
}

fn button(index: usize, button: &Button) -> Value {
    let style = match button.kind {
        ButtonKind::Choice if button.dangerous => GREY,
        ButtonKind::Choice => BLUE,
        ButtonKind::Agree => GREEN,
        ButtonKind::Refuse => RED,
        ButtonKind::Form | ButtonKind::Command | ButtonKind::Absent => GREY,
    };
    let id = match button.kind {
        ButtonKind::Form => "v1:write".to_owned(),
        _ if button.dangerous => format!("v1:careful:{index}"),
        _ => format!("v1:pick:{index}"),
    };
    json!({ "type": 2, "style": style, "label": short(&button.label, LABEL), "custom_id": id })
}

fn list(buttons: &[&Button]) -> Value {
    let option = |(index, one): (usize, &&Button)| json!({ "label": short(&one.label, 100), "value": index.to_string() });
    let options: Vec<Value> = buttons
        .iter()
        .enumerate()
        .take(OPTIONS)
        .map(option)
        .collect();
    let placeholder = match buttons.len() {
        all if all > OPTIONS => format!("Choose (first {OPTIONS} of {all}); write any other"),
        _ => "Choose".to_owned(),
    };
    json!({ "type": 3, "custom_id": "v1:list", "placeholder": placeholder, "options": options })
}

/// The row that asks for confirmation.
pub fn sure(message: &str, index: usize, label: &str) -> Vec<Value> {
    let label = short(&format!("Yes: {label}"), LABEL);
    vec![
        json!({ "type": 1, "components": [{ "type": 2, "style": 4, "label": label, "custom_id": format!("v1:sure:{index}:{message}") }] }),
    ]
}

fn short(text: &str, most: usize) -> String {
    visible_text::exact(text).chars().take(most).collect()
}

/// Reads what was pressed. A forged ID can only name a button that may not exist; permission is
/// checked elsewhere.
pub fn pressed(data: &Value) -> Option<Press> {
    let parts: Vec<&str> = data["custom_id"].as_str()?.split(':').collect();
    match parts.as_slice() {
        ["v1", "pick", index] => Some(Press::Pick(index.parse().ok()?)),
        ["v1", "careful", index] => Some(Press::Careful(index.parse().ok()?)),
        ["v1", "sure", index, message] => {
            Some(Press::Sure(index.parse().ok()?, (*message).to_owned()))
        }
        ["v1", "list"] => Some(Press::Pick(data["values"][0].as_str()?.parse().ok()?)),
        ["v1", "write"] => Some(Press::Write),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(count: usize, dangerous: bool) -> Vec<Button> {
        let choice = |number| Button {
            dangerous,
            ..Button::choice(format!("Choice {number}"))
        };
        let form = Button::saying("Answer…", "").of(ButtonKind::Form);
        (0..count).map(choice).chain([form]).collect()
    }

    #[test]
    fn rows_hold_what_discord_lets_them() {
        for count in [0, 1, 4, 5, 20, 21, 40] {
            let rows = rows(&choices(count, false));
            assert!(
                rows.len() <= 5
                    && rows.iter().all(|row| row["components"]
                        .as_array()
                        .is_some_and(|all| all.len() <= 5)),
                "{count}"
            );
            let text = serde_json::to_string(&rows).expect("JSON");
            assert!(text.contains("v1:write"), "{count}");
        }
    }

    #[test]
    fn what_is_pressed_is_what_was_shown() {
        let id = |rows: &[Value], at: usize| {
            pressed(
                &json!({ "custom_id": rows[0]["components"][at]["custom_id"], "values": ["3"] }),
            )
        };
        assert_eq!(id(&rows(&choices(2, false)), 1), Some(Press::Pick(1)));
        assert_eq!(id(&rows(&choices(2, true)), 1), Some(Press::Careful(1)));
        assert_eq!(id(&rows(&choices(30, false)), 0), Some(Press::Pick(3)));
        assert_eq!(
            id(&sure("55", 2, "Always"), 0),
            Some(Press::Sure(2, "55".into()))
        );
        assert_eq!(pressed(&json!({ "custom_id": "v1:pick:-1" })), None);
    }
}

//! The form of a question in a modal: at most five inputs, each under a label.

use serde_json::{Value, json};
use vine_domain::{
    form::{Field, FilledField, FilledForm, Form},
    question::Choice,
    visible_text,
};

/// Maximum inputs of a modal (reference, "Modal").
const INPUTS: usize = 5;
/// Maximum characters of a label and of its description (reference, "Label"), and of an option's
/// label and description.
const LABEL: usize = 45;
const DESCRIPTION: usize = 100;
/// Maximum options of radio buttons and checkboxes, and of a menu.
const SHOWN_AT_ONCE: usize = 10;
const IN_A_MENU: usize = 25;
/// Maximum characters of what is written.
const WORDS: usize = 4_000;
/// The box for own words, if there is room for one only.
const SHARED: &str = "words";

/// The inputs of a form; `None` if it has too many fields.
pub fn inputs(form: &Form) -> Option<Vec<Value>> {
    let each: Vec<Value> = form.fields.iter().enumerate().flat_map(whole).collect();
    if each.len() <= INPUTS {
        return Some(each);
    }
    let mut inputs: Vec<Value> = form.fields.iter().enumerate().map(only).collect();
    if inputs.len() < INPUTS {
        let about = "For one question, begin with its number: `2: my own answer`";
        inputs.push(label("Other", about, &text(SHARED, false)));
    }
    (inputs.len() <= INPUTS).then_some(inputs)
}

/// A field with a box for words.
fn whole((place, field): (usize, &Field)) -> Vec<Value> {
    let mut inputs = vec![only((place, field))];
    if choices(place, field).is_some() {
        inputs.push(label(
            field.words,
            "In your own words",
            &text(&format!("words:{place}"), false),
        ));
    }
    inputs
}

/// A field with its choices, or with a box for words if it has none.
fn only((place, field): (usize, &Field)) -> Value {
    let input = choices(place, field).unwrap_or_else(|| text(&format!("words:{place}"), true));
    let rest = match field.options.len() {
        many if many > IN_A_MENU => "Write the number of a choice".to_owned(),
        _ => field.label.chars().skip(LABEL - 1).collect(),
    };
    label(&field.label, &rest, &input)
}

/// The choices of a field; `None` if there are none, or too many to show.
fn choices(place: usize, field: &Field) -> Option<Value> {
    let options: Vec<Value> = field.options.iter().enumerate().map(option).collect();
    let id = format!("pick:{place}");
    let many = options.len();
    Some(match (many, field.multi) {
        (0, _) => return None,
        _ if many > IN_A_MENU => return None,
        // Radio buttons need two.
        (2..=SHOWN_AT_ONCE, false) => {
            json!({ "type": 21, "custom_id": id, "required": false, "options": options })
        }
        (1..=SHOWN_AT_ONCE, true) => json!({
            "type": 22, "custom_id": id, "required": false, "min_values": 0, "max_values": many, "options": options,
        }),
        (_, multi) => json!({
            "type": 3, "custom_id": id, "required": false, "min_values": 0, "max_values": if multi { many } else { 1 }, "options": options,
        }),
    })
}

fn option((place, choice): (usize, &Choice)) -> Value {
    let mut option =
        json!({ "label": cut(&choice.label, DESCRIPTION), "value": place.to_string() });
    if !choice.description.trim().is_empty() {
        option["description"] = json!(cut(&choice.description, DESCRIPTION));
    }
    option
}

fn text(id: &str, required: bool) -> Value {
    json!({ "type": 4, "custom_id": id, "style": 2, "required": required, "max_length": WORDS })
}

fn label(name: &str, about: &str, input: &Value) -> Value {
    let mut label = json!({ "type": 18, "label": cut(name, LABEL), "component": input });
    if !about.trim().is_empty() {
        label["description"] = json!(cut(about, DESCRIPTION));
    }
    label
}

fn cut(text: &str, most: usize) -> String {
    let text = visible_text::exact(text);
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

/// Reads a submitted form.
pub fn filled(data: &Value) -> FilledForm {
    let mut filled = FilledForm::default();
    let inputs = data["components"].as_array().into_iter().flatten();
    for input in inputs.map(|label| &label["component"]) {
        match input["custom_id"].as_str().map(|id| id.split_once(':')) {
            Some(Some(("pick", place))) => {
                if let Some(field) = field(&mut filled, place) {
                    field.picks = picks(input);
                }
            }
            Some(Some(("words", place))) => {
                if let Some(field) = field(&mut filled, place) {
                    field.words = words(input);
                }
            }
            Some(None) if input["custom_id"] == SHARED => share(&mut filled, &words(input)),
            _ => {}
        }
    }
    filled
}

/// The field at a place; more are added as needed, but a forged form gets no more than fit.
fn field<'a>(filled: &'a mut FilledForm, place: &str) -> Option<&'a mut FilledField> {
    let place: usize = place.parse().ok().filter(|place| *place < INPUTS)?;
    while filled.fields.len() <= place {
        filled.fields.push(FilledField::default());
    }
    filled.fields.get_mut(place)
}

fn picks(input: &Value) -> Vec<usize> {
    let several = input["values"].as_array().into_iter().flatten();
    let values = std::iter::once(&input["value"]).chain(several);
    let values = values.filter_map(Value::as_str);
    values.filter_map(|value| value.parse().ok()).collect()
}

fn words(input: &Value) -> String {
    input["value"].as_str().unwrap_or_default().trim().into()
}

/// Words from the shared box: a line that begins with a number and a colon begins the words for that
/// field; what names none belongs to the first field that has nothing yet, or to the last one.
fn share(filled: &mut FilledForm, words: &str) {
    let empty = |field: &FilledField| field.picks.is_empty() && field.words.is_empty();
    let last = filled.fields.len().checked_sub(1);
    let mut at = filled.fields.iter().position(empty).or(last);
    for line in words.lines() {
        let named = line.split_once(": ").and_then(|(number, rest)| {
            let place = number.trim().parse::<usize>().ok()?.checked_sub(1)?;
            (place < filled.fields.len()).then_some((place, rest.trim()))
        });
        let line = match named {
            Some((place, rest)) => {
                at = Some(place);
                rest
            }
            None => line,
        };
        if let Some(field) = at.and_then(|place| filled.fields.get_mut(place)) {
            let joined = format!("{}\n{line}", field.words);
            field.words = joined.trim().to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(options: usize, multi: bool) -> Field {
        let option = |number: usize| Choice {
            label: format!("Choice {number} {}", "x".repeat(200)),
            description: "y".repeat(200),
            ..Choice::default()
        };
        Field {
            label: "Which of all these many things is it that you want?".into(),
            options: (0..options).map(option).collect(),
            multi,
            words: "Other",
        }
    }

    fn form(fields: &[(usize, bool)]) -> Form {
        Form {
            opens: "Answer…",
            title: "Your answer",
            fields: fields
                .iter()
                .map(|(many, multi)| field(*many, *multi))
                .collect(),
        }
    }

    #[test]
    fn each_field_has_the_input_that_holds_its_choices() {
        for (options, multi, kind) in [
            (1, false, 3),
            (2, false, 21),
            (10, true, 22),
            (11, false, 3),
            (25, true, 3),
            (26, false, 4),
            (0, true, 4),
        ] {
            let inputs = inputs(&form(&[(options, multi)])).expect("fits");
            assert_eq!(inputs[0]["component"]["type"], kind, "{options} {multi}");
            let boxes = if kind == 4 { 1 } else { 2 };
            assert_eq!(inputs.len(), boxes, "{options} {multi}");
            let long = |text: &Value| text.as_str().map_or(0, |text| text.chars().count());
            assert!(long(&inputs[0]["label"]) <= 45 && long(&inputs[0]["description"]) <= 100);
            for option in inputs[0]["component"]["options"]
                .as_array()
                .into_iter()
                .flatten()
            {
                assert!(long(&option["label"]) <= 100 && long(&option["description"]) <= 100);
            }
        }
    }

    #[test]
    fn five_inputs_hold_five_fields_and_up_to_four_have_words_of_their_own() {
        for (fields, count) in [
            (1, Some(2)),
            (2, Some(4)),
            (3, Some(4)),
            (4, Some(5)),
            (5, Some(5)),
            (6, None),
        ] {
            let all = vec![(3, false); fields];
            assert_eq!(
                inputs(&form(&all)).map(|inputs| inputs.len()),
                count,
                "{fields}"
            );
        }
    }

    #[test]
    fn what_was_chosen_and_written_is_read() {
        let label = |component: Value| json!({ "type": 18, "component": component });
        let data = json!({ "components": [
            { "type": 10, "content": "asked" },
            label(json!({ "type": 21, "custom_id": "pick:0", "value": "1" })),
            label(json!({ "type": 22, "custom_id": "pick:1", "values": ["0", "2"] })),
            label(json!({ "type": 3, "custom_id": "pick:2", "values": [] })),
            label(json!({ "type": 4, "custom_id": "words:3", "value": " soon " })),
            label(json!({ "type": 4, "custom_id": "words", "value": "my own\nin two lines\n1: but light" })),
        ] });
        let field = |picks: &[usize], words: &str| FilledField {
            picks: picks.to_vec(),
            words: words.into(),
        };
        assert_eq!(
            filled(&data).fields,
            [
                field(&[1], "but light"),
                field(&[0, 2], ""),
                field(&[], "my own\nin two lines"),
                field(&[], "soon")
            ]
        );
    }
}

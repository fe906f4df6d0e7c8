//! The form of a question in a modal: one input for the choices of a field, one for words.

use serde_json::{Value, json};
use vine_domain::{
    form::{Field, FilledField, FilledForm, Form},
    question::Choice,
    visible_text,
};

use crate::card::{self, plain};

/// Maximum options of radio buttons and checkboxes, and of a menu (reference, "Block elements").
const SHOWN_AT_ONCE: usize = 10;
const IN_A_MENU: usize = 100;
/// Maximum characters of an option's text and description (reference, "Option object"), of a label
/// (reference, "Input block") and of what is written.
const OPTION: usize = 75;
const LABEL: usize = 2_000;
const WORDS: usize = 3_000;

/// Maximum blocks of a modal, less the question above the form.
const BLOCKS: usize = 95;

/// The blocks of a form. Previews, which the message shows too, are left out if there are too many.
pub fn blocks(form: &Form) -> Vec<Value> {
    let all = |with_previews| -> Vec<Value> {
        let fields = form.fields.iter().enumerate();
        fields
            .flat_map(|(place, one)| field(place, one, with_previews))
            .collect()
    };
    let whole = all(true);
    match whole.len() > BLOCKS {
        true => all(false),
        false => whole,
    }
}

fn field(place: usize, field: &Field, with_previews: bool) -> Vec<Value> {
    let label = match field.options.len() {
        many if many > IN_A_MENU => format!("{} (write the number of a choice)", field.label),
        _ => field.label.clone(),
    };
    let Some(element) = element(field) else {
        return vec![words(place, &label, false)];
    };
    let mut blocks = match with_previews {
        true => previews(&field.options),
        false => Vec::new(),
    };
    blocks.push(json!({
        "type": "input", "block_id": format!("pick:{place}"), "optional": true, "label": plain(&cut(&label, LABEL)), "element": element,
    }));
    blocks.push(words(place, field.words, true));
    blocks
}

/// The element for choices; `None` if there are none, or too many to show.
fn element(field: &Field) -> Option<Value> {
    let few = field.options.len() <= SHOWN_AT_ONCE;
    let kind = match (few, field.multi) {
        _ if field.options.is_empty() || field.options.len() > IN_A_MENU => return None,
        (true, false) => "radio_buttons",
        (true, true) => "checkboxes",
        (false, false) => "static_select",
        (false, true) => "multi_static_select",
    };
    let options: Vec<Value> = field.options.iter().enumerate().map(option).collect();
    Some(json!({ "type": kind, "action_id": "pick", "options": options }))
}

fn option((place, choice): (usize, &Choice)) -> Value {
    let mut option =
        json!({ "text": plain(&cut(&choice.label, OPTION)), "value": place.to_string() });
    if !choice.description.trim().is_empty() {
        option["description"] = plain(&cut(&choice.description, OPTION));
    }
    option
}

fn words(place: usize, label: &str, optional: bool) -> Value {
    let element = json!({ "type": "plain_text_input", "action_id": "words", "multiline": true, "max_length": WORDS });
    json!({
        "type": "input", "block_id": format!("words:{place}"), "optional": optional, "label": plain(&cut(label, LABEL)), "element": element,
    })
}

/// What choices lead to, above them.
fn previews(options: &[Choice]) -> Vec<Value> {
    let shown = options.iter().filter(|choice| !choice.preview.is_empty());
    shown
        .flat_map(|choice| {
            let label = vine_domain::markdown::literal(&choice.label);
            let code = vine_domain::markdown::fenced(&choice.preview);
            card::words(&format!("{label}:\n{code}"))
        })
        .collect()
}

fn cut(text: &str, most: usize) -> String {
    let text = visible_text::exact(text);
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

/// Reads a submitted form.
pub fn filled(view: &Value) -> FilledForm {
    let values = &view["state"]["values"];
    let names = values.as_object().into_iter().flatten();
    let places = names.filter_map(|(name, _)| name.split_once(':')?.1.parse::<usize>().ok());
    let count = places.max().map_or(0, |last| last + 1);
    let field = |place: usize| FilledField {
        picks: picks(&values[format!("pick:{place}")]["pick"]),
        words: values[format!("words:{place}")]["words"]["value"]
            .as_str()
            .unwrap_or_default()
            .trim()
            .to_owned(),
    };
    FilledForm {
        // A forged view has no more fields than a question has items.
        fields: (0..count.min(100)).map(field).collect(),
    }
}

fn picks(element: &Value) -> Vec<usize> {
    let one = element["selected_option"]["value"].as_str();
    let several = element["selected_options"].as_array().into_iter().flatten();
    let several = several.filter_map(|option| option["value"].as_str());
    let values = one.into_iter().chain(several);
    values.filter_map(|value| value.parse().ok()).collect()
}

/// The inputs that are empty, each with what to do.
pub fn missing(filled: &FilledForm, view: &Value) -> Vec<(String, &'static str)> {
    let has_choices = |place: usize| !view["state"]["values"][format!("pick:{place}")].is_null();
    let is_empty = |field: &FilledField| field.picks.is_empty() && field.words.is_empty();
    let fields = filled.fields.iter().enumerate();
    fields
        .filter(|(_, field)| is_empty(field))
        .map(|(place, _)| match has_choices(place) {
            true => (
                format!("pick:{place}"),
                "Choose one, or write your own answer.",
            ),
            false => (format!("words:{place}"), "Please write something."),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(options: usize, multi: bool) -> Field {
        let option = |number: usize| Choice {
            label: format!("Choice {number} {}", "x".repeat(100)),
            description: "y".repeat(100),
            ..Choice::default()
        };
        Field {
            label: "Which?".into(),
            options: (0..options).map(option).collect(),
            multi,
            words: "Other",
        }
    }

    #[test]
    fn each_field_has_the_element_that_holds_its_choices() {
        for (options, multi, kind) in [
            (2, false, "radio_buttons"),
            (10, true, "checkboxes"),
            (11, false, "static_select"),
            (100, true, "multi_static_select"),
        ] {
            let field = field(options, multi);
            let blocks = super::field(3, &field, true);
            assert_eq!(blocks[0]["block_id"], "pick:3");
            assert_eq!(blocks[0]["element"]["type"], kind);
            assert_eq!(blocks[1]["block_id"], "words:3");
            let texts = blocks[0]["element"]["options"].as_array().expect("options");
            assert!(texts.iter().all(|one| {
                let long = |key: &str| one[key]["text"].as_str().expect("text").chars().count();
                long("text") <= 75 && long("description") <= 75
            }));
        }
        for options in [0, 101] {
            let blocks = super::field(0, &field(options, false), true);
            assert_eq!(blocks.len(), 1, "{options} choices are written");
            assert_eq!(blocks[0]["optional"], false);
        }
    }

    #[test]
    fn what_was_chosen_and_written_is_read_and_what_is_missing_is_named() {
        let view = json!({ "state": { "values": {
            "pick:0": { "pick": { "type": "radio_buttons", "selected_option": { "value": "1" } } }, "words:0": { "words": { "value": null } },
            "pick:1": { "pick": { "type": "checkboxes", "selected_options": [{ "value": "0" }, { "value": "2" }] } }, "words:1": { "words": { "value": " too " } },
            "words:2": { "words": { "value": "late" } },
        } } });
        let form = filled(&view);
        let field = |picks: &[usize], words: &str| FilledField {
            picks: picks.to_vec(),
            words: words.into(),
        };
        assert_eq!(
            form.fields,
            [field(&[1], ""), field(&[0, 2], "too"), field(&[], "late")]
        );
        assert_eq!(missing(&form, &view), []);
        let empty = json!({ "state": { "values": { "pick:0": { "pick": {} }, "words:0": { "words": {} }, "words:1": { "words": { "value": "" } } } } });
        let fields: Vec<String> = missing(&filled(&empty), &empty)
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(fields, ["pick:0", "words:1"]);
    }
}

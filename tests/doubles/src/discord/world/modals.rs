//! What may stand in a modal, and what Discord sends of one (reference, "Component reference").

use serde_json::{Value, json};

const ROW: u64 = 1;
const MENU: u64 = 3;
const TEXT: u64 = 4;
const LABEL: u64 = 18;
const RADIO: u64 = 21;
const CHECKBOXES: u64 = 22;

/// Whether Discord would open it.
pub fn is_valid(modal: &Value) -> bool {
    let components = modal["components"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let inputs = components.iter().filter(|one| one["type"] != 10).count();
    fits(&modal["title"], 45)
        && fits(&modal["custom_id"], 100)
        && (1..=5).contains(&components.len())
        && inputs >= 1
        && components.iter().all(|one| match one["type"].as_u64() {
            Some(LABEL) => {
                let about = &one["description"];
                fits(&one["label"], 45)
                    && (about.is_null() || fits(about, 100))
                    && holds(&one["component"])
            }
            Some(ROW) => fits(&one["components"][0]["label"], 45),
            Some(10) => fits(&one["content"], 4_000),
            _ => false,
        })
}

fn fits(text: &Value, most: usize) -> bool {
    text.as_str()
        .is_some_and(|text| !text.is_empty() && text.chars().count() <= most)
}

fn holds(input: &Value) -> bool {
    let options = input["options"].as_array().map_or(&[][..], Vec::as_slice);
    let texts = options.iter().all(|one| {
        let about = &one["description"];
        fits(&one["label"], 100)
            && fits(&one["value"], 100)
            && (about.is_null() || fits(about, 100))
    });
    let count = match input["type"].as_u64() {
        Some(TEXT) => options.is_empty(),
        Some(MENU) => (1..=25).contains(&options.len()),
        Some(RADIO) => (2..=10).contains(&options.len()),
        Some(CHECKBOXES) => (1..=10).contains(&options.len()),
        _ => false,
    };
    let most = input["max_values"].as_u64().unwrap_or(1);
    fits(&input["custom_id"], 100) && texts && count && most <= options.len().max(1) as u64
}

/// The components of a modal that a person sends. `values` are texts by custom id; for an input with
/// options, the values of those that were chosen, separated by commas.
pub fn sent(modal: &Value, values: &Value) -> Vec<Value> {
    let components = modal["components"].as_array().into_iter().flatten();
    components
        .map(|one| match one["type"].as_u64() {
            Some(ROW) => {
                json!({ "type": ROW, "id": 1, "components": [filled(&one["components"][0], values)] })
            }
            Some(LABEL) => {
                json!({ "type": LABEL, "id": 1, "component": filled(&one["component"], values) })
            }
            _ => json!({ "type": one["type"], "id": 3 }),
        })
        .collect()
}

fn filled(input: &Value, values: &Value) -> Value {
    let id = input["custom_id"].as_str().unwrap_or_default();
    let typed = values[id].as_str().unwrap_or_default();
    let mut filled = json!({ "type": input["type"], "id": 2, "custom_id": id });
    let chosen: Vec<&str> = typed.split(',').filter(|one| !one.is_empty()).collect();
    match input["type"].as_u64() {
        Some(MENU | CHECKBOXES) => filled["values"] = json!(chosen),
        Some(RADIO) => filled["value"] = json!(chosen.first()),
        _ => filled["value"] = json!(typed),
    }
    filled
}

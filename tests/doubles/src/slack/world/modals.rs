//! What may stand in a modal, and what Slack sends of one (reference, "Block Kit": input blocks and
//! their elements).

use serde_json::{Value, json};

/// Elements with options: the most options of each, and whether several may be chosen.
const CHOICES: [(&str, usize, bool); 4] = [
    ("radio_buttons", 10, false),
    ("checkboxes", 10, true),
    ("static_select", 100, false),
    ("multi_static_select", 100, true),
];

/// Whether Slack would open it.
pub fn is_valid(view: &Value) -> bool {
    let blocks = view["blocks"].as_array().map_or(&[][..], Vec::as_slice);
    let long = |text: &Value, most: usize| {
        let text = text["text"].as_str();
        text.is_none_or(|text| text.is_empty() || text.chars().count() > most)
    };
    let names: Vec<&str> = inputs(view)
        .filter_map(|one| one["block_id"].as_str())
        .collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    view["type"] == "modal"
        && !long(&view["title"], 24)
        && (1..=100).contains(&blocks.len())
        && names.len() == distinct.len()
        && inputs(view).all(|block| !long(&block["label"], 2_000) && holds(&block["element"]))
        && blocks
            .iter()
            .all(|block| block["type"] != "section" || !long(&block["text"], 3_000))
}

fn inputs(view: &Value) -> impl Iterator<Item = &Value> {
    let blocks = view["blocks"].as_array().into_iter().flatten();
    blocks.filter(|block| block["type"] == "input")
}

fn holds(element: &Value) -> bool {
    let Some((_, most, _)) = choice(element) else {
        return element["type"] == "plain_text_input";
    };
    let options = element["options"].as_array().map_or(&[][..], Vec::as_slice);
    let fits = |text: &Value| {
        text["text"]
            .as_str()
            .is_some_and(|text| !text.is_empty() && text.chars().count() <= 75)
    };
    (1..=most).contains(&options.len())
        && options.iter().all(|one| {
            fits(&one["text"]) && (one["description"].is_null() || fits(&one["description"]))
        })
}

fn choice(element: &Value) -> Option<(&'static str, usize, bool)> {
    CHOICES
        .into_iter()
        .find(|(kind, ..)| element["type"] == *kind)
}

/// The state of a modal that a person sends. `values` are texts by block id and action id; for an
/// element with options, the values of those that were chosen, separated by commas.
pub fn state(view: &Value, values: &Value) -> Value {
    let mut state = json!({});
    for block in inputs(view) {
        let (name, element) = (
            block["block_id"].as_str().unwrap_or_default(),
            &block["element"],
        );
        let action = element["action_id"].as_str().unwrap_or_default();
        let typed = &values[name][action];
        state[name][action] = filled(element, typed);
    }
    state
}

fn filled(element: &Value, typed: &Value) -> Value {
    let kind = &element["type"];
    let Some((.., several)) = choice(element) else {
        let text = match typed.is_null() {
            true => &element["initial_value"],
            false => typed,
        };
        return json!({ "type": kind, "value": text });
    };
    let chosen: Vec<&str> = typed
        .as_str()
        .into_iter()
        .flat_map(|text| text.split(','))
        .collect();
    let options = element["options"].as_array().into_iter().flatten();
    let picked: Vec<&Value> = options
        .filter(|one| {
            one["value"]
                .as_str()
                .is_some_and(|value| chosen.contains(&value))
        })
        .collect();
    match several {
        true => json!({ "type": kind, "selected_options": picked }),
        false => {
            let picked = picked
                .first()
                .copied()
                .unwrap_or(&element["initial_option"]);
            json!({ "type": kind, "selected_option": picked })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(kind: &str, options: usize) -> Value {
        let plain = |text: &str| json!({ "type": "plain_text", "text": text });
        let option =
            |number: usize| json!({ "text": plain("A choice"), "value": number.to_string() });
        let options: Vec<Value> = (0..options).map(option).collect();
        let element = json!({ "type": kind, "action_id": "pick", "options": options });
        let block = json!({ "type": "input", "block_id": "pick:0", "label": plain("Which?"), "element": element });
        json!({ "type": "modal", "title": plain("Your answer"), "blocks": [block] })
    }

    #[test]
    fn what_is_chosen_comes_as_options_and_too_many_are_refused() {
        assert!(is_valid(&view("radio_buttons", 10)) && !is_valid(&view("radio_buttons", 11)));
        assert!(is_valid(&view("static_select", 100)) && !is_valid(&view("checkboxes", 0)));
        let typed = json!({ "pick:0": { "pick": "0,2" } });
        let several = state(&view("checkboxes", 3), &typed);
        let chosen = several["pick:0"]["pick"]["selected_options"].as_array();
        assert_eq!(chosen.map(Vec::len), Some(2));
        let none = state(&view("radio_buttons", 3), &json!({}));
        assert!(none["pick:0"]["pick"]["selected_option"].is_null());
    }
}

//! The slash command menu: the command tree, within Discord's limits.

use serde_json::{Value, json};
use serenity::all::{ApplicationId, GuildId, LightMethod, Route};
use vine_grammar::{MenuEntry, MenuOption, OptionKind, menu};

use crate::{
    rest::{DiscordCallError, RestClient},
    session::DiscordSession,
};

/// The commands in the context menu of messages.
pub const USE_AS_ANSWER: &str = "Use as answer";
pub const MAKE_TASK: &str = "Make this a task";
/// Maximum characters of a description.
const ABOUT: usize = 100;
/// Options with suggestions while the person types.
const OFFERED: [&str; 6] = ["task", "question", "session", "worker", "repo", "name"];

/// Kinds of options (reference, "Application Command Option Type").
const VERB: u8 = 1;
const NOUN: u8 = 2;
const TEXT: u8 = 3;
const FLAG: u8 = 5;

/// All commands.
pub fn commands() -> Vec<Value> {
    let entries = menu();
    let mut options: Vec<Value> = Vec::new();
    for entry in &entries {
        match entry.path.as_slice() {
            [noun, verb] => match options.iter_mut().find(|one| one["name"] == noun.as_str()) {
                Some(known) => known["options"].as_array_mut().into_iter().for_each(|verbs| verbs.push(leaf(verb, entry))),
                None => options.push(json!({ "type": NOUN, "name": noun, "description": about(noun), "options": [leaf(verb, entry)] })),
            },
            _ => options.push(leaf(&entry.path[0], entry)),
        }
    }
    vec![
        json!({ "type": 1, "name": "vine", "description": "Give tasks to agents and answer \
         their questions", "options": options }),
        json!({ "type": 3, "name": USE_AS_ANSWER }),
        json!({ "type": 3, "name": MAKE_TASK }),
    ]
}

fn about(noun: &str) -> String {
    format!("Commands for {noun}s")
}

fn leaf(name: &str, entry: &MenuEntry) -> Value {
    let options: Vec<Value> = entry.options.iter().map(option).collect();
    json!({ "type": VERB, "name": name, "description": short(&entry.about), "options": options })
}

fn option(choice: &MenuOption) -> Value {
    let mut option = json!({ "type": TEXT, "name": choice.name, "description": short(&choice.about), "required": choice.required });
    match &choice.kind {
        OptionKind::Flag => option["type"] = json!(FLAG),
        OptionKind::OneOf(values) => {
            option["choices"] = values
                .iter()
                .map(|value| json!({ "name": value, "value": value }))
                .collect();
        }
        OptionKind::Text if OFFERED.contains(&choice.name.as_str()) => {
            option["autocomplete"] = json!(true);
        }
        OptionKind::Text => {}
    }
    option
}

fn short(text: &str) -> String {
    text.chars().take(ABOUT).collect()
}

/// Registers the menu unless it is already there: a server allows two hundred new commands a day.
pub async fn register(
    rest: &RestClient,
    app: ApplicationId,
    guild: GuildId,
) -> Result<(), DiscordCallError> {
    let route = || Route::GuildCommands {
        application_id: app,
        guild_id: guild,
    };
    let wanted = commands();
    let known = rest.get("reading the commands", route(), &[]).await?;
    let same = known.as_array().is_some_and(|known| {
        known.len() == wanted.len()
            && wanted.iter().all(|wish| {
                known
                    .iter()
                    .any(|one| one["name"] == wish["name"] && is_like(wish, one))
            })
    });
    if !same {
        rest.call(
            "registering the commands",
            LightMethod::Put,
            route(),
            &wanted,
        )
        .await?;
    }
    Ok(())
}

/// Whether Discord's copy has everything we want. Discord adds its own keys and omits what is false
/// or empty.
fn is_like(wish: &Value, known: &Value) -> bool {
    match wish {
        Value::Object(fields) => fields
            .iter()
            .all(|(key, value)| is_like(value, &known[key])),
        Value::Array(items) => {
            let there = known.as_array().map_or(&[][..], Vec::as_slice);
            items.len() == there.len()
                && items
                    .iter()
                    .zip(there)
                    .all(|(wish, known)| is_like(wish, known))
        }
        Value::Bool(false) => known.is_null() || *known == false,
        other => other == known,
    }
}

/// Suggestions for what was typed so far, as label and value.
pub async fn offer(
    session: &DiscordSession,
    ear: &dyn vine_domain::ports::EventSink,
    user: &str,
    option: &str,
    typed: &str,
) -> Vec<Value> {
    let what = if option == "name" { "repo" } else { option };
    let found = ear
        .suggest(user, what, typed)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(guild = %session.guild, %error, "could not load suggestions: {error}");
            Vec::new()
        });
    found
        .into_iter()
        .take(25)
        .map(|(label, value)| json!({ "name": short(&label), "value": value }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits of the reference, "Application Commands".
    #[test]
    fn the_menu_keeps_to_discords_limits() {
        fn check(option: &Value, depth: usize) -> usize {
            let name = option["name"].as_str().expect("a name");
            let about = option["description"].as_str().expect("words");
            let fits =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            assert!(
                (1..=32).contains(&name.len()) && name.chars().all(fits),
                "{name}"
            );
            assert!(
                (1..=100).contains(&about.chars().count()),
                "{name}: {about}"
            );
            let options = option["options"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(options.len() <= 25 && depth <= 3, "{name}");
            assert!(
                options.is_sorted_by_key(|one| one["required"] != true),
                "what must be comes first in {name}"
            );
            let own = name.len()
                + about.len()
                + option["choices"]
                    .as_array()
                    .map_or(0, |all| all.iter().map(|one| one.to_string().len()).sum());
            own + options
                .iter()
                .map(|one| check(one, depth + 1))
                .sum::<usize>()
        }
        let all = commands();
        assert!(check(&all[0], 0) <= 8000, "{}", check(&all[0], 0));
        assert_eq!(all[1]["name"], USE_AS_ANSWER);
    }

    #[test]
    fn a_menu_that_stands_there_is_known_again() {
        let mut known = commands()[0].clone();
        known["id"] = json!("5");
        known["options"][0]["options"][0]["options"]
            .as_array_mut()
            .expect("options")
            .iter_mut()
            .for_each(|one| {
                if one["required"] == false {
                    one.as_object_mut().expect("an object").remove("required");
                }
            });
        assert!(is_like(&commands()[0], &known));
        known["options"][0]["options"][0]["description"] = json!("another one");
        assert!(!is_like(&commands()[0], &known));
    }
}

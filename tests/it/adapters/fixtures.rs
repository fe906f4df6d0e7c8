//! What the platforms send for the same deed of a person comes to the same with us: one fixture for
//! each deed, with the JSON of each platform that has it, as it is sent (shapes of the platforms'
//! references and SDK tests).

use serde_json::{Value, json};
use vine_domain::chat::{Inbound, InboundKind, Location};

const PLATFORMS: [&str; 3] = ["matrix", "slack", "discord"];

/// What an adapter makes of an event.
fn heard(platform: &str, event: &Value) -> Option<Inbound> {
    let kind = event["kind"].as_str().unwrap_or_default();
    match platform {
        "matrix" => vine_matrix::heard(event, "!room:example.org", "@vine:example.org"),
        "slack" => vine_slack::heard(
            kind,
            &event["payload"],
            &vine_slack::AppIdentity {
                teams: vec!["T0HOME".into()],
                user: "U0BOT".into(),
            },
        ),
        _ => {
            let us = vine_discord::BotIdentity {
                id: "1500000000000000009".into(),
                app: "1500000000000000009".into(),
                reads: true,
            };
            vine_discord::heard(kind, &event["data"], &us)
        }
    }
}

/// The same with names that all platforms have in common; keys that `means` does not have are left
/// out.
fn meaning(inbound: &Inbound, ids: &Value, means: &Value) -> Value {
    let named = |id: &str| {
        ids.as_object()
            .and_then(|ids| ids.iter().find(|(_, known)| *known == id))
            .map_or(id.to_owned(), |(name, _)| name.clone())
    };
    let Location::Theirs {
        thread, reply_to, ..
    } = &inbound.spot
    else {
        panic!("{inbound:?}")
    };
    let act = match &inbound.act {
        InboundKind::Said => "said".into(),
        InboundKind::Reacted => "reacted".into(),
        InboundKind::Pressed(index) => format!("pressed {index}"),
        InboundKind::Filled(form) => format!("filled {form:?}"),
        InboundKind::Edited(of) => format!("edited {}", named(of)),
        InboundKind::Deleted(of) => format!("deleted {}", named(of)),
        InboundKind::Unreadable => "unreadable".into(),
        InboundKind::Awaited => "awaited".into(),
        InboundKind::Chosen(_) => "chosen".into(),
    };
    // In Discord a room is looked up as if it were a thread, and is none.
    let thread = thread.as_deref().map(named).filter(|name| name != "ROOM");
    let mut all = json!({
        "act": act, "text": inbound.text.trim(), "author": named(&inbound.author), "thread": thread, "reply_to": reply_to.as_deref().map(named),
        "event": named(&inbound.event), "left_out": inbound.left_out,
    });
    if let (Some(all), Some(means)) = (all.as_object_mut(), means.as_object()) {
        all.retain(|key, _| means.contains_key(key));
    }
    all
}

#[test]
fn the_same_deed_is_the_same_on_every_platform() {
    let all: Value = serde_json::from_str(include_str!("../fixtures/heard.json")).expect("JSON");
    let mut judged = 0;
    for case in all["cases"].as_array().expect("cases") {
        for platform in PLATFORMS
            .into_iter()
            .filter(|platform| !case[platform].is_null())
        {
            let inbound = heard(platform, &case[platform]);
            let found = inbound.as_ref().map_or(Value::Null, |inbound| {
                meaning(inbound, &all["ids"][platform], &case["means"])
            });
            assert_eq!(found, case["means"], "{} in {platform}", case["what"]);
            judged += 1;
        }
    }
    assert!(judged >= 35, "{judged} events");
}

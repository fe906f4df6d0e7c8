//! The content of a message: its text, forwarded text, files, and speech that Slack transcribed.

use serde_json::Value;
use vine_domain::chat::{
    attachment::{Content, MediaKind, forwarded, transcribed, unwanted},
    file::shown,
};

use crate::mrkdwn::plain;

/// What agents receive of a message, and which of its files must still be fetched.
pub fn content(message: &Value, us: &str) -> Content {
    let mut content = Content {
        words: vec![words(message, us)],
        ..Content::default()
    };
    for share in shares(message) {
        pass_on(&mut content, share, us);
    }
    for file in files(message) {
        match told(file) {
            Some(Ok(words)) => content.words.push(words),
            Some(Err(why)) => content.left_out.push(why),
            None => content.awaited.push(name(file)),
        }
    }
    content
}

fn of(one: &Value) -> std::slice::Iter<'_, Value> {
    one["files"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
}

/// Files of a message and of the messages that it forwards.
pub fn files(message: &Value) -> impl Iterator<Item = &Value> {
    of(message).chain(shares(message).flat_map(of))
}

/// A file's text, or why it has none, as known without its bytes; `None` if it must be fetched.
pub fn told(file: &Value) -> Option<Result<String, String>> {
    let name = name(file);
    if is_kept_from_apps(file) {
        return Some(Err(format!(
            "`{name}` was left out: Slack does not show it to apps. Send its text."
        )));
    }
    if is_canvas(file) {
        return Some(Err(format!(
            "`{name}` was left out: agents cannot read canvases. Send its text."
        )));
    }
    if is_speech(file) {
        return speech(&file["transcription"]);
    }
    unwanted(&name, file["size"].as_u64().unwrap_or(0)).map(Err)
}

fn speech(written: &Value) -> Option<Result<String, String>> {
    match written["status"].as_str() {
        Some("complete") => {
            let said = written["preview"]["content"].as_str().unwrap_or_default();
            let more = if written["preview"]["has_more"] == true {
                " …"
            } else {
                ""
            };
            Some(Ok(transcribed("Slack", &format!("{said}{more}"))))
        }
        Some("processing") => None,
        _ => Some(Err(MediaKind::Voice.left_out())),
    }
}

/// A file's name, safe to show.
pub fn name(file: &Value) -> String {
    let name = file["name"].as_str().or_else(|| file["title"].as_str());
    shown(name.unwrap_or("file"))
}

/// Whether a file is a recording, which Slack transcribes.
pub fn is_speech(file: &Value) -> bool {
    matches!(
        file["subtype"].as_str(),
        Some("slack_audio" | "slack_video")
    )
}

fn words(message: &Value, us: &str) -> String {
    let text = message["text"].as_str().unwrap_or_default();
    let emoji = emoji(&message["blocks"]);
    plain(&with_emoji(text, &emoji), us)
}

/// Forwarded messages. Link previews look alike but are not marked as shared.
fn shares(message: &Value) -> impl Iterator<Item = &Value> {
    let all = message["attachments"].as_array().into_iter().flatten();
    all.filter(|one| one["is_share"] == true)
}

fn pass_on(content: &mut Content, share: &Value, us: &str) {
    let text = plain(share["text"].as_str().unwrap_or_default(), us);
    let from = share["author_name"]
        .as_str()
        .filter(|name| !name.is_empty());
    if !text.trim().is_empty() {
        content.words.push(forwarded(from, &text));
    } else if share["files"].as_array().is_none_or(Vec::is_empty) {
        content.left_out.push(MediaKind::Unknown.left_out());
    }
}

/// Files of other workspaces or apps, and deleted files (reference, "file object").
fn is_kept_from_apps(file: &Value) -> bool {
    let shut = [
        "check_file_info",
        "access_denied",
        "file_not_found",
        "no_retrieval_permissions",
    ];
    let gone = ["tombstone", "hidden_by_limit", "external"];
    let is = |key: &str, all: &[&str]| file[key].as_str().is_some_and(|one| all.contains(&one));
    is("file_access", &shut) || is("mode", &gone)
}

fn is_canvas(file: &Value) -> bool {
    matches!(file["filetype"].as_str(), Some("quip" | "canvas"))
        || matches!(file["mode"].as_str(), Some("quip" | "canvas"))
}

/// A message's emoji, as (Slack's name, character).
fn emoji(block: &Value) -> Vec<(String, String)> {
    match block {
        Value::Array(all) => all.iter().flat_map(emoji).collect(),
        Value::Object(one) if one.get("type").is_some_and(|kind| kind == "emoji") => {
            character(block).into_iter().collect()
        }
        Value::Object(one) => one.get("elements").map(emoji).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// `{"name": "+1", "unicode": "1f44d-1f3fd", "skin_tone": 4}`; custom emoji have no character.
fn character(emoji: &Value) -> Option<(String, String)> {
    let name = emoji["name"].as_str()?;
    let code = |hex: &str| char::from_u32(u32::from_str_radix(hex, 16).ok()?);
    let shown: Option<String> = emoji["unicode"].as_str()?.split('-').map(code).collect();
    let tone = emoji["skin_tone"].as_u64().filter(|_| !name.contains("::"));
    let tone = tone
        .map(|tone| format!(":skin-tone-{tone}:"))
        .unwrap_or_default();
    Some((format!(":{name}:{tone}"), shown?))
}

/// Replaces names of emoji with their characters, if every occurrence of a name is an emoji:
/// `a:ok:b` may also be text.
fn with_emoji(text: &str, emoji: &[(String, String)]) -> String {
    let mut out = text.to_owned();
    for (name, shown) in emoji {
        let meant = emoji.iter().filter(|(other, _)| other == name).count();
        if out.matches(name.as_str()).count() == meant {
            out = out.replace(name.as_str(), shown);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vine_domain::chat::InboundKind;

    use super::*;

    fn read(message: &Value) -> (String, InboundKind, Option<String>) {
        content(message, "U0BOT").read()
    }

    #[test]
    fn what_is_forwarded_counts_with_its_label() {
        let share = json!({ "text": "", "attachments": [{ "is_share": true, "author_name": "Ben", "text": "use &lt;b&gt;" }] });
        assert_eq!(
            read(&share),
            (
                "Forwarded from Ben:\nuse <b>".into(),
                InboundKind::Said,
                None
            )
        );
        let unfolded = json!({ "text": "see", "attachments": [{ "text": "a page" }] });
        assert_eq!(read(&unfolded).0, "see");
        let nothing = json!({ "text": "", "attachments": [{ "is_share": true }] });
        assert_eq!(read(&nothing).1, InboundKind::Unreadable);
    }

    #[test]
    fn words_beside_a_film_count_and_the_film_is_named() {
        let message = json!({ "text": "Blue", "files": [{ "name": "film.mp4", "mimetype": "video/mp4", "size": 20_000_000 }] });
        let (words, act, left_out) = read(&message);
        assert_eq!((words.as_str(), act), ("Blue", InboundKind::Said));
        assert!(left_out.expect("told").contains("film.mp4"));
    }

    #[test]
    fn speech_is_what_slack_has_written_down() {
        let clip = |speech: Value| json!({ "text": "", "files": [{ "name": "clip.m4a", "mimetype": "audio/mp4", "subtype": "slack_audio", "transcription": speech }] });
        let done = clip(
            json!({ "status": "complete", "preview": { "content": "use blue", "has_more": false } }),
        );
        assert_eq!(
            read(&done).0,
            "Voice message, transcribed by Slack:\nuse blue"
        );
        assert_eq!(
            read(&clip(json!({ "status": "processing" }))).1,
            InboundKind::Awaited
        );
        assert_eq!(
            read(&clip(json!({ "status": "failed" }))).1,
            InboundKind::Unreadable
        );
    }

    #[test]
    fn files_that_apps_do_not_get_are_said_at_once() {
        for file in [
            json!({ "file_access": "check_file_info", "id": "F1" }),
            json!({ "mode": "tombstone", "id": "F1" }),
            json!({ "filetype": "quip", "title": "Plan", "mimetype": "application/vnd.slack-docs" }),
        ] {
            assert_eq!(
                read(&json!({ "text": "", "files": [file] })).1,
                InboundKind::Unreadable
            );
        }
    }

    #[test]
    fn emoji_are_what_was_typed_and_paths_stay() {
        let thumb = json!([{ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
            { "type": "emoji", "name": "+1", "unicode": "1f44d-1f3fd", "skin_tone": 4 }, { "type": "emoji", "name": "key", "unicode": "1f511" } ] }] }]);
        let words = |text: &str| read(&json!({ "text": text, "blocks": thumb })).0;
        assert_eq!(words(":+1::skin-tone-4: and :key:"), "👍🏽 and 🔑");
        assert_eq!(words("vine::key::new"), "vine:🔑:new");
        assert_eq!(words("vine::key::new :key:"), "vine::key::new :key:");
        assert_eq!(read(&json!({ "text": "std::key::new" })).0, "std::key::new");
    }
}

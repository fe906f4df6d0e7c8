//! Reads events with files.

use serde_json::Value;
use vine_domain::chat::attachment::{Content, MediaKind, forwarded};

/// The caption, and the file to fetch or the reason why it is left out.
pub fn content(event: &Value) -> Content {
    let mut content = captioned(event);
    if event["msgtype"] == "m.audio" && is_voice(event) {
        content.left_out.push(MediaKind::Voice.left_out());
        return content;
    }
    content.announce(name(event), event["info"]["size"].as_u64().unwrap_or(0));
    content
}

/// The caption and the file's content.
pub fn with_bytes(event: &Value, bytes: Vec<u8>) -> Content {
    let mut content = captioned(event);
    content.add(name(event), bytes);
    content
}

/// The body is the caption if there is a separate file name (specification, "Media captions").
fn captioned(event: &Value) -> Content {
    let caption = event["body"].as_str().filter(|body| *body != name(event));
    let caption = caption.map(|caption| forwarded_by(event, caption));
    Content {
        words: caption.into_iter().collect(),
        ..Content::default()
    }
}

fn is_voice(event: &Value) -> bool {
    ["m.voice", "org.matrix.msc3245.voice"]
        .iter()
        .any(|key| event[*key].is_object())
}

fn name(event: &Value) -> &str {
    event["filename"]
        .as_str()
        .or_else(|| event["body"].as_str())
        .unwrap_or("file")
}

/// Some clients mark forwarded messages (MSC2723).
pub fn forwarded_by(content: &Value, words: &str) -> String {
    let from = ["m.forwarded", "org.matrix.msc2723.forwarded"]
        .iter()
        .map(|key| &content[*key])
        .find(|one| one.is_object());
    match from {
        Some(from) => forwarded(from["sender"].as_str(), words),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vine_domain::chat::InboundKind;

    use super::*;

    #[test]
    fn a_text_file_is_its_words_with_its_caption() {
        let plain = json!({ "msgtype": "m.file", "body": "a.log", "info": { "size": 5 } });
        assert_eq!(content(&plain).read().1, InboundKind::Awaited);
        assert_eq!(
            with_bytes(&plain, b"hello".to_vec()).read().0,
            "File a.log:\nhello"
        );
        let with_caption = json!({ "msgtype": "m.file", "body": "Use this", "filename": "a.log" });
        let read = content(&with_caption).read();
        assert_eq!(
            (read.0.as_str(), read.1),
            ("Use this", InboundKind::Awaited)
        );
        assert_eq!(
            with_bytes(&with_caption, b"hello".to_vec()).read().0,
            "Use this\n\nFile a.log:\nhello"
        );
    }

    #[test]
    fn words_beside_a_film_count_and_what_is_too_large_is_named() {
        let film = json!({ "msgtype": "m.video", "body": "Blue, like this", "filename": "film.mp4", "info": { "size": 20_000_000 } });
        let (words, act, left_out) = content(&film).read();
        assert_eq!(
            (words.as_str(), act),
            ("Blue, like this", InboundKind::Said)
        );
        assert!(left_out.expect("told").contains("film.mp4"));
        let picture = json!({ "msgtype": "m.image", "body": "shot.png", "info": { "size": 10 } });
        assert_eq!(content(&picture).read().1, InboundKind::Awaited);
        let named = with_bytes(&picture, b"\x89PNG\r\n\x1a\n".to_vec());
        assert_eq!(named.files[0].file.kind, "image/png");
    }
}

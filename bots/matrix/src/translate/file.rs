//! Files that people send, as events tell of them.

use serde_json::Value;
use vine_domain::chat::attachment;

/// What to say if a file never comes; an error says why it is not even fetched.
pub fn expected(content: &Value) -> Result<String, String> {
    let name = name(content);
    let size = content["info"]["size"].as_u64().unwrap_or(0);
    match content["msgtype"].as_str() {
        Some("m.file") if size <= attachment::LIMIT as u64 => Ok(attachment::late(&name)),
        Some("m.file") => Err(attachment::too_long(&name)),
        _ => Err(attachment::no_text(&name)),
    }
}

/// A file's words, after the caption that it may have.
///
/// # Errors
/// Says why it has none that an agent could read.
pub fn in_words(content: &Value, bytes: &[u8]) -> Result<String, String> {
    let name = name(content);
    let words = attachment::in_words(&name, bytes)?;
    let caption = content["body"]
        .as_str()
        .filter(|body| *body != name)
        .map(|caption| format!("{caption}\n\n"))
        .unwrap_or_default();
    Ok(format!("{caption}{words}"))
}

/// With a caption, the body is that and the name stands apart (specification, "Media captions").
fn name(content: &Value) -> String {
    attachment::shown(
        content["filename"]
            .as_str()
            .or_else(|| content["body"].as_str())
            .unwrap_or("file"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_file_is_its_words_with_its_caption() {
        let plain = json!({ "msgtype": "m.file", "body": "a.log", "info": { "size": 5 } });
        assert!(expected(&plain).is_ok());
        assert_eq!(in_words(&plain, b"hello").as_deref(), Ok("a.log:\nhello"));
        let with_caption = json!({ "msgtype": "m.file", "body": "Use this", "filename": "a.log" });
        assert_eq!(
            in_words(&with_caption, b"hello").as_deref(),
            Ok("Use this\n\na.log:\nhello")
        );
    }

    #[test]
    fn what_says_of_itself_that_it_is_no_text_or_too_long_is_not_fetched() {
        let file = |kind: &str, size: u64| json!({ "msgtype": kind, "body": "x.bin", "info": { "size": size } });
        for (content, word) in [
            (file("m.image", 10), "no text"),
            (file("m.file", 70_000), "64 kB"),
        ] {
            let why = expected(&content).expect_err(word);
            assert!(why.contains("x.bin") && why.contains(word), "{why}");
        }
    }
}

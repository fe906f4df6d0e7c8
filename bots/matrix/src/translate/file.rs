//! Files that people send: text becomes words, everything else is refused in words.

use serde_json::Value;

/// Bytes that an agent can be expected to read as words.
const LIMIT: usize = 64 * 1024;

/// What to say if a file never comes; an error says why it is not even fetched.
pub fn expected(content: &Value) -> Result<String, String> {
    let name = name(content);
    let size = content["info"]["size"].as_u64().unwrap_or(0);
    match content["msgtype"].as_str() {
        Some("m.file") if size <= LIMIT as u64 => Ok(format!("the file `{name}` could not be fetched within a minute; send it again")),
        Some("m.file") => Err(too_long(&name)),
        _ => Err(no_text(&name)),
    }
}

/// A file's words, after the caption that it may have.
///
/// # Errors
/// Says why it has none that an agent could read.
pub fn in_words(content: &Value, bytes: &[u8]) -> Result<String, String> {
    let name = name(content);
    if bytes.len() > LIMIT {
        return Err(too_long(&name));
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(|| no_text(&name))?;
    let caption = content["body"].as_str().filter(|body| *body != name).map(|caption| format!("{caption}\n\n")).unwrap_or_default();
    Ok(format!("{caption}{name}:\n{text}"))
}

/// With a caption, the body is that and the name stands apart (specification, "Media captions").
fn name(content: &Value) -> String {
    let given = content["filename"].as_str().or_else(|| content["body"].as_str()).unwrap_or("file");
    given.chars().filter(|c| !c.is_control() && *c != '`').collect()
}

fn too_long(name: &str) -> String {
    format!("`{name}` was not passed on: it is longer than {} kB. Put it into the repository, or send the part that matters.", LIMIT / 1024)
}

fn no_text(name: &str) -> String {
    format!("`{name}` was not passed on: agents get words, and this is no text. Put it into the repository, or describe it.")
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
        assert_eq!(in_words(&with_caption, b"hello").as_deref(), Ok("Use this\n\na.log:\nhello"));
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused_by_name() {
        let file = |kind: &str, size: u64| json!({ "msgtype": kind, "body": "x.bin", "info": { "size": size } });
        for (content, word) in [(file("m.image", 10), "no text"), (file("m.file", 70_000), "64 kB")] {
            let why = expected(&content).expect_err(word);
            assert!(why.contains("x.bin") && why.contains(word), "{why}");
        }
        assert!(in_words(&file("m.file", 1), &[0xff, 0xfe]).is_err());
        assert!(in_words(&file("m.file", 1), &[b'a'; LIMIT + 1]).is_err(), "whatever it said of itself");
    }
}

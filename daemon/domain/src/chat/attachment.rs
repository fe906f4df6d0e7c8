//! Files that people send: text becomes words, everything else is refused in words.

/// Bytes that an agent can be expected to read as words.
pub const LIMIT: usize = 64 * 1024;

/// A file's words.
///
/// # Errors
/// Says why it has none that an agent could read.
pub fn in_words(name: &str, bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > LIMIT {
        return Err(too_long(name));
    }
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| no_text(name))?;
    Ok(format!("{name}:\n{text}"))
}

/// A file's name as it may be shown.
pub fn shown(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control() && *c != '`')
        .collect()
}

/// It never came.
pub fn late(name: &str) -> String {
    format!("the file `{name}` could not be fetched within a minute; send it again")
}

/// It has more than [`LIMIT`].
pub fn too_long(name: &str) -> String {
    format!(
        "`{name}` was not passed on: it is longer than {} kB. Put it into the repository, or send \
         the part that matters.",
        LIMIT / 1024
    )
}

/// It is a picture, or whatever else.
pub fn no_text(name: &str) -> String {
    format!(
        "`{name}` was not passed on: agents get words, and this is no text. Put it into the \
         repository, or describe it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_its_words_and_everything_else_is_refused_by_name() {
        assert_eq!(in_words("a.log", b"hello").as_deref(), Ok("a.log:\nhello"));
        for (bytes, word) in [
            (vec![0xff, 0xfe], "no text"),
            (vec![b'a', 0], "no text"),
            (vec![b'a'; LIMIT + 1], "64 kB"),
        ] {
            let why = in_words("x.bin", &bytes).expect_err(word);
            assert!(why.contains("`x.bin`") && why.contains(word), "{why}");
        }
        assert_eq!(shown("a`b\n.log"), "ab.log");
    }
}

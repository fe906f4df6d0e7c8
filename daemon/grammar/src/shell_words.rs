//! Words, as a shell splits and quotes them.

use crate::error::CommandError;

/// Splits like a shell, after replacing typographic quotes and dashes from phones with plain ones.
/// A lone apostrophe, as in `don't`, is a letter.
pub fn shell_words(line: &str) -> Result<Vec<String>, CommandError> {
    let plain: String = line
        .chars()
        .map(|c| match c {
            '“' | '”' | '„' => '"',
            '‘' | '’' => '\'',
            '\u{a0}' => ' ',
            other => other,
        })
        .collect();
    let plain = plain.replace(" —", " --");
    let words = split(&plain).or_else(|| split(&plain.replace('\'', "\\'")));
    words
        .ok_or_else(|| CommandError("a quotation mark is not closed; close it or remove it".into()))
}

/// Splits like a shell, without replacing any characters.
pub fn split(line: &str) -> Option<Vec<String>> {
    let back = |word: String| {
        let kept = |c: char| {
            KEPT.iter()
                .find(|(_, kept)| *kept == c)
                .map_or(c, |(c, _)| *c)
        };
        word.chars().map(kept).collect()
    };
    // In a shell, `#` starts a comment; people write `#12` or `#room:server`.
    let words = shlex::split(&line.replace('#', "\u{e000}"))?;
    Some(words.into_iter().map(back).collect())
}

/// Typographic quotes are preserved.
pub fn quoted(word: &str) -> String {
    let needs_none = |c: char| c.is_ascii_alphanumeric() || "_-./:=+,".contains(c);
    if !word.is_empty() && word.chars().all(needs_none) {
        return word.to_owned();
    }
    let plain: String = word
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .map(|c| {
            KEPT.iter()
                .find(|(kept, _)| *kept == c)
                .map_or(c, |(_, kept)| *kept)
        })
        .collect();
    let plain = plain.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{plain}\"")
}

/// Characters with a meaning to the splitter, and the private-use ones that replace them meanwhile.
const KEPT: [(char, char); 8] = [
    ('#', '\u{e000}'),
    ('“', '\u{e001}'),
    ('”', '\u{e002}'),
    ('„', '\u{e003}'),
    ('‘', '\u{e004}'),
    ('’', '\u{e005}'),
    ('—', '\u{e006}'),
    ('\u{a0}', '\u{e007}'),
];

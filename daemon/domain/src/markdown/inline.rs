//! The parts of one line: bold, code, addresses and times.

use crate::{clock::Timestamp, markdown::blocks::Span, visible_text};

/// Parses one line.
pub fn spans(line: &str) -> Vec<Span> {
    marked(line, special)
}

/// Finds only addresses and times in a text whose marks were read already.
pub(super) fn addresses(text: &str) -> Vec<Span> {
    marked(&text.replace('\\', "\\\\"), address)
}

fn marked(line: &str, special: impl Fn(&str) -> Option<(Span, usize)>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(mark) = escaped(rest) {
            plain.push(mark);
            rest = &rest[1 + mark.len_utf8()..];
        } else if let Some((span, length)) = special(rest).filter(|(span, length)| {
            !matches!(span, Span::Time(_)) || is_apart(&plain, &rest[*length..])
        }) {
            if !plain.is_empty() {
                spans.push(text(&mut plain));
            }
            spans.push(span);
            rest = &rest[length..];
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        spans.push(text(&mut plain));
    }
    spans
}

fn text(plain: &mut String) -> Span {
    Span::Text(visible_text::prose(&std::mem::take(plain)))
}

/// An escaped mark at the start of a text.
fn escaped(text: &str) -> Option<char> {
    text.strip_prefix('\\')?
        .chars()
        .next()
        .filter(|c| matches!(c, '*' | '`'))
}

/// Whether what stands between these is a word of its own.
fn is_apart(before: &str, after: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric();
    !before.ends_with(joins) && !after.starts_with(joins)
}

fn special(text: &str) -> Option<(Span, usize)> {
    if let Some((inside, length)) = bold(text) {
        return Some((Span::Bold(visible_text::prose(&inside)), length));
    }
    if let Some((inside, length)) = code(text) {
        return Some((Span::Code(visible_text::exact(&inside)), length));
    }
    address(text)
}

/// A bare address or a time at the start of a text.
fn address(text: &str) -> Option<(Span, usize)> {
    if text.starts_with("http://") || text.starts_with("https://") {
        let end = text
            .find(|c: char| c.is_whitespace() || "<>\"'`)".contains(c))
            .unwrap_or(text.len());
        let address = text[..end].trim_end_matches(['.', ',', ':', ';']);
        return Some((Span::Link(address.to_owned()), address.len()));
    }
    let (at, length) = Timestamp::from_minute(text)?;
    Some((Span::Time(at), length))
}

fn bold(text: &str) -> Option<(String, usize)> {
    let mut rest = text.strip_prefix("**")?;
    let mut inside = String::new();
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("**") {
            return (!inside.is_empty()).then(|| (inside, text.len() - after.len()));
        }
        let mark = escaped(rest);
        inside.push(mark.unwrap_or(c));
        rest = &rest[mark.map_or(c.len_utf8(), |mark| 1 + mark.len_utf8())..];
    }
    None
}

fn code(text: &str) -> Option<(String, usize)> {
    let inside = text.strip_prefix('`')?;
    let end = inside.find('`').filter(|end| *end > 0)?;
    Some((inside[..end].to_owned(), end + 2))
}

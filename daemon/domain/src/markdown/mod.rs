//! The Markdown subset that our messages use and every platform can show: bold, code, fences,
//! quotes, numbered and plain lists, bare links. Parsed once here, so that adapters and the page
//! only translate.
//!
//! Text of agents goes through this too, so anything unknown stays plain text.

mod split;

pub use split::{split, split_to_fit};

/// A piece of a message that stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Lines that belong together.
    Paragraph(Vec<Vec<Span>>),
    /// Quoted lines.
    Quote(Vec<Vec<Span>>),
    /// A list, each entry with its number if it is a numbered one.
    List(Vec<(Option<u32>, Vec<Span>)>),
    /// A fenced block, verbatim.
    Code(String),
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Plain words.
    Text(String),
    /// `**bold**`
    Bold(String),
    /// `` `code` ``
    Code(String),
    /// An `http` or `https` address.
    Link(String),
}

/// Parses a whole message.
pub fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(fence) = fence(line) {
            let inside: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim_end() != fence)
                .collect();
            blocks.push(Block::Code(inside.join("\n")));
        } else if !line.trim().is_empty() {
            add(&mut blocks, line);
            if lines.peek().is_none_or(|next| next.trim().is_empty()) {
                blocks.push(Block::Paragraph(Vec::new()));
            }
        }
    }
    blocks.retain(|block| *block != Block::Paragraph(Vec::new()));
    blocks
}

/// The backticks that open a fence; the same ones close it.
fn fence(line: &str) -> Option<&str> {
    let ticks = line.len() - line.trim_start_matches('`').len();
    let info = &line[ticks..];
    (ticks >= 3 && !info.contains('`')).then_some(&line[..ticks])
}

fn add(blocks: &mut Vec<Block>, line: &str) {
    if let Some(quoted) = line.strip_prefix("> ") {
        match blocks.last_mut() {
            Some(Block::Quote(lines)) => lines.push(spans(quoted)),
            _ => blocks.push(Block::Quote(vec![spans(quoted)])),
        }
    } else if let Some((number, rest)) = entry(line) {
        match blocks.last_mut() {
            Some(Block::List(entries)) => entries.push((number, spans(rest))),
            _ => blocks.push(Block::List(vec![(number, spans(rest))])),
        }
    } else {
        match blocks.last_mut() {
            Some(Block::Paragraph(lines)) => lines.push(spans(line)),
            _ => blocks.push(Block::Paragraph(vec![spans(line)])),
        }
    }
}

/// `- words` or `3. words`.
fn entry(line: &str) -> Option<(Option<u32>, &str)> {
    if let Some(rest) = line.strip_prefix("- ") {
        return Some((None, rest));
    }
    let (number, rest) = line.split_once(". ")?;
    (number.len() <= 3)
        .then(|| number.parse().ok())
        .flatten()
        .map(|number| (Some(number), rest))
}

/// Parses one line.
pub fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((span, length)) = special(rest) {
            if !plain.is_empty() {
                spans.push(Span::Text(std::mem::take(&mut plain)));
            }
            spans.push(span);
            rest = &rest[length..];
        } else {
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Text(plain));
    }
    spans
}

fn special(text: &str) -> Option<(Span, usize)> {
    if let Some((inside, length)) = between(text, "**") {
        return Some((Span::Bold(inside), length));
    }
    if let Some((inside, length)) = between(text, "`") {
        return Some((Span::Code(inside), length));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let end = text
            .find(|c: char| c.is_whitespace() || "<>\"'`)".contains(c))
            .unwrap_or(text.len());
        let address = text[..end].trim_end_matches(['.', ',', ':', ';']);
        return Some((Span::Link(address.to_owned()), address.len()));
    }
    None
}

fn between(text: &str, mark: &str) -> Option<(String, usize)> {
    let inside = text.strip_prefix(mark)?;
    let end = inside.find(mark).filter(|end| *end > 0)?;
    Some((inside[..end].to_owned(), end + 2 * mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_parses_into_its_parts() {
        let text = "**Q-1** for Ann\n\n> I looked\n> around\n\nWhich?\n1. **Red** — warm\n2. \
         **Blue**\n\n```\na **b**\n```\nsee http://x/y.";
        let blocks = parse(text);
        assert!(
            matches!(&blocks[0], Block::Paragraph(lines) if lines[0][0] == Span::Bold("Q-1".into()))
        );
        assert!(matches!(&blocks[1], Block::Quote(lines) if lines.len() == 2));
        assert!(
            matches!(&blocks[3], Block::List(entries) if entries.len() == 2 && entries[1].0 == Some(2))
        );
        assert_eq!(blocks[4], Block::Code("a **b**".into()));
        assert!(
            matches!(&blocks[5], Block::Paragraph(lines) if lines[0][1] == Span::Link("http://x/y".into()))
        );
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one_and_loose_marks_stay_text() {
        assert_eq!(parse("````\n```\nx\n````"), [Block::Code("```\nx".into())]);
        assert_eq!(spans("a ** b ` c"), [Span::Text("a ** b ` c".into())]);
    }
}

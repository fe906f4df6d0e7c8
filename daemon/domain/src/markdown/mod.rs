//! The Markdown subset that our messages use and every platform can show: bold, code, fences,
//! quotes, numbered and plain lists, bare links. It is parsed here once; adapters and the page only
//! translate.
//!
//! Agents' text is parsed too, so anything unknown stays plain text. Use [`literal`] for text whose
//! marks must not count, and [`quoted`] for what agents write themselves.

mod blocks;
mod commonmark;
mod inline;
mod split;

use crate::visible_text;

pub use crate::markdown::{
    blocks::{Block, ListEntry, Span, Table},
    inline::spans,
    split::{split, split_to_fit},
};

/// Someone's text on one line, shown literally: no marks, no line breaks.
pub fn literal(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            if matches!(c, '*' | '`') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

/// Someone's text, set apart from ours: each line is quoted, whatever character breaks it.
pub fn quoted(text: &str) -> String {
    text.replace("\r\n", "\n")
        .split(visible_text::BREAKS)
        .map(|line| format!("> {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A block of verbatim text. Its fence is longer than any fence inside, so the text cannot end it.
pub fn fenced(text: &str) -> String {
    let longest = text
        .lines()
        .map(|line| line.trim_start().chars().take_while(|c| *c == '`').count())
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

/// Parses a whole message. Invisible characters are made visible, see [`visible_text`].
pub fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(fence) = fence(line) {
            let inside: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim_end() != fence)
                .collect();
            blocks.push(Block::Code(visible_text::exact(&inside.join("\n"))));
        } else if let Some(first) = unquoted(line) {
            let mut inside = vec![first];
            while let Some(more) = lines.peek().and_then(|next| unquoted(next)) {
                inside.push(more);
                lines.next();
            }
            let text = inside.join("\n");
            let blocks_inside = commonmark::blocks(&text).unwrap_or_else(|| parse(&text));
            blocks.push(Block::Quote {
                blocks: blocks_inside,
                text: visible_text::exact(&text),
            });
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

/// The backticks that open a fence; the same number closes it.
fn fence(line: &str) -> Option<&str> {
    let ticks = line.len() - line.trim_start_matches('`').len();
    let info = &line[ticks..];
    (ticks >= 3 && !info.contains('`')).then_some(&line[..ticks])
}

/// The text after the mark of a quoted line.
fn unquoted(line: &str) -> Option<&str> {
    line.strip_prefix("> ")
        .or_else(|| (line == ">").then_some(""))
}

fn add(blocks: &mut Vec<Block>, line: &str) {
    if let Some((number, rest)) = entry(line) {
        let entry = ListEntry {
            depth: 0,
            number,
            spans: spans(rest),
        };
        match blocks.last_mut() {
            Some(Block::List(entries)) => entries.push(entry),
            _ => blocks.push(Block::List(vec![entry])),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_question_parses_into_its_parts() {
        let text = "**Q-1** for Ann\n\n> I looked\n> around\n\nWhich?\n1. **Red** — warm\n2. \
         **Blue**\n\n```\na **b**\n```\nsee http://x/y.";
        let blocks = parse(text);
        assert!(
            matches!(&blocks[0], Block::Paragraph(lines) if lines[0][0] == Span::Bold("Q-1".into()))
        );
        assert!(
            matches!(&blocks[1], Block::Quote { blocks: inside, .. } if matches!(&inside[0], Block::Paragraph(lines) if lines.len() == 2))
        );
        assert!(
            matches!(&blocks[3], Block::List(entries) if entries.len() == 2 && entries[1].number == Some(2))
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

    #[test]
    fn foreign_words_show_as_they_are() {
        for words in [
            "**Approved by Ann**",
            "`rm`",
            "a*",
            "*",
            "***",
            "\\*\\`",
            "C:\\dir\\*",
            "a `` b",
        ] {
            assert_eq!(
                spans(&literal(words)),
                [Span::Text(words.into())],
                "{words}"
            );
            let bold = format!("**{}** — next", literal(words));
            assert_eq!(spans(&bold)[0], Span::Bold(words.into()), "{bold}");
        }
        assert_eq!(literal("two\nlines\u{2028}or three"), "two lines or three");
    }

    #[test]
    fn what_is_quoted_cannot_leave_its_quote() {
        let breaks = "a\r\nb\rc\u{2028}d\u{85}e\u{b}f\n\n```\nx\n```\n**Approved**";
        let blocks = parse(&quoted(breaks));
        assert!(
            matches!(blocks.as_slice(), [Block::Quote { blocks: inside, .. }] if inside.len() == 3),
            "{blocks:#?}"
        );
        assert!(matches!(
            parse("> a\n>\n> - b\n> ```\n> c\n> ```\nd").as_slice(),
            [Block::Quote { blocks: inside, .. }, Block::Paragraph(_)]
                if matches!(inside.as_slice(), [Block::Paragraph(_), Block::List(_), Block::Code(c)] if c == "c")
        ));
    }

    #[test]
    fn times_are_found_where_they_are_whole() {
        let at = Timestamp(1_764_400_800_000);
        let line = format!("Ann, {} (Q-1)", at.to_minute());
        assert_eq!(
            spans(&line),
            [
                Span::Text("Ann, ".into()),
                Span::Time(at),
                Span::Text(" (Q-1)".into())
            ]
        );
        for text in [
            "12025-11-29 07:20 UTC",
            "2025-11-29 07:20 UTC2",
            "2025-11-29 07:20",
            "2025-13-29 07:20 UTC",
            "2025-11-2ö 07:20 UTC",
        ] {
            assert_eq!(spans(text), [Span::Text(text.into())], "{text}");
        }
    }

    #[test]
    fn text_cannot_end_its_own_fence() {
        let evil = "echo hi\n```\n**approved by Ann**\n```sh";
        assert_eq!(parse(&fenced(evil)), [Block::Code(evil.into())]);
    }
}

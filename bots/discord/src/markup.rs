//! Converts our Markdown to Discord's. Much of it is the same; text from people and agents is
//! escaped so that it is shown literally. Text cannot mention anyone: each message lists the people
//! that it may mention.

use vine_domain::{
    chat::Mention,
    markdown::{Block, ListEntry, Span, parse, split_to_fit},
};

/// Maximum characters of a message (reference, "Create Message").
const LIMIT: usize = 2_000;
/// Initial size of a part in bytes; less if much has to be escaped.
const TEXT: usize = 1_800;
/// Characters reserved for mentions.
const CALLS: usize = 150;

/// Text that starts with mentions.
pub fn marked(text: &str, mentions: &[Mention]) -> String {
    let calls: Vec<_> = mentions
        .iter()
        .map(|mention| format!("<@{}>", mention.subject))
        .collect();
    let head = if calls.is_empty() {
        String::new()
    } else {
        calls.join(" ") + " "
    };
    head + &parse(text).iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Splits a text into parts that fit into messages.
pub fn parts(text: &str) -> Vec<String> {
    split_to_fit(text, TEXT, |part| {
        marked(part, &[]).chars().count() <= LIMIT - CALLS
    })
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(lines) => lines
            .iter()
            .map(|spans| line(spans))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Quote { blocks: inside, .. } => inside
            .iter()
            .map(self::block)
            .collect::<Vec<_>>()
            .join("\n")
            .lines()
            .map(|line| format!("> {line}"))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Heading(spans) => bold(spans),
        Block::List(entries) => entries.iter().map(entry).collect::<Vec<_>>().join("\n"),
        Block::Table(table) => self::block(&Block::Code(table.to_text())),
        Block::Code(text) => format!("```\n{}\n```", text.replace("```", "`\u{200b}``")),
    }
}

fn entry(entry: &ListEntry) -> String {
    let indent = "  ".repeat(entry.depth);
    let words = line(&entry.spans);
    match entry.number {
        Some(number) => format!("{indent}{number}. {words}"),
        None => format!("{indent}- {words}"),
    }
}

/// A line in bold, with what is code in it left as it is.
fn bold(spans: &[Span]) -> String {
    let parts = spans.iter().map(|part| match part {
        Span::Text(text) => span(&Span::Bold(text.clone())),
        other => span(other),
    });
    parts.collect()
}

fn line(spans: &[Span]) -> String {
    let text: String = spans.iter().map(span).collect();
    // At the start of a line these make headings, subtext and quotes.
    if text.starts_with(['#', '>', '-']) {
        format!("\\{text}")
    } else {
        text
    }
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Bold(text) => format!("**{}**", escaped(text)),
        Span::Code(text) => format!("`{text}`"),
        Span::Link(address) => address.clone(),
        Span::Time(at) => format!("<t:{}:f>", at.0 / 1000),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '|' | '`' | '[' | ']' | '<') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_write_is_shown_as_it_is() {
        assert_eq!(marked("**bold** and `code`", &[]), "**bold** and `code`");
        assert_eq!(
            marked("<@5> a_b [x](http://y) ||z||", &[])
                .matches('\\')
                .count(),
            8
        );
        assert_eq!(marked("# no heading", &[]), "\\# no heading");
        let ann = Mention {
            name: "Ann".into(),
            subject: "11".into(),
        };
        assert_eq!(marked("hi", &[ann]), "<@11> hi");
    }

    #[test]
    fn no_part_is_too_long_however_much_there_is_to_escape() {
        let all = parts(&"_*|~\n".repeat(1_000));
        assert!(all.len() > 1);
        assert!(
            all.iter()
                .all(|part| marked(part, &[]).chars().count() <= LIMIT - CALLS)
        );
    }
}

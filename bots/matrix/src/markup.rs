//! Converts our Markdown for Matrix: plain text for all clients, HTML for most.

use std::fmt::Write;

use vine_domain::{
    chat::Mention,
    markdown::{Block, ListEntry, Span, Table, parse},
};

/// A text in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormattedText {
    /// For clients without HTML, and for notifications.
    pub plain: String,
    /// HTML, restricted to the subset of the specification.
    pub html: String,
}

/// Text that starts with mentions.
///
/// Nothing in `text` can mention anyone: it is escaped, and URLs that clients show as people stay
/// text.
pub fn marked(text: &str, mentions: &[Mention]) -> FormattedText {
    let names: Vec<_> = mentions
        .iter()
        .map(|mention| mention.name.as_str())
        .collect();
    let pill = |mention: &Mention| {
        format!(
            "<a href=\"https://matrix.to/#/{}\">{}</a>",
            escaped(&mention.subject),
            escaped(&mention.name)
        )
    };
    let pills: Vec<_> = mentions.iter().map(pill).collect();
    let (plain, html) = if mentions.is_empty() {
        (String::new(), String::new())
    } else {
        (
            names.join(", ") + ": ",
            format!("<p>{}:</p>", pills.join(", ")),
        )
    };
    FormattedText {
        plain: plain + text,
        html: html + parse(text).iter().map(block).collect::<String>().as_str(),
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(lines) => format!("<p>{}</p>", joined(lines)),
        Block::Quote { blocks: inside, .. } => {
            let inside: String = inside.iter().map(self::block).collect();
            format!("<blockquote>{inside}</blockquote>")
        }
        Block::Heading(spans) => format!("<h4>{}</h4>", line(spans)),
        Block::List(entries) => list(entries),
        Block::Table(rows) => table(rows),
        Block::Code(text) => format!("<pre><code>{}\n</code></pre>", escaped(text)),
    }
}

/// A list, with the lists that are nested in its entries.
fn list(entries: &[ListEntry]) -> String {
    let Some(first) = entries.first() else {
        return String::new();
    };
    let mut items = String::new();
    let mut rest = entries;
    while let Some((entry, below)) = rest.split_first() {
        let is_nested = |other: &&ListEntry| other.depth > first.depth;
        let nested = below.iter().take_while(is_nested).count();
        let inside = list(&below[..nested]);
        items.push_str(&format!("<li>{}{inside}</li>", line(&entry.spans)));
        rest = &below[nested..];
    }
    match first.number {
        Some(1) => format!("<ol>{items}</ol>"),
        Some(start) => format!("<ol start=\"{start}\">{items}</ol>"),
        None => format!("<ul>{items}</ul>"),
    }
}

fn table(table: &Table) -> String {
    let row = |cells: &[Vec<Span>], tag: &str| {
        let cells: String = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", line(cell)))
            .collect();
        format!("<tr>{cells}</tr>")
    };
    let body: String = table.body().map(|cells| row(cells, "td")).collect();
    let heads = row(table.heads(), "th");
    format!("<table><thead>{heads}</thead><tbody>{body}</tbody></table>")
}

fn joined(lines: &[Vec<Span>]) -> String {
    lines
        .iter()
        .map(|spans| line(spans))
        .collect::<Vec<_>>()
        .join("<br>")
}

fn line(spans: &[Span]) -> String {
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Bold(text) => format!("<strong>{}</strong>", escaped(text)),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Time(at) => at.to_minute(),
        Span::Link(address) if address.contains("matrix.to") && !is_of_message(address) => {
            format!("<code>{}</code>", escaped(address))
        }
        Span::Link(address) => format!("<a href=\"{0}\">{0}</a>", escaped(address)),
    }
}

/// Whether it leads to a message in a room, so that no client shows it as a person.
fn is_of_message(address: &str) -> bool {
    let room = address.strip_prefix("https://matrix.to/#/!");
    room.is_some_and(|rest| rest.contains("/$") && !rest.contains(['@', '%']))
}

fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c if c.is_control() && c != '\n' && c != '\t' => {
                    write!(out, "\\x{:02x}", c as u32).unwrap_or_default();
                }
                c => out.push(c),
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_shown_with_its_parts_and_calls_its_people() {
        let ann = Mention {
            name: "Ann".into(),
            subject: "@ann:x".into(),
        };
        let shown = marked(
            "**Q-1** for Ann\n\n> I looked\n\nWhich?\n1. **Red** — warm\n2. \
             **Blue**\n\n```\na<b\n```",
            &[ann],
        );
        assert_eq!(shown.plain.lines().next(), Some("Ann: **Q-1** for Ann"));
        assert!(shown.html.starts_with(
            "<p><a \
         href=\"https://matrix.to/#/@ann:x\">Ann</a>:</p><p><strong>Q-1</strong> for Ann</p>"
        ));
        assert!(
            shown
                .html
                .contains("<blockquote><p>I looked</p></blockquote>")
        );
        assert!(shown.html.contains(
            "<ol><li><strong>Red</strong> — warm</li><li><strong>Blue</strong></li></ol>"
        ));
        assert!(shown.html.ends_with("<pre><code>a&lt;b\n</code></pre>"));
    }

    #[test]
    fn an_agents_words_call_nobody_and_bring_no_html() {
        let shown = marked("@room <b>x</b> https://matrix.to/#/@bob:x \"q\"", &[]);
        assert_eq!(
            shown.html,
            "<p>@room &lt;b&gt;x&lt;/b&gt; <code>https://matrix.to/#/@bob:x</code> \
             &quot;q&quot;</p>"
        );
    }
}

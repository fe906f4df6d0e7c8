//! Messages as HTML. Everything is escaped by maud; nothing that people or agents wrote becomes
//! markup.

use maud::{Markup, html};
use vine_domain::{
    chat::file::FileRef,
    markdown::{Block, Span, parse},
};

use super::{commonmark, files, time};

/// A message as HTML, with the files that it names.
pub fn message(text: &str) -> Markup {
    let files = FileRef::all_in(text);
    let ends = std::iter::once(0).chain(files.iter().map(|(place, _)| place.end));
    let starts = files.iter().map(|(place, _)| place.start);
    let parts = ends.zip(starts.chain(std::iter::once(text.len())));
    let named = files.iter().map(|(_, file)| Some(file));
    html! {
        @for ((from, to), file) in parts.zip(named.chain(std::iter::once(None))) {
            @for block in parse(&text[from..to]) { (render(&block)) }
            @if let Some(file) = file { (files::markup(file)) }
        }
    }
}

fn render(block: &Block) -> Markup {
    match block {
        Block::Paragraph(lines) => html! { p { (joined(lines)) } },
        Block::Quote { text, .. } => html! { blockquote { (commonmark::render(text)) } },
        Block::Code(text) => html! { pre tabindex="0" { code { (text) } } },
        // Headings and tables are only in quotes, which are rendered whole.
        Block::Heading(line) => html! { p { strong { (spans(line)) } } },
        Block::Table(table) => html! { pre tabindex="0" { code { (table.to_text()) } } },
        Block::List(entries) => html! {
            @if let Some(first) = entries.first().and_then(|entry| entry.number) {
                ol start=(first) { @for entry in entries { li { (spans(&entry.spans)) } } }
            } @else {
                ul { @for entry in entries { li { (spans(&entry.spans)) } } }
            }
        },
    }
}

fn joined(lines: &[Vec<Span>]) -> Markup {
    html! { @for (number, line) in lines.iter().enumerate() { @if number > 0 { br; } (spans(line)) } }
}

fn spans(line: &[Span]) -> Markup {
    html! {
        @for span in line {
            @match span {
                Span::Text(text) => (text),
                Span::Bold(text) => strong { (text) },
                Span::Code(text) => code { (text) },
                Span::Time(at) => (time::at(*at)),
                Span::Link(address) => a href=(address) rel="noopener noreferrer nofollow" { (address) },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_agents_write_becomes_markup() {
        for evil in [
            "<script>alert(1)</script>",
            "**<img src=x onerror=alert(1)>**",
            "```\n</code></pre><script>x</script>\n```",
            "https://x/\"onmouseover=\"alert(1)",
            "javascript:alert(1)",
            "> <svg/onload=alert(1)>",
            "> [x](javascript:alert(1))",
            "> ![x](https://evil.example/x.png)",
        ] {
            let shown = message(evil).into_string();
            assert!(
                !shown.contains("<script") && !shown.contains("<img") && !shown.contains("<svg"),
                "{shown}"
            );
            assert!(
                !shown.contains("\"onmouseover") && !shown.contains("href=\"javascript"),
                "{shown}"
            );
        }
    }
}

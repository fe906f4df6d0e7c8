//! Our Markdown as Slack shows it. What people and agents wrote is escaped, so that it can call
//! nobody.

use vine_domain::{
    chat::Mention,
    markdown::{Block, Span, parse},
};

/// Words that begin by calling people.
pub fn mrkdwn(text: &str, mentions: &[Mention]) -> String {
    let calls: Vec<_> = mentions
        .iter()
        .map(|mention| format!("<@{}>", escaped(&mention.subject)))
        .collect();
    let head = if calls.is_empty() {
        String::new()
    } else {
        calls.join(" ") + " "
    };
    head + &parse(text)
        .iter()
        .map(block)
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(lines) => lines
            .iter()
            .map(|spans| line(spans))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Quote(inside) => inside.iter().map(quoted).collect::<Vec<_>>().join("\n> \n"),
        Block::List(entries) => entries
            .iter()
            .map(|(number, spans)| entry(*number, spans))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Code(text) => format!("```\n{}\n```", escaped(&text.replace("```", "`\u{200b}``"))),
    }
}

/// Slack knows no blocks of code in quotes.
fn quoted(inside: &Block) -> String {
    let shown = match inside {
        Block::Code(text) => text
            .lines()
            .map(|line| span(&Span::Code(line.to_owned())))
            .collect::<Vec<_>>()
            .join("\n"),
        other => block(other),
    };
    let lines: Vec<String> = shown.lines().map(|line| format!("> {line}")).collect();
    lines.join("\n")
}

fn entry(number: Option<u32>, spans: &[Span]) -> String {
    number.map_or_else(
        || format!("• {}", line(spans)),
        |number| format!("{number}. {}", line(spans)),
    )
}

fn line(spans: &[Span]) -> String {
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Bold(text) => format!("*{}*", escaped(text)),
        Span::Code(text) => format!("`{}`", escaped(text)),
        Span::Link(address) => format!("<{}>", escaped(address).replace('|', "%7C")),
    }
}

/// The three characters that Slack gives a meaning (reference, "Escaping text").
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// What a person wrote, from how Slack hands it on. `us` is shown as `@vine`.
pub fn plain(text: &str, us: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((token, tail)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            continue;
        };
        out.push_str(&meant(token, us));
        rest = tail;
    }
    out.push_str(rest);
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn meant(token: &str, us: &str) -> String {
    let (target, label) = token.split_once('|').unwrap_or((token, ""));
    match target.split_at_checked(1) {
        Some(("@", user)) if user == us => "@vine".into(),
        Some(("@", user)) => format!("@{}", if label.is_empty() { user } else { label }),
        Some(("#", channel)) => format!("#{}", if label.is_empty() { channel } else { label }),
        Some(("!", word)) => format!("@{word}"),
        _ => target.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_words_call_nobody() {
        let shown = mrkdwn("<!channel> & <@U1> **x** `a<b`", &[]);
        assert_eq!(shown, "&lt;!channel&gt; &amp; &lt;@U1&gt; *x* `a&lt;b`");
        let ann = Mention {
            name: "Ann".into(),
            subject: "U0ANN".into(),
        };
        assert_eq!(
            mrkdwn("**Q-1** for Ann\n\n1. **Red** — warm", &[ann]),
            "<@U0ANN> *Q-1* for Ann\n\n1. *Red* — warm"
        );
    }

    #[test]
    fn code_cannot_end_its_fence() {
        assert_eq!(
            mrkdwn("````\na\n```\nb\n````", &[]).matches("```").count(),
            2
        );
    }

    #[test]
    fn what_people_wrote_comes_as_they_wrote_it() {
        assert_eq!(
            plain("<@U0BOT> task new a &lt; b &amp;&amp; c", "U0BOT"),
            "@vine task new a < b && c"
        );
        assert_eq!(
            plain(
                "see <https://x.example/a|this> <#C1|general> <!here>",
                "U0BOT"
            ),
            "see https://x.example/a #general @here"
        );
        assert_eq!(plain("1 < 2", "U0BOT"), "1 < 2");
    }
}

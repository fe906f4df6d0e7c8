//! Converts our Markdown to Slack's mrkdwn. Text from people and agents is escaped, so that it
//! cannot mention anyone.

use vine_domain::{
    chat::Mention,
    markdown::{Block, ListEntry, Span, parse},
};

/// Text that starts with mentions.
pub fn mrkdwn(text: &str, mentions: &[Mention]) -> String {
    let calls: Vec<_> = mentions
        .iter()
        .map(|mention| format!("<@{}>", escaped(member(&mention.subject))))
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

/// A person's user ID without the workspace prefix.
pub fn member(subject: &str) -> &str {
    subject.rsplit(':').next().unwrap_or(subject)
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(lines) => lines
            .iter()
            .map(|spans| line(spans))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Quote { blocks: inside, .. } => {
            inside.iter().map(quoted).collect::<Vec<_>>().join("\n> \n")
        }
        Block::Heading(spans) => bold(spans),
        Block::List(entries) => entries.iter().map(entry).collect::<Vec<_>>().join("\n"),
        Block::Table(table) => self::block(&Block::Code(table.to_text())),
        Block::Code(text) => format!("```\n{}\n```", escaped(&text.replace("```", "`\u{200b}``"))),
    }
}

/// Slack does not support code blocks in quotes.
fn quoted(inside: &Block) -> String {
    let table;
    let shown = match inside {
        Block::Table(rows) => {
            table = Block::Code(rows.to_text());
            return quoted(&table);
        }
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

fn entry(entry: &ListEntry) -> String {
    let indent = "    ".repeat(entry.depth);
    let words = line(&entry.spans);
    match (entry.number, entry.depth) {
        (Some(number), _) => format!("{indent}{number}. {words}"),
        (None, 0) => format!("• {words}"),
        (None, _) => format!("{indent}◦ {words}"),
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
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Text(text) => escaped(text),
        Span::Bold(text) => format!("*{}*", escaped(text)),
        Span::Code(text) => format!("`{}`", escaped(text)),
        // Reference, "Formatting text for app surfaces", date formatting.
        Span::Time(at) => format!(
            "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
            at.0 / 1000,
            at.to_minute()
        ),
        Span::Link(address) => format!("<{}>", escaped(address).replace('|', "%7C")),
    }
}

/// Escapes Slack's three special characters (reference, "Escaping text").
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// What a person typed, restored from Slack's markup. `us` becomes `@vine`.
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

/// What the person typed that Slack turned into a token (reference, "Retrieving messages").
fn meant(token: &str, us: &str) -> String {
    let (target, label) = token.split_once('|').unwrap_or((token, ""));
    let called = |id: &str| {
        if label.is_empty() {
            id.to_owned()
        } else {
            label.trim_start_matches(['@', '#']).to_owned()
        }
    };
    match target.split_at_checked(1) {
        Some(("@", user)) if user == us => "@vine".into(),
        // A user who happens to be called `vine` is not us.
        Some(("@", user)) if label.trim_start_matches('@').eq_ignore_ascii_case("vine") => {
            format!("@{user}")
        }
        Some(("@", user)) => format!("@{}", called(user)),
        Some(("#", channel)) => format!("#{}", called(channel)),
        Some(("!", word)) => special(word, label),
        _ => link(target, label),
    }
}

/// `!here`, `!subteam^S1|@devs`, `!date^1392734382^{date}|18 February`.
fn special(word: &str, label: &str) -> String {
    match word.split_once('^') {
        Some(("date", _)) => label.to_owned(),
        Some((_, id)) if label.is_empty() => format!("@{}", id.split('^').next().unwrap_or(id)),
        Some(_) => format!("@{}", label.trim_start_matches('@')),
        None => format!("@{word}"),
    }
}

/// Slack turns what looks like a URL into a link, with what was typed as its label.
fn link(address: &str, label: &str) -> String {
    let schemes = ["mailto:", "tel:", "https://", "http://"];
    let bare = schemes
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme))
        .unwrap_or(address);
    let typed = label == address
        || label.trim_end_matches('/') == bare.trim_end_matches('/')
        || address.starts_with("tel:");
    match label {
        "" => address.to_owned(),
        label if typed => label.to_owned(),
        label => format!("{label} ({address})"),
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
            "see this (https://x.example/a) #general @here"
        );
        assert_eq!(plain("1 < 2", "U0BOT"), "1 < 2");
        for (sent, typed) in [
            ("<http://main.rs|main.rs>", "main.rs"),
            ("<https://x.example/a>", "https://x.example/a"),
            ("<http://x.example/|x.example>", "x.example"),
            ("<mailto:ann@x.example|ann@x.example>", "ann@x.example"),
            ("<tel:+4930123456|+49 30 123456>", "+49 30 123456"),
            ("<!subteam^S1|@devs> <!subteam^S1>", "@devs @S1"),
            (
                "<!date^1392734382^{date_num}^https://x.example|18 February>",
                "18 February",
            ),
            ("<#C1|> <#C1>", "#C1 #C1"),
            ("<@U1|ann>", "@ann"),
            ("&amp;lt; &lt;b&gt;", "&lt; <b>"),
        ] {
            assert_eq!(plain(sent, "U0BOT"), typed, "{sent}");
        }
    }
}

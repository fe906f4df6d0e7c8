//! Standard output of the shell commands. A reader that has seen enough (`vine status | head -1`) ends a
//! command quietly, and a full disk ends it with one sentence.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    process,
};

use vine_domain::markdown::{Block, Span, parse};
use vine_grammar::begins_with_command;

/// Prints a line, as `println!` does, but ends the process where that would panic.
macro_rules! say {
    ($($arg:tt)*) => {
        $crate::output::write_line(format_args!($($arg)*))
    };
}
pub(crate) use say;

/// Prints a line if anybody reads it: for a process that continues.
macro_rules! tell {
    ($($arg:tt)*) => {
        $crate::output::mention(format_args!($($arg)*))
    };
}
pub(crate) use tell;

/// See [`say!`].
pub fn write_line(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    if let Err(error) = written {
        end(&error);
    }
}

/// Prints bytes as they are.
pub fn write_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        end(&error);
    }
}

/// See [`tell!`].
pub fn mention(line: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _nobody_reads = writeln!(out, "{line}").and_then(|()| out.flush());
}

const SIGPIPE: i32 = 13;

fn end(error: &io::Error) -> ! {
    if error.kind() == io::ErrorKind::BrokenPipe {
        // As shells report a program that this signal ended.
        process::exit(128 + SIGPIPE);
    }
    eprintln!("vine: could not write to standard output: {error}");
    process::exit(1);
}

/// Whether standard output is a terminal that shows colours (<https://no-color.org>).
pub fn has_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}

/// Our Markdown for a terminal.
pub fn plain(text: &str, colours: bool) -> String {
    let blocks: Vec<String> = parse(text)
        .iter()
        .map(|block| shown(block, colours))
        .collect();
    blocks.join("\n\n")
}

fn shown(block: &Block, colours: bool) -> String {
    let line = |spans: &Vec<Span>| {
        spans
            .iter()
            .map(|one| span(one, colours))
            .collect::<String>()
    };
    match block {
        Block::Paragraph(lines) => lines.iter().map(line).collect::<Vec<_>>().join("\n"),
        Block::Quote { text, .. } => indented(text, "  "),
        Block::Code(text) => indented(text, "    "),
        Block::Heading(spans) => line(spans),
        Block::Table(table) => indented(&table.to_text(), "    "),
        Block::List(entries) => entries
            .iter()
            .map(|entry| match entry.number {
                Some(number) => format!("{number}. {}", line(&entry.spans)),
                None => format!("- {}", line(&entry.spans)),
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn span(span: &Span, colours: bool) -> String {
    match span {
        Span::Bold(text) if colours => format!("\u{1b}[1m{text}\u{1b}[0m"),
        // Chats do not need the name of the program before a command.
        Span::Code(text) if begins_with_command(text) => format!("`vine {text}`"),
        Span::Code(text) => format!("`{text}`"),
        Span::Text(text) | Span::Bold(text) | Span::Link(text) => text.clone(),
        Span::Time(at) => at.to_minute(),
    }
}

fn indented(text: &str, by: &str) -> String {
    let lines = text.lines().map(|line| format!("{by}{line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A patch with the colours that `git diff` uses.
pub fn coloured_patch(patch: &str) -> String {
    let mut in_hunk = false;
    let lines = patch.lines().map(|line| {
        in_hunk = !line.starts_with("diff ") && (in_hunk || line.starts_with("@@"));
        let colour = match line.as_bytes() {
            [b'@', b'@', ..] => "36",
            [b'+', ..] if in_hunk => "32",
            [b'-', ..] if in_hunk => "31",
            _ if in_hunk => "0",
            _ => "1",
        };
        format!("\u{1b}[{colour}m{line}\u{1b}[0m")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_comment_is_no_header() {
        let shown = coloured_patch("--- a/x\n@@ -1 +1 @@\n--- old\n+new");
        let bold_then_red =
            shown.starts_with("\u{1b}[1m--- a/x") && shown.contains("\u{1b}[31m--- old");
        assert!(bold_then_red, "{shown}");
    }

    #[test]
    fn markdown_is_read_as_plain_text() {
        let text = "**T-1** Fix the `login`, see `task list`\n\nPrompt:\n> Do it.\n> Soon.\n\n- **Q-1** Why?\n\n```\na **b**\n```";
        assert_eq!(
            plain(text, false),
            "T-1 Fix the `login`, see `vine task list`\n\nPrompt:\n\n  Do it.\n  Soon.\n\n- Q-1 Why?\n\n    a **b**"
        );
        assert!(plain(text, true).starts_with("\u{1b}[1mT-1\u{1b}[0m Fix"));
    }
}

//! Short forms of commands, for chats.

/// Short forms of common commands.
pub const SHORT: [(&str, &str); 8] = [
    ("answer", "question answer"),
    ("cancel", "task cancel"),
    ("continue", "task continue"),
    ("help", "help"),
    ("list", "task list"),
    ("new", "task new"),
    ("questions", "question list"),
    ("tasks", "task list"),
];

/// A line whose short form, if any, is expanded.
pub fn said_whole(line: &str) -> String {
    let line = line.trim_start();
    let first = line.split_whitespace().next().unwrap_or_default();
    let known = SHORT
        .iter()
        .find(|(short, _)| first.eq_ignore_ascii_case(short));
    known.map_or_else(
        || line.to_owned(),
        |(_, whole)| format!("{whole}{}", &line[first.len()..]),
    )
}

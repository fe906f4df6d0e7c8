//! Values as text that is read in a review, without identities.

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use regex::{Captures, Regex};
use serde_json::Value;

/// Longer lines are broken.
const WIDTH: usize = 100;
/// Of longer texts the beginning and the end are shown, and their length.
const LONGEST: usize = 400;

/// What differs from run to run, and the name that stands for it. Where a name ends in `-`, the
/// first one is 1, the next one 2.
static KINDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let folder = format!("{}/[A-Za-z0-9._-]+", regex::escape(&temporary()));
    let kinds = [
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "uuid-",
        ),
        (r"\bav[a-z]_[0-9a-f]{64}\b", "TOKEN"),
        (r"mxc://vine\.test/[A-Za-z]+", "FILE"),
        (r"\b[0-9a-f]{8}\.md\b", "cut-"),
        (r"\b\d{10}\.\d{6}\b", "ts-"),
        (r"\b\d{17,20}\b", "snowflake-"),
        (r"\$[A-Za-z0-9_-]{43}", "event-"),
        (r"![A-Za-z0-9_-]{43}/", "room-"),
        // Where a long text was cut in the middle of one.
        (r"\$[A-Za-z0-9_-]{10,42} \[…", "EVENT […"),
        (r"![A-Za-z0-9_-]{10,42} \[…", "ROOM […"),
        (r"…\] [A-Za-z0-9_-]{10,42}/", "…] ROOM/"),
        (r"\bp\d{16}\b", "pTS"),
        (r"![A-Za-z0-9]{18}:vine\.test", "room-"),
        (r"\b127\.0\.0\.1:\d+", "LOOPBACK"),
        (&folder, "FOLDER"),
    ];
    let compiled = kinds.map(|(form, name)| (Regex::new(form).expect("a form"), name));
    compiled.into()
});

/// The folder of temporary folders, as paths show it.
fn temporary() -> String {
    let folder = std::env::temp_dir().display().to_string();
    folder.trim_end_matches('/').to_owned()
}

/// Names for the identities of one place: the same identity has the same name wherever it occurs.
#[derive(Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// The text with names in place of identities.
    pub fn redact(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (form, name) in KINDS.iter() {
            let named = form.replace_all(&text, |found: &Captures| self.name(&found[0], name));
            text = named.into_owned();
        }
        text
    }

    fn name(&mut self, identity: &str, kind: &str) -> String {
        if !kind.ends_with('-') {
            return kind.to_owned();
        }
        let next = 1 + self
            .0
            .values()
            .filter(|known| known.starts_with(kind))
            .count();
        let name = self.0.entry(identity.to_owned());
        name.or_insert_with(|| format!("{kind}{next}")).clone()
    }
}

/// A value in the manner of YAML: one line where it fits, text of several lines as it stands, keys
/// in their order.
pub fn shown(value: &Value) -> String {
    let mut out = String::new();
    block(&abridged(value), 0, &mut out);
    out.trim_end().to_owned()
}

/// The same without what fills pages.
fn abridged(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            let characters: Vec<char> = text.chars().collect();
            let (first, last) = (
                &characters[..LONGEST / 2],
                &characters[characters.len() - LONGEST / 4..],
            );
            let (first, last): (String, String) = (first.iter().collect(), last.iter().collect());
            format!(
                "{first} [… {} characters in all …] {last}",
                characters.len()
            )
            .into()
        }
        Value::Array(values) => values.iter().map(abridged).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| (key.clone(), abridged(value)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

fn block(value: &Value, indent: usize, out: &mut String) {
    if let Some(line) = line(value).filter(|line| indent + line.len() <= WIDTH) {
        let _infallible = writeln!(out, "{line}");
        return;
    }
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            for (at, (key, value)) in fields.into_iter().enumerate() {
                let _infallible = write!(out, "{}{key}:", if at == 0 { "" } else { &pad });
                nested(value, indent, key.len() + 2, out);
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                let _infallible = write!(out, "{}- ", if at == 0 { "" } else { &pad });
                block(value, indent + 2, out);
            }
        }
        Value::String(text) => {
            out.push_str("|\n");
            for line in text.split('\n') {
                let _infallible = writeln!(out, "{}", format!("{pad}{line}").trim_end());
            }
        }
        plain => {
            let _infallible = writeln!(out, "{plain}");
        }
    }
}

/// What stands behind a key: on its line if it fits, else below.
fn nested(value: &Value, indent: usize, before: usize, out: &mut String) {
    let fits = line(value).is_some_and(|line| indent + before + line.len() <= WIDTH);
    match value {
        Value::Object(_) | Value::Array(_) if !fits => {
            let _infallible = write!(out, "\n{}", " ".repeat(indent + 2));
        }
        _ => out.push(' '),
    }
    block(value, indent + 2, out);
}

/// A value in one line; `None` for text of several lines.
fn line(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\n') => None,
        Value::String(text) => Some(word(text)),
        Value::Array(values) => {
            let values: Option<Vec<_>> = values.iter().map(line).collect();
            Some(format!("[{}]", values?.join(", ")))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            let fields: Option<Vec<_>> = fields
                .into_iter()
                .map(|(key, value)| Some(format!("{key}: {}", line(value)?)))
                .collect();
            Some(format!("{{ {} }}", fields?.join(", ")))
        }
        plain => Some(plain.to_string()),
    }
}

/// Text as it stands, or quoted where that would hide something.
fn word(text: &str) -> String {
    let hides = text.is_empty()
        || text.trim() != text
        || text.chars().any(|c| c.is_control() || c == '\u{200b}');
    if hides {
        format!("{text:?}")
    } else {
        text.to_owned()
    }
}

/// The words of a page, a line for each block; buttons and fields as what they are.
pub fn of_html(html: &str) -> String {
    let body = html.split_once("<body>").map_or(html, |(_, body)| body);
    let mut text = String::new();
    for piece in body.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').unwrap_or((piece, ""));
        text.push_str(&sign(tag));
        text.push_str(&unescaped(words));
    }
    let lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What stands for a tag in the text of its page.
fn sign(tag: &str) -> String {
    let name = tag.split([' ', '/']).next().unwrap_or_default();
    match name {
        "button" => " [".into(),
        "" if tag == "/button" => "] ".into(),
        "input" | "textarea" | "select" if !tag.contains("type=\"hidden\"") => field(name, tag),
        "option" => " | ".into(),
        "h1" | "h2" | "h3" => format!("\n{} ", "#".repeat(name[1..].parse().unwrap_or(1))),
        "td" | "th" | "dd" => "  ".into(),
        "a" | "b" | "strong" | "em" | "i" | "code" | "span" | "time" | "small" | "label" => {
            String::new()
        }
        "" if [
            "/a", "/b", "/strong", "/em", "/i", "/code", "/span", "/time",
        ]
        .contains(&tag) =>
        {
            String::new()
        }
        "" if ["/td", "/th", "/option"].contains(&tag) => " ".into(),
        _ => "\n".into(),
    }
}

fn field(name: &str, tag: &str) -> String {
    let of = |key: &str| {
        let (_, rest) = tag.split_once(&format!("{key}=\""))?;
        rest.split_once('"').map(|(value, _)| unescaped(value))
    };
    let label = of("placeholder")
        .or_else(|| of("aria-label"))
        .or_else(|| of("name"));
    format!(" <{name} {}> ", label.unwrap_or_default())
}

fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

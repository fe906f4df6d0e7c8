//! Chat commands from a shell: parsed here to report errors early, run by the daemon.

use crate::output::{coloured_patch, has_colours, plain, say};
use std::{
    fs,
    io::{IsTerminal, Read},
};

use anyhow::{Context, Result, bail};
use vine_api::{ClientError, CommandReply};
use vine_domain::visible_text;

use crate::{
    cli::Globals,
    endpoint::{Endpoint, NoDaemon},
};

/// Runs the command of the command line and prints the reply.
pub async fn order(globals: &Globals) -> Result<()> {
    let words = with_text_from_elsewhere(globals.words.clone())?;
    let reply = Endpoint::find()?.client().run(&words, "").await?;
    if globals.json {
        say!("{}", printable_json(&reply.data)?);
    } else {
        say!("{}", printable(&globals.words, &reply));
    }
    Ok(())
}

/// `--prompt -` reads the prompt from standard input; `question answer Q-7 -` reads the answer from
/// there, and `question answer Q-7 --file FILE` from a file.
fn with_text_from_elsewhere(mut words: Vec<String>) -> Result<Vec<String>> {
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    let (from, text) = match known.as_slice() {
        ["question", "answer", _, "-"] => (3, of_standard_input()?),
        ["question", "answer", _, "--file", file] => (3, of_file(file)?),
        ["question", "answer", _, file] if file.starts_with("--file=") => {
            (3, of_file(&file["--file=".len()..])?)
        }
        // Never send an answer by accident: it cannot be taken back.
        ["question", "answer", _, option, ..] if option.starts_with("--file") => {
            bail!("no answer was sent; write `--file FILE` with nothing after it")
        }
        _ => match known.windows(2).position(|pair| pair == ["--prompt", "-"]) {
            Some(at) => {
                words[at + 1] = of_standard_input()?;
                return Ok(words);
            }
            None => return Ok(words),
        },
    };
    words.truncate(from);
    words.push(text);
    Ok(words)
}

fn of_standard_input() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("could not read the text from standard input")?;
    Ok(text)
}

fn of_file(file: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("could not read the answer from {file}"))
}

/// Agents' text may contain characters that control a terminal or reorder its text. A patch that
/// goes to a file or another program is not changed.
fn printable(words: &[String], reply: &CommandReply) -> String {
    let is_patch = matches!(words, [first, second, ..] if first == "task" && second == "diff");
    if is_patch && !std::io::stdout().is_terminal() {
        return reply.text.clone();
    }
    let text = visible_text::exact(&reply.text);
    match (reply.fixed, is_patch && has_colours()) {
        (true, true) => coloured_patch(&text),
        (true, false) => text,
        (false, _) => plain(&text, has_colours()),
    }
}

/// The same for JSON, in which such characters can be escaped.
fn printable_json(value: &serde_json::Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut units = [0; 2];
    Ok(text
        .chars()
        .map(|c| match visible_text::is_hidden(c) {
            true => c
                .encode_utf16(&mut units)
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
            false => c.to_string(),
        })
        .collect())
}

/// The daemon's hint at what to do next, if it refused and sent one.
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    match error.downcast_ref::<ClientError>()? {
        ClientError::Refused { error, .. } => {
            Some(error.hint.as_str()).filter(|hint| !hint.is_empty())
        }
        ClientError::Unreachable { .. } | ClientError::OtherWire { .. } => None,
    }
}

/// The exit codes that `--help` lists.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<NoDaemon>().is_some() {
        return 5;
    }
    if error
        .downcast_ref::<vine_worker::NobodyAnswered>()
        .is_some()
    {
        return 6;
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { .. }) => 5,
        Some(ClientError::Refused { status: 404, .. }) => 3,
        Some(ClientError::Refused {
            status: 401 | 403, ..
        }) => 4,
        Some(ClientError::Refused { status: 422, .. }) => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_and_json_stays_what_it_was() {
        let words = ["question", "show", "Q-1"].map(str::to_owned);
        let reply = CommandReply {
            text: "rm \u{202e}x\u{1b}[2K".into(),
            fixed: false,
            data: serde_json::Value::Null,
        };
        assert_eq!(printable(&words, &reply), "rm ⟨U+202E⟩x⟨U+001B⟩[2K");
        let value = serde_json::json!({ "what": "rm \u{202e}x\u{e0041}" });
        let text = printable_json(&value).expect("JSON");
        assert!(
            text.contains("\\u202e") && text.contains("\\udb40\\udc41"),
            "{text}"
        );
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back, value);
    }
}

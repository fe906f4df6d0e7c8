//! Commands that end in a person's own words: the title and prompt of a new task, or an answer.
//! These words are taken as typed, including quotes, backslashes and dashes. Only a known option,
//! spelled out in full, counts as an option.

use crate::shell_words::split;

/// Options of `task new`; each takes a value.
const OPTIONS: [&str; 9] = [
    "after", "base", "branch", "effort", "key", "model", "priority", "prompt", "repo",
];
/// The option whose value is free text, up to the next option.
const PROMPT: &str = "prompt";

/// The words, for the command tree, of a line that ends in free text; `None` for any other line.
pub fn words(line: &str) -> Option<Vec<String>> {
    let (noun, rest) = word(line)?;
    let (verb, rest) = word(rest)?;
    let is = |word: &str, name: &str| word.eq_ignore_ascii_case(name);
    if is(noun, "task") && is(verb, "new") {
        return Some(task(rest));
    }
    if is(noun, "task") && is(verb, "continue") {
        return continued(rest);
    }
    if is(noun, "question") && is(verb, "answer") {
        return answer(rest);
    }
    None
}

fn task(line: &str) -> Vec<String> {
    let mut words = vec!["task".to_owned(), "new".to_owned()];
    let mut title = String::new();
    let mut rest = line;
    while let Some((next, after)) = piece(rest) {
        if next == "--" && title.is_empty() {
            // Forms put `--` before their quoted words.
            let title = split(after);
            words.push("--".into());
            words.extend(title.unwrap_or_else(|| vec![after.to_owned()]));
            return words;
        }
        // Forms quote an option together with its value, before the title.
        let formed = unquoted(next);
        let formed = option(&formed).filter(|(_, value)| title.is_empty() && value.is_some());
        match option(next).or(formed) {
            Some((PROMPT, None)) => {
                let (value, left) = up_to_option(after);
                // Without a value, the lines that follow are the prompt.
                let value = unquoted(value);
                if !value.is_empty() {
                    words.push(format!("--{PROMPT}={value}"));
                }
                rest = left;
            }
            Some((name, None)) => {
                let (value, left) = piece(after).unwrap_or(("", ""));
                words.push(format!("--{name}={}", unquoted(value)));
                rest = left;
            }
            Some((name, Some(value))) => {
                words.push(format!("--{name}={}", unquoted(value)));
                rest = after;
            }
            None => {
                // Keeps the whitespace before the word.
                let gap = &rest[..rest.len() - rest.trim_start().len()];
                if !title.is_empty() {
                    title.push_str(gap);
                }
                title.push_str(next);
                rest = after;
            }
        }
    }
    let title = unquoted(title.trim());
    if matches!(title.as_str(), "--help" | "-h") {
        words.push(title);
        return words;
    }
    if !title.is_empty() {
        words.extend(["--".to_owned(), title]);
    }
    words
}

fn continued(line: &str) -> Option<Vec<String>> {
    let text = line.trim();
    let is_help = matches!(text, "--help" | "-h") || text.is_empty();
    let (first, rest) = word(text).filter(|_| !is_help)?;
    let mut words = vec!["task".into(), "continue".into()];
    match first.parse::<vine_domain::TaskId>().is_ok() {
        true => words.push(first.to_owned()),
        false => return Some(words.into_iter().chain([unquoted(text)]).collect()),
    }
    let text = unquoted(rest.trim());
    words.extend(Some(text).filter(|text| !text.is_empty()));
    Some(words)
}

fn answer(line: &str) -> Option<Vec<String>> {
    let (question, text) = word(line).filter(|(question, _)| *question != "--")?;
    let mut words = vec!["question".into(), "answer".into(), question.to_owned()];
    let text = unquoted(text.trim());
    if !text.is_empty() {
        words.push(text);
    }
    Some(words)
}

/// The next word, and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (!text.is_empty()).then(|| text.split_at(end))
}

/// The same, but quoted text is one word if the closing quote ends a word.
fn piece(text: &str) -> Option<(&str, &str)> {
    let (first, _) = word(text)?;
    let text = text.trim_start();
    let begun = first.chars().next()?;
    let from = match first.split_once('=') {
        Some((name, value)) if option(name).is_some() => first.len() - value.len(),
        _ => 0,
    };
    let quote = if from == 0 {
        Some(begun)
    } else {
        text[from..].chars().next()
    };
    match quote.and_then(|quote| Some((quote, closing(quote)?))) {
        Some((quote, closing)) => {
            let inside = from + quote.len_utf8();
            let ends = |(at, c): &(usize, char)| {
                let after = text[inside + at + c.len_utf8()..].chars().next();
                *c == closing
                    && !text[..inside + at].ends_with('\\')
                    && after.is_none_or(char::is_whitespace)
            };
            let end = text[inside..].char_indices().find(ends);
            let end = end.map(|(at, c)| inside + at + c.len_utf8());
            Some(text.split_at(end.unwrap_or(first.len())))
        }
        None => Some(text.split_at(first.len())),
    }
}

fn closing(quote: char) -> Option<char> {
    match quote {
        '"' => Some('"'),
        '\'' => Some('\''),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        _ => None,
    }
}

/// An option, and its value if that is in the same word. Phones turn two dashes into one long dash.
fn option(word: &str) -> Option<(&'static str, Option<&str>)> {
    let bare = word.strip_prefix("--").or_else(|| word.strip_prefix('—'))?;
    let (name, value) = match bare.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (bare, None),
    };
    let known = OPTIONS.into_iter().find(|option| *option == name)?;
    Some((known, value))
}

/// The text up to the next option; quoted text is one value.
fn up_to_option(text: &str) -> (&str, &str) {
    let mut rest = text;
    if let Some((first, after)) = piece(text)
        && first.starts_with(|c| closing(c).is_some())
        && first.chars().count() > 1
        && !unquoted(first).eq(first)
    {
        return (first, after);
    }
    while let Some((next, after)) = piece(rest) {
        if option(next).is_some() {
            return text.split_at(text.len() - rest.len());
        }
        rest = after;
    }
    (text, "")
}

/// Text without its quotes, if it is quoted as a whole as in a shell.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let curly = text.starts_with(['“', '„', '‘']) && text.ends_with(['”', '’']);
    let inner = text.chars().skip(1).collect::<String>();
    let inner = inner.strip_suffix(['”', '’']).unwrap_or(&inner);
    if curly && !inner.contains(['“', '„', '”']) {
        return inner.to_owned();
    }
    let is_quoted = text.starts_with('"') || text.starts_with('\'');
    match split(text).as_deref() {
        Some([one]) if is_quoted && text.chars().count() > 1 => one.clone(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(line: &str) -> String {
        let words = words(&format!("task new {line}")).expect("a task");
        let at = words.iter().position(|word| word == "--").expect("a title");
        words[at + 1..].join(" ")
    }

    #[test]
    fn titles_stay_as_they_were_typed() {
        for typed in [
            "a -> b",
            "use --force-with-lease here",
            "-5 degrees",
            "rm -rf /",
            "an \"unclosed quote",
            "C:\\path\\to",
            "don't, won't",
            "it's 5 o'clock",
            "two  spaces",
            "say \"hello\" to 'them'",
            "\"one\" and \"two\"",
            "--repos is not an option",
            "close #12 -- and #13",
            "-",
            "$HOME `id`",
        ] {
            assert_eq!(title(typed), typed);
        }
        assert_eq!(title("\"Close #12\""), "Close #12");
        assert_eq!(title("\"Fix it — now\""), "Fix it — now");
        assert_eq!(title("\"say “hi” now\""), "say “hi” now");
        let help = words("task new --help").expect("a task");
        assert_eq!(help, ["task", "new", "--help"]);
        let bare = words("task new Fix --prompt").expect("a task");
        assert_eq!(bare, ["task", "new", "--", "Fix"], "the body is the prompt");
        assert_eq!(title("“Don’t log in twice”"), "Don’t log in twice");
    }

    #[test]
    fn options_that_are_spelled_whole_are_options_wherever_they_stand() {
        let read = |line: &str| words(&format!("task new {line}")).expect("a task");
        assert_eq!(
            read("Fix the login --priority high now"),
            ["task", "new", "--priority=high", "--", "Fix the login now"]
        );
        assert_eq!(
            read("--repo=site Fix —priority low"),
            ["task", "new", "--repo=site", "--priority=low", "--", "Fix"]
        );
        assert_eq!(
            read("Fix --prompt say \"hi\" -> twice --repo site"),
            [
                "task",
                "new",
                "--prompt=say \"hi\" -> twice",
                "--repo=site",
                "--",
                "Fix"
            ]
        );
        assert_eq!(
            read("Fix --prompt \"do this\" today"),
            ["task", "new", "--prompt=do this", "--", "Fix today"]
        );
        assert_eq!(
            read("\"explain --repo site\""),
            ["task", "new", "--", "explain --repo site"]
        );
    }

    #[test]
    fn forms_quote_what_is_in_them() {
        let formed = crate::line(
            &[
                "task",
                "new",
                "--prompt=do “it” -> now",
                "--repo=site",
                "--",
                "a \"b\" -> c\\d",
            ],
            "",
        );
        let read = words(formed.trim_start_matches("/vine ").trim_end()).expect("a task");
        assert_eq!(
            read,
            [
                "task",
                "new",
                "--prompt=do “it” -> now",
                "--repo=site",
                "--",
                "a \"b\" -> c\\d"
            ]
        );
        let formed = crate::line(&["question", "answer", "--", "Q-1", "C:\\path"], "");
        assert_eq!(words(formed.trim_start_matches("/vine ")), None);
    }

    #[test]
    fn answers_stay_as_they_were_typed() {
        let read = |line: &str| words(&format!("question answer Q-1 {line}")).expect("an answer");
        for typed in [
            "C:\\path",
            "say \"no\" twice",
            "--force",
            "an \"unclosed",
            "don't",
        ] {
            assert_eq!(read(typed)[3], typed);
        }
        assert_eq!(
            read("\"quoted \\\"as a whole\\\"\"")[3],
            "quoted \"as a whole\""
        );
        assert_eq!(words("question list"), None);
    }
}

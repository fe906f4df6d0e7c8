//! What people write after a mention of us: a command, or a sentence.
//!
//! `/vine` and `!vine` are always commands. After `@vine`,
//!
//! 1. what can be read completely as a command is one; what ends something takes exactly its
//!    arguments
//! 2. what begins with a word of the grammar, or with one that is a typing error away from it, may be
//!    either, so its author chooses
//! 3. fewer than three words say too little
//! 4. all else is a sentence

use clap::CommandFactory;

use crate::{
    chat::{CommandContext, CommandLine, is_command, mentioned, parse},
    commands::{Command, QuestionVerb, TaskVerb, WorkerVerb},
    error::CommandError,
    short_forms::SHORT,
};

/// What somebody wrote after a mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mention {
    /// A command.
    Command(Command),
    /// A command or a sentence.
    Unclear {
        /// The words after the mention.
        words: String,
        /// The command that they may mean, as it is typed after `/vine`.
        command: Option<String>,
    },
    /// A command that begins with `/vine` or `!vine` behind the mention, and cannot be read.
    Mistaken(CommandError),
    /// Too few words to be a sentence.
    Short(String),
    /// A sentence, in one or more lines.
    Sentence(String),
}

/// A sentence has at least so many words.
const SENTENCE: usize = 3;
/// Verbs of fewer letters are a typing error away from too many words: `let` from `set`.
const LETTERS: usize = 4;
/// A longer word is not taken for a typing error: comparing it takes long, and anybody may send it.
const LONGEST: usize = 20;

impl Mention {
    /// What was written after a mention; `None` if `text` does not begin with one.
    pub fn read(text: &str, context: &CommandContext) -> Option<Self> {
        let words = mentioned(text)?.trim();
        if words.is_empty() {
            return Some(Self::Command(Command::Help { topic: None }));
        }
        if is_command(words) {
            return Some(parse(words, context).map_or_else(Self::Mistaken, Self::Command));
        }
        match parse(text, context) {
            Ok(command) if is_meant(&command, words) => return Some(Self::Command(command)),
            _ => {}
        }
        let first = first_word(words);
        let words = words.to_owned();
        let begins_like_one = Known::like(&first).is_some() || names_an_id(&first);
        Some(if begins_like_one && !is_about_something_new(&words) {
            let command = nearest(&words, context);
            Self::Unclear { words, command }
        } else if words.split_whitespace().count() < SENTENCE {
            Self::Short(words)
        } else {
            Self::Sentence(words)
        })
    }
}

/// Whether what can be read as this command is meant as it.
fn is_meant(command: &Command, words: &str) -> bool {
    match command {
        command if takes_any_names(command) => false,
        // Without options it takes all limits away.
        Command::Worker(WorkerVerb::Limit { slots, repo, .. }) => {
            slots.is_some() || !repo.is_empty()
        }
        // They take any words; `Answer Q-1 was wrong` begins a sentence.
        Command::Task(TaskVerb::New { .. }) | Command::Question(QuestionVerb::Answer { .. }) => {
            words.starts_with(char::is_lowercase)
        }
        Command::Task(TaskVerb::Continue { .. }) => names_a_task(words),
        _ => true,
    }
}

/// `New users should see …` begins a sentence; `new paint the door` is a command.
fn is_about_something_new(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default();
    first.eq_ignore_ascii_case("new") && first != "new"
}

/// Whether a command takes any number of names, and so any words.
fn takes_any_names(command: &Command) -> bool {
    matches!(command, Command::Worker(WorkerVerb::Remove { worker, .. }) if worker.len() > 1)
}

/// The first word in lower case, without what people put behind it.
fn first_word(words: &str) -> String {
    let first = words.split_whitespace().next().unwrap_or_default();
    let bare = first.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
    bare.to_lowercase()
}

/// Whether a word is a task's or question's id: `t-7`.
fn names_an_id(word: &str) -> bool {
    let number = word.strip_prefix("t-").or_else(|| word.strip_prefix("q-"));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// Whether one of the first three words names a task: `task continue T-7 …`.
fn names_a_task(words: &str) -> bool {
    let mut first = words.split_whitespace().take(3);
    first.any(|word| names_an_id(&word.to_lowercase()) && word.to_lowercase().starts_with("t-"))
}

/// A word of the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// It begins a command.
    Head(String),
    /// It follows a noun: the one that people mean most often.
    Verb { noun: &'static str, verb: String },
}

/// Words that begin sentences: `continue` with no task named, and what is not a typing error of the word
/// that it resembles.
const PLAIN: [&str; 2] = ["continue", "now"];

/// Nouns in the order in which people mean them when they leave them out.
const NOUNS: [&str; 6] = ["task", "question", "queue", "session", "worker", "repo"];

impl Known {
    /// All words of the grammar, those that begin a command first.
    fn all() -> Vec<Self> {
        let tree = CommandLine::command();
        let nouns = tree.get_subcommands().map(clap::Command::get_name);
        let heads = nouns.chain(SHORT.iter().map(|(short, _)| *short));
        let mut all: Vec<Self> = heads.map(|head| Self::Head(head.to_owned())).collect();
        for noun in NOUNS {
            let verbs = tree
                .find_subcommand(noun)
                .map(clap::Command::get_subcommands);
            let verbs = verbs.into_iter().flatten().map(clap::Command::get_name);
            all.extend(verbs.map(|verb| Self::Verb {
                noun,
                verb: verb.to_owned(),
            }));
        }
        all
    }

    fn word(&self) -> &str {
        match self {
            Self::Head(word) | Self::Verb { verb: word, .. } => word,
        }
    }

    /// How a command with this word begins.
    fn begins(&self) -> String {
        match self {
            Self::Head(head) => head.clone(),
            Self::Verb { noun, verb } => format!("{noun} {verb}"),
        }
    }

    /// The word of the grammar that this is, or that it is a typing error away from.
    fn like(word: &str) -> Option<Self> {
        let all = Self::all();
        let near = |known: &&Self| {
            let guessed = match known {
                Self::Head(_) => true,
                Self::Verb { verb, .. } => verb.chars().count() >= LETTERS,
            };
            guessed && strsim::osa_distance(word, known.word()) <= 1
        };
        if word.chars().count() > LONGEST || PLAIN.contains(&word) {
            return None;
        }
        let same = all.iter().find(|known| known.word() == word);
        same.or_else(|| all.iter().find(near)).cloned()
    }
}

/// The command that words may mean: the whole line with the first two words corrected, or else only
/// its first words and the ids that are named. Nothing else is built from prose.
fn nearest(words: &str, context: &CommandContext) -> Option<String> {
    let known = Known::like(&first_word(words))?;
    let (_, rest) = words.split_at(words.find(char::is_whitespace).unwrap_or(words.len()));
    let begins = known.begins();
    let corrected = [begins.clone() + rest, with_verb(&begins, rest)];
    let ids = words
        .split_whitespace()
        .map(|word| first_word(word).to_uppercase());
    let ids: Vec<String> = ids
        .filter(|word| names_an_id(&word.to_lowercase()))
        .collect();
    let bare = [begins.clone(), ids.join(" ")].join(" ").trim().to_owned();
    let listed = NOUNS
        .contains(&begins.as_str())
        .then(|| format!("{begins} list"));
    // It is pressed where the task may not be known, so it names it.
    let elsewhere = CommandContext {
        task: None,
        ..context.clone()
    };
    let reads = |line: &String| {
        let read = parse(&format!("/vine {line}"), &elsewhere);
        read.is_ok_and(|command| !takes_any_names(&command))
    };
    let here = |line: String| {
        let named = context.task.map(|task| format!("{line} {task}"));
        [line].into_iter().chain(named)
    };
    let lines = corrected
        .into_iter()
        .chain([bare])
        .chain(listed)
        .map(|line| line.trim().to_owned());
    lines.flat_map(here).find(reads)
}

/// The line with its second word replaced by the verb of this noun that it is a typing error away
/// from.
fn with_verb(noun: &str, rest: &str) -> String {
    let tree = CommandLine::command();
    let second: String = first_word(rest).chars().take(LONGEST).collect();
    let verbs = tree
        .find_subcommand(noun)
        .map(clap::Command::get_subcommands);
    let mut verbs = verbs.into_iter().flatten().map(clap::Command::get_name);
    let verb = verbs.find(|verb| strsim::osa_distance(&second, verb) <= 1);
    let behind = rest.trim_start().split_once(char::is_whitespace);
    match verb {
        Some(verb) => format!("{noun} {verb} {}", behind.map_or("", |(_, behind)| behind)),
        None => format!("{noun}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{Slug, TaskId};

    use super::*;

    fn room() -> CommandContext {
        CommandContext {
            task: None,
            repo: Some(Slug::from_text("site")),
        }
    }

    fn read(text: &str) -> Mention {
        Mention::read(&format!("@vine {text}"), &room()).expect("a mention")
    }

    #[test]
    fn only_a_mention_can_be_a_sentence() {
        for text in [
            "/vine Paint the door blue",
            "!vine Paint the door blue",
            "Paint it",
        ] {
            assert_eq!(Mention::read(text, &room()), None, "{text}");
        }
    }

    #[test]
    fn complete_commands_are_commands_and_sentences_are_sentences() {
        for text in [
            "status",
            "task list --state done",
            "cancel T-5",
            "new fix the login",
            "",
        ] {
            assert!(matches!(read(text), Mention::Command(_)), "{text}");
        }
        for text in [
            "Paint the door of the shed in blue",
            "The login page is slow",
            "New users should see a welcome page",
            "NEW users should see a welcome page",
            "let people reset their own password",
        ] {
            assert_eq!(read(text), Mention::Sentence(text.to_owned()));
        }
        for text in ["hello", "thank you", "👍"] {
            assert_eq!(read(text), Mention::Short(text.to_owned()));
        }
    }

    #[test]
    fn what_begins_like_a_command_names_the_command_that_it_may_mean() {
        for (text, meant) in [
            ("tsak list", Some("task list")),
            ("task lsit", Some("task list")),
            ("nwe fix the login", Some("new fix the login")),
            ("stauts", Some("status")),
            ("status?", Some("status")),
            ("list all open invoices on the dashboard", Some("list")),
            ("questions should be shown in red", Some("questions")),
            (
                "pause the video when the tab is hidden",
                Some("queue pause"),
            ),
            ("cancel the newsletter of T-5", Some("cancel T-5")),
            ("cancel the newsletter", None),
            ("cancel T-5 please", Some("cancel T-5")),
            ("add a dark mode to the page", None),
            ("remove the old login page", None),
            ("worker remove the old one", Some("worker list")),
            ("T-5 should also cover the footer", None),
            ("worker limit w-1", Some("worker limit w-1")),
            ("Answer Q-1 was wrong", Some("answer Q-1 was wrong")),
        ] {
            let words = text.to_owned();
            let command = meant.map(str::to_owned);
            assert_eq!(read(text), Mention::Unclear { words, command }, "{text}");
        }
        let thread = CommandContext {
            task: Some(TaskId(7)),
            repo: None,
        };
        let cancel = Mention::read("@vine cancel the flight booking", &thread);
        let words = "cancel the flight booking".into();
        let command = Some("cancel T-7".into());
        assert_eq!(cancel, Some(Mention::Unclear { words, command }));
    }
}

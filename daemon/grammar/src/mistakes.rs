//! What is wrong with a command, in our words: people in a chat do not know the parser.

use clap::{
    Command as ClapCommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::short_forms::SHORT;

/// What is wrong, to what, and what to write instead. `tree` is the whole command tree; `words` were
/// typed.
pub fn explain(error: &clap::Error, tree: &ClapCommand, words: &[String]) -> String {
    let command = Typed::of(tree, words);
    match error.kind() {
        ErrorKind::DisplayHelp => command.help(),
        ErrorKind::InvalidSubcommand => {
            let word = named(error, ContextKind::InvalidSubcommand);
            command.unknown_verb(&word)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("`{}` needs one of: {}.", command.path(), command.verbs())
        }
        ErrorKind::UnknownArgument => {
            let word = named(error, ContextKind::InvalidArg);
            command.unknown_option(&word)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = argument(error, ContextKind::InvalidArg);
            format!(
                "`{}` needs {missing}, like this: {}.",
                command.path(),
                command.usage()
            )
        }
        ErrorKind::InvalidValue => {
            let value = named(error, ContextKind::InvalidValue);
            let valid = named(error, ContextKind::ValidValue);
            let option = argument(error, ContextKind::InvalidArg);
            match value.is_empty() {
                true => format!("{option} needs a value."),
                false => format!("`{value}` is not a value of {option}; use one of: {valid}."),
            }
        }
        ErrorKind::ValueValidation => {
            let option = argument(error, ContextKind::InvalidArg);
            let value = named(error, ContextKind::InvalidValue);
            let why = std::error::Error::source(error).map(ToString::to_string);
            let why = why.unwrap_or_else(|| "it is not valid".into());
            format!("`{value}` cannot be used for {option}: {why}.")
        }
        ErrorKind::ArgumentConflict => {
            let one = argument(error, ContextKind::InvalidArg);
            let other = argument(error, ContextKind::PriorArg);
            format!("{one} cannot be used together with {other}.")
        }
        _ => format!(
            "`{}` cannot be read. Write it like this: {}.",
            words.join(" "),
            command.usage()
        ),
    }
}

/// A part of an error.
fn named(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(one)) => one.clone(),
        Some(ContextValue::Strings(all)) => all.join(", "),
        Some(ContextValue::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The names of options and values in an error, without the parser's marks: `--state <STATE>` is `--state`.
fn argument(error: &clap::Error, kind: ContextKind) -> String {
    let all = named(error, kind);
    let names = all.split(", ").map(|one| {
        let name = one.split_whitespace().next().unwrap_or_default();
        let bare = name.trim_matches(|c: char| "<>[].".contains(c));
        format!("`{}`", bare.split('=').next().unwrap_or_default())
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The part of the command tree that was typed correctly.
struct Typed<'a> {
    path: Vec<&'a str>,
    command: &'a ClapCommand,
}

impl<'a> Typed<'a> {
    fn of(tree: &'a ClapCommand, words: &[String]) -> Self {
        let mut path = Vec::new();
        let mut command = tree;
        for word in words {
            let Some(next) = command.find_subcommand(word) else {
                break;
            };
            path.push(next.get_name());
            command = next;
        }
        Self { path, command }
    }

    fn path(&self) -> String {
        self.path.join(" ")
    }

    fn verbs(&self) -> String {
        let all = self.command.get_subcommands().map(ClapCommand::get_name);
        all.collect::<Vec<_>>().join(", ")
    }

    /// `task new TITLE… [--prompt PROMPT]`
    fn usage(&self) -> String {
        let options = self.command.get_opts().map(|option| {
            let name = option.get_long().unwrap_or_default();
            let value = option.get_value_names().and_then(<[_]>::first);
            match value.filter(|_| option.get_action().takes_values()) {
                Some(value) => format!("[--{name} {value}]"),
                None => format!("[--{name}]"),
            }
        });
        let values = self.command.get_positionals().map(|value| {
            let name = value.get_value_names().and_then(<[_]>::first);
            let name = name.map_or_else(String::new, ToString::to_string);
            let more = match value.get_num_args() {
                Some(range) if range.max_values() > 1 => "…",
                _ => "",
            };
            match value.is_required_set() {
                true => format!("{name}{more}"),
                false => format!("[{name}{more}]"),
            }
        });
        let parts = [self.path()].into_iter().chain(values).chain(options);
        format!("`{}`", parts.collect::<Vec<_>>().join(" "))
    }

    fn help(&self) -> String {
        let about = self.command.get_about().map(ToString::to_string);
        let args = self.command.get_arguments().filter_map(|one| {
            let name = match one.get_long() {
                Some(name) => format!("--{name}"),
                None => one.get_value_names()?.first()?.to_string(),
            };
            Some(format!("- `{name}`: {}", one.get_help()?))
        });
        let verbs = self.command.get_subcommands().map(|verb| {
            let about = verb.get_about().map(ToString::to_string);
            format!("- `{}`: {}", verb.get_name(), about.unwrap_or_default())
        });
        let lines = [self.usage(), about.unwrap_or_default()];
        lines
            .into_iter()
            .chain(args)
            .chain(verbs)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn unknown_verb(&self, word: &str) -> String {
        let all = self.command.get_subcommands().map(ClapCommand::get_name);
        let short = SHORT.iter().map(|(short, _)| *short);
        let meant = match self.path.as_slice() {
            [] => closest(word, all.chain(short)),
            _ => closest(word, all),
        };
        let known = [self.path(), word.to_owned()].join(" ");
        let known = known.trim();
        match (meant, self.path.as_slice()) {
            (Some(meant), path) => {
                let meant = [path.join(" ").as_str(), meant].join(" ");
                format!(
                    "There is no command `{known}`. Did you mean `{}`?",
                    meant.trim()
                )
            }
            (None, []) => {
                format!("There is no command `{known}`. `help` shows what you can type.")
            }
            (None, _) => format!(
                "There is no command `{known}`; `{}` has: {}.",
                self.path(),
                self.verbs()
            ),
        }
    }

    fn unknown_option(&self, word: &str) -> String {
        let path = self.path();
        let Some(option) = word.strip_prefix("--") else {
            return format!("`{path}` does not take `{word}`: {}.", self.usage());
        };
        let names = self.command.get_opts().filter_map(clap::Arg::get_long);
        match closest(option, names) {
            Some(meant) => {
                format!("`{path}` has no option `{word}`. Did you mean `--{meant}`?")
            }
            None => format!("`{path}` has no option `{word}`: {}.", self.usage()),
        }
    }
}

/// The known word that somebody meant who made a typing error or two.
fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let errors = |one: &&str| strsim::osa_distance(&word, one);
    let most = match word.chars().count() {
        ..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    known
        .filter(|one| errors(one) <= most)
        .min_by_key(|one| errors(one))
}

#[cfg(test)]
mod tests {
    use crate::{CommandContext, parse};

    #[test]
    fn each_mistake_says_what_is_wrong_and_what_to_write() {
        for (typed, said) in [
            (
                "tsak list",
                "There is no command `tsak`. Did you mean `task`?",
            ),
            (
                "nwe Fix it",
                "There is no command `nwe`. Did you mean `new`?",
            ),
            (
                "what",
                "There is no command `what`. `help` shows what you can type.",
            ),
            (
                "task lsit",
                "There is no command `task lsit`. Did you mean `task list`?",
            ),
            ("question", "`question` needs one of: list, show, answer."),
            (
                "question show",
                "`question show` needs `QUESTION`, like this: `question show QUESTION`.",
            ),
            (
                "task list --sate done",
                "`task list` has no option `--sate`. Did you mean `--state`?",
            ),
            ("status now", "`status` does not take `now`: `status`."),
            (
                "task list --state busy",
                "`busy` is not a value of `--state`; use one of: queued, running, waiting, done, failed, cancelled.",
            ),
            (
                "task list --limit 0",
                "`0` cannot be used for `--limit`: 0 is not in 1..=1000.",
            ),
        ] {
            let told = parse(&format!("/vine {typed}"), &CommandContext::default());
            assert_eq!(told.expect_err(typed).0, said, "{typed}");
        }
    }

    #[test]
    fn no_text_of_the_parser_is_shown() {
        for typed in [
            "task new --help",
            "task --help",
            "worker remove a --offline",
            "queue replay",
            "task new x --priority urgent",
            "repo add",
            "task cancel T-1 T-2",
            "session end x",
            "--version",
            "task new --repo",
        ] {
            let told = parse(&format!("/vine {typed}"), &CommandContext::default());
            let said = told.expect_err(typed).0;
            for mark in ["error:", "Usage:", "tip:", "--help'", "a similar"] {
                assert!(!said.contains(mark), "{typed}: {said}");
            }
            assert!(said.contains('`'), "{typed}: it names nothing: {said}");
        }
    }
}

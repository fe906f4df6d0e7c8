//! The command tree as a menu, for platforms where people pick commands and fill in options; and
//! the conversion of what they picked into words for the parser.

use clap::{Arg, ArgAction, CommandFactory};

use crate::chat::CommandLine;

/// A command that can be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// One or two words: `status`, or `task new`.
    pub path: Vec<String>,
    /// What it does, in one line.
    pub about: String,
    /// What can be filled in; required options come first.
    pub options: Vec<MenuOption>,
}

/// An option of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuOption {
    /// Its name, unique in its command.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// Whether it must be filled in.
    pub required: bool,
    /// What can be put in.
    pub kind: OptionKind,
}

/// What can be put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionKind {
    /// Words.
    Text,
    /// Yes or no.
    Flag,
    /// One of these.
    OneOf(Vec<String>),
}

/// All commands that can be picked.
pub fn menu() -> Vec<MenuEntry> {
    let mut entries = Vec::new();
    for noun in CommandLine::command().get_subcommands() {
        if noun.has_subcommands() {
            entries.extend(
                noun.get_subcommands()
                    .map(|verb| entry(&[noun.get_name(), verb.get_name()], verb)),
            );
        } else {
            entries.push(entry(&[noun.get_name()], noun));
        }
    }
    entries
}

fn entry(path: &[&str], command: &clap::Command) -> MenuEntry {
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut options: Vec<MenuOption> = command
        .get_arguments()
        .filter(|arg| arg.get_id() != "help")
        .map(choice)
        .collect();
    options.sort_by_key(|choice| !choice.required);
    MenuEntry {
        path: path.iter().map(|word| (*word).to_owned()).collect(),
        about,
        options,
    }
}

fn choice(arg: &Arg) -> MenuOption {
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    let kind = match arg.get_action() {
        ArgAction::SetTrue => OptionKind::Flag,
        _ if values.is_empty() => OptionKind::Text,
        _ => OptionKind::OneOf(values),
    };
    let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
    MenuOption {
        name: arg.get_id().to_string(),
        about,
        required: arg.is_required_set(),
        kind,
    }
}

/// The words of what was picked: `path` from the menu, options as (name, text). Ignores unknown
/// options.
pub fn words(path: &[String], options: &[(String, String)]) -> Vec<String> {
    let mut root = CommandLine::command();
    root.build();
    let command = path
        .iter()
        .try_fold(&root, |command, word| command.find_subcommand(word));
    let mut words = path.to_vec();
    let Some(command) = command else { return words };
    let given = |arg: &Arg| {
        options
            .iter()
            .find(|(name, _)| name == arg.get_id().as_str())
            .map(|(_, text)| text.clone())
    };
    for arg in command.get_opts() {
        match (arg.get_action(), given(arg)) {
            (_, None) => {}
            (ArgAction::SetTrue, Some(_)) => {}
            (_, Some(text)) => {
                words.push(format!("--{}={text}", arg.get_long().unwrap_or_default()));
            }
        }
    }
    let flags = command
        .get_arguments()
        .filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    words.extend(
        flags
            .filter(|arg| given(arg).as_deref() == Some("true"))
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?))),
    );
    let positional: Vec<String> = command.get_positionals().filter_map(given).collect();
    if !positional.is_empty() {
        // People's text may begin with a dash.
        words.push("--".into());
        words.extend(positional);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, CommandContext, QuestionVerb, RepoVerb, TaskVerb, from_words};

    fn picked(path: &[&str], options: &[(&str, &str)]) -> Command {
        let path: Vec<String> = path.iter().map(|word| (*word).to_owned()).collect();
        let options: Vec<_> = options
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        from_words(&words(&path, &options), "", &CommandContext::default()).expect("readable")
    }

    #[test]
    fn what_is_picked_is_read_as_if_it_were_typed() {
        let Command::Task(TaskVerb::New {
            title,
            prompt,
            repo,
            priority,
            ..
        }) = picked(
            &["task", "new"],
            &[
                ("title", "--repo don't"),
                ("prompt", "Do it.\n-- now"),
                ("priority", "high"),
            ],
        )
        else {
            panic!()
        };
        assert_eq!(
            (title.join(" ").as_str(), prompt.as_deref(), repo),
            ("--repo don't", Some("Do it.\n-- now"), None)
        );
        assert_eq!(priority, vine_domain::Lane::High);
        let Command::Question(QuestionVerb::Answer { question, text }) = picked(
            &["question", "answer"],
            &[("text", "-1"), ("question", "Q-17")],
        ) else {
            panic!()
        };
        assert_eq!((question.0, text), (17, vec!["-1".to_owned()]));
        let Command::Repo(RepoVerb::Add {
            trusted, encrypted, ..
        }) = picked(
            &["repo", "add"],
            &[
                ("name", "a"),
                ("source", "/a"),
                ("trusted", "true"),
                ("encrypted", "false"),
            ],
        )
        else {
            panic!()
        };
        assert_eq!((trusted, encrypted), (true, false));
        assert_eq!(picked(&["status"], &[]), Command::Status);
    }

    #[test]
    fn all_commands_are_there_with_what_must_be_filled_in_first() {
        let menu = menu();
        for entry in &menu {
            assert!(
                !entry.about.is_empty() && entry.options.iter().all(|one| !one.about.is_empty()),
                "{entry:?}"
            );
            assert!(
                entry.options.is_sorted_by_key(|one| !one.required),
                "{entry:?}"
            );
        }
        let new = menu
            .iter()
            .find(|entry| entry.path == ["task", "new"])
            .expect("task new");
        assert_eq!(
            (new.options[0].name.as_str(), new.options[0].required),
            ("title", true)
        );
        let lists = menu
            .iter()
            .find(|entry| entry.path == ["task", "list"])
            .expect("task list");
        assert!(lists.options.iter().any(
            |one| matches!(&one.kind, OptionKind::OneOf(values) if values.contains(&"queued".to_owned()))
        ));
    }
}

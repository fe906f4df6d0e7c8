//! Parses a chat line into a command.

use clap::{CommandFactory, FromArgMatches, Parser};
use vine_domain::{Slug, TaskId};

use crate::{
    commands::{Command, TaskVerb},
    error::CommandError,
    mistakes::explain,
    own,
    shell_words::{quoted, shell_words},
    short_forms::said_whole,
};

/// Where a command was sent.
#[derive(Debug, Clone, Default)]
pub struct CommandContext {
    /// The task whose thread it was sent in; commands there may omit the id.
    pub task: Option<TaskId>,
    /// The repository whose room it was sent in; the default for new tasks.
    pub repo: Option<Slug>,
}

/// The command tree without a program name, as in chat.
#[derive(Debug, Parser)]
#[command(
    name = "vine",
    no_binary_name = true,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
#[command(about = "Give tasks to agents and answer their questions")]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// How adapters write a mention of us.
const MENTION: &str = "@vine";
const HEADS: [&str; 3] = ["/vine", "!vine", MENTION];

/// Whether a chat message is a command.
pub fn is_command(text: &str) -> bool {
    head(text).is_some()
}

/// The text without a mention at its beginning.
pub fn without_mention(text: &str) -> &str {
    mentioned(text).unwrap_or(text).trim()
}

/// The text after a mention at the beginning, if there is one.
pub(crate) fn mentioned(text: &str) -> Option<&str> {
    behind(text, &[MENTION])
}

/// The text after the head word, if there is one.
fn head(text: &str) -> Option<&str> {
    behind(text, &HEADS)
}

fn behind<'a>(text: &'a str, heads: &[&str]) -> Option<&'a str> {
    let text = text.trim_start();
    let rest = heads.iter().find_map(|head| {
        text.get(..head.len())
            .filter(|start| start.eq_ignore_ascii_case(head))
            .map(|_| &text[head.len()..])
    })?;
    rest.is_empty()
        .then_some(rest)
        .or_else(|| rest.starts_with(char::is_whitespace).then_some(rest))
}

/// Parses a chat message. The first line is split into words as in a shell, except a person's own
/// words (`own.rs`). Further lines are the command's body, verbatim: the prompt of a new task, or
/// the text of an answer.
pub fn parse(text: &str, context: &CommandContext) -> Result<Command, CommandError> {
    let rest = head(text)
        .ok_or_else(|| CommandError("a command starts with /vine, !vine or @vine".into()))?;
    let (line, body) = rest.split_once('\n').unwrap_or((rest, ""));
    let line = said_whole(line);
    let words = match own::words(&line) {
        Some(words) => words,
        None => shell_words(&line)?,
    };
    from_words(&words, body.trim(), context)
}

/// Whether a text begins with a command of the tree, as our sentences quote it: `task show T-7`.
pub fn begins_with_command(text: &str) -> bool {
    let tree = CommandLine::command();
    let mut words = text.split_whitespace();
    let noun = words.next().and_then(|noun| tree.find_subcommand(noun));
    noun.is_some_and(|noun| {
        !noun.has_subcommands()
            || words
                .next()
                .is_some_and(|verb| noun.find_subcommand(verb).is_some())
    })
}

/// Parses words that are already split.
pub fn from_words(
    words: &[String],
    body: &str,
    context: &CommandContext,
) -> Result<Command, CommandError> {
    let words: &[String] = if words.is_empty() {
        &["help".to_owned()]
    } else {
        words
    };
    let tree = CommandLine::command();
    let mistaken = |error: clap::Error| CommandError(explain(&error, &tree, words));
    let matches = tree.clone().try_get_matches_from(words).map_err(mistaken)?;
    let line = CommandLine::from_arg_matches(&matches).map_err(mistaken)?;
    let mut command = line.command;
    add_body(&mut command, body)?;
    imply_repo(&mut command, context);
    imply_task(&mut command, context)?;
    Ok(command)
}

/// A chat line of these words, with a body. [`parse`] reads exactly the same words from it.
pub fn line(words: &[&str], body: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("/vine {}\n{body}", quoted.join(" "))
}

fn add_body(command: &mut Command, body: &str) -> Result<(), CommandError> {
    match command {
        _ if body.is_empty() => Ok(()),
        Command::Task(TaskVerb::New {
            prompt: prompt @ None,
            ..
        }) => {
            *prompt = Some(body.to_owned());
            Ok(())
        }
        Command::Task(TaskVerb::Continue { words: text })
        | Command::Question(crate::QuestionVerb::Answer { text, .. }) => {
            text.push(format!("\n{body}"));
            Ok(())
        }
        _ => Err(CommandError(
            "this command takes only one line, so nothing was done. Send the other \
         lines as a separate message."
                .into(),
        )),
    }
}

fn imply_repo(command: &mut Command, context: &CommandContext) {
    if let Command::Task(TaskVerb::New {
        repo: repo @ None, ..
    }) = command
    {
        repo.clone_from(&context.repo);
    }
}

fn imply_task(command: &mut Command, context: &CommandContext) -> Result<(), CommandError> {
    use TaskVerb as T;
    if let Command::Task(T::Continue { words }) = command {
        return imply_continued(words, context);
    }
    let Command::Task(
        T::Show { task }
        | T::Cancel { task, .. }
        | T::Retry { task }
        | T::Priority { task, .. }
        | T::Log { task, .. }
        | T::Diff { task, .. }
        | T::Push { task, .. }
        | T::Request { task, .. }
        | T::Merge { task, .. }
        | T::FixUp { task, .. }
        | T::Explain { task },
    ) = command
    else {
        return Ok(());
    };
    *task = task.or(context.task);
    if task.is_some() {
        Ok(())
    } else {
        Err(CommandError(
            "which task? Name it, like T-7; `task list` shows them.".into(),
        ))
    }
}

/// The first of these words is the task's id.
fn imply_continued(words: &mut Vec<String>, context: &CommandContext) -> Result<(), CommandError> {
    let named = words
        .first()
        .is_some_and(|word| word.parse::<TaskId>().is_ok());
    match context.task {
        _ if named && words.len() > 1 => Ok(()),
        Some(task) if !named => {
            words.insert(0, task.to_string());
            Ok(())
        }
        _ => Err(CommandError(
            "what should be done next, in which task? Write it like `task continue T-7 Make it blue`."
                .into(),
        )),
    }
}

/// The command tree as help text, one line for each verb.
pub fn overview() -> String {
    let mut lines = Vec::new();
    for noun in CommandLine::command().get_subcommands() {
        if noun.has_subcommands() {
            for verb in noun.get_subcommands() {
                lines.push(help_line(
                    &format!("{} {}", noun.get_name(), verb.get_name()),
                    verb,
                ));
            }
        } else {
            lines.push(help_line(noun.get_name(), noun));
        }
    }
    lines.join("\n")
}

fn help_line(name: &str, command: &clap::Command) -> String {
    format!(
        "{name:<18} {}",
        command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::QuestionVerb;

    fn read(text: &str) -> Result<Command, CommandError> {
        parse(text, &CommandContext::default())
    }

    #[test]
    fn a_command_is_known_by_its_head_word() {
        for text in [
            "/vine status",
            "!vine status",
            "@vine status",
            "  !VINE status",
            "/vine",
        ] {
            assert!(is_command(text), "{text}");
        }
        for text in [
            "/vineyard",
            "vine status",
            "yes",
            "",
            "tell @vine",
            "/vin",
            "ö",
        ] {
            assert!(!is_command(text), "{text}");
        }
    }

    #[test]
    fn the_first_line_is_arguments_and_the_rest_is_the_prompt_verbatim() {
        let command = read(
            "/vine task new Fix the login --priority high\n\n  Don't \
         touch \"auth\".\n  --keep this",
        )
        .expect("readable");
        let Command::Task(TaskVerb::New {
            title,
            prompt,
            priority,
            ..
        }) = command
        else {
            panic!("{command:?}")
        };
        assert_eq!(title.join(" "), "Fix the login");
        assert_eq!(
            prompt.as_deref(),
            Some("Don't touch \"auth\".\n  --keep this")
        );
        assert_eq!(priority, vine_domain::Lane::High);
    }

    #[test]
    fn a_number_sign_is_no_comment() {
        let Ok(Command::Task(TaskVerb::New { title, .. })) =
            read("/vine task new \"Close #12\" --repo site")
        else {
            panic!()
        };
        assert_eq!(title, ["Close #12"]);
        let Ok(Command::Task(TaskVerb::New { title, .. })) =
            read("/vine task new Close #12 and #13")
        else {
            panic!()
        };
        assert_eq!(title.join(" "), "Close #12 and #13");
    }

    #[test]
    fn words_from_forms_are_read_as_they_were_written() {
        for word in [
            "plain",
            "a \"quoted\" one",
            "don't",
            "back\\slash",
            "#12",
            "“curly”",
            "a — b\u{a0}c",
            "two  spaces",
            "$HOME `id`",
            "—dash",
        ] {
            let Ok(Command::Task(TaskVerb::New { title, prompt, .. })) =
                read(&line(&["task", "new", "--", word], "Do it."))
            else {
                panic!("{word}")
            };
            assert_eq!(
                (title.join(" ").as_str(), prompt.as_deref()),
                (word, Some("Do it.")),
                "{word}"
            );
        }
    }

    #[test]
    fn phones_may_write_their_quotes_and_dashes() {
        let command = read("!vine task new “Don’t log in twice” —priority low").expect("readable");
        let Command::Task(TaskVerb::New {
            title, priority, ..
        }) = command
        else {
            panic!("{command:?}")
        };
        assert_eq!(
            (title.join(" ").as_str(), priority),
            ("Don’t log in twice", vine_domain::Lane::Low)
        );
        assert!(matches!(read("/vine task new don't"), Ok(Command::Task(_))));
    }

    #[test]
    fn inside_a_thread_the_task_is_implied_and_outside_it_is_asked_for() {
        let here = &CommandContext {
            task: Some(TaskId(7)),
            repo: None,
        };
        assert_eq!(
            parse("@vine task cancel", here),
            Ok(Command::Task(TaskVerb::Cancel {
                task: Some(TaskId(7)),
                round: None
            }))
        );
        assert_eq!(
            parse("@vine task cancel T-8", here),
            Ok(Command::Task(TaskVerb::Cancel {
                task: Some(TaskId(8)),
                round: None
            }))
        );
        assert!(
            read("@vine task cancel")
                .expect_err("which")
                .0
                .contains("which task?")
        );
    }

    #[test]
    fn a_new_task_is_for_the_repository_of_the_room_unless_another_is_named() {
        let here = &CommandContext {
            task: None,
            repo: Some(Slug::from_text("site")),
        };
        let repo = |text: &str| match parse(text, here) {
            Ok(Command::Task(TaskVerb::New { repo, .. })) => repo.map(|repo| repo.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(repo("!vine task new Paint").as_deref(), Some("site"));
        assert_eq!(
            repo("!vine task new Paint --repo shop").as_deref(),
            Some("shop")
        );
    }

    #[test]
    fn mistakes_get_a_hint_and_lines_that_belong_nowhere_are_not_dropped() {
        assert!(
            read("/vine tsak list")
                .expect_err("typo")
                .0
                .contains("`task`")
        );
        assert!(
            read("/vine task new x --priority urgent")
                .expect_err("lane")
                .0
                .contains("high, default or low")
        );
        assert!(
            read("/vine task new x --branch=-f")
                .expect_err("branch")
                .0
                .contains("dash")
        );
        assert!(
            read("/vine queue pause\nand one more thing")
                .expect_err("body")
                .0
                .contains("nothing was done")
        );
    }

    #[test]
    fn answers_keep_their_words_even_when_they_look_like_options() {
        let command =
            read("/vine question answer Q-17 no, --force is too risky").expect("readable");
        let Command::Question(QuestionVerb::Answer { text, .. }) = command else {
            panic!("{command:?}")
        };
        assert_eq!(text.join(" "), "no, --force is too risky");
    }

    #[test]
    fn the_tree_is_sound_and_help_names_every_verb() {
        CommandLine::command().debug_assert();
        let help = overview();
        for verb in [
            "task new",
            "question answer",
            "queue replay",
            "session keep",
            "worker drain",
            "repo add",
            "whoami",
        ] {
            assert!(help.contains(verb), "{verb} is missing in\n{help}");
        }
    }
}

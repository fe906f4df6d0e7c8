//! Clarification: when it is not clear what words are for, they are stored, and their author
//! chooses with one press.
//!
//! A button says `Q-17 words` for an answer and `T-3 words` for a note: what the words are for,
//! then the words themselves.

use vine_domain::{Ask, Question, QuestionId, Task, TaskId, chat::Button, markdown::literal};

/// Asks the author of words what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clarification {
    /// What to ask, in one or more lines.
    pub text: String,
    /// The choices.
    pub buttons: Vec<Button>,
    /// How to choose without buttons.
    pub hint: String,
}

/// What words are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClarifiedTarget {
    /// An answer to this question.
    Question(QuestionId),
    /// A note to the agent of this task.
    Note(TaskId),
}

/// Characters of the author's words that are quoted.
const SHOWN: usize = 80;

/// What words in a task's thread may be for: one of these questions, and a note, or a round once the
/// task is over.
fn targets(words: &str, task: &Task, open: &[&Question]) -> Vec<(Button, String)> {
    let mut ways = answers(words, open);
    ways.push(match task.is_over() {
        true => next_round(task.id, words),
        false => (note(task.id, words), NOTE.into()),
    });
    ways
}

const CONTINUE: &str = "/vine task continue";

/// The task that a button lets continue, and with which words.
pub fn next_round_of(says: &str) -> Option<(TaskId, &str)> {
    let (task, words) = headed(says.strip_prefix(CONTINUE)?);
    Some((task.parse().ok()?, words))
}

fn next_round(task: TaskId, words: &str) -> (Button, String) {
    let says = format!("{CONTINUE} {task} {words}");
    let label = "Continue with this";
    (Button::saying(label, says), label.to_owned())
}

fn answers(words: &str, open: &[&Question]) -> Vec<(Button, String)> {
    let way = |question: &&Question| {
        let about = format!("**{}** {}", question.id, literal(&question.ask.headline()));
        let label = format!("For {}", question.id);
        (button(&label, question.id, words), about)
    };
    open.iter().map(way).collect()
}

/// Asks which of these questions words are for.
pub fn which(words: &str, task: &Task, open: &[&Question]) -> Clarification {
    let ways = targets(words, task, open);
    let first = open.first().map_or(QuestionId(0), |question| question.id);
    let text = format!(
        "What does {} refer to? Nothing is decided yet.",
        shown(words)
    );
    let hint = format!("name the question, like `{first} {}`", example(words));
    asked_back(&text, ways, hint)
}

/// Words that neither agree to a permission or plan nor refuse it.
pub fn neither(words: &str, question: &Question, hint: String) -> Clarification {
    let id = question.id;
    let task = question.task();
    let way = |label: &str, says: &str| (button(label, id, says), label.to_owned());
    let (what, mut ways) = match &question.ask {
        // A masked permission cannot be allowed here.
        Ask::Permission { .. } if question.ask.is_secret() => ("allows nor denies it", vec![]),
        Ask::Permission { .. } => ("allows nor denies it", vec![way("Allow once", "yes")]),
        Ask::Plan { .. } => (
            "approves nor changes the plan",
            vec![way("Approve", "approve")],
        ),
        Ask::Clarify { .. } => ("decides nor answers it", vec![]),
    };
    match &question.ask {
        Ask::Permission { .. } => {
            ways.push(way("Deny with this reason", &format!("deny: {words}")));
        }
        Ask::Plan { .. } => {
            ways.push(way(
                "Send back with this comment",
                &format!("send back: {words}"),
            ));
        }
        Ask::Clarify { .. } => {}
    }
    ways.push((note(task, words), NOTE.into()));
    let text = format!(
        "{} neither {what}, so {id} is still open: {}",
        shown(words),
        literal(&question.ask.headline())
    );
    asked_back(&text, ways, hint)
}

/// Asks whether words in a task's thread are this command, or for its agent.
pub fn command_or_words(
    words: &str,
    command: Option<&str>,
    task: &Task,
    open: &[&Question],
) -> Clarification {
    let ways = run(command).chain(targets(words, task, open)).collect();
    let text = format!(
        "{} may be a command, or words for the agent. Nothing is done yet.",
        shown(words)
    );
    asked_back(&text, ways, COMMANDS.into())
}

/// Asks whether words in a room are this command, or a task. `new` are the ways to make it one.
pub fn command_or_task(
    words: &str,
    command: Option<&str>,
    new: Vec<(Button, String)>,
) -> Clarification {
    let ways = run(command).chain(new).collect();
    let text = format!(
        "{} may be a command, or a task. Nothing is done yet.",
        shown(words)
    );
    asked_back(&text, ways, COMMANDS.into())
}

/// Asks whether a task that is over continues with these words, or whether they are the late answer to
/// one of these questions.
pub fn go_on(words: &str, task: &Task, state: &str, late: &[&Question]) -> Clarification {
    let ways = targets(words, task, late);
    let text = format!(
        "{} is over ({state}), so nobody works on {} yet.",
        task.id,
        shown(words)
    );
    asked_back(&text, ways, "mention me with what to do next".into())
}

/// Asks whether so few words are a task.
pub fn too_short(words: &str, new: Vec<(Button, String)>) -> Clarification {
    let text = format!(
        "{} says little for a task. Nothing is done yet.",
        shown(words)
    );
    asked_back(&text, new, "say in a sentence what is to be done".into())
}

/// Asks in which repository a task belongs.
pub fn which_repo(words: &str, new: Vec<(Button, String)>) -> Clarification {
    let text = format!(
        "{} is not a task yet: this room belongs to no repository.",
        shown(words)
    );
    let hint = "write it in the room of a repository";
    asked_back(&text, new, hint.into())
}

/// Asks about a message in a thread that is not a task's.
pub fn unknown_thread(words: &str, new: Vec<(Button, String)>) -> Clarification {
    let text = format!(
        "{} is in a thread that belongs to no known task. Nothing is done yet.",
        shown(words)
    );
    let hint = "write to the agent in its task's thread, and new tasks outside of threads";
    asked_back(&text, new, hint.into())
}

/// How to make clear what is a command.
const COMMANDS: &str = "begin a command with `/vine` or `!vine`";

fn run(command: Option<&str>) -> impl Iterator<Item = (Button, String)> {
    let way = |command: &str| {
        let says = format!("/vine {command}");
        let first = command.lines().next().unwrap_or_default().replace('`', "'");
        let short: String = first.chars().take(SHOWN).collect();
        let more = if short == command { "" } else { "…" };
        let about = format!("Run the command `{short}{more}`");
        (Button::saying("Run the command", says), about)
    };
    command.map(way).into_iter()
}

/// Each choice has a number: without buttons, people tap the reaction with that number.
fn asked_back(text: &str, ways: Vec<(Button, String)>, hint: String) -> Clarification {
    let lines = ways
        .iter()
        .enumerate()
        .map(|(index, (_, about))| format!("{}. {about}", index + 1));
    Clarification {
        text: format!("{text}\n{}", lines.collect::<Vec<_>>().join("\n")),
        buttons: ways.into_iter().map(|(button, _)| button).collect(),
        hint,
    }
}

/// For words that answer nothing.
const NOTE: &str = "A note to the agent";

fn button(label: &str, id: QuestionId, words: &str) -> Button {
    Button::saying(label, format!("{id} {words}"))
}

fn note(task: TaskId, words: &str) -> Button {
    Button::saying(NOTE, format!("{task} {words}"))
}

/// A person's words, quoted in ours.
fn shown(words: &str) -> String {
    let line: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(SHOWN).collect();
    let more = if short == line { "" } else { "…" };
    format!("“{}{more}”", literal(&short))
}

fn example(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    let short: String = line.chars().filter(|c| *c != '`').take(40).collect();
    if short.trim().is_empty() {
        "yes".into()
    } else {
        short
    }
}

/// `Q-17 yes`, `q-17: yes`: the question that words name, and the rest.
pub fn named(text: &str) -> Option<(QuestionId, &str)> {
    let (first, rest) = headed(text);
    let id = first
        .get(..2)
        .filter(|start| start.eq_ignore_ascii_case("q-"))
        .and_then(|_| first.parse().ok())?;
    Some((id, rest))
}

/// What a button of ours means.
pub fn meant(says: &str) -> Option<(ClarifiedTarget, &str)> {
    if let Some((id, words)) = named(says) {
        return Some((ClarifiedTarget::Question(id), words));
    }
    let (first, words) = headed(says);
    Some((ClarifiedTarget::Note(first.parse().ok()?), words))
}

fn headed(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once([' ', '\n', ':']).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_button_says_is_read_as_it_was_meant() {
        let says = |button: Button| button.says;
        let for_one = says(button("", QuestionId(7), "blue: the dark one\nplease"));
        assert_eq!(
            meant(&for_one),
            Some((
                ClarifiedTarget::Question(QuestionId(7)),
                "blue: the dark one\nplease"
            ))
        );
        let noted = says(note(TaskId(3), "Q-9 is nice"));
        assert_eq!(
            meant(&noted),
            Some((ClarifiedTarget::Note(TaskId(3)), "Q-9 is nice"))
        );
    }

    #[test]
    fn a_question_is_named_at_the_start() {
        assert_eq!(named("q-17: no"), Some((QuestionId(17), " no")));
        assert_eq!(named("yes Q-17"), None);
        assert_eq!(named("Q-x"), None);
    }
}

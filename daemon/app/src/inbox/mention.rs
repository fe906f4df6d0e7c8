//! What people write after a mention of us. A sentence is a new task in a room, and words like any
//! others in a task's thread. What may be a command too is never guessed: its author chooses.

use vine_domain::{
    Slug,
    chat::{Button, Inbound, InboundKind, Location},
};
use vine_grammar::{CommandContext, Mention, is_command, line};

use crate::{
    AppError, AppResult, Caller, Inbox, clarify,
    commands::CommandOutput,
    inbox::{command, locate::ResolvedLocation, turn::InboxTurn},
};

/// Characters of a title that is made of a sentence; the prompt has all of it.
const TITLE: usize = 120;
/// At most so many repositories are offered.
const REPOS: usize = 10;

impl Inbox {
    /// What somebody wrote that begins with a mention, or `None` if it does not.
    pub(super) fn mention(&self, event: &Inbound, found: &ResolvedLocation) -> Option<Mention> {
        let context = CommandContext {
            task: found.task,
            repo: found.repo.clone(),
        };
        Mention::read(&event.text, &context)
    }

    /// Whether a message was a command, and not words.
    pub(super) fn is_command(&self, event: &Inbound, found: &ResolvedLocation) -> bool {
        match self.mention(event, found) {
            Some(mention) => matches!(mention, Mention::Command(_)),
            None => is_command(&event.text),
        }
    }

    pub(super) async fn mentioned(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: ResolvedLocation,
        turn: &mut InboxTurn<'_>,
        mention: Mention,
    ) -> AppResult<Option<CommandOutput>> {
        let words = match mention {
            Mention::Command(wanted) => {
                let key = key(event);
                return self.run(caller, event, found.task, wanted, key).await;
            }
            Mention::Unclear { words, command } if clarify::named(&words).is_none() => {
                let unclear = self.unclear(caller, event, &found, &words, command.as_deref());
                return Err(unclear.await?);
            }
            Mention::Short(words) if found.task.is_none() => {
                let new = self.ways_to_make(caller, &found, &words).await?;
                return Err(AppError::Unclear(clarify::too_short(&words, new)));
            }
            Mention::Sentence(words) if found.task.is_none() => {
                return self.begin_task(caller, event, &found, &words).await;
            }
            Mention::Unclear { words, .. } | Mention::Short(words) | Mention::Sentence(words) => {
                words
            }
        };
        let plain = Inbound {
            text: words,
            ..event.clone()
        };
        Box::pin(self.said(caller, &plain, found, turn)).await
    }

    /// Words that may be a command.
    async fn unclear(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        words: &str,
        command: Option<&str>,
    ) -> AppResult<AppError> {
        // The page has buttons only for what words are for.
        let command = command.filter(|_| matches!(event.spot, Location::Theirs { .. }));
        Ok(AppError::Unclear(match found.task {
            Some(task) => {
                let known = self.app.tasks.look_at_whole(caller, task).await?;
                let open = known.questions.iter().filter(|one| one.takes_answers());
                clarify::command_or_words(words, command, task, &open.collect::<Vec<_>>())
            }
            None => {
                let new = self.ways_to_make(caller, found, words).await?;
                clarify::command_or_task(words, command, new)
            }
        }))
    }

    /// A sentence in a room: its first line is the title, and all of it the prompt.
    async fn begin_task(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        words: &str,
    ) -> AppResult<Option<CommandOutput>> {
        let mut repos = self.repos_for(caller, found).await?;
        let repo = match repos.len() {
            0 | 1 => repos.pop(),
            _ => {
                let new = self.ways_to_make(caller, found, words).await?;
                return Err(AppError::Unclear(clarify::which_repo(words, new)));
            }
        };
        let wanted = command::read(&new_task(repo.as_ref(), words), found)?;
        let made = self.run(caller, event, None, wanted, key(event)).await?;
        Ok(made.map(with_undo))
    }

    /// A button for each repository that the words may be a task in.
    async fn ways_to_make(
        &self,
        caller: &Caller,
        found: &ResolvedLocation,
        words: &str,
    ) -> AppResult<Vec<(Button, String)>> {
        let repos = self.repos_for(caller, found).await?;
        let only = repos.len() == 1;
        let way = |repo: Slug| {
            let (label, about) = match only {
                true => ("Make it a task".to_owned(), "Make it a task".to_owned()),
                false => (
                    format!("Task in {repo}"),
                    format!("Make it a task in `{repo}`"),
                ),
            };
            (Button::saying(label, new_task(Some(&repo), words)), about)
        };
        Ok(repos.into_iter().take(REPOS).map(way).collect())
    }

    /// The repository of the room, or else those that somebody sees.
    async fn repos_for(&self, caller: &Caller, found: &ResolvedLocation) -> AppResult<Vec<Slug>> {
        if let Some(repo) = &found.repo {
            return Ok(vec![repo.clone()]);
        }
        let repos = self.app.tasks.repos(caller).await?;
        Ok(repos.into_iter().map(|repo| repo.name).collect())
    }
}

/// The key of a message, however often it is edited: it makes at most one task.
fn key(event: &Inbound) -> String {
    let of = match &event.act {
        InboundKind::Edited(of) => of,
        _ => &event.event,
    };
    format!("{}:{of}", event.platform)
}

/// The command that makes a task of these words.
fn new_task(repo: Option<&Slug>, words: &str) -> String {
    let mut parts = vec!["task", "new"];
    if let Some(repo) = repo {
        parts.extend(["--repo", repo.as_str()]);
    }
    let title = title(words);
    parts.extend(["--", &title]);
    line(&parts, words)
}

/// The first line, cut behind a word if it is long.
fn title(words: &str) -> String {
    let first = words.lines().next().unwrap_or_default();
    let mut title = String::new();
    for word in first.split_whitespace() {
        if !title.is_empty() && title.chars().count() + word.chars().count() >= TITLE {
            title.push('…');
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.extend(word.chars().filter(|c| !c.is_control()).take(TITLE));
    }
    title
}

/// The reply to the author of a new task, with the way back.
pub(super) fn with_undo(reply: CommandOutput) -> CommandOutput {
    let Some(task) = reply.data["id"].as_str() else {
        return reply;
    };
    let undo = Button::saying("Undo", format!("/vine task cancel {task}"));
    CommandOutput {
        text: format!("{}\n1. Undo: cancel it", reply.text),
        buttons: vec![undo],
        ..reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_and_ends_behind_a_word() {
        assert_eq!(title("Paint  the door\nIn blue."), "Paint the door");
        let long = title(&"paint ".repeat(40));
        assert!(
            long.ends_with("paint…") && long.chars().count() <= TITLE + 1,
            "{long}"
        );
        assert_eq!(title(&"x".repeat(500)).chars().count(), TITLE);
    }
}

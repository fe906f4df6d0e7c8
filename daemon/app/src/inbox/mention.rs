//! What people write after a mention of us. A sentence is a new task in a room, and words like any
//! others in a task's thread. What may be a command too is never guessed: its author chooses.

use vine_domain::{
    Slug, Verb, access,
    chat::{Button, Inbound, InboundKind, Location, file::FileRef},
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
const REPOS: usize = 9;

impl Inbox {
    /// What somebody wrote that begins with a mention, or `None` if it does not.
    pub(super) fn mention(&self, event: &Inbound, found: &ResolvedLocation) -> Option<Mention> {
        let context = CommandContext {
            task: found.task,
            repo: found.repo.clone(),
        };
        let read = |text: &str| Mention::read(text, &context);
        // In a direct message, a person need not name us.
        let addressed = event.direct && found.task.is_none() && !is_command(&event.text);
        read(&event.text).or_else(|| {
            let names_question = clarify::named(&event.text).is_some();
            let text = format!("@vine {}", event.text);
            read(&text).filter(|_| addressed && !names_question)
        })
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
            Mention::Mistaken(why) => return Err(AppError::Unreadable(why.0)),
            Mention::Unclear { words, command } if clarify::named(&words).is_none() => {
                let unclear = self.unclear(caller, event, &found, &words, command.as_deref());
                return Err(unclear.await?);
            }
            Mention::Short(words) if found.task.is_none() => {
                let new = self.ways_to_make(caller, event, &found, &words, &words);
                return Err(AppError::Unclear(clarify::too_short(&words, new.await?)));
            }
            // It may be for a task whose thread is not known here.
            Mention::Sentence(words) if found.task.is_none() && is_in_thread(event, &found) => {
                let new = self.ways_to_make(caller, event, &found, &words, &words);
                return Err(AppError::Unclear(clarify::unknown_thread(
                    &words,
                    new.await?,
                )));
            }
            Mention::Sentence(words) if found.task.is_none() => {
                return self.begin_task(caller, event, &found, &words, &words).await;
            }
            Mention::Unclear { words, .. } | Mention::Short(words) | Mention::Sentence(words) => {
                words
            }
        };
        turn.to_us = true;
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
                clarify::command_or_words(words, command, &known.task, &open.collect::<Vec<_>>())
            }
            None => {
                let new = self
                    .ways_to_make(caller, event, found, words, words)
                    .await?;
                clarify::command_or_task(words, command, new)
            }
        }))
    }

    /// Begins a task with this prompt; the title is the first line of `words`. Where no repository is meant, its
    /// author is asked for one.
    pub(super) async fn begin_task(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        words: &str,
        prompt: &str,
    ) -> AppResult<Option<CommandOutput>> {
        let Some(repo) = &found.repo else {
            let new = self
                .ways_to_make(caller, event, found, words, prompt)
                .await?;
            return Err(AppError::Unclear(clarify::which_repo(words, new)));
        };
        let wanted = command::read(&new_task(repo, words, prompt), found)?;
        let made = self.run(caller, event, None, wanted, key(event)).await?;
        Ok(made.map(with_undo))
    }

    /// A button for each repository in which its author may make the words a task: that of the room,
    /// or, where nobody else reads their names, any.
    async fn ways_to_make(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        words: &str,
        prompt: &str,
    ) -> AppResult<Vec<(Button, String)>> {
        let repos = match &found.repo {
            Some(repo) => vec![repo.clone()],
            None if event.private => {
                let all = self.app.tasks.repos(caller).await?;
                all.into_iter().map(|repo| repo.name).collect()
            }
            None => Vec::new(),
        };
        let user = caller.user.as_ref();
        let may = |repo: &Slug| access::decide(user, Verb::Operate, Some(repo)).is_ok();
        let way = |repo: Slug| {
            let (label, about) = match found.repo {
                Some(_) => ("Make it a task".to_owned(), "Make it a task".to_owned()),
                None => (
                    format!("Task in {repo}"),
                    format!("Make it a task in `{repo}`"),
                ),
            };
            (Button::saying(label, new_task(&repo, words, prompt)), about)
        };
        Ok(repos.into_iter().filter(may).take(REPOS).map(way).collect())
    }
}

/// Whether a message was sent in a thread, or replies to what is not known here.
fn is_in_thread(event: &Inbound, found: &ResolvedLocation) -> bool {
    match &event.spot {
        _ if event.direct => false,
        Location::Ours { .. } => false,
        Location::Theirs {
            room,
            thread,
            reply_to,
        } => {
            // In Discord, a channel is given as both.
            let threaded = thread.as_ref().is_some_and(|thread| thread != room);
            threaded || (found.strange && reply_to.is_some())
        }
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

/// The command that makes a task of a prompt; the first line of `words` is its title.
fn new_task(repo: &Slug, words: &str, prompt: &str) -> String {
    let title = title(words);
    let parts = ["task", "new", "--repo", repo.as_str(), "--", &title];
    line(&parts, prompt)
}

/// The first line, cut behind a word if it is long.
fn title(words: &str) -> String {
    let words = FileRef::named_in(words);
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
    let is_open = ["queued", "running", "waiting"]
        .iter()
        .any(|state| reply.data["state"] == *state);
    let Some(task) = reply.data["id"].as_str().filter(|_| is_open) else {
        return reply;
    };
    let only = match reply.data["round"].as_u64() {
        Some(round) if round > 1 => format!(" --round {round}"),
        _ => String::new(),
    };
    let undo = Button::saying("Undo", format!("/vine task cancel {task}{only}"));
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

//! What people said and changed later. What was used cannot be unsaid: an edit of it reaches the agent
//! as a correction, a deletion is noted. An edit of words that could not be used is read as if it were
//! said now. What changed before it was read, since connections overtake each other or people are
//! quick, is read as its author left it.

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;
use vine_domain::{
    MessageId, TaskId,
    chat::{Inbound, InboundKind, Location, attachment::has_file},
};
use vine_grammar::is_command;

use crate::{
    App, AppError, AppResult, Caller, Missing, commands::CommandOutput, inbound::InboxTurn,
    locate::ResolvedLocation, texts,
};

/// So long a change waits for what it changes: platforms bring again within this what they did not
/// deliver, and what was not said to us never comes.
const WAITS: Duration = Duration::from_secs(60);

/// Changes that wait to be read, by the platform and the event that they change.
#[derive(Debug, Default)]
pub(crate) struct PendingEdits(HashMap<(String, String), Vec<Inbound>>);

impl PendingEdits {
    /// Adds the changes among events that are read together.
    pub(crate) fn gather<'a>(&mut self, events: impl Iterator<Item = &'a Inbound>) {
        for event in events {
            if let InboundKind::Edited(of) | InboundKind::Deleted(of) = &event.act {
                let of = (event.platform.clone(), of.clone());
                self.0.entry(of).or_default().push(event.clone());
            }
        }
    }

    /// All changes of an event by its author. Servers let anybody claim to change the words of others:
    /// nobody else's count. Files are not among what is changed: they were fetched as they are.
    pub(crate) fn all_of<'a>(&'a self, event: &'a Inbound) -> impl Iterator<Item = &'a Inbound> {
        let said = matches!(
            event.act,
            InboundKind::Said | InboundKind::Unreadable | InboundKind::Awaited
        );
        let of = (event.platform.clone(), event.event.clone());
        let all = self.0.get(&of).filter(|_| said && !has_file(&event.text));
        // Not every platform says who took words away.
        let own = |change: &&Inbound| change.author == event.author || change.author.is_empty();
        all.into_iter().flatten().filter(own)
    }

    /// The last of them: what was deleted stays so, whatever edit comes beside it.
    pub(crate) fn last_of<'a>(&'a self, event: &'a Inbound) -> Option<&'a Inbound> {
        self.all_of(event)
            .max_by_key(|change| (matches!(change.act, InboundKind::Deleted(_)), change.said))
    }
}

impl App {
    /// A person edited or deleted what they had said before.
    pub(crate) async fn changed(
        &self,
        caller: &Caller,
        event: &Inbound,
        of: &str,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let Some((original, found)) = self.original(event, of).await? else {
            return self.overtook(turn);
        };
        let ours = matches!(event.spot, Location::Ours { .. });
        // Not every platform says who took words away: their author stands for whoever did.
        let silent = event.author.is_empty();
        let author = if silent {
            Caller {
                user: self.store.user(&event.platform, &original.author).await?,
                ..caller.clone()
            }
        } else {
            caller.clone()
        };
        let caller = &author;
        if original.author != event.author && !silent {
            // Moderators take away what is none of ours to judge; what was done with it stands.
            let moderated = matches!(event.act, InboundKind::Deleted(_)) || found.task.is_none();
            let refused = AppError::Unreadable(
                "only its author can change a message, so nothing was done".into(),
            );
            return if moderated && !ours {
                Ok(None)
            } else {
                Err(refused)
            };
        }
        let Some(task) = found.task else {
            return Ok(None);
        };
        if !self.store.is_processed(&original).await? {
            // What becomes of it shows when it is read.
            return Err(AppError::Early);
        }
        // A platform may tell of an edit that changes nothing, and a look back of one that it knew.
        if matches!(event.act, InboundKind::Edited(_)) && event.text.trim() == original.text.trim()
        {
            return Ok(None);
        }
        let used = self.use_of(task, event.key()).await?;
        match (&event.act, used) {
            (InboundKind::Edited(_), Some(used)) => {
                let read = format!("Correction of {used}: {}", event.text.trim());
                self.note_as(caller, task, &event.text, &read, event.own_key())
                    .await?;
            }
            (InboundKind::Edited(_), None) if is_command(&original.text) => {
                return Err(AppError::Unreadable(
                    "a command cannot be changed once it was sent; send it anew".into(),
                ));
            }
            (InboundKind::Edited(_), None) => {
                // It stands where it was said, under what stood there then.
                let anew = Inbound {
                    said: original.said,
                    ..event.clone()
                };
                return self.said(caller, &anew, found, turn).await;
            }
            (InboundKind::Deleted(_), Some(used)) => {
                let message = texts::notice(
                    MessageId(event.own_key()),
                    task,
                    texts::deleted((!silent).then(|| caller.name()), &used),
                );
                self.store.enqueue_message(&message).await?;
                self.wakes.outbox();
            }
            (InboundKind::Deleted(_), None)
            | (
                InboundKind::Said
                | InboundKind::Reacted
                | InboundKind::Pressed(_)
                | InboundKind::Unreadable
                | InboundKind::Awaited,
                _,
            ) => {}
        }
        Ok(None)
    }

    /// A change of what has not come: it waits for that for a while.
    fn overtook(&self, turn: &InboxTurn<'_>) -> AppResult<Option<CommandOutput>> {
        if self.clock.now().since(turn.stored) >= WAITS {
            return Ok(None);
        }
        Err(AppError::Early)
    }

    /// The message that was changed, and where it was said. In the console it must exist; in rooms
    /// people change messages that we were never concerned with.
    async fn original(
        &self,
        event: &Inbound,
        of: &str,
    ) -> AppResult<Option<(Inbound, ResolvedLocation)>> {
        let ours = matches!(event.spot, Location::Ours { .. });
        let original = self.store.event(&event.platform, of).await?;
        let said = |one: &Inbound| {
            matches!(
                one.act,
                InboundKind::Said | InboundKind::Unreadable | InboundKind::Awaited
            )
        };
        let Some(original) = original.filter(said) else {
            return if ours {
                Err(Missing::Message(of.to_owned()).into())
            } else {
                Ok(None)
            };
        };
        let found = self.surroundings(&original).await?;
        Ok(Some((original, found)))
    }

    /// What became of the words with this key, if anything did.
    pub(crate) async fn use_of(&self, task: TaskId, key: Uuid) -> AppResult<Option<String>> {
        let questions = self.store.questions_of(task).await?;
        let answered = questions.iter().find_map(|question| {
            Some((
                question.id,
                question.answer().filter(|answer| answer.key == key)?,
            ))
        });
        if let Some((id, answer)) = answered {
            return Ok(Some(format!(
                "the answer to {id} (“{}”)",
                answer.decision.headline()
            )));
        }
        let notes = self.store.notes_of(task).await?;
        Ok(notes
            .iter()
            .any(|note| note.key == key)
            .then(|| "an earlier note".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::Timestamp;

    use super::*;

    fn event(name: &str, author: &str, text: &str, act: InboundKind) -> Inbound {
        Inbound {
            event: name.into(),
            platform: "slack".into(),
            author: author.into(),
            spot: Location::Ours {
                task: None,
                question: None,
            },
            text: text.into(),
            act,
            said: None,
            left_out: None,
            private: false,
        }
    }

    fn last(changes: &[Inbound], event: &Inbound) -> Option<String> {
        let mut gathered = PendingEdits::default();
        gathered.gather(changes.iter());
        gathered.last_of(event).map(|change| change.text.clone())
    }

    #[test]
    fn what_its_author_said_last_counts_and_what_was_deleted_stays_so() {
        let yes = event("1", "ann", "Yes", InboundKind::Said);
        let edit = |text: &str, at: i64| Inbound {
            said: Some(Timestamp(at)),
            ..event(text, "ann", text, InboundKind::Edited("1".into()))
        };
        assert_eq!(last(&[], &yes), None);
        assert_eq!(
            last(&[edit("No", 2), edit("Hm", 1)], &yes).as_deref(),
            Some("No")
        );
        let deletion = event("1:deleted", "", "", InboundKind::Deleted("1".into()));
        assert_eq!(last(&[deletion, edit("No", 2)], &yes).as_deref(), Some(""));
        let others = event("2", "eve", "No", InboundKind::Edited("1".into()));
        assert_eq!(last(&[others], &yes), None);
        let file = event("1", "ann", "File a.log:\nall", InboundKind::Said);
        assert_eq!(last(&[edit("No", 2)], &file), None);
    }
}

//! Messages that were edited or deleted. If a message was used, an edit reaches the agent as a
//! correction, and a deletion is noted in the thread. If it had no effect, an edit is read like a
//! new message. A message that was edited before it was processed, because connections overtake
//! each other or people are quick, is read as its author left it.

use std::time::Duration;

use uuid::Uuid;
use vine_domain::{
    MessageId, TaskId,
    chat::{Inbound, InboundKind, Location, attachment::without_files},
    ports::Say,
};
use vine_grammar::without_mention;

use crate::{
    AppError, AppResult, Caller, Inbox, Missing,
    commands::CommandOutput,
    inbox::{locate::ResolvedLocation, turn::InboxTurn},
    texts,
};

/// How long a change waits for the message that it changes: platforms redeliver within this time,
/// and a message that was not for us never comes.
const WAITS: Duration = Duration::from_secs(60);

impl Inbox {
    /// A person edited or deleted an earlier message.
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
        // If the platform does not report who deleted a message, its author is assumed.
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
            // Moderators may delete messages; those still count.
            let moderated = matches!(event.act, InboundKind::Deleted(_)) || found.task.is_none();
            let refused = AppError::Unreadable(
                "only its author can change a message, so it was ignored".into(),
            );
            return if moderated && !ours {
                Ok(None)
            } else {
                Err(refused)
            };
        }
        let Some(task) = found.task else {
            // Rooms are full of talk; only messages to us are worth a reply.
            let was_to_us = self.mention(&original, &found).is_some();
            return match was_to_us && is_changed(event, &original) {
                true => Err(AppError::Unreadable(
                    "an edit is not read here; send it again as a new message".into(),
                )),
                false => Ok(None),
            };
        };
        if !self.store.is_processed(&original).await? {
            // Its outcome is known once it is processed.
            return Err(AppError::Early);
        }
        // A platform may report an edit that changes nothing, and a backfill one that is already
        // known.
        if matches!(event.act, InboundKind::Edited(_)) && !is_changed(event, &original) {
            return Ok(None);
        }
        let used = self.use_of(task, event.key()).await?;
        match (&event.act, used) {
            (InboundKind::Edited(_), Some(used)) => {
                let read = format!("Correction of {used}: {}", without_mention(&event.text));
                self.app
                    .questions
                    .note_as(caller, task, &event.text, &read, event.own_key())
                    .await?;
            }
            (InboundKind::Edited(_), None) if self.is_command(&original, &found) => {
                return Err(AppError::Unreadable(
                    "a command cannot be edited after it was sent; send it again".into(),
                ));
            }
            (InboundKind::Edited(_), None) => {
                // It counts as written at the original time, after what was shown then.
                let edited = Inbound {
                    said: original.said,
                    ..event.clone()
                };
                return self.said(caller, &edited, found, turn).await;
            }
            (InboundKind::Deleted(_), Some(used)) => {
                let message = texts::notice(
                    MessageId(event.own_key()),
                    task,
                    texts::deleted((!silent).then(|| caller.name()), &used),
                );
                self.app.core.writes.say(Say::one(message)).await?;
            }
            (InboundKind::Deleted(_), None)
            | (
                InboundKind::Said
                | InboundKind::Reacted
                | InboundKind::Pressed(_)
                | InboundKind::Filled(_)
                | InboundKind::Unreadable
                | InboundKind::Awaited
                | InboundKind::Chosen(_),
                _,
            ) => {}
        }
        Ok(None)
    }

    /// A change of a message that has not arrived: it waits for a while.
    fn overtook(&self, turn: &InboxTurn<'_>) -> AppResult<Option<CommandOutput>> {
        if self.clock.now().since(turn.stored) >= WAITS {
            return Ok(None);
        }
        Err(AppError::Early)
    }

    /// The message that was changed, and its location. In the console it must exist; in rooms
    /// people also change messages that were never for us.
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

    /// What the words with this key were used as, if at all.
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
        if notes.iter().any(|note| note.key == key) {
            return Ok(Some("a note to the agent".to_owned()));
        }
        let rounds = self.store.rounds(task).await?;
        let round = rounds.iter().find(|round| round.key == key);
        Ok(round.map(|round| format!("the request of round {}", round.number)))
    }
}

/// Whether an edit gave a message other words. Platforms report more as an edit, such as a preview.
fn is_changed(event: &Inbound, original: &Inbound) -> bool {
    // An edit brings no files: they stay as they were.
    let words = without_files(&original.text);
    matches!(event.act, InboundKind::Edited(_)) && event.text.trim() != words.trim()
}

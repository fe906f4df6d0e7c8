//! Inbound messages: stored first, then read as a command, an answer or a note.
//!
//! Matching, in this order: a reply to a question's message (or its button), an explicit id
//! (`Q-17 yes`), plain words by what their author could see when writing them (`visibility.rs`,
//! [`vine_domain::chat::target_of`]). If words may be for several questions, their author is asked
//! which; nothing is ever guessed. Words that are for no question are a note to the running agent.
//!
//! Rooms are full of talk that is not for us: a message outside our threads that is not a command
//! is ignored, and so is a reaction that matches no button.
//!
//! Messages that were edited or deleted later are handled in `edits.rs`.

use serde_json::json;
use vine_domain::{
    Question, QuestionId, Task,
    access::OURSELVES,
    chat::{
        Inbound, InboundKind, Location, ReplyTarget, ShownQuestion,
        attachment::{EMPTY, kind},
        target_of,
    },
    lifecycle::TaskSnapshot,
    visible_text::is_nothing,
};
use vine_grammar::is_command;

use crate::{
    AppError, AppResult, Caller, Inbox, clarify,
    commands::CommandOutput,
    inbox::{
        locate::ResolvedLocation,
        rounds::SaidAfterEnd,
        turn::{InboxTurn, SpokenText},
    },
};

/// The error for a press or reply under a message that is not active any more.
pub(super) fn gone() -> AppError {
    AppError::Unreadable("this does not belong to a question or task that is open here".into())
}

/// The question that an event names or replies to, and the rest of its words.
fn addressed(event: &Inbound, replied: Option<QuestionId>) -> Option<(QuestionId, &str)> {
    if let Some(id) = replied {
        return Some((id, &event.text));
    }
    clarify::named(&event.text)
}

impl Inbox {
    pub(super) async fn read(
        &self,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        match turn.changes.last_of(event) {
            None => self.read_as_it_is(event, turn).await,
            Some(change) if matches!(change.act, InboundKind::Deleted(_)) => Ok(None),
            Some(change) => {
                let now = Inbound {
                    text: change.text.clone(),
                    act: InboundKind::Said,
                    ..event.clone()
                };
                self.read_as_it_is(&now, turn).await
            }
        }
    }

    async fn read_as_it_is(
        &self,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let platform = if event.platform == "console" {
            OURSELVES
        } else {
            &event.platform
        };
        let user = self.store.user(platform, &event.author).await?;
        let caller = Caller {
            user,
            via: event.platform.clone(),
        };
        let found = self.surroundings_known(event, turn.stored).await?;
        let thread = found.clone();
        let done = match &event.act {
            InboundKind::Said => self.said(&caller, event, found, turn).await,
            InboundKind::Awaited if !event.text.trim().is_empty() => {
                self.said(&caller, event, found, turn).await
            }
            InboundKind::Reacted => self.reacted(&caller, event, &found).await,
            InboundKind::Pressed(place) => self.pressed(&caller, event, &found, *place).await,
            InboundKind::Filled(form) => self.filled(&caller, event, &found, form).await,
            InboundKind::Edited(of) | InboundKind::Deleted(of) => {
                self.changed(&caller, event, of, turn).await
            }
            InboundKind::Chosen(chosen) => self.task_of(&caller, event, &found, chosen).await,
            InboundKind::Unreadable => Ok(self.hint(event, &found, &event.text)),
            InboundKind::Awaited => {
                let left_out = event.left_out.as_deref();
                return Ok(left_out.and_then(|left_out| self.hint(event, &found, left_out)));
            }
        };
        match (done, &event.left_out) {
            (Ok(Some(reply)), Some(left_out)) => Ok(Some(CommandOutput {
                text: format!("{}\n{left_out}", reply.text),
                ..reply
            })),
            (Ok(None), Some(left_out)) => Ok(self.hint(event, &thread, left_out)),
            (done, _) => done,
        }
    }

    /// The hint for an author that a message, or part of it, does not reach the agent: only in
    /// threads of tasks, and once an hour for each kind if the message was not addressed to us.
    pub(super) fn hint(
        &self,
        event: &Inbound,
        found: &ResolvedLocation,
        left_out: &str,
    ) -> Option<CommandOutput> {
        let task = match found.task {
            Some(task) => task,
            // They chose something in a menu, and nobody else sees the reply.
            None if event.private => {
                return Some(CommandOutput::new(left_out, json!({ "state": "left_out" })));
            }
            None => return None,
        };
        let about = format!("{task} {}", kind(left_out));
        let to_us = event.private || found.question.is_some() || found.aside.is_some();
        let due = to_us || self.recent_replies.due(event, &about, self.clock.now());
        due.then(|| CommandOutput::new(left_out, json!({ "id": task, "state": "left_out" })))
    }

    pub(crate) async fn said(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: ResolvedLocation,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let ours = matches!(event.spot, Location::Ours { .. });
        if is_nothing(&event.text) {
            return match ours {
                true => Err(AppError::Unreadable(EMPTY.into())),
                false => Ok(self.hint(event, &found, EMPTY)),
            };
        }
        if let Some(mention) = self.mention(event, &found) {
            return self.mentioned(caller, event, found, turn, mention).await;
        }
        if is_command(&event.text) {
            return self.command(caller, event, found).await;
        }
        let words = SpokenText {
            text: &event.text,
            key: event.key(),
        };
        let named = addressed(event, found.question);
        let Some(task) = found.task else {
            return match named {
                Some((id, text)) => {
                    let words = SpokenText { text, ..words };
                    self.named_elsewhere(caller, event, &found, id, words).await
                }
                None if ours => Err(AppError::Unreadable(
                    "this is neither a command nor a reply to a question".into(),
                )),
                None if event.private => Err(gone()),
                None => Ok(None),
            };
        };
        turn.to_us |= found.replies;
        let known = self.app.tasks.look_at_whole(caller, task).await?;
        match named {
            Some((id, text)) => {
                let words = SpokenText { text, ..words };
                self.pass_on_answer(caller, known, id, words).await
            }
            None => self.plain_words(caller, known, event, turn, words).await,
        }
    }

    /// A question that is named outside threads: it counts if it belongs to the repository of the
    /// room. People also write of Q-3, the third quarter.
    async fn named_elsewhere(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        id: QuestionId,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let ours = matches!(event.spot, Location::Ours { .. });
        match ours || event.direct || self.is_asked_in(id, found).await? {
            true => self.answer_as(caller, id, words).await,
            false if event.private => Err(gone()),
            false => Ok(None),
        }
    }

    /// Whether a question takes answers and belongs to the repository of the room.
    async fn is_asked_in(&self, id: QuestionId, found: &ResolvedLocation) -> AppResult<bool> {
        let Some(question) = self.store.question(id).await? else {
            return Ok(false);
        };
        let repo = self.app.tasks.get(question.task()).await?.repo;
        Ok(question.takes_answers() && found.repo.as_ref() == Some(&repo))
    }

    /// Words that name neither a question nor a command.
    async fn plain_words(
        &self,
        caller: &Caller,
        known: TaskSnapshot,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let shown = self.shown_before(&known, caller, event, turn).await?;
        let by = caller.user.as_ref().map(|user| user.id);
        let at = event.said.unwrap_or_else(|| self.clock.now());
        // An edit that came later than its message (`edits.rs`): what its author could see when first
        // writing it is not known.
        let undated = matches!(event.act, InboundKind::Edited(_)) && event.said.is_none();
        if known.task.is_over() && matches!(event.spot, Location::Theirs { .. }) {
            let to_us = turn.to_us;
            let said = SaidAfterEnd {
                event,
                words,
                to_us,
                shown: &shown,
            };
            return self.after_the_end(caller, known, said).await;
        }
        match target_of(words.text, by, at, &shown) {
            ReplyTarget::Question(id) if !undated => {
                self.pass_on_answer(caller, known, id, words).await
            }
            ReplyTarget::Question(id) => Err(which(words, &known.task, &shown, &[id])),
            ReplyTarget::Unclear(open) => Err(which(words, &known.task, &shown, &open)),
            ReplyTarget::Note => {
                let SpokenText { text, key } = words;
                let noted = self.app.questions.note_in(caller, known, text, text, key);
                noted.await.map(|()| None)
            }
        }
    }

    pub(super) async fn answer_as(
        &self,
        caller: &Caller,
        id: QuestionId,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let answered = self.app.questions.answer(caller, id, words.text, words.key);
        answered.await.map(|_| None)
    }

    pub(super) async fn pass_on_answer(
        &self,
        caller: &Caller,
        known: TaskSnapshot,
        id: QuestionId,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let SpokenText { text, key } = words;
        // The question may be another task's.
        match known.question(id) {
            Some(_) => {
                let answered = self
                    .app
                    .questions
                    .answer_in(caller, known, id, text.into(), key);
                answered.await.map(|()| None)
            }
            None => self.answer_as(caller, id, words).await,
        }
    }
}

/// Asks which of the shown questions words are for.
fn which(
    words: SpokenText<'_>,
    task: &Task,
    shown: &[ShownQuestion],
    open: &[QuestionId],
) -> AppError {
    let open = shown.iter().filter(|one| open.contains(&one.question.id));
    let open: Vec<&Question> = open.map(|one| &one.question).collect();
    AppError::Unclear(clarify::which(words.text, task, &open))
}

#[cfg(test)]
mod tests {
    use vine_domain::TaskId;

    use super::*;

    #[test]
    fn replies_bind_first_then_ids() {
        let event = "1".into();
        let platform = "console".into();
        let author = "ann".into();
        let spot = Location::Ours {
            task: Some(TaskId(1)),
            question: None,
        };
        let said = |text: &str| Inbound {
            event,
            platform,
            author,
            spot,
            text: text.into(),
            act: InboundKind::Said,
            said: None,
            left_out: None,
            private: false,
            direct: false,
        };
        let event = said("Q-1 yes, do");
        assert_eq!(
            addressed(&event, Some(QuestionId(2))),
            Some((QuestionId(2), "Q-1 yes, do"))
        );
        assert_eq!(addressed(&event, None), Some((QuestionId(1), "yes, do")));
    }
}

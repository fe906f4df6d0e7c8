//! Inbound messages: stored first, then read as a command, an answer or a note.
//!
//! Matching, in this order: a reply to a question's message (or its button), an explicit id
//! (`Q-17 yes`), plain words by what their author could see when writing them (`visibility.rs`,
//! [`vine_domain::chat::target_of`]). If they may be for several questions, their author is asked
//! which; nothing is ever guessed. Words that are for no question are a note to the running agent.
//!
//! Rooms are full of talk that is not for us: a message outside our threads that is not a command
//! is ignored, and so is a reaction that matches no button.
//!
//! Messages that were edited or deleted later are handled in `edits.rs`.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use uuid::Uuid;
use vine_domain::{
    Ask, MessageId, Question, QuestionId, TaskId, Timestamp,
    access::OURSELVES,
    chat::{
        Button, Inbound, InboundKind, Location, PrivateReply, ReplyTarget, ShownQuestion,
        attachment::{EMPTY, kind},
        target_of,
    },
    ports::UnprocessedEvent,
    reading, uuid_of,
    visible_text::is_nothing,
};
use vine_grammar::{CommandContext, is_command, parse};

use crate::{
    App, AppError, AppResult, Caller,
    clarify::{self, ClarifiedTarget},
    commands::CommandOutput,
    edits::PendingEdits,
    locate::ResolvedLocation,
    texts,
};

/// An event that is this old and still unprocessed was left over by an earlier process.
const LEFT_OVER: Duration = Duration::from_secs(10);
/// How long an adapter may take to fetch the content of an event. Words that arrive much later
/// could answer another question.
const AWAITED: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_secs(5);

/// Processes the events of adapters immediately, and left-over ones by the clock, until the daemon
/// stops.
pub async fn run(app: App) {
    loop {
        let age = tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.wakes.on_inbox() => Duration::ZERO,
            () = tokio::time::sleep(TICK) => LEFT_OVER,
        };
        if let Err(error) = app.catch_up(age).await {
            tracing::error!(%error, "could not read the inbox: {error}");
        }
    }
}

impl App {
    /// Takes an event of a platform: stores it before anything else, then processes it, even if the
    /// caller hangs up. Returns the reply for its author alone; `None` if the thread shows
    /// everything, or if the event is already known.
    pub async fn hear(&self, event: Inbound) -> AppResult<Option<Result<CommandOutput, AppError>>> {
        if !self.store.store_event(&event).await? {
            return Ok(None);
        }
        let (app, now) = (self.clone(), self.clock.now());
        let dealt =
            tokio::spawn(async move { app.deal_with(&event, now, &PendingEdits::default()).await });
        dealt.await.map_err(|_| AppError::Stopping)
    }

    /// The outcome of a message: an error if it had no effect. For callers that repeat a message
    /// because they did not receive the first reply.
    pub async fn outcome_of(&self, event: &Inbound) -> AppResult<()> {
        let Location::Ours {
            task: Some(task), ..
        } = event.spot
        else {
            return Ok(());
        };
        if event.act != InboundKind::Said || is_command(&event.text) {
            return Ok(());
        }
        let _in_order = self.reading.lock().await;
        match self.use_of(task, event.key()).await? {
            Some(_) => Ok(()),
            None => Err(AppError::Unreadable(
                "this message was received, but had no effect; send it again".into(),
            )),
        }
    }

    async fn deal_with(
        &self,
        event: &Inbound,
        stored: Timestamp,
        changes: &PendingEdits,
    ) -> Option<Result<CommandOutput, AppError>> {
        let mut held = self.reading.lock().await;
        // It may have been processed while this call waited for its turn.
        match self.store.is_processed(event).await {
            Ok(true) => return None,
            Ok(false) => {}
            Err(error) => return Some(Err(error.into())),
        }
        let reply = self
            .read(
                event,
                &mut InboxTurn {
                    stored,
                    held: &mut held,
                    changes,
                },
            )
            .await;
        if let Err(error) = self.reply_privately(event, &reply).await {
            return Some(Err(error));
        }
        // What cannot be done or understood yet stays unprocessed and is tried again.
        if !matches!(
            reply,
            Err(AppError::Store(_) | AppError::Stopping | AppError::Early)
        ) {
            for done in std::iter::once(event).chain(changes.all_of(event)) {
                if let Err(error) = self.store.mark_processed(done).await {
                    tracing::error!(event = %done.event, %error, "could not mark an event as \
                     processed: {error}");
                    return Some(Err(error.into()));
                }
            }
        }
        reply.transpose()
    }

    /// Processes events that were left over: by an earlier process, or while the store was
    /// unavailable.
    pub async fn catch_up(&self, age: Duration) -> AppResult<()> {
        self.reading.lock().await.clear();
        let (mut after, mut changes) = (0, PendingEdits::default());
        loop {
            let mut unread = self.store.unprocessed(age, AWAITED, after).await?;
            let last = unread.last().map(|last| last.seq);
            in_platforms_order(&mut unread);
            changes.gather(unread.iter().map(|one| &one.event));
            for UnprocessedEvent { event, at, .. } in &unread {
                match self.deal_with(event, *at, &changes).await {
                    Some(Err(error @ (AppError::Store(_) | AppError::Stopping))) => {
                        return Err(error);
                    }
                    Some(Err(AppError::Early)) | Some(Ok(_)) | None => {}
                    Some(Err(error)) => {
                        tracing::info!(event = %event.event, platform = %event.platform, "an event had no effect: {error}");
                    }
                }
            }
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    async fn read(
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
            InboundKind::Pressed(index) => {
                let pressed = found.buttons.get(*index).cloned();
                self.pressed(&caller, event, &found, pressed).await
            }
            InboundKind::Edited(of) | InboundKind::Deleted(of) => {
                self.changed(&caller, event, of, turn).await
            }
            InboundKind::Unreadable => Ok(self.hint(event, &found, &event.text)),
            InboundKind::Awaited => Ok(event
                .left_out
                .as_ref()
                .and_then(|left_out| self.hint(event, &found, left_out))),
        };
        match (done, &event.left_out) {
            (Ok(Some(reply)), Some(left_out)) => Ok(Some(CommandOutput {
                text: format!("{}\n{left_out}", reply.text),
                ..reply
            })),
            (Ok(None), Some(left_out))
                if event.act != InboundKind::Awaited || !event.text.is_empty() =>
            {
                Ok(self.hint(event, &thread, left_out))
            }
            (done, _) => done,
        }
    }

    /// The hint for an author that a message, or part of it, does not reach the agent: only in
    /// threads of tasks, and once an hour for each kind if the message was not addressed to us.
    fn hint(
        &self,
        event: &Inbound,
        found: &ResolvedLocation,
        left_out: &str,
    ) -> Option<CommandOutput> {
        let task = found.task?;
        let about = format!("{task} {}", kind(left_out));
        let to_us = event.private || found.question.is_some() || found.aside.is_some();
        let due = to_us || self.told.due(event, &about, self.clock.now());
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
        if is_command(&event.text) {
            return self.command(caller, event, found).await;
        }
        let words = SpokenText {
            text: &event.text,
            key: event.key(),
        };
        if let Some((id, text)) = addressed(event, found.question) {
            let Some(task) = found.task else {
                // Outside threads an id counts if the question belongs to the repository of the
                // room: people also write of Q-3, the third quarter.
                return match ours || self.is_asked_in(id, &found).await? {
                    true => {
                        self.answer_as(caller, id, SpokenText { text, ..words })
                            .await
                    }
                    false if event.private => Err(gone()),
                    false => Ok(None),
                };
            };
            self.look_at(caller, task).await?;
            return self
                .answer_as(caller, id, SpokenText { text, ..words })
                .await;
        }
        match found.task {
            Some(task) => {
                self.look_at(caller, task).await?;
                self.plain_words(caller, task, event, turn, words).await
            }
            None if ours => Err(AppError::Unreadable(
                "this is neither a command nor a reply to a question".into(),
            )),
            None if event.private => Err(gone()),
            None => Ok(None),
        }
    }

    /// Whether a question takes answers and belongs to the repository of the room.
    async fn is_asked_in(&self, id: QuestionId, found: &ResolvedLocation) -> AppResult<bool> {
        let Some(question) = self.store.question(id).await? else {
            return Ok(false);
        };
        let repo = self.task(question.task()).await?.repo;
        Ok(question.takes_answers() && found.repo.as_ref() == Some(&repo))
    }

    /// Words that name neither a question nor a command.
    async fn plain_words(
        &self,
        caller: &Caller,
        task: TaskId,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        let stood = self.stood_before(task, caller, event, turn).await?;
        let by = caller.user.as_ref().map(|user| user.id);
        let at = event.said.unwrap_or_else(|| self.clock.now());
        // What its author could see when first writing it is not known.
        let undated = matches!(event.act, InboundKind::Edited(_)) && event.said.is_none();
        match target_of(words.text, by, at, &stood) {
            ReplyTarget::Question(id) if undated => {
                let question = self.question(id).await?;
                Err(AppError::Unclear(clarify::which(
                    words.text,
                    task,
                    &[&question],
                )))
            }
            ReplyTarget::Question(id) => self.answer_as(caller, id, words).await,
            ReplyTarget::Unclear(open) => {
                let open = stood.iter().filter(|one| open.contains(&one.question.id));
                let open: Vec<&Question> = open.map(|one| &one.question).collect();
                Err(AppError::Unclear(clarify::which(words.text, task, &open)))
            }
            ReplyTarget::Note => self
                .note(caller, task, words.text, words.key)
                .await
                .map(|()| None),
        }
    }

    async fn answer_as(
        &self,
        caller: &Caller,
        id: QuestionId,
        words: SpokenText<'_>,
    ) -> AppResult<Option<CommandOutput>> {
        self.answer(caller, id, words.text, words.key)
            .await
            .map(|_| None)
    }

    /// A reaction that stands for a button presses it. One that agrees or refuses decides
    /// permissions and plans; under any other question that takes answers, its author is told how
    /// to answer. All others are ignored.
    async fn reacted(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
    ) -> AppResult<Option<CommandOutput>> {
        if let Some(button) = Button::signed(&found.buttons, &event.text) {
            return self
                .pressed(caller, event, found, Some(button.clone()))
                .await;
        }
        let (Some(id), true) = (found.question, reading::decides(&event.text)) else {
            return Ok(None);
        };
        let question = self.question(id).await?;
        if !question.takes_answers() {
            return Ok(None);
        }
        let words = SpokenText {
            text: &event.text,
            key: event.key(),
        };
        match &question.ask {
            Ask::Permission { .. } | Ask::Plan { .. } => self.answer_as(caller, id, words).await,
            Ask::Clarify { .. } => {
                let hint = format!(
                    "{} is not an answer to {id}: press a button, or {}.",
                    event.text,
                    reading::options_hint(&question.ask)
                );
                Ok(self.hint(event, found, &hint))
            }
        }
    }

    async fn pressed(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        button: Option<Button>,
    ) -> AppResult<Option<CommandOutput>> {
        let Some(button) = button else {
            return if event.private { Err(gone()) } else { Ok(None) };
        };
        if let Some(question) = found.question {
            let words = SpokenText {
                text: &button.says,
                key: event.key(),
            };
            return self.answer_as(caller, question, words).await;
        }
        if found.task.is_some() && found.aside.is_none() && is_command(&button.says) {
            let event = Inbound {
                text: button.says,
                ..event.clone()
            };
            return self.command(caller, &event, found.clone()).await;
        }
        let Some(aside) = &found.aside else {
            return if event.private { Err(gone()) } else { Ok(None) };
        };
        self.meant(caller, event, aside, &button.says).await
    }

    /// The choice of an author who was asked for clarification: their own words, under their own
    /// key, so that they count once, however often a button is pressed.
    async fn meant(
        &self,
        caller: &Caller,
        event: &Inbound,
        aside: &PrivateReply,
        says: &str,
    ) -> AppResult<Option<CommandOutput>> {
        if aside.author != event.author {
            return Err(AppError::Unreadable(
                "only the author of the message can choose this".into(),
            ));
        }
        let key = uuid_of(&format!("{}:{}", aside.platform, aside.to));
        self.mean_as(caller, says, key).await.map(|_| None)
    }

    /// The same on the page, which shows the choice only to its author.
    pub async fn mean(&self, caller: &Caller, says: &str) -> AppResult<TaskId> {
        self.mean_as(caller, says, self.ids.uuid()).await
    }

    async fn mean_as(&self, caller: &Caller, says: &str, key: Uuid) -> AppResult<TaskId> {
        let (meant, text) = clarify::meant(says).ok_or_else(|| {
            AppError::Unreadable("this names neither a question nor a task".into())
        })?;
        match meant {
            ClarifiedTarget::Question(id) => {
                let task = self.question(id).await?.task();
                self.look_at(caller, task).await?;
                self.answer(caller, id, text, key).await.map(|_| task)
            }
            ClarifiedTarget::Note(task) => self.note(caller, task, text, key).await.map(|()| task),
        }
    }

    /// Runs a command. In a thread the reply is posted for everybody; elsewhere only its author
    /// receives it.
    async fn command(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: ResolvedLocation,
    ) -> AppResult<Option<CommandOutput>> {
        let context = CommandContext {
            task: found.task,
            repo: found.repo,
        };
        let command = parse(&event.text, &context)
            .map_err(|unreadable| AppError::Unreadable(unreadable.0))?;
        if let Some(task) = context.task {
            self.look_at(caller, task).await?;
        }
        let key = format!("{}:{}", event.platform, event.event);
        let reply = self.run(caller, command, Some(key)).await?;
        let Some(task) = context.task else {
            return Ok(Some(reply));
        };
        let message = texts::notice(
            MessageId(uuid_of(&format!("reply {}", event.own_key()))),
            task,
            reply.text.clone(),
        );
        self.store
            .add_command_reply(event, caller.name(), task, &message)
            .await?;
        self.meter.said(1, 1);
        self.wakes.outbox();
        Ok(Some(reply).filter(|_| matches!(event.spot, Location::Ours { .. })))
    }

    /// The questions that the author could see. Words wait while earlier ones of the thread wait,
    /// so that the first ones are the answer.
    async fn stood_before(
        &self,
        task: TaskId,
        caller: &Caller,
        event: &Inbound,
        turn: &mut InboxTurn<'_>,
    ) -> AppResult<Vec<ShownQuestion>> {
        if turn.held.contains(&task) && matches!(event.spot, Location::Theirs { .. }) {
            return Err(AppError::Early);
        }
        let stood = self.stood(task, caller, event, turn.stored).await;
        if matches!(stood, Err(AppError::Early)) {
            turn.held.insert(task);
        }
        stood
    }
}

/// A press or reply under a message that is not active any more.
fn gone() -> AppError {
    AppError::Unreadable("this does not belong to a question or task that is open here".into())
}

/// An event's turn to be processed.
pub(crate) struct InboxTurn<'a> {
    /// When it was stored.
    pub(crate) stored: Timestamp,
    /// Tasks in whose threads earlier words wait.
    held: &'a mut HashSet<TaskId>,
    /// Edits and deletions that wait to be processed with it.
    changes: &'a PendingEdits,
}

/// Sorts events by when they were sent on their platform: connections overtake each other.
fn in_platforms_order(unread: &mut [UnprocessedEvent]) {
    unread.sort_by_cached_key(|one| {
        let said = one.event.said.unwrap_or(one.at);
        (one.event.platform.clone(), said, one.seq)
    });
}

/// A person's words, and the key under which they count.
#[derive(Debug, Clone, Copy)]
struct SpokenText<'a> {
    text: &'a str,
    key: Uuid,
}

/// The question that an event names or replies to, and the rest of its words.
fn addressed(event: &Inbound, replied: Option<QuestionId>) -> Option<(QuestionId, &str)> {
    if let Some(id) = replied {
        return Some((id, &event.text));
    }
    clarify::named(&event.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_bind_first_then_ids() {
        let (event, platform, author) = ("1".into(), "console".into(), "ann".into());
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
        };
        let event = said("Q-1 yes, do");
        assert_eq!(
            addressed(&event, Some(QuestionId(2))),
            Some((QuestionId(2), "Q-1 yes, do"))
        );
        assert_eq!(addressed(&event, None), Some((QuestionId(1), "yes, do")));
    }
}

//! Reactions and buttons.

use uuid::Uuid;
use vine_domain::{
    Ask, TaskId,
    chat::{Button, Inbound, InboundKind, PrivateReply},
    form::FilledForm,
    reading, uuid_of,
};
use vine_grammar::{Command, TaskVerb, is_command};

use crate::{
    AppError, AppResult, Caller, Inbox,
    clarify::{self, ClarifiedTarget},
    commands::CommandOutput,
    inbox::{command, locate::ResolvedLocation, mention::with_undo, read::gone, turn::SpokenText},
    questions::GivenAnswer,
};

impl Inbox {
    /// A reaction that stands for a button presses it. One that agrees or refuses decides
    /// permissions and plans; under any other question that takes answers, its author is told how
    /// to answer. All others are ignored.
    pub(super) async fn reacted(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
    ) -> AppResult<Option<CommandOutput>> {
        if let Some(place) = Button::signed(&found.buttons, &event.text) {
            return self.pressed(caller, event, found, place).await;
        }
        let (Some(id), true) = (found.question, reading::decides(&event.text)) else {
            return Ok(None);
        };
        let question = self.app.questions.get(id).await?;
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

    /// A form that was filled in: the answer to the question of its message, or what a task that is
    /// over does next.
    pub(super) async fn filled(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        form: &FilledForm,
    ) -> AppResult<Option<CommandOutput>> {
        let Some(question) = found.question else {
            let task = found.task.ok_or_else(gone)?;
            let next = form.fields.first().map_or("", |field| &field.words);
            return self.next_round(caller, task, next, event.key()).await;
        };
        let given = GivenAnswer::Form(form);
        let answered = self
            .app
            .questions
            .answer(caller, question, given, event.key());
        answered.await.map(|_| None)
    }

    pub(super) async fn pressed(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        place: usize,
    ) -> AppResult<Option<CommandOutput>> {
        let Some(button) = found.buttons.get(place).cloned() else {
            return if event.private { Err(gone()) } else { Ok(None) };
        };
        // A choice is its place, whatever its label says.
        if found.question.is_some() && button.is_choice() {
            let form = FilledForm::choosing(place);
            return self.filled(caller, event, found, &form).await;
        }
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
        if aside.author != event.author {
            return Err(AppError::Unreadable(
                "only the author of the message can choose this".into(),
            ));
        }
        if is_command(&button.says) {
            return self.chosen(caller, event, found, aside, button.says).await;
        }
        self.meant(caller, aside, &button.says).await
    }

    /// The command that an author chose for their words. It counts once for their message.
    async fn chosen(
        &self,
        caller: &Caller,
        event: &Inbound,
        found: &ResolvedLocation,
        aside: &PrivateReply,
        says: String,
    ) -> AppResult<Option<CommandOutput>> {
        let wanted = command::read(&says, found)?;
        let is_new = matches!(wanted, Command::Task(TaskVerb::New { .. }));
        let event = Inbound {
            text: says,
            ..event.clone()
        };
        let key = format!("{}:{}", aside.platform, self.first_of(aside).await?);
        let done = self.run(caller, &event, found.task, wanted, key).await?;
        Ok(match is_new {
            true => done.map(with_undo),
            false => done,
        })
    }

    /// The message that a private reply is about, as it was first sent: its words count once, however
    /// often they are edited.
    async fn first_of(&self, aside: &PrivateReply) -> AppResult<String> {
        let event = self.store.event(&aside.platform, &aside.to).await?;
        Ok(match event.map(|event| event.act) {
            Some(InboundKind::Edited(of)) => of,
            _ => aside.to.clone(),
        })
    }

    /// The choice of an author who was asked for clarification: their own words, under their own
    /// key, so that they count once, however often a button is pressed.
    async fn meant(
        &self,
        caller: &Caller,
        aside: &PrivateReply,
        says: &str,
    ) -> AppResult<Option<CommandOutput>> {
        let key = uuid_of(&format!(
            "{}:{}",
            aside.platform,
            self.first_of(aside).await?
        ));
        self.mean_as(caller, says, key).await.map(|_| None)
    }

    /// The same on the page, which shows the choice only to its author.
    pub async fn mean(&self, caller: &Caller, says: &str) -> AppResult<TaskId> {
        self.mean_as(caller, says, self.app.core.ids.uuid()).await
    }

    async fn mean_as(&self, caller: &Caller, says: &str, key: Uuid) -> AppResult<TaskId> {
        if let Some((task, text)) = clarify::next_round_of(says) {
            let went = self.app.questions.go_on(caller, task, text, key).await;
            return went.map(|_| task);
        }
        let (meant, text) = clarify::meant(says).ok_or_else(|| {
            AppError::Unreadable("this names neither a question nor a task".into())
        })?;
        match meant {
            ClarifiedTarget::Question(id) => {
                let task = self.app.questions.get(id).await?.task();
                self.app.tasks.look_at(caller, task).await?;
                self.app
                    .questions
                    .answer(caller, id, text, key)
                    .await
                    .map(|_| task)
            }
            ClarifiedTarget::Note(task) => self
                .app
                .questions
                .note(caller, task, text, key)
                .await
                .map(|()| task),
        }
    }
}

//! Where something was said: what platforms call rooms, threads and messages, looked up.

use vine_domain::{
    QuestionId, Slug, TaskId, Timestamp,
    chat::{Button, Inbound, Location, PrivateReply},
    ports::PostedMessage,
};

use crate::{App, AppError, AppResult, visibility::PATIENCE};

/// An event's surroundings, in our own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedLocation {
    /// The task whose thread it was said in.
    pub task: Option<TaskId>,
    /// The question whose message it is a reply or a reaction to.
    pub question: Option<QuestionId>,
    /// The buttons of that message.
    pub buttons: Vec<Button>,
    /// That message was said to one person.
    pub aside: Option<PrivateReply>,
    /// The repository whose room it was said in.
    pub repo: Option<Slug>,
    /// It names a message that nobody knows here, or not yet.
    pub strange: bool,
}

impl App {
    /// Looks up where `event` was said.
    ///
    /// A reply binds to the message it replies to, be that in a thread or outside: not every client
    /// knows threads. A reply to what a person said belongs where that was said.
    pub(crate) async fn surroundings(&self, event: &Inbound) -> AppResult<ResolvedLocation> {
        let (room, thread, reply_to) = match &event.spot {
            Location::Ours { task, question } => {
                return Ok(ResolvedLocation {
                    task: *task,
                    question: *question,
                    ..ResolvedLocation::default()
                });
            }
            Location::Theirs {
                room,
                thread,
                reply_to,
            } => (room, thread, reply_to),
        };
        let repo = self.store.room_of(&event.platform, room).await?;
        let replied = self.placed_at(event, reply_to.as_deref()).await?;
        let task = match replied.as_ref().and_then(|placed| placed.task) {
            Some(task) => Some(task),
            None => match self
                .placed_at(event, thread.as_deref())
                .await?
                .and_then(|placed| placed.task)
            {
                Some(task) => Some(task),
                None => self.task_of_reply(event, reply_to.as_deref()).await?,
            },
        };
        let strange = match (&replied, reply_to.as_ref().filter(|of| **of != event.event)) {
            (None, Some(of)) => self.store.event(&event.platform, of).await?.is_none(),
            (None, None) => task.is_none() && thread.is_some(),
            (Some(_), _) => false,
        };
        let (question, buttons, aside) = replied
            .map(|placed| (placed.question, placed.buttons, placed.aside))
            .unwrap_or_default();
        Ok(ResolvedLocation {
            task,
            question,
            buttons,
            aside,
            repo,
            strange,
        })
    }

    /// The same; [`AppError::Early`] while the message that it names may be one of ours that is on
    /// its way: people may press a button before its platform tells us where it stands.
    pub(crate) async fn surroundings_known(
        &self,
        event: &Inbound,
        stored: Timestamp,
    ) -> AppResult<ResolvedLocation> {
        let found = self.surroundings(event).await?;
        if !found.strange || self.clock.now().since(stored) >= PATIENCE {
            return Ok(found);
        }
        let platform = &event.platform;
        if self.on_the_way.is_any(platform) || !self.store.due(platform, 1).await?.is_empty() {
            return Err(AppError::Early);
        }
        // It may have been put on record since we looked.
        self.surroundings(event).await
    }

    async fn placed_at(
        &self,
        event: &Inbound,
        reference: Option<&str>,
    ) -> AppResult<Option<PostedMessage>> {
        match reference {
            Some(reference) => Ok(self.store.find_posted(&event.platform, reference).await?),
            None => Ok(None),
        }
    }

    /// The task in whose thread the message of a person stands that this one replies to.
    async fn task_of_reply(
        &self,
        event: &Inbound,
        reply_to: Option<&str>,
    ) -> AppResult<Option<TaskId>> {
        let Some(reply_to) = reply_to.filter(|of| *of != event.event) else {
            return Ok(None);
        };
        let Some(earlier) = self.store.event(&event.platform, reply_to).await? else {
            return Ok(None);
        };
        let Location::Theirs {
            thread, reply_to, ..
        } = &earlier.spot
        else {
            return Ok(None);
        };
        for reference in [thread, reply_to] {
            if let Some(placed) = self.placed_at(&earlier, reference.as_deref()).await? {
                return Ok(placed.task);
            }
        }
        Ok(None)
    }
}

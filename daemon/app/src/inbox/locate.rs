//! Locations: maps a platform's rooms, threads and messages to ours.

use vine_domain::{
    QuestionId, Slug, TaskId, Timestamp,
    chat::{Button, Inbound, Location, PrivateReply},
    ports::PostedMessage,
};

use crate::{AppError, AppResult, Inbox, inbox::visibility::PATIENCE};

/// An event's location, in our ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResolvedLocation {
    /// The task in whose thread it is.
    pub task: Option<TaskId>,
    /// The question whose message it is a reply or a reaction to.
    pub question: Option<QuestionId>,
    /// The buttons of that message.
    pub buttons: Vec<Button>,
    /// That message is a private reply.
    pub aside: Option<PrivateReply>,
    /// The repository in whose room it is.
    pub repo: Option<Slug>,
    /// It refers to a message that is not known here, or not yet.
    pub strange: bool,
    /// It replies to a message of ours.
    pub replies: bool,
}

impl Inbox {
    /// Looks up the location of `event`.
    ///
    /// A reply belongs to the message it replies to, in a thread or not: some clients have no
    /// threads. A reply to a person's message belongs where that message is.
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
        let replies = replied.is_some();
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
            replies,
        })
    }

    /// The same; [`AppError::Early`] while the message that it refers to may be one that we are
    /// posting: people may press a button before the platform confirms the post.
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
        if self.app.rooms.in_flight.is_any(platform)
            || !self.store.due(platform, &[], 1).await?.is_empty()
        {
            return Err(AppError::Early);
        }
        // It may have been recorded meanwhile.
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

    /// The task in whose thread a person's message is that this one replies to.
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

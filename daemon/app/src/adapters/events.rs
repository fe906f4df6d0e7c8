//! Passes events of an adapter to the use cases.

use std::sync::Arc;

use async_trait::async_trait;
use vine_domain::{
    MessageId, Question, Timestamp, Verb, access,
    chat::{InboundBatch, InboundKind},
    form::Form,
    ports::{EventSink, Say, StoreError, StoreResult},
    uuid_of,
};

use crate::{App, AppError, adapters::suggestions, texts};

/// Passes the events of one adapter to the use cases.
pub struct AdapterEvents {
    app: App,
    platform: &'static str,
}

impl AdapterEvents {
    /// The sink for one platform's adapter.
    pub fn new(app: App, platform: &'static str) -> Arc<Self> {
        Arc::new(Self { app, platform })
    }

    /// Tells a room that some of its messages could not be read.
    async fn missed(&self, room: &str, until: Option<&str>) -> StoreResult<()> {
        let Some(repo) = self.app.core.store.room_of(self.platform, room).await? else {
            return Ok(());
        };
        let id = MessageId(uuid_of(&format!(
            "missed {} {room} {}",
            self.platform,
            until.unwrap_or_default()
        )));
        let say = Say::one(texts::missed(id, &repo, self.platform));
        match self.app.core.writes.say(say).await {
            Ok(()) => Ok(()),
            Err(AppError::Store(error)) => Err(error),
            Err(other) => Err(StoreError::Unavailable(other.to_string().into())),
        }
    }
}

#[async_trait]
impl EventSink for AdapterEvents {
    async fn cursor(&self) -> StoreResult<Option<String>> {
        self.app.core.store.cursor(self.platform).await
    }

    async fn ingest(&self, batch: InboundBatch) -> StoreResult<()> {
        for room in &batch.missed {
            self.missed(room, batch.cursor.as_deref()).await?;
        }
        let twice = self.app.core.store.ingest(self.platform, &batch).await?;
        self.app
            .core
            .metrics
            .heard(self.platform, self.app.core.clock.now(), twice);
        if !batch.events.is_empty() {
            self.app.core.wakeups.inbox();
        }
        if is_incomplete(&batch) {
            self.app.core.wakeups.awaited();
        }
        Ok(())
    }

    async fn threads(&self) -> StoreResult<Vec<(String, String)>> {
        self.app.core.store.live_threads(self.platform).await
    }

    async fn rooms(&self) -> StoreResult<Vec<String>> {
        let rooms = self.app.core.store.rooms().await?.into_iter();
        Ok(rooms
            .filter(|room| room.platform == self.platform)
            .map(|room| room.room)
            .collect())
    }

    async fn suggest(
        &self,
        subject: &str,
        what: &str,
        typed: &str,
    ) -> StoreResult<Vec<(String, String)>> {
        suggestions::matching(&self.app, self.platform, subject, what, typed).await
    }

    async fn form(&self, reference: &str) -> StoreResult<Option<Form>> {
        let store = &self.app.core.store;
        let Some(posted) = store.find_posted(self.platform, reference).await? else {
            return Ok(None);
        };
        let Some(id) = posted.question else {
            let task = match posted.task {
                Some(task) => store.task(task).await?,
                None => None,
            };
            let is_over = task.is_some_and(|task| task.is_over());
            return Ok(is_over.then(Form::next_round));
        };
        let question = store.question(id).await?.filter(Question::takes_answers);
        Ok(question.map(|question| Form::of(&question.ask.masked())))
    }

    async fn confirmation(&self, reference: &str, place: usize) -> StoreResult<String> {
        let store = &self.app.core.store;
        let posted = store.find_posted(self.platform, reference).await?;
        let button = posted.and_then(|posted| posted.buttons.into_iter().nth(place));
        Ok(button.map(|button| button.confirm).unwrap_or_default())
    }

    async fn may_invite(&self, subject: &str) -> StoreResult<bool> {
        let user = self.app.core.store.user(self.platform, subject).await?;
        Ok(access::decide(user.as_ref(), Verb::Operate, None).is_ok())
    }

    fn now(&self) -> Timestamp {
        self.app.core.clock.now()
    }

    fn rooms_changed(&self) {
        self.app.core.wakeups.rooms();
    }

    fn health(&self, health: Result<String, String>) {
        let back = health.is_ok() && self.app.rooms.platforms.is_away(self.platform);
        if self
            .app
            .rooms
            .platforms
            .note(self.platform, health, self.app.core.clock.now())
        {
            self.app.core.wakeups.page();
        }
        if back {
            let rooms = Arc::clone(&self.app.rooms);
            let platform = self.platform;
            tokio::spawn(async move { rooms.retry_now(platform).await });
        }
    }

    fn remark(&self, remark: Option<String>) {
        if self.app.rooms.platforms.remark(self.platform, remark) {
            self.app.core.wakeups.page();
        }
    }
}

/// Whether content of a batch must be fetched.
fn is_incomplete(batch: &InboundBatch) -> bool {
    batch
        .events
        .iter()
        .any(|event| event.act == InboundKind::Awaited)
}

//! The chat platforms of this daemon: who posts there, their health, and whether each repository
//! has its room.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;
use vine_domain::{
    MessageId, Repo, Role, Slug, Timestamp, Verb, access,
    chat::{DesiredRoom, InboundBatch, Mention, OutboxItem, RoomBinding, RoomMember},
    ports::{Chat, ChatError, EventSink, StoreError, StoreResult, WORKING},
    uuid_of,
};

use crate::{
    App, AppError, AppResult, Caller, Missing, leadership, outbox, pending_content, texts,
};

/// Rooms are synchronised at least this often while something is wrong with one.
const AGAIN: Duration = Duration::from_secs(60);
/// How often a platform is pinged.
const CANARY: Duration = Duration::from_secs(10);
/// How often its rooms are checked.
const ROOMS: Duration = Duration::from_secs(60);
/// A failed ping is measured as at least this long.
const DEAF: Duration = Duration::from_secs(60);
/// How often to check whether agents are running.
const LOOK: Duration = Duration::from_secs(2);

/// A platform whose adapter runs in one daemon.
struct Adapter<'a> {
    app: &'a App,
    platform: &'static str,
}

impl leadership::StatusGossip for Adapter<'_> {
    fn tell(&self) -> String {
        self.app.platforms.tell(self.platform)
    }

    fn hear(&self, told: &str) {
        if self.app.platforms.learn(self.platform, told) {
            self.app.wakes.page();
        }
    }
}

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
        let Some(repo) = self.app.store.room_of(self.platform, room).await? else {
            return Ok(());
        };
        let id = MessageId(uuid_of(&format!(
            "missed {} {room} {}",
            self.platform,
            until.unwrap_or_default()
        )));
        self.app
            .store
            .enqueue_message(&texts::missed(id, &repo, self.platform))
            .await?;
        self.app.wakes.outbox();
        Ok(())
    }
}

#[async_trait]
impl EventSink for AdapterEvents {
    async fn cursor(&self) -> StoreResult<Option<String>> {
        self.app.store.cursor(self.platform).await
    }

    async fn ingest(&self, batch: InboundBatch) -> StoreResult<()> {
        for room in &batch.missed {
            self.missed(room, batch.cursor.as_deref()).await?;
        }
        let twice = self.app.store.ingest(self.platform, &batch).await?;
        self.app
            .meter
            .heard(self.platform, self.app.clock.now(), twice);
        if !batch.events.is_empty() {
            self.app.wakes.inbox();
        }
        if pending_content::is_incomplete(&batch) {
            self.app.wakes.awaited();
        }
        Ok(())
    }

    async fn threads(&self) -> StoreResult<Vec<(String, String)>> {
        self.app.store.live_threads(self.platform).await
    }

    async fn rooms(&self) -> StoreResult<Vec<String>> {
        let rooms = self.app.store.rooms().await?.into_iter();
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
        self.app.offers(self.platform, subject, what, typed).await
    }

    async fn may_invite(&self, subject: &str) -> StoreResult<bool> {
        let user = self.app.store.user(self.platform, subject).await?;
        Ok(access::decide(user.as_ref(), Verb::Operate, None).is_ok())
    }

    fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    fn rooms_changed(&self) {
        self.app.wakes.rooms();
    }

    fn health(&self, health: Result<String, String>) {
        let back = health.is_ok() && self.app.platforms.is_away(self.platform);
        if self
            .app
            .platforms
            .note(self.platform, health, self.app.clock.now())
        {
            self.app.wakes.page();
        }
        if back {
            tokio::spawn(self.app.clone().hurried(self.platform));
        }
    }

    fn remark(&self, remark: Option<String>) {
        if self.app.platforms.remark(self.platform, remark) {
            self.app.wakes.page();
        }
    }
}

/// Serves one platform until the daemon stops, while no other daemon does: listens, posts what is
/// due, fetches missing content and synchronises its rooms.
pub async fn run<L: Future<Output = ()>>(app: App, chat: Arc<dyn Chat>, listen: impl Fn() -> L) {
    let platform = chat.platform();
    let adapter = Adapter {
        app: &app,
        platform,
    };
    leadership::run(&app, &format!("adapter {platform}"), &adapter, |since| {
        let (chat, listens) = (Arc::clone(&chat), listen());
        let app = app.clone();
        async move {
            app.platforms.serve(Arc::clone(&chat), since);
            let _ours = AdapterRegistration {
                app: app.clone(),
                platform,
            };
            tokio::join!(
                listens,
                outbox::run(app.clone(), Arc::clone(&chat), since),
                pending_content::run(app.clone(), Arc::clone(&chat)),
                sync_room(app.clone(), Arc::clone(&chat)),
                show_activity(app.clone(), Arc::clone(&chat)),
                canary(app.clone(), chat)
            );
        }
    })
    .await;
}

/// While this value lives, the adapter runs in this daemon.
struct AdapterRegistration {
    app: App,
    platform: &'static str,
}

impl Drop for AdapterRegistration {
    fn drop(&mut self) {
        self.app.platforms.leave(self.platform);
        self.app.meter.canary(self.platform, None);
    }
}

/// Keeps pinging the platform, and checks which rooms take questions. A silent event stream may be
/// dead; a ping that succeeds proves that the platform answers.
async fn canary(app: App, chat: Arc<dyn Chat>) {
    let (mut looked, mut lost): (Option<Instant>, bool) = (None, false);
    loop {
        let sent = Instant::now();
        let called = chat.ping().await;
        match &called {
            Ok(()) => app.meter.canary(chat.platform(), Some(sent.elapsed())),
            Err(error) => {
                tracing::debug!(platform = chat.platform(), "ping failed: {error}");
                app.meter
                    .canary(chat.platform(), Some(sent.elapsed().max(DEAF)));
            }
        }
        let well = called.is_ok();
        let answer = match called {
            Ok(()) => Some(Ok(())),
            Err(error @ ChatError::Gone(_)) => Some(Err(error)),
            // A single failure means little: an adapter that lost its connection reports it itself.
            Err(error @ ChatError::Retry { .. }) if lost => Some(Err(error)),
            Err(_) => None,
        };
        lost = !well;
        if let Some(answer) = answer {
            let failed = answer.err().map(|error| error.to_string());
            if app
                .platforms
                .called(chat.platform(), failed, app.clock.now())
            {
                app.wakes.page();
            }
        }
        if well && looked.is_none_or(|at| at.elapsed() >= ROOMS) {
            looked = Some(Instant::now());
            app.look_at_rooms(&*chat).await;
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(CANARY) => {}
        }
    }
}

/// Keeps showing where agents are running: soon after they start, and again before platforms drop
/// the indicator.
async fn show_activity(app: App, chat: Arc<dyn Chat>) {
    let mut shown: HashMap<String, Instant> = HashMap::new();
    loop {
        shown.retain(|_, at| at.elapsed() < WORKING * 2 / 3);
        let busy = app.store.busy_rooms(chat.platform()).await.unwrap_or_else(|error| {
            tracing::error!(platform = chat.platform(), %error, "could not check whether agents are running: {error}");
            Vec::new()
        });
        let due: Vec<String> = busy
            .into_iter()
            .filter(|room| !shown.contains_key(room))
            .collect();
        if !due.is_empty() {
            chat.show_activity(&due).await;
            shown.extend(due.into_iter().map(|room| (room, Instant::now())));
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Refuses a platform without end-to-end encryption if the repository requires it.
pub(crate) fn is_fit(chat: &dyn Chat, encrypted: bool) -> Result<(), ChatError> {
    if !encrypted || chat.encrypts() {
        return Ok(());
    }
    let why = "has no end-to-end encryption, which the repository requires; use another platform \
     for it";
    Err(ChatError::Gone(format!("{} {why}", chat.platform())))
}

/// When to try again after this error.
fn soon(trouble: &ChatError) -> Duration {
    match trouble {
        ChatError::NotNow { after, .. } | ChatError::RoomBusy { after, .. } => *after,
        ChatError::Retry { after, .. } => (*after).max(Duration::from_secs(1)),
        ChatError::Gone(_) | ChatError::ThreadGone(_) | ChatError::Unfit(_) => AGAIN,
    }
}

async fn sync_room(app: App, chat: Arc<dyn Chat>) {
    let mut woken = app.wakes.on_rooms();
    loop {
        let again = match app.sync_all_rooms(&*chat).await {
            Ok(again) => again,
            Err(error) => {
                tracing::error!(platform = chat.platform(), %error, "could not synchronise the rooms: {error}");
                Some(AGAIN)
            }
        };
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(again.unwrap_or(Duration::MAX)) => {}
        }
    }
}

impl App {
    /// Makes sure that each repository has its room on a platform. Returns when to try again, if
    /// something could not be done.
    pub async fn sync_all_rooms(&self, chat: &dyn Chat) -> AppResult<Option<Duration>> {
        let mut again: Option<Duration> = None;
        let rooms = self.store.rooms().await?;
        for repo in self.store.repos().await? {
            let bound = rooms
                .iter()
                .find(|room| room.platform == chat.platform() && room.repo == repo.name);
            let bound = bound.map(|bound| bound.room.clone());
            let fit = is_fit(chat, repo.encrypted);
            let trouble = match fit.clone() {
                Ok(()) => self.sync_room(chat, &repo, bound).await.err(),
                Err(unfit) => Some(unfit),
            };
            again = again.into_iter().chain(trouble.as_ref().map(soon)).min();
            // A temporary failure is reported by the adapter, if it lasts.
            let passes = matches!(trouble, Some(ChatError::NotNow { .. }));
            let asks = fit.is_err() || passes || self.has_room(chat.platform(), &repo.name).await?;
            self.note_room(chat.platform(), &repo.name, trouble, asks);
        }
        self.look_at_rooms(chat).await;
        Ok(again)
    }

    /// Retries now what failed while the platform was away.
    async fn hurried(self, platform: &'static str) {
        for room in self
            .store
            .rooms()
            .await
            .unwrap_or_default()
            .into_iter()
            .filter(|room| room.platform == platform)
        {
            if let Err(error) = self.store.retry_room_now(platform, &room.room).await {
                tracing::warn!(platform, room = %room.room, %error, "could not reschedule queued messages for the room: {error}");
            }
        }
        self.wakes.outbox();
    }

    /// A room is used as soon as it exists; its members are added after that.
    async fn sync_room(
        &self,
        chat: &dyn Chat,
        repo: &Repo,
        bound: Option<String>,
    ) -> Result<(), ChatError> {
        let wish = self.desired_room(chat.platform(), repo);
        let next = match &bound {
            Some(room) => chat.successor(room).await?,
            None => Some(chat.create_room(&wish).await?),
        };
        let room = match (next, bound) {
            (None, Some(room)) => room,
            (Some(next), former) => {
                let moved = self.bind_room(chat.platform(), &next, &repo.name).await;
                moved.map_err(|error| ChatError::Retry {
                    why: error.to_string(),
                    after: AGAIN,
                })?;
                if let Some(former) = former {
                    tracing::info!(platform = chat.platform(), repo = %repo.name, "room {former} was replaced by {next}");
                    self.platforms.left(chat.platform(), &former);
                }
                next
            }
            (None, None) => return Ok(()),
        };
        chat.sync_room(&room, &wish).await?;
        if self
            .platforms
            .trouble(chat.platform(), &repo.name)
            .is_some()
        {
            let hurried = self.store.retry_room_now(chat.platform(), &room).await;
            hurried.map_err(|error| ChatError::Retry {
                why: error.to_string(),
                after: AGAIN,
            })?;
            self.wakes.outbox();
        }
        Ok(())
    }

    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> StoreResult<()> {
        self.store.bind_room(platform, room, repo).await?;
        self.wakes.outbox();
        Ok(())
    }

    /// Records the state of a room. Only changes are logged, and no temporary failures.
    fn note_room(&self, platform: &str, repo: &Slug, trouble: Option<ChatError>, asks: bool) {
        let passes = matches!(trouble, None | Some(ChatError::NotNow { .. }));
        let why = trouble.map(|trouble| trouble.to_string());
        let news = self
            .platforms
            .room(platform, repo, why.clone().map(|why| (why, asks)));
        if let (true, false, Some(why)) = (news, passes, why) {
            tracing::warn!(platform, %repo, "room of {repo} on {platform}: {why}");
        }
        if news {
            self.wakes.page();
        }
    }

    async fn has_room(&self, platform: &str, repo: &Slug) -> StoreResult<bool> {
        let rooms = self.store.rooms().await?;
        Ok(rooms
            .iter()
            .any(|room| room.platform == platform && room.repo == *repo))
    }

    /// Notes in which rooms no questions can be posted.
    async fn look_at_rooms(&self, chat: &dyn Chat) {
        let platform = chat.platform();
        let bound: Vec<RoomBinding> = match self.store.rooms().await {
            Ok(rooms) => rooms
                .into_iter()
                .filter(|room| room.platform == platform)
                .collect(),
            Err(error) => {
                return tracing::error!(platform, %error, "could not read the rooms: {error}");
            }
        };
        let rooms: Vec<String> = bound.iter().map(|one| one.room.clone()).collect();
        match chat.closed_rooms(&rooms).await {
            Ok(closed) => {
                if self.platforms.closed(platform, &bound, closed) {
                    self.wakes.page();
                }
            }
            Err(error) => tracing::debug!(platform, "could not check the rooms: {error}"),
        }
    }

    fn desired_room(&self, platform: &str, repo: &Repo) -> DesiredRoom {
        let member = |grant: &vine_domain::ConfiguredPerson| {
            let user = Some(&grant.user);
            access::decide(user, Verb::See, Some(&repo.name)).ok()?;
            let manages = access::decide(user, Verb::Operate, Some(&repo.name)).is_ok();
            Some(RoomMember {
                subject: grant.on(platform)?.to_owned(),
                manages,
            })
        };
        DesiredRoom {
            repo: repo.name.clone(),
            topic: format!(
                "Agent tasks in {}: their questions, your answers",
                repo.source.shown()
            ),
            encrypted: repo.encrypted,
            members: self.settings().people.iter().filter_map(member).collect(),
        }
    }

    /// Binds a repository to the room that a person names.
    pub async fn adopt_room(
        &self,
        caller: &Caller,
        repo: &Slug,
        platform: &str,
        room: &str,
    ) -> AppResult<String> {
        self.allow(
            caller,
            Verb::Operate,
            Some(repo),
            &format!("room of {repo} on {platform}"),
        )
        .await?;
        let chat = self
            .platforms
            .chat(platform)
            .ok_or_else(|| self.not_here(platform))?;
        let known = self.repo(repo).await?;
        let unfit = |error: ChatError| AppError::Unreadable(error.to_string());
        is_fit(&*chat, known.encrypted).map_err(unfit)?;
        let entered = chat
            .join_room(room, &self.desired_room(platform, &known))
            .await
            .map_err(unfit)?;
        let former = self.store.rooms().await?.into_iter();
        let mut former = former.filter(|room| room.platform == platform && room.repo == *repo);
        let former = former
            .next()
            .map(|room| room.room)
            .filter(|room| *room != entered);
        match self.bind_room(platform, &entered, repo).await {
            Err(StoreError::Taken(what)) => {
                Err(AppError::Unreadable(format!("that room is already {what}")))
            }
            other => {
                other?;
                if let Some(former) = former {
                    self.platforms.left(platform, &former);
                }
                self.wakes.rooms();
                Ok(entered)
            }
        }
    }

    fn not_here(&self, platform: &str) -> AppError {
        match self.platforms.health().contains_key(platform) {
            true => AppError::Unreadable(format!(
                "another daemon serves {platform} at the moment; send this in a room there"
            )),
            false => Missing::Platform(platform.to_owned()).into(),
        }
    }

    /// The people that a message calls, as its platform knows them. A role calls everybody who has
    /// it, or a higher one, in the message's repository.
    pub fn mentions(&self, dispatch: &OutboxItem) -> Vec<Mention> {
        let called = |grant: &&vine_domain::ConfiguredPerson| {
            let here = grant.user.role_in(dispatch.repo.as_ref());
            let by_role =
                |name: &String| Role::from_word(name).is_some_and(|role| here >= Some(role));
            dispatch
                .message
                .calls
                .iter()
                .any(|name| *name == grant.user.name || by_role(name))
        };
        let mention = |grant: &vine_domain::ConfiguredPerson| {
            Some(Mention {
                name: grant.user.name.clone(),
                subject: grant.on(&dispatch.platform)?.to_owned(),
            })
        };
        self.settings()
            .people
            .iter()
            .filter(called)
            .filter_map(mention)
            .collect()
    }
}

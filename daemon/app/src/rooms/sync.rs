//! Rooms of repositories.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vine_domain::{
    Repo, Slug, Verb, access,
    chat::{DesiredRoom, RoomBinding, RoomMember},
    ports::{Chat, ChatError, StoreError, StoreResult},
};

use crate::{AppError, AppResult, Caller, Missing, rooms::Rooms};

/// Rooms are synchronised at least this often while something is wrong with one.
const AGAIN: Duration = Duration::from_secs(60);

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

/// Keeps the rooms of one platform as they should be.
pub(crate) async fn run(rooms: &Rooms, stop: &CancellationToken, chat: &dyn Chat) {
    let mut woken = rooms.wakeups.on_rooms();
    loop {
        let again = match rooms.sync_all_rooms(chat).await {
            Ok(again) => again,
            Err(error) => {
                tracing::error!(platform = chat.platform(), %error, "could not synchronise the rooms: {error}");
                Some(AGAIN)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(again.unwrap_or(Duration::MAX)) => {}
        }
    }
}

impl Rooms {
    /// Makes sure that each repository has its room on a platform. Returns when to try again, if
    /// something could not be done.
    async fn sync_all_rooms(&self, chat: &dyn Chat) -> AppResult<Option<Duration>> {
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
    pub(crate) async fn retry_now(&self, platform: &'static str) {
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
        self.wakeups.outbox();
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
            self.wakeups.outbox();
        }
        Ok(())
    }

    async fn bind_room(&self, platform: &str, room: &str, repo: &Slug) -> StoreResult<()> {
        self.store.bind_room(platform, room, repo).await?;
        self.wakeups.outbox();
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
            self.wakeups.page();
        }
    }

    async fn has_room(&self, platform: &str, repo: &Slug) -> StoreResult<bool> {
        let rooms = self.store.rooms().await?;
        Ok(rooms
            .iter()
            .any(|room| room.platform == platform && room.repo == *repo))
    }

    /// Notes in which rooms no questions can be posted.
    pub(super) async fn look_at_rooms(&self, chat: &dyn Chat) {
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
                    self.wakeups.page();
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
            members: self
                .settings
                .get()
                .people
                .iter()
                .filter_map(member)
                .collect(),
        }
    }

    /// Sets whether the cards in a repository's room show what agents are at.
    pub async fn show_progress(
        &self,
        caller: &Caller,
        repo: &Slug,
        platform: &str,
        shown: bool,
    ) -> AppResult<()> {
        let what = format!("room of {repo} on {platform}");
        self.people
            .allow(caller, Verb::Operate, Some(repo), &what)
            .await?;
        self.tasks.repo(repo).await?;
        Ok(self.store.set_progress(platform, repo, shown).await?)
    }

    /// Binds a repository to the room that a person names.
    pub async fn adopt_room(
        &self,
        caller: &Caller,
        repo: &Slug,
        platform: &str,
        room: &str,
    ) -> AppResult<String> {
        self.people
            .allow(
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
        let known = self.tasks.repo(repo).await?;
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
                self.wakeups.rooms();
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

    /// Which repository has which room.
    pub async fn bound(&self) -> AppResult<Vec<RoomBinding>> {
        Ok(self.store.rooms().await?)
    }
}

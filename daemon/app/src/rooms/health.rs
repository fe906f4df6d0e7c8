//! The health of platforms: whether a question could be posted there now. An open connection is not
//! enough: a token may be revoked, a room archived, or the bot removed from it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use vine_api::AdapterView;
use vine_domain::{Slug, Timestamp, chat::RoomBinding, ports::Chat};

/// The health of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformHealth {
    /// Since when its adapter is in this state.
    pub since: Timestamp,
    /// The bot's account there; `None` before the first connection.
    pub account: Option<String>,
    /// Why no questions can be posted, in all rooms or in some, and what to do about it; `None`
    /// when a question could be posted now.
    pub trouble: Option<String>,
    /// What is missing that questions do not require, and what to do about it.
    #[serde(default)]
    pub remark: Option<String>,
    /// When the platform last answered us.
    #[serde(default)]
    pub checked: Option<Timestamp>,
}

impl PlatformHealth {
    /// As programs see it.
    pub fn view(&self, platform: &str) -> AdapterView {
        AdapterView {
            id: platform.to_owned(),
            state: if self.trouble.is_some() {
                "trouble"
            } else {
                "ok"
            },
            account: self.account.clone(),
            since_at: self.since,
            trouble: self.trouble.clone(),
            remark: self.remark.clone(),
            checked_at: self.checked,
        }
    }
}

/// What is wrong with the room of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RoomTrouble {
    why: String,
    /// Questions can be posted there anyway, or are not supposed to be.
    asks: bool,
}

/// All adapters, and the health of them and their rooms.
#[derive(Default)]
pub struct Platforms {
    chats: Mutex<Vec<ServedPlatform>>,
    known: Mutex<BTreeMap<String, KnownHealth>>,
}

/// A platform that this daemon serves, and since when.
struct ServedPlatform {
    chat: Arc<dyn Chat>,
    since: Timestamp,
}

/// What one daemon knows about a platform, shared with the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct KnownHealth {
    /// As its adapter reports it.
    health: Option<PlatformHealth>,
    /// What is missing that questions do not require.
    remark: Option<String>,
    /// Why pings fail.
    deaf: Option<String>,
    /// By repository.
    rooms: BTreeMap<String, RoomTrouble>,
    /// The repositories of rooms.
    repos: BTreeMap<String, String>,
    /// By room: why the last post failed.
    posts: BTreeMap<String, String>,
    /// By room: why the platform says that nothing can be posted.
    closed: BTreeMap<String, String>,
    /// By room: the last post that was refused for its content.
    refused: BTreeMap<String, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KnownHealth {
    /// Why no questions can be posted.
    fn trouble(&self) -> Option<String> {
        let adapter = self
            .health
            .as_ref()
            .and_then(|health| health.trouble.clone());
        adapter
            .or_else(|| self.deaf.clone())
            .or_else(|| self.silent())
    }

    fn repo_of<'a>(&'a self, room: &'a String) -> &'a str {
        self.repos.get(room).unwrap_or(room)
    }

    /// The repositories for which no questions can be posted.
    fn silent(&self) -> Option<String> {
        let rooms = self.posts.iter().chain(&self.closed);
        let mut all: BTreeMap<&str, &str> = rooms
            .map(|(room, why)| (self.repo_of(room), why.as_str()))
            .collect();
        let homeless = self.rooms.iter().filter(|(_, room)| !room.asks);
        all.extend(homeless.map(|(repo, room)| (repo.as_str(), room.why.as_str())));
        let (first, why) = all.first_key_value()?;
        Some(match all.len() {
            1 => format!("no questions can be posted for {first}: {why}"),
            many => {
                format!("no questions can be posted for {many} repositories, e.g. {first}: {why}")
            }
        })
    }
}

impl Platforms {
    fn at<T>(&self, platform: &str, use_it: impl FnOnce(&mut KnownHealth) -> T) -> T {
        use_it(lock(&self.known).entry(platform.to_owned()).or_default())
    }

    /// The health of each platform.
    pub fn health(&self) -> BTreeMap<String, PlatformHealth> {
        let known = lock(&self.known);
        let all = known.iter().filter_map(|(platform, known)| {
            let health = PlatformHealth {
                trouble: known.trouble(),
                remark: known.remark.clone(),
                ..known.health.clone()?
            };
            Some((platform.clone(), health))
        });
        all.collect()
    }

    /// What is wrong with the room of a repository.
    pub fn trouble(&self, platform: &str, repo: &Slug) -> Option<String> {
        let why = |known: &mut KnownHealth| Some(known.rooms.get(repo.as_str())?.why.clone());
        self.at(platform, why)
    }

    /// Why nothing can be posted in a room.
    pub fn unposted(&self, platform: &str, room: &str) -> Option<String> {
        self.at(platform, |known| {
            known
                .posts
                .get(room)
                .or_else(|| known.closed.get(room))
                .cloned()
        })
    }

    /// The last post in a room that was refused for its content, and its outcome.
    pub fn refusal(&self, platform: &str, room: &str) -> Option<String> {
        self.at(platform, |known| known.refused.get(room).cloned())
    }

    /// Notes why a post in a room failed, or that one succeeded. Returns whether that is a change.
    pub(crate) fn posting(&self, platform: &str, room: &str, trouble: Option<String>) -> bool {
        self.at(platform, |known| match trouble {
            Some(trouble) => known.posts.insert(room.to_owned(), trouble.clone()) != Some(trouble),
            None => known.posts.remove(room).is_some() | known.closed.remove(room).is_some(),
        })
    }

    /// Notes a post that was refused for its content.
    pub(crate) fn refused(&self, platform: &str, room: &str, note: String) {
        tracing::warn!(platform, room, "{note}");
        self.at(platform, |known| {
            drop(known.refused.insert(room.to_owned(), note));
        });
    }

    /// Notes which of these rooms take no posts, as the platform reports it. Returns whether that
    /// is a change.
    pub(crate) fn closed(
        &self,
        platform: &str,
        rooms: &[RoomBinding],
        closed: Vec<(String, String)>,
    ) -> bool {
        let closed: BTreeMap<_, _> = closed.into_iter().collect();
        let repos = rooms
            .iter()
            .map(|one| (one.room.clone(), one.repo.to_string()));
        self.at(platform, |known| {
            let news = known.closed != closed;
            (known.closed, known.repos) = (closed, repos.collect());
            news
        })
    }

    /// Notes whether a ping succeeded. Returns whether that is a change.
    pub(crate) fn called(&self, platform: &str, failed: Option<String>, now: Timestamp) -> bool {
        self.at(platform, |known| {
            let news = known.deaf != failed;
            if let (None, Some(health)) = (&failed, &mut known.health) {
                health.checked = Some(now);
            }
            known.deaf = failed;
            news
        })
    }

    /// Forgets what was wrong with a room that is not used any more.
    pub(crate) fn left(&self, platform: &str, room: &str) {
        self.at(platform, |known| {
            known.posts.remove(room);
            known.closed.remove(room);
            known.refused.remove(room);
        });
    }

    /// Notes what is wrong with the room of a repository; `asks` is true if questions can be posted
    /// anyway, or are not supposed to be. Returns whether that is a change.
    pub(crate) fn room(
        &self,
        platform: &str,
        repo: &Slug,
        trouble: Option<(String, bool)>,
    ) -> bool {
        let trouble = trouble.map(|(why, asks)| RoomTrouble { why, asks });
        self.at(platform, |known| match trouble {
            Some(trouble) => known.rooms.insert(repo.to_string(), trouble.clone()) != Some(trouble),
            None => known.rooms.remove(repo.as_str()).is_some(),
        })
    }

    /// All that is known about one platform, for the other daemons.
    pub(crate) fn tell(&self, platform: &str) -> String {
        self.at(platform, |known| {
            serde_json::to_string(known).unwrap_or_default()
        })
    }

    /// The same, from the daemon that runs the adapter. Returns whether it is a change; a later
    /// check time alone is not.
    pub(crate) fn learn(&self, platform: &str, told: &str) -> bool {
        let told: KnownHealth = serde_json::from_str(told).unwrap_or_default();
        let without_time = |known: &KnownHealth| {
            let mut known = known.clone();
            known
                .health
                .iter_mut()
                .for_each(|health| health.checked = None);
            known
        };
        self.at(platform, |known| {
            let news = without_time(known) != without_time(&told);
            *known = told;
            news
        })
    }

    /// Starts serving a platform.
    pub(crate) fn serve(&self, chat: Arc<dyn Chat>, since: Timestamp) {
        lock(&self.chats).push(ServedPlatform { chat, since });
    }

    /// Stops serving it.
    pub(crate) fn leave(&self, platform: &str) {
        lock(&self.chats).retain(|served| served.chat.platform() != platform);
    }

    /// Forgets a platform whose configuration was removed or changed.
    pub fn forget(&self, platform: &str) {
        lock(&self.known).remove(platform);
    }

    pub(crate) fn chat(&self, platform: &str) -> Option<Arc<dyn Chat>> {
        lock(&self.chats)
            .iter()
            .find(|served| served.chat.platform() == platform)
            .map(|served| Arc::clone(&served.chat))
    }

    /// Since when this daemon serves a platform, if it does. What was stored earlier may have been
    /// posted by a process that crashed before it noted that.
    pub(crate) fn served_since(&self, platform: &str) -> Option<Timestamp> {
        lock(&self.chats)
            .iter()
            .find(|served| served.chat.platform() == platform)
            .map(|served| served.since)
    }

    /// It was failing at its last report, or has not reported yet.
    pub(crate) fn is_away(&self, platform: &str) -> bool {
        self.at(platform, |known| {
            known
                .health
                .as_ref()
                .is_none_or(|health| health.trouble.is_some())
        })
    }

    /// Notes what is missing that questions do not require. Returns whether that is a change.
    pub(crate) fn remark(&self, platform: &str, remark: Option<String>) -> bool {
        self.at(platform, |known| {
            let news = known.remark != remark;
            if let (true, Some(remark)) = (news, &remark) {
                tracing::warn!(platform, "{platform}: {remark}");
            }
            known.remark = remark;
            news
        })
    }

    /// Notes the state of an adapter; only changes are logged.
    pub(crate) fn note(
        &self,
        platform: &str,
        health: Result<String, String>,
        now: Timestamp,
    ) -> bool {
        self.at(platform, |known| {
            let before = known.health.clone();
            let (account, trouble) = match health {
                Ok(account) => (Some(account), None),
                Err(trouble) => (
                    before.as_ref().and_then(|one| one.account.clone()),
                    Some(trouble),
                ),
            };
            let checked = before.as_ref().and_then(|one| one.checked);
            let changed = before.as_ref().is_none_or(|one| one.trouble != trouble);
            let checked = if trouble.is_none() {
                Some(now)
            } else {
                checked
            };
            let since = match &before {
                Some(before) if !changed => before.since,
                _ => now,
            };
            if changed {
                match &trouble {
                    Some(trouble) => tracing::warn!(platform, "{platform}: {trouble}"),
                    None => tracing::info!(platform, "{platform} is connected"),
                }
            }
            known.health = Some(PlatformHealth {
                since,
                account,
                trouble,
                remark: None,
                checked,
            });
            changed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(platforms: &Platforms) -> Option<String> {
        platforms.health()["slack"].trouble.clone()
    }

    #[test]
    fn it_is_well_only_where_a_question_could_be_posted() {
        let platforms = Platforms::default();
        let now = Timestamp(0);
        assert!(platforms.note("slack", Ok("vine".into()), now));
        assert_eq!(trouble(&platforms), None);
        platforms.called("slack", Some("token_revoked".into()), now);
        assert_eq!(trouble(&platforms).as_deref(), Some("token_revoked"));
        platforms.called("slack", None, now);
        let garden = RoomBinding {
            repo: Slug::from_text("garden"),
            platform: "slack".into(),
            room: "C1".into(),
            progress: true,
        };
        platforms.closed(
            "slack",
            &[garden],
            vec![("C1".into(), "is archived".into())],
        );
        assert_eq!(
            trouble(&platforms).as_deref(),
            Some("no questions can be posted for garden: is archived")
        );
        platforms.posting("slack", "C2", Some("is muted".into()));
        assert!(trouble(&platforms).expect("two").contains("2 repositories"));
        platforms.posting("slack", "C2", None);
        platforms.left("slack", "C1");
        assert_eq!(trouble(&platforms), None);
    }

    #[test]
    fn somebody_who_is_not_to_be_had_keeps_no_question_from_a_room() {
        let platforms = Platforms::default();
        let site = Slug::from_text("site");
        platforms.note("slack", Ok("vine".into()), Timestamp(0));
        platforms.room("slack", &site, Some(("inviting U1 failed".into(), true)));
        assert_eq!(trouble(&platforms), None);
        platforms.room(
            "slack",
            &site,
            Some(("no channel can be made".into(), false)),
        );
        assert!(trouble(&platforms).is_some());
    }
}

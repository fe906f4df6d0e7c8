//! How platforms are: whether a question could be posted there now. A connection that stands is not
//! enough: a token may be revoked, a room archived, the bot put out of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use vine_domain::{Slug, Timestamp, chat::RoomBinding, ports::Chat};

/// How a platform is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformHealth {
    /// Since when its adapter is as it is.
    pub since: Timestamp,
    /// Who it is on its platform; `None` before it was ever connected.
    pub account: Option<String>,
    /// Why nobody can be asked there, in all rooms or in some, and what to do about it; `None` when
    /// a question could be posted now.
    pub trouble: Option<String>,
    /// What is missing that questions do not need, and what to do about it.
    #[serde(default)]
    pub remark: Option<String>,
    /// When the platform last answered us.
    #[serde(default)]
    pub checked: Option<Timestamp>,
}

/// What is wrong with the room of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RoomTrouble {
    why: String,
    /// Questions are posted there all the same, or are not to be.
    asks: bool,
}

/// All adapters, and how they and their rooms are.
#[derive(Default)]
pub struct Platforms {
    chats: Mutex<Vec<ServedPlatform>>,
    known: Mutex<BTreeMap<String, KnownHealth>>,
}

/// A platform that this daemon speaks for, and since when.
struct ServedPlatform {
    chat: Arc<dyn Chat>,
    since: Timestamp,
}

/// What one daemon knows of a platform and others may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct KnownHealth {
    /// As its adapter says.
    health: Option<PlatformHealth>,
    /// What is missing that questions do not need.
    remark: Option<String>,
    /// Why calls do not come back.
    deaf: Option<String>,
    /// By repository.
    rooms: BTreeMap<String, RoomTrouble>,
    /// The repositories of rooms.
    repos: BTreeMap<String, String>,
    /// By room: nothing could be posted the last time.
    posts: BTreeMap<String, String>,
    /// By room: nothing can be posted, as the platform shows it.
    closed: BTreeMap<String, String>,
    /// By room: what was refused last for what it held.
    refused: BTreeMap<String, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KnownHealth {
    /// Why nobody can be asked.
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

    /// Repositories about which nobody can be asked.
    fn silent(&self) -> Option<String> {
        let rooms = self.posts.iter().chain(&self.closed);
        let mut all: BTreeMap<&str, &str> = rooms
            .map(|(room, why)| (self.repo_of(room), why.as_str()))
            .collect();
        let homeless = self.rooms.iter().filter(|(_, room)| !room.asks);
        all.extend(homeless.map(|(repo, room)| (repo.as_str(), room.why.as_str())));
        let (first, why) = all.first_key_value()?;
        Some(match all.len() {
            1 => format!("nobody can be asked about {first}: {why}"),
            many => {
                format!("nobody can be asked about {many} repositories, one of them {first}: {why}")
            }
        })
    }
}

impl Platforms {
    fn at<T>(&self, platform: &str, use_it: impl FnOnce(&mut KnownHealth) -> T) -> T {
        use_it(lock(&self.known).entry(platform.to_owned()).or_default())
    }

    /// How each platform is.
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

    /// What was refused last in a room for what it held, and what became of it.
    pub fn refusal(&self, platform: &str, room: &str) -> Option<String> {
        self.at(platform, |known| known.refused.get(room).cloned())
    }

    /// Notes why nothing could be posted in a room, or that something was. Returns whether that is
    /// news.
    pub(crate) fn posting(&self, platform: &str, room: &str, trouble: Option<String>) -> bool {
        self.at(platform, |known| match trouble {
            Some(trouble) => known.posts.insert(room.to_owned(), trouble.clone()) != Some(trouble),
            None => known.posts.remove(room).is_some() | known.closed.remove(room).is_some(),
        })
    }

    /// Notes what was refused for what it held.
    pub(crate) fn refused(&self, platform: &str, room: &str, note: String) {
        tracing::warn!(platform, room, "{note}");
        self.at(platform, |known| {
            drop(known.refused.insert(room.to_owned(), note));
        });
    }

    /// Notes which of these rooms take nothing, as the platform shows them. Returns whether that is
    /// news.
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

    /// Notes whether a call came back. Returns whether that is news.
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

    /// Forgets what was wrong with a room that is no room of ours any more.
    pub(crate) fn left(&self, platform: &str, room: &str) {
        self.at(platform, |known| {
            known.posts.remove(room);
            known.closed.remove(room);
            known.refused.remove(room);
        });
    }

    /// Notes what is wrong with the room of a repository; `asks` says that questions are posted
    /// there all the same, or not to be. Returns whether that is news.
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

    /// All that is known of one platform, as others are told.
    pub(crate) fn tell(&self, platform: &str) -> String {
        self.at(platform, |known| {
            serde_json::to_string(known).unwrap_or_default()
        })
    }

    /// The same, from the daemon whose adapter it is. Returns whether it is news; that the platform
    /// was looked at again is none.
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

    /// Speaks for a platform from now on.
    pub(crate) fn serve(&self, chat: Arc<dyn Chat>, since: Timestamp) {
        lock(&self.chats).push(ServedPlatform { chat, since });
    }

    /// Speaks for it no longer.
    pub(crate) fn leave(&self, platform: &str) {
        lock(&self.chats).retain(|served| served.chat.platform() != platform);
    }

    /// Knows nothing of it any more: nobody wants it, or it is set otherwise.
    pub fn forget(&self, platform: &str) {
        lock(&self.known).remove(platform);
    }

    pub(crate) fn chat(&self, platform: &str) -> Option<Arc<dyn Chat>> {
        lock(&self.chats)
            .iter()
            .find(|served| served.chat.platform() == platform)
            .map(|served| Arc::clone(&served.chat))
    }

    /// Since when this daemon speaks for a platform, if it does. What was stored earlier may have
    /// been posted by somebody who did not live to note it.
    pub(crate) fn served_since(&self, platform: &str) -> Option<Timestamp> {
        lock(&self.chats)
            .iter()
            .find(|served| served.chat.platform() == platform)
            .map(|served| served.since)
    }

    /// It was in trouble when it was last heard of, or was not heard of yet.
    pub(crate) fn is_away(&self, platform: &str) -> bool {
        self.at(platform, |known| {
            known
                .health
                .as_ref()
                .is_none_or(|health| health.trouble.is_some())
        })
    }

    /// Notes what is missing that questions do not need. Returns whether that is news.
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

    /// Notes how an adapter is; the log hears of changes only.
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
                    None => tracing::info!(platform, "{platform} works"),
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
        let (platforms, now) = (Platforms::default(), Timestamp(0));
        assert!(platforms.note("slack", Ok("vine".into()), now));
        assert_eq!(trouble(&platforms), None);
        platforms.called("slack", Some("token_revoked".into()), now);
        assert_eq!(trouble(&platforms).as_deref(), Some("token_revoked"));
        platforms.called("slack", None, now);
        let garden = RoomBinding {
            repo: Slug::from_text("garden"),
            platform: "slack".into(),
            room: "C1".into(),
        };
        platforms.closed(
            "slack",
            &[garden],
            vec![("C1".into(), "is archived".into())],
        );
        assert_eq!(
            trouble(&platforms).as_deref(),
            Some("nobody can be asked about garden: is archived")
        );
        platforms.posting("slack", "C2", Some("is muted".into()));
        assert!(trouble(&platforms).expect("two").contains("2 repositories"));
        platforms.posting("slack", "C2", None);
        platforms.left("slack", "C1");
        assert_eq!(trouble(&platforms), None);
    }

    #[test]
    fn somebody_who_is_not_to_be_had_keeps_no_question_from_a_room() {
        let (platforms, site) = (Platforms::default(), Slug::from_text("site"));
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

//! Digests: in a room where many questions wait, one list replaces their reminders. It is edited whenever
//! what is open has changed, and posted again a few times a day, because an edit notifies nobody.

use std::time::Duration;

use uuid::Uuid;
use vine_domain::{MessageId, Question, QuestionId, Slug, Timestamp, ports::Say, uuid_of};

use crate::{
    AppResult,
    questions::{Questions, posted_digests::PostedDigest},
    texts::{self, TextContext},
};

/// A list is posted again by the first reminder after this time.
const PERIOD: Duration = Duration::from_secs(8 * 60 * 60);
/// How often a list is compared with what is open.
const LOOK: Duration = Duration::from_secs(30);

fn ids(open: &[Question]) -> Vec<QuestionId> {
    open.iter().map(|question| question.id).collect()
}

impl Questions {
    /// Finds the lists that an earlier process posted.
    pub(super) async fn find_digests(&self) -> AppResult<()> {
        let since = self.clock.now().minus(2 * PERIOD);
        for (repo, list) in self.store.digests(since).await? {
            let digest = PostedDigest {
                list,
                open: None,
                looked: Timestamp(0),
            };
            self.digests.keep(&repo, digest);
        }
        Ok(())
    }

    /// Posts the list of what is open in a repository, or edits the latest one. `why` names the reminders
    /// that it replaces: a crash posts nothing twice.
    pub(super) async fn post_digest(
        &self,
        repo: &Slug,
        open: &[Question],
        why: &str,
    ) -> AppResult<()> {
        let period = self.clock.now().0 / PERIOD.as_millis() as i64;
        let list = uuid_of(&format!("digest {repo} {period}"));
        if let Some(last) = self.digests.of(repo).filter(|last| last.list != list) {
            let id = uuid_of(&format!("{} moved", last.list));
            let moved = texts::moved_digest(MessageId(id), last.list, repo);
            self.writes.say(Say::one(moved)).await?;
        }
        self.say_digest(repo, list, open, why).await
    }

    /// Edits the lists from which questions are gone, or to which some were added.
    pub(super) async fn refresh_digests(&self) -> AppResult<()> {
        let now = self.clock.now();
        for (repo, posted) in self.digests.all() {
            if now.since(posted.looked) < LOOK {
                continue;
            }
            let open = self.store.open_questions(Some(&repo), u32::MAX).await?;
            if posted.open.as_ref() == Some(&ids(&open)) {
                let looked = PostedDigest {
                    looked: now,
                    ..posted
                };
                self.digests.keep(&repo, looked);
            } else {
                let why = format!("changed {now}");
                self.say_digest(&repo, posted.list, &open, &why).await?;
            }
        }
        Ok(())
    }

    async fn say_digest(
        &self,
        repo: &Slug,
        list: Uuid,
        open: &[Question],
        why: &str,
    ) -> AppResult<()> {
        let settings = self.settings.get();
        let context = TextContext {
            settings: &settings,
            now: self.clock.now(),
            isolation: None,
            is_folder: false,
        };
        let id = MessageId(uuid_of(&format!("{list} {why}")));
        let message = texts::digest(&context, id, list, repo, open);
        self.writes.say(Say::one(message)).await?;
        let digest = PostedDigest {
            list,
            open: Some(ids(open)),
            looked: context.now,
        };
        self.digests.keep(repo, digest);
        Ok(())
    }
}

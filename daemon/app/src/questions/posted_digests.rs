//! The digests that were posted, in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;
use vine_domain::{QuestionId, Slug, Timestamp};

/// A digest that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostedDigest {
    /// Its key.
    pub(super) list: Uuid,
    /// What it lists; `None` if an earlier process posted it.
    pub(super) open: Option<Vec<QuestionId>>,
    /// When it was last compared with what is open.
    pub(super) looked: Timestamp,
}

/// The latest digest of each repository.
#[derive(Debug, Default)]
pub(super) struct PostedDigests(Mutex<HashMap<Slug, PostedDigest>>);

impl PostedDigests {
    pub(super) fn all(&self) -> Vec<(Slug, PostedDigest)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.iter();
        all.map(|(repo, digest)| (repo.clone(), digest.clone()))
            .collect()
    }

    pub(super) fn of(&self, repo: &Slug) -> Option<PostedDigest> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(repo).cloned()
    }

    pub(super) fn keep(&self, repo: &Slug, digest: PostedDigest) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(repo.clone(), digest);
    }
}

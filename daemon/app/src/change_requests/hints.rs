//! When hints last had a project looked at.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use vine_domain::{Timestamp, forge::ForgeProject};

/// The pause between two looks that hints ask for, however many there are.
const PAUSE: Duration = Duration::from_secs(2);
/// Projects whose last hint is remembered.
const REMEMBERED: usize = 1_000;

/// When hints last had a project looked at.
#[derive(Default)]
pub(super) struct Hints(Mutex<HashMap<ForgeProject, Timestamp>>);

impl Hints {
    /// When a hint that comes now has its project looked at.
    pub fn next_look(&self, project: &ForgeProject, now: Timestamp) -> Timestamp {
        let mut hints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = hints.get(project).map_or(now, |last| last.plus(PAUSE));
        if now < after {
            return after;
        }
        if hints.len() >= REMEMBERED {
            hints.clear();
        }
        hints.insert(project.clone(), now);
        now
    }
}

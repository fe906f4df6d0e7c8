//! The forges that are configured, by their hosts.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use vine_domain::{Repo, forge::ForgeProject, ports::Forge};

/// The forges that are configured, by their hosts.
#[derive(Default)]
pub struct Forges(RwLock<BTreeMap<String, Arc<dyn Forge>>>);

impl Forges {
    /// Replaces all of them.
    pub fn set(&self, forges: BTreeMap<String, Arc<dyn Forge>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = forges;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        let known = self.0.read();
        known.unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The forge at a host.
    pub fn at(&self, host: &str) -> Option<Arc<dyn Forge>> {
        let known = self.0.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(host).map(Arc::clone)
    }

    /// The project of a repository, with its forge, if that is configured.
    pub(crate) fn of(&self, repo: &Repo) -> Option<(ForgeProject, Arc<dyn Forge>)> {
        let project = ForgeProject::of_address(repo.source.as_str())?;
        let forge = self.at(&project.host)?;
        Some((project, forge))
    }
}

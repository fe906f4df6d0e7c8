//! How forges sign their webhooks.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use vine_domain::forge::ForgeKind;

/// How a forge signs its webhooks.
#[derive(Clone)]
pub struct ForgeHook {
    /// The kind of forge.
    pub kind: ForgeKind,
    /// The secret.
    pub secret: String,
}

/// How forges sign their webhooks, by their hosts.
#[derive(Clone, Default)]
pub struct ForgeHooks(Arc<RwLock<BTreeMap<String, ForgeHook>>>);

impl ForgeHooks {
    /// Replaces all of them.
    pub fn set(&self, hooks: BTreeMap<String, ForgeHook>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hooks;
    }

    pub(crate) fn at(&self, host: &str) -> Option<ForgeHook> {
        let hooks = self.0.read();
        hooks
            .unwrap_or_else(PoisonError::into_inner)
            .get(host)
            .cloned()
    }
}

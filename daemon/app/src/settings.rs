//! The settings that the operator chose. They may change while the daemon runs, so read them each
//! time.

use std::sync::{Arc, PoisonError, RwLock};

use vine_domain::{
    ConfiguredPerson, ReminderPolicy, Retention, SessionPolicy, access::DecisionRules,
};

/// The settings that the operator chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The address of the page, for links in messages; without a trailing slash.
    pub link: String,
    /// When open questions remind, escalate and expire.
    pub patience: Arc<ReminderPolicy>,
    /// When sessions are worth keeping.
    pub sessions: SessionPolicy,
    /// What is kept, and for how long.
    pub retention: Retention,
    /// The people that the configuration names.
    pub people: Vec<ConfiguredPerson>,
    /// Who decides what agents ask, where the configuration sets that separately.
    pub rules: DecisionRules,
    /// How many batches of one kind of write may run at the same time: one if there is one writer.
    pub batches: usize,
}

impl Settings {
    /// The defaults, with the page at `link`.
    pub fn at(link: &str) -> Self {
        let link = link.trim_end_matches('/').to_owned();
        Self {
            link,
            patience: Arc::default(),
            sessions: SessionPolicy::default(),
            retention: Retention::default(),
            people: Vec::new(),
            rules: DecisionRules::default(),
            batches: 1,
        }
    }
}

/// The settings in force, and why newer ones are not.
pub(crate) struct SettingsInForce {
    settings: RwLock<Arc<Settings>>,
    refused: RwLock<Option<String>>,
}

impl SettingsInForce {
    /// The first settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            refused: RwLock::default(),
        }
    }

    /// The settings in force now.
    pub fn get(&self) -> Arc<Settings> {
        let now = self.settings.read();
        Arc::clone(&now.unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in force.
    pub fn set(&self, settings: Settings) {
        let now = self.settings.write();
        *now.unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Why newer ones are not in force.
    pub fn refused(&self) -> Option<String> {
        let refused = self.refused.read();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why newer ones are not in force, or that they are.
    pub fn refuse(&self, why: Option<String>) {
        let refused = self.refused.write();
        *refused.unwrap_or_else(PoisonError::into_inner) = why;
    }
}

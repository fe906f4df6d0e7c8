//! The settings that the operator chose. They may change while the daemon runs, so read them each
//! time.

use std::sync::{Arc, PoisonError, RwLock};

use vine_domain::{
    ConfiguredPerson, ReminderPolicy, Retention, SessionPolicy, access::DecisionRules,
};

use crate::{App, AppResult};

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
pub(crate) struct InForce {
    settings: RwLock<Arc<Settings>>,
    refused: RwLock<Option<String>>,
}

impl InForce {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            refused: RwLock::default(),
        }
    }
}

impl App {
    /// The settings in force now.
    pub fn settings(&self) -> Arc<Settings> {
        let now = self.in_force.settings.read();
        Arc::clone(&now.unwrap_or_else(PoisonError::into_inner))
    }

    /// Applies other settings. People who are no longer in them lose their tokens, browser sessions
    /// and identities in every daemon; alarms of open questions are set by the new policy.
    pub async fn apply_settings(&self, settings: Settings) -> AppResult<()> {
        let before = self.settings();
        if before.people != settings.people {
            self.store.set_people(&settings.people).await?;
            self.known.forget();
        }
        let patience = before.patience != settings.patience;
        *self
            .in_force
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        if patience {
            self.reset_alarms().await?;
        }
        self.wakes.rooms();
        self.wakes.page();
        Ok(())
    }

    /// Why a changed configuration was not applied; `None` once it was.
    pub fn refused_settings(&self) -> Option<String> {
        let refused = self.in_force.refused.read();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why a changed configuration was not applied, or that it was.
    pub fn refuse_settings(&self, why: Option<String>) {
        *self
            .in_force
            .refused
            .write()
            .unwrap_or_else(PoisonError::into_inner) = why;
        self.wakes.page();
    }
}

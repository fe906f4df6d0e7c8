//! What the operator chose. It may change while the daemon runs: whoever needs it asks for it anew.

use std::sync::{Arc, PoisonError, RwLock};

use vine_domain::{
    ConfiguredPerson, ReminderPolicy, Retention, SessionPolicy, access::DecisionRules,
};

use crate::{App, AppResult};

/// What the operator chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where people find the page, for links in messages; without a slash at its end.
    pub link: String,
    /// When open questions ping again and are given up.
    pub patience: Arc<ReminderPolicy>,
    /// When sessions are worth keeping.
    pub sessions: SessionPolicy,
    /// What is kept, and for how long.
    pub retention: Retention,
    /// The people that the configuration names.
    pub people: Vec<ConfiguredPerson>,
    /// Who decides what agents ask, where that is said apart.
    pub rules: DecisionRules,
    /// So many batches of one kind of write may be under way at the same time: one where there is
    /// one writer.
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

    /// Takes over other settings. Whoever they name no more loses their tokens, browsers and
    /// identities with it, everywhere; alarms of open questions are set by the new patience.
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

    /// Why a changed configuration was not taken over; `None` once it was.
    pub fn refused_settings(&self) -> Option<String> {
        let refused = self.in_force.refused.read();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why a changed configuration is not taken over, or that it was.
    pub fn refuse_settings(&self, why: Option<String>) {
        *self
            .in_force
            .refused
            .write()
            .unwrap_or_else(PoisonError::into_inner) = why;
        self.wakes.page();
    }
}

//! Keeps the place within its bounds: seals what was decided, removes what is older than it is to be, and
//! the oldest when the database grows too large. In small steps, so that nobody waits; by one daemon.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use vine_domain::{Timestamp, Verb, ledger::LedgerEntry};

use crate::{
    App, AppResult, Caller,
    leadership::{self, StatusGossip},
};

/// How often it is looked whether something is to be sealed.
const LOOK: Duration = Duration::from_secs(1);
/// How often what is old is looked for, the first time after as long: a machine that does not know the day when
/// it starts has asked somebody by then.
const AGE: Duration = Duration::from_secs(600);
/// A round makes no more steps: what they removed is counted by the next one.
const STEPS: u32 = 10;
/// Between two steps of one round.
const BREATH: Duration = Duration::from_millis(20);
/// Room for what comes until the next look, and for the log that a database writes before its pages: a tenth
/// of the size that it may have, but no less than this.
const RESERVE: u64 = 12 << 20;

/// Why the database is larger than it may be.
#[derive(Default)]
pub(crate) struct TooLarge(Mutex<Option<String>>);

/// Nobody else needs to know.
struct NoGossip;

impl StatusGossip for NoGossip {
    fn tell(&self) -> String {
        "{}".into()
    }

    fn hear(&self, _told: &str) {}
}

/// Until the daemon stops.
pub async fn run(app: App) {
    leadership::run(&app, "keeping", &NoGossip, |_| work(&app)).await;
}

async fn work(app: &App) {
    let mut aged = Instant::now();
    loop {
        let round = async {
            while app.store.seal().await? > 0 {}
            fit(app).await?;
            if aged.elapsed() >= AGE {
                while app.store.prune(&app.settings().retention).await? > 0 {
                    tokio::time::sleep(BREATH).await;
                }
                aged = Instant::now();
            }
            AppResult::Ok(())
        };
        if let Err(error) = round.await {
            tracing::error!(%error, "what is old cannot be removed: {error}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Removes the oldest until the database has room.
async fn fit(app: &App) -> AppResult<()> {
    let Some(most) = app.settings().retention.size else {
        app.too_large.set(None);
        return Ok(());
    };
    let room = most - (most / 10).max(RESERVE).min(most / 2);
    let mut trouble = None;
    // What was removed may be counted only later.
    for _ in 0..STEPS {
        if app.store.size().await? <= room {
            break;
        }
        if app.store.shrink().await? == 0 {
            let mb = most >> 20;
            trouble = Some(format!(
                "the database is about to be larger than {mb} MB (`keep.size_mb`), and nothing more of it may be removed"
            ));
            break;
        }
        tokio::time::sleep(BREATH).await;
    }
    if app.too_large.set(trouble.clone()) {
        if let Some(trouble) = trouble {
            tracing::warn!("{trouble}");
        }
        app.wakes.page();
    }
    Ok(())
}

impl TooLarge {
    /// Whether that is news.
    fn set(&self, trouble: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *known != trouble;
        *known = trouble;
        news
    }
}

impl App {
    /// Why the database is larger than it may be, if it is.
    pub fn too_large(&self) -> Option<String> {
        let known = self.too_large.0.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Decisions and answers since then, as they were sealed, after this link; with the hash of the link
    /// before the first.
    pub async fn records(
        &self,
        caller: &Caller,
        after: u64,
        since: Timestamp,
        limit: u32,
    ) -> AppResult<(String, Vec<LedgerEntry>)> {
        self.allow(caller, Verb::Inspect, None, "audit").await?;
        // Whoever asks sees what was decided until now.
        while self.store.seal().await? > 0 {}
        Ok(self.store.records(after, since, limit).await?)
    }
}

//! What only one daemon may do: it does it while it holds a lease on it, and lets go before anybody
//! else may begin.

use std::time::Duration;

use tokio::time::Instant;
use vine_domain::{Timestamp, ports::LeaseOutcome};

use crate::App;

/// How long others wait for one that is gone. With [`LOOK`] it bounds a take-over.
const LIFE: Duration = Duration::from_secs(3);
/// How often what is held is kept, and what others hold is looked at.
const LOOK: Duration = Duration::from_millis(700);
/// Without news for this long what is held may soon be somebody else's.
const TRUST: Duration = Duration::from_secs(2);

/// What the holder tells the others, and what others hear of it.
pub trait StatusGossip: Send + Sync {
    /// What others may know, as JSON.
    fn tell(&self) -> String;
    /// What the one who holds it has told.
    fn hear(&self, told: &str);
}

/// Runs `work` whenever this daemon holds `name`, until the daemon stops. The work is dropped when
/// the lease is lost. It is told since when the lease is ours.
pub async fn run<F: Future<Output = ()>>(
    app: &App,
    name: &str,
    shared: &dyn StatusGossip,
    work: impl Fn(Timestamp) -> F,
) {
    while !app.stop.is_cancelled() {
        let (asked, told) = (Instant::now(), shared.tell());
        match app.store.lease(name, &app.me, LIFE, &told).await {
            // An answer that took long may be too old by now.
            Ok(LeaseOutcome::Ours) if asked.elapsed() < TRUST => {
                tracing::debug!("{name} is ours");
                tokio::select! {
                    () = work(app.clock.now()) => {}
                    why = keep(app, name, shared, asked) => tracing::warn!("{name} is left to another daemon: {why}"),
                    () = app.stop.cancelled() => {}
                }
            }
            Ok(LeaseOutcome::Ours) => {}
            Ok(LeaseOutcome::Theirs(told)) => shared.hear(&told),
            Err(error) => tracing::debug!("who does {name} cannot be read: {error}"),
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    if let Err(error) = app.store.release(name, &app.me).await {
        tracing::debug!("{name} could not be given back: {error}");
    }
}

/// Until the lease is lost, or may be; says how. `kept` is when it was asked for.
async fn keep(app: &App, name: &str, shared: &dyn StatusGossip, mut kept: Instant) -> String {
    loop {
        tokio::time::sleep(LOOK).await;
        let (asked, told) = (Instant::now(), shared.tell());
        let hold = app.store.lease(name, &app.me, LIFE, &told);
        match tokio::time::timeout_at(kept + TRUST, hold).await {
            Ok(Ok(LeaseOutcome::Ours)) => kept = asked,
            Ok(Ok(LeaseOutcome::Theirs(_))) => return "it took it over".into(),
            Ok(Err(error)) if kept.elapsed() < TRUST => {
                tracing::debug!("{name} could not be kept yet: {error}");
            }
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the store does not answer".into(),
        }
    }
}

/// The daemons that serve one database together, known by a lease that each keeps.
const DAEMON: &str = "daemon ";
const DAEMON_LIFE: Duration = Duration::from_secs(15);
const DAEMON_LOOK: Duration = Duration::from_secs(4);

/// Keeps this daemon among those that are known, until it stops. `note` is what people may know of
/// it.
pub async fn register(app: App, note: String) {
    let name = format!("{DAEMON}{}", app.me);
    while !app.stop.is_cancelled() {
        if let Err(error) = app.store.lease(&name, &app.me, DAEMON_LIFE, &note).await {
            tracing::debug!("the other daemons cannot be told of this one: {error}");
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(DAEMON_LOOK) => {}
        }
    }
    let _others_see_it_soon = app.store.release(&name, &app.me).await;
}

impl App {
    /// Names of the daemons that live now, but this one.
    pub(crate) async fn other_daemons(&self) -> vine_domain::ports::StoreResult<Vec<String>> {
        let ours = format!("{DAEMON}{}", self.me);
        let held = self.store.held(DAEMON).await?.into_iter();
        Ok(held
            .map(|(name, _)| name)
            .filter(|name| *name != ours)
            .collect())
    }
}

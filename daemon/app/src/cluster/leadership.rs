//! Duties that only one daemon may perform: it holds a lease on each, and stops before another
//! daemon may begin. These are not the leases on tasks (`lease.rs` in the domain).

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vine_domain::{Timestamp, ports::LeaseOutcome};

use crate::cluster::Cluster;

/// How long others wait for a leader that is gone. With [`LOOK`] it bounds a takeover.
const LIFE: Duration = Duration::from_secs(3);
/// How often leases are renewed, and those of others are checked.
const LOOK: Duration = Duration::from_millis(700);
/// A lease that was not renewed for this long may soon belong to another daemon.
const TRUST: Duration = Duration::from_secs(2);

/// The status that the leader shares with the other daemons.
pub trait StatusGossip: Send + Sync {
    /// The status to share, as JSON.
    fn tell(&self) -> String;
    /// Takes the status that the leader shared.
    fn hear(&self, told: &str);
}

/// Other daemons need no status of this duty.
pub(crate) struct NoGossip;

impl StatusGossip for NoGossip {
    fn tell(&self) -> String {
        "{}".into()
    }

    fn hear(&self, _told: &str) {}
}

/// Runs `work` whenever this daemon holds the lease `name`, until `stop`. The work is
/// dropped when the lease is lost. Its argument is since when the lease is ours.
pub async fn run<F: Future<Output = ()>>(
    cluster: &Cluster,
    stop: &CancellationToken,
    name: &str,
    shared: &dyn StatusGossip,
    work: impl Fn(Timestamp) -> F,
) {
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let told = shared.tell();
        match cluster.store.lease(name, &cluster.me, LIFE, &told).await {
            // A reply that took long may be too old by now.
            Ok(LeaseOutcome::Ours) if asked.elapsed() < TRUST => {
                tracing::debug!("leading: {name}");
                tokio::select! {
                    () = work(cluster.clock.now()) => {}
                    why = keep(cluster, name, shared, asked) => tracing::warn!("no longer leading {name}: {why}"),
                    () = stop.cancelled() => {}
                }
            }
            Ok(LeaseOutcome::Ours) => {}
            Ok(LeaseOutcome::Theirs(told)) => shared.hear(&told),
            Err(error) => tracing::debug!("could not read who leads {name}: {error}"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    if let Err(error) = cluster.store.release(name, &cluster.me).await {
        tracing::debug!("could not release {name}: {error}");
    }
}

/// Renews the lease until it is lost, or may be; returns why. `kept` is when it was last requested.
async fn keep(
    cluster: &Cluster,
    name: &str,
    shared: &dyn StatusGossip,
    mut kept: Instant,
) -> String {
    loop {
        tokio::time::sleep(LOOK).await;
        let asked = Instant::now();
        let told = shared.tell();
        let hold = cluster.store.lease(name, &cluster.me, LIFE, &told);
        match tokio::time::timeout_at(kept + TRUST, hold).await {
            // This process may have stood still while the reply waited for it.
            Ok(Ok(LeaseOutcome::Ours)) if asked.elapsed() >= TRUST => {
                return "the store's answer came too late".into();
            }
            Ok(Ok(LeaseOutcome::Ours)) => kept = asked,
            Ok(Ok(LeaseOutcome::Theirs(_))) => return "another daemon took it over".into(),
            Ok(Err(error)) if kept.elapsed() < TRUST => {
                tracing::debug!("could not renew {name} yet: {error}");
            }
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the store does not answer".into(),
        }
    }
}

/// The prefix of the lease by which each daemon of a database is known to the others.
const DAEMON: &str = "daemon ";
const DAEMON_LIFE: Duration = Duration::from_secs(15);
const DAEMON_LOOK: Duration = Duration::from_secs(4);

/// Keeps this daemon registered until it stops. `note` is what people may see of it.
pub async fn register(cluster: Arc<Cluster>, note: String) {
    let name = format!("{DAEMON}{}", cluster.me);
    while !cluster.stop.is_cancelled() {
        if let Err(error) = cluster
            .store
            .lease(&name, &cluster.me, DAEMON_LIFE, &note)
            .await
        {
            tracing::debug!("could not register this daemon: {error}");
        }
        tokio::select! {
            () = cluster.stop.cancelled() => {}
            () = tokio::time::sleep(DAEMON_LOOK) => {}
        }
    }
    let _others_see_it_soon = cluster.store.release(&name, &cluster.me).await;
}

impl Cluster {
    /// Names of the other daemons that are running.
    pub(crate) async fn other_daemons(&self) -> vine_domain::ports::StoreResult<Vec<String>> {
        let ours = format!("{DAEMON}{}", self.me);
        let held = self.store.held(DAEMON).await?.into_iter();
        Ok(held
            .map(|(name, _)| name)
            .filter(|name| *name != ours)
            .collect())
    }
}

//! Wake-ups between daemons: what is stored here may be waited for elsewhere. Those that gather
//! while one message is being sent go with the next one.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use vine_domain::ports::{Wakeup, WakeupBus};

use crate::cluster::Cluster;

/// The pause between two messages, so that wake-ups gather: each message costs all writers.
const PACE: Duration = Duration::from_millis(5);
/// The pause before listening again.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends and receives wake-ups until the daemon stops.
pub async fn run(cluster: Arc<Cluster>, hints: Arc<dyn WakeupBus>) {
    let (send, gathered) = mpsc::unbounded_channel();
    cluster.wakeups.tell(send);
    let _only_one = cluster.bus.set(Arc::clone(&hints));
    let stop = cluster.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = tell(&*hints, gathered) => {}
        () = listen(&cluster, &*hints) => {}
    }
}

async fn tell(hints: &dyn WakeupBus, mut gathered: mpsc::UnboundedReceiver<Wakeup>) {
    let mut together = Vec::new();
    while gathered.recv_many(&mut together, 1000).await > 0 {
        let told: HashSet<Wakeup> = together.drain(..).collect();
        let told: Vec<Wakeup> = told.into_iter().collect();
        if let Err(why) = hints.tell(&told).await {
            tracing::debug!("could not send wake-ups to the other daemons: {why}");
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn listen(cluster: &Cluster, hints: &dyn WakeupBus) {
    loop {
        let wakes = Arc::clone(&cluster.wakeups);
        let lost = hints.listen(&move |hint| wakes.heard(hint)).await;
        tracing::warn!("not receiving wake-ups from other daemons, polling instead: {lost}");
        tokio::time::sleep(AGAIN).await;
    }
}

impl Cluster {
    /// What is wrong with the bus between daemons.
    pub fn hint_trouble(&self) -> Option<String> {
        self.bus.get()?.trouble()
    }
}

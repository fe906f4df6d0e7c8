//! Hints between daemons: what was stored here may be waited for elsewhere. All that gathers while
//! one message is on its way goes with the next one.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use vine_domain::ports::{Wakeup, WakeupBus};

use crate::App;

/// What is no worker's and no answer's may wait for company: it costs all writers to tell it.
const PACE: Duration = Duration::from_millis(5);
/// Between tries to hear again.
const AGAIN: Duration = Duration::from_secs(1);

/// Carries hints until the daemon stops.
pub async fn run(app: App, hints: Arc<dyn WakeupBus>) {
    let (send, gathered) = mpsc::unbounded_channel();
    app.wakes.tell(send);
    let _only_one = app.hints.set(Arc::clone(&hints));
    let stop = app.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = tell(&*hints, gathered) => {}
        () = listen(&app, &*hints) => {}
    }
}

impl App {
    /// What is wrong with what carries hints between daemons.
    pub fn hint_trouble(&self) -> Option<String> {
        self.hints.get()?.trouble()
    }
}

async fn tell(hints: &dyn WakeupBus, mut gathered: mpsc::UnboundedReceiver<Wakeup>) {
    let mut together = Vec::new();
    while gathered.recv_many(&mut together, 1000).await > 0 {
        let told: HashSet<Wakeup> = together.drain(..).collect();
        let told: Vec<Wakeup> = told.into_iter().collect();
        if let Err(why) = hints.tell(&told).await {
            tracing::debug!("hints to the other daemons are lost: {why}");
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn listen(app: &App, hints: &dyn WakeupBus) {
    loop {
        let wakes = Arc::clone(&app.wakes);
        let lost = hints.listen(&move |hint| wakes.heard(hint)).await;
        tracing::warn!(
            "hints of other daemons are not heard, looking by the clock instead: {lost}"
        );
        tokio::time::sleep(AGAIN).await;
    }
}

//! The connection of an adapter: opened, kept, and opened again after a pause.

use std::time::Duration;

use tokio::sync::watch;
use vine_domain::ports::{ChatError, EventSink};

/// The first pause between two tries to connect; it doubles up to a minute. Also how soon to retry
/// a call while there is no connection.
pub const SOON: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_secs(60);

/// The session of an adapter, while it is connected.
pub struct Slot<S>(watch::Sender<Option<S>>);

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl<S: Clone> Slot<S> {
    /// The session, or an error that asks for a retry.
    pub fn get(&self) -> Result<S, ChatError> {
        self.0.borrow().clone().ok_or_else(|| ChatError::NotNow {
            why: "not connected yet".into(),
            after: SOON,
        })
    }

    /// The adapter is connected.
    pub fn fill(&self, session: S) {
        self.0.send_replace(Some(session));
    }

    /// The connection has ended; whether there was one.
    fn clear(&self) -> bool {
        self.0.send_replace(None).is_some()
    }
}

/// Connects and listens forever; drop it to stop. `connect` fills the slot once it is connected and
/// returns the problem that ended it, which is reported as the adapter's health.
pub async fn keep_connected<S: Clone, F: Future<Output = String>>(
    slot: &Slot<S>,
    ear: &dyn EventSink,
    connect: impl Fn() -> F,
) -> ! {
    let mut pause = SOON;
    loop {
        let trouble = connect().await;
        let worked = slot.clear();
        ear.health(Err(trouble));
        pause = if worked { SOON } else { (pause * 2).min(LATE) };
        tokio::time::sleep(pause).await;
    }
}

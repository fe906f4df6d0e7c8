//! The handles that flows are made from.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vine_domain::{Clock, Ids, ports::Store};

use crate::{
    Settings, Wakeups, after_commit::AfterCommit, change_requests::forges::Forges,
    isolation::Isolation, metrics::Metrics, question_traces::TraceListener,
    settings::SettingsInForce, waiting_claims::Unread, write_queue::WriteQueue,
};

/// The handles that flows are made from; each takes the few that it needs.
pub(crate) struct Core {
    /// The state of everything.
    pub store: Arc<dyn Store>,
    /// Where what must not be lost is written.
    pub writes: Arc<WriteQueue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Creates ids.
    pub ids: Arc<dyn Ids>,
    /// Wake-ups between use cases and loops.
    pub wakeups: Arc<Wakeups>,
    /// What this daemon counts and measures.
    pub metrics: Arc<Metrics>,
    /// The settings that the operator chose.
    pub settings: Arc<SettingsInForce>,
    /// Presets of repositories and walls of workers, as cards show them.
    pub isolation: Arc<Isolation>,
    /// The forges that are configured.
    pub forges: Arc<Forges>,
    /// Who follows questions that are over.
    pub traces: Arc<TraceListener>,
    /// Cancelled when the daemon stops; waiting calls then return immediately.
    pub stop: CancellationToken,
    /// The id of this daemon.
    pub me: Arc<str>,
}

impl Core {
    /// The handles of one daemon over its ports, and where orders arrive whose worker had hung up.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: Settings,
        stop: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<Unread>) {
        let wakeups = Arc::new(Wakeups::default());
        let metrics = Arc::new(Metrics::default());
        let traces = Arc::new(TraceListener::new(Arc::clone(&store)));
        let after = AfterCommit {
            clock: Arc::clone(&clock),
            wakeups: Arc::clone(&wakeups),
            metrics: Arc::clone(&metrics),
            traces: Arc::clone(&traces),
        };
        let (writes, unread) = WriteQueue::new(Arc::clone(&store), after, settings.batches);
        let core = Self {
            me: ids.uuid().to_string().into(),
            writes: Arc::new(writes),
            isolation: Arc::new(Isolation::new(Arc::clone(&store), Arc::clone(&clock))),
            forges: Arc::default(),
            settings: Arc::new(SettingsInForce::new(settings)),
            store,
            clock,
            ids,
            wakeups,
            metrics,
            traces,
            stop,
        };
        (core, unread)
    }
}

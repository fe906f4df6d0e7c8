//! Events are stored first, then processed: in order where they happened, and at the same time
//! elsewhere.

use std::time::Duration;

use futures_util::future::join_all;
use vine_domain::{
    Timestamp,
    chat::{Inbound, InboundKind, Location},
    ports::UnprocessedEvent,
};

use crate::{
    AppError, AppResult, Inbox,
    commands::CommandOutput,
    inbox::{
        pending_edits::PendingEdits,
        turn::{InboxTurn, in_platforms_order, place},
    },
};

/// An event that is this old and still unprocessed was left over by an earlier process.
const LEFT_OVER: Duration = Duration::from_secs(10);
/// How long an adapter may take to fetch the content of an event. Words that arrive much later
/// could answer another question.
const AWAITED: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_secs(5);

/// Processes the events of adapters immediately, and left-over ones by the clock, until the daemon
/// stops.
pub async fn run(inbox: Inbox) {
    loop {
        let age = tokio::select! {
            () = inbox.app.core.stop.cancelled() => return,
            () = inbox.app.core.wakeups.on_inbox() => Duration::ZERO,
            () = tokio::time::sleep(TICK) => LEFT_OVER,
        };
        if let Err(error) = inbox.catch_up(age).await {
            tracing::error!(%error, "could not read the inbox: {error}");
        }
    }
}

impl Inbox {
    /// Takes an event of a platform: stores it before anything else, then processes it, even if the
    /// caller hangs up. Returns the reply for its author alone; `None` if the thread shows
    /// everything, or if the event is already known.
    pub async fn hear(&self, event: Inbound) -> AppResult<Option<Result<CommandOutput, AppError>>> {
        if !self.store.store_event(&event).await? {
            return Ok(None);
        }
        let inbox = self.clone();
        let now = self.clock.now();
        let dealt =
            tokio::spawn(
                async move { inbox.deal_with(&event, now, &PendingEdits::default()).await },
            );
        dealt.await.map_err(|_| AppError::Stopping)
    }

    /// The same for a caller that sends an event again because the first reply was lost. Succeeds if the
    /// first one had an effect; otherwise it is an error.
    pub async fn hear_once(&self, event: Inbound) -> AppResult<Option<CommandOutput>> {
        let known = self.knows(&event).await?;
        let reply = self.hear(event.clone()).await?.transpose()?;
        if known && reply.is_none() {
            self.outcome_of(&event).await?;
        }
        Ok(reply)
    }

    async fn outcome_of(&self, event: &Inbound) -> AppResult<()> {
        let Location::Ours {
            task: Some(task), ..
        } = event.spot
        else {
            return Ok(());
        };
        let has_words = matches!(event.act, InboundKind::Said | InboundKind::Filled(_));
        let found = self.surroundings(event).await?;
        if !has_words || self.is_command(event, &found) {
            return Ok(());
        }
        let _turn = self.reading.take(place(event)).await;
        match self.use_of(task, event.key()).await? {
            Some(_) => Ok(()),
            None => Err(AppError::Unreadable(
                "this message was received, but had no effect; send it again".into(),
            )),
        }
    }

    #[tracing::instrument(level = "debug", name = "inbound", skip_all, fields(
        platform = event.platform, event.id = event.event,
    ))]
    async fn deal_with(
        &self,
        event: &Inbound,
        stored: Timestamp,
        changes: &PendingEdits,
    ) -> Option<Result<CommandOutput, AppError>> {
        let _turn = self.reading.take(place(event)).await;
        // It may have been processed while this call waited for its turn.
        match self.store.is_processed(event).await {
            Ok(true) => return None,
            Ok(false) => {}
            Err(error) => return Some(Err(error.into())),
        }
        let reply = self
            .read(
                event,
                &mut InboxTurn {
                    stored,
                    changes,
                    to_us: false,
                },
            )
            .await;
        if let Err(error) = self.reply_privately(event, &reply).await {
            return Some(Err(error));
        }
        // What cannot be done or understood yet stays unprocessed and is tried again.
        if !matches!(
            reply,
            Err(AppError::Store(_) | AppError::Stopping | AppError::Early)
        ) {
            for done in std::iter::once(event).chain(changes.all_of(event)) {
                if let Err(error) = self.store.mark_processed(done).await {
                    tracing::error!(event = %done.event, %error, "could not mark an event as \
                     processed: {error}");
                    return Some(Err(error.into()));
                }
            }
        }
        reply.transpose()
    }

    /// Processes events that were left over: by an earlier process, or while the store was
    /// unavailable.
    pub async fn catch_up(&self, age: Duration) -> AppResult<()> {
        // Words that waited are tried again, from the first one on.
        self.waiting().clear();
        let mut after = 0;
        let mut changes = PendingEdits::default();
        loop {
            let mut unread = self.store.unprocessed(age, AWAITED, after).await?;
            let last = unread.last().map(|last| last.seq);
            in_platforms_order(&mut unread);
            changes.gather(unread.iter().map(|one| &one.event));
            let mut places: Vec<(String, Vec<&UnprocessedEvent>)> = Vec::new();
            for one in &unread {
                let place = place(&one.event);
                match places.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, events)) => events.push(one),
                    None => places.push((place, vec![one])),
                }
            }
            let all = places
                .into_iter()
                .map(|(_, events)| self.in_order(events, &changes));
            join_all(all).await.into_iter().collect::<AppResult<()>>()?;
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Processes the events of one place, one after the other.
    async fn in_order(
        &self,
        events: Vec<&UnprocessedEvent>,
        changes: &PendingEdits,
    ) -> AppResult<()> {
        for UnprocessedEvent { event, at, .. } in events {
            match self.deal_with(event, *at, changes).await {
                Some(Err(error @ (AppError::Store(_) | AppError::Stopping))) => {
                    return Err(error);
                }
                Some(Err(AppError::Early)) | Some(Ok(_)) | None => {}
                Some(Err(error)) => {
                    tracing::info!(event = %event.event, platform = %event.platform, "an event had no effect: {error}");
                }
            }
        }
        Ok(())
    }

    /// Whether an event was stored before.
    async fn knows(&self, event: &Inbound) -> AppResult<bool> {
        let known = self.store.event(&event.platform, &event.event).await?;
        Ok(known.is_some())
    }
}

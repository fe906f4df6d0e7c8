//! Progress on cards: what agents are at. Nothing of it is queued. When nothing else is to be posted,
//! the card whose picture is oldest is edited, if it would show something else.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use vine_domain::{
    TaskId,
    chat::{MarkupLevel, OutboxItem},
    ports::{Chat, ChatError, ProgressPace, StoreResult},
};

use crate::{
    rooms::{Rooms, sync::is_fit},
    texts::{TextContext, working_card},
};

/// The store is asked for news at most this often.
const LOOK: Duration = Duration::from_secs(2);

/// When what was shown of progress on one platform.
pub(super) struct ShownProgress {
    pace: ProgressPace,
    state: Mutex<State>,
}

struct State {
    /// Nothing is shown before then.
    next: Instant,
    cards: HashMap<TaskId, ShownCard>,
    /// Rooms that take nothing before then.
    busy: HashMap<String, Instant>,
}

/// What a card shows.
#[derive(Debug, Clone)]
struct ShownCard {
    at: Instant,
    text: String,
}

impl ShownProgress {
    pub(super) fn new(pace: ProgressPace) -> Self {
        let state = State {
            next: Instant::now(),
            cards: HashMap::new(),
            busy: HashMap::new(),
        };
        Self {
            pace,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A card was edited for another reason, and shows no progress any more.
    pub(super) fn forget(&self, task: TaskId) {
        if let Some(card) = self.state().cards.get_mut(&task) {
            card.text.clear();
        }
    }

    /// A room takes nothing for a while.
    pub(super) fn leave_alone(&self, room: &str, after: Duration) {
        let until = Instant::now() + after;
        self.state().busy.insert(room.to_owned(), until);
    }

    /// How long until progress may be shown again.
    pub(super) fn pause(&self) -> Duration {
        self.state().next.saturating_duration_since(Instant::now())
    }

    /// The card to edit now, except in `busy` rooms.
    pub(super) async fn next(
        &self,
        rooms: &Rooms,
        platform: &str,
        busy: &HashSet<String>,
    ) -> StoreResult<Option<OutboxItem>> {
        let now = Instant::now();
        self.state().next = now + LOOK;
        let settings = rooms.settings.get();
        let time = rooms.clock.now();
        let working = rooms.store.working_cards(platform).await?;
        let cards: Vec<OutboxItem> = working
            .into_iter()
            .map(|card| {
                let isolation = rooms.tasks.isolation_now(&card.task);
                let context = TextContext {
                    settings: &settings,
                    now: time,
                    isolation: isolation.as_deref(),
                    is_folder: false,
                };
                let id = rooms.tasks.message_id();
                OutboxItem {
                    message: working_card(&context, id, &card),
                    platform: platform.to_owned(),
                    room: card.room,
                    repo: Some(card.task.repo),
                    thread: Some(card.thread),
                    latest: None,
                    edits: Some(card.reference),
                    edits_last: None,
                    about: None,
                    mentions: Vec::new(),
                    already: None,
                    encrypted: card.encrypted,
                    again: false,
                    form: MarkupLevel::Whole,
                    at: time,
                    attempts: 0,
                    shows: None,
                }
            })
            .collect();
        let known: HashSet<TaskId> = cards.iter().filter_map(task_of).collect();
        let mut state = self.state();
        state.cards.retain(|task, _| known.contains(task));
        state.busy.retain(|_, until| *until > now);
        let free = cards
            .into_iter()
            .filter(|card| !busy.contains(&card.room) && !state.busy.contains_key(&card.room));
        let oldest = free
            .filter(|card| state.is_due(card, self.pace.card, now))
            .min_by_key(|card| {
                task_of(card)
                    .and_then(|task| state.cards.get(&task))
                    .map(|card| card.at)
            });
        if let Some(card) = &oldest
            && let Some(task) = task_of(card)
        {
            let text = card.message.text.clone();
            state.cards.insert(task, ShownCard { at: now, text });
            state.next = now + self.pace.all;
        }
        Ok(oldest)
    }
}

impl State {
    fn is_due(&self, card: &OutboxItem, pace: Duration, now: Instant) -> bool {
        let shown = task_of(card).and_then(|task| self.cards.get(&task));
        shown.is_none_or(|shown| {
            shown.text != card.message.text && now.duration_since(shown.at) >= pace
        })
    }
}

fn task_of(card: &OutboxItem) -> Option<TaskId> {
    card.message.place.task()
}

/// Edits a card. What fails is not repeated: the next picture comes anyway.
pub(super) async fn show(chat: &dyn Chat, card: &OutboxItem) -> Result<(), ChatError> {
    is_fit(chat, card.encrypted)?;
    chat.deliver(card).await.map(drop)
}

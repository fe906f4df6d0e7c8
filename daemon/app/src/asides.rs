//! What one person is told, in reply to what they said on a platform.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use vine_domain::{
    MessageId, Timestamp,
    chat::{Aside, Inbound, Outbound, OutboundKind, Place, Spot},
    uuid_of,
};

use crate::{App, AppError, Done, commands::Reply};

/// Somebody who may nothing is told so once in this long: each refusal is a message, and rooms have
/// limits.
const REFUSED: Duration = Duration::from_secs(3600);

/// When strangers were last told that they are strangers.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<String, Timestamp>>);

impl Refusals {
    /// Whether it is time to tell this one.
    fn due(&self, who: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.since(*at) < REFUSED);
        let due = !told.contains_key(who);
        if due {
            told.insert(who.to_owned(), now);
        }
        due
    }
}

impl App {
    /// Tells the author of an event what came of it, where they said it. The console's authors hear
    /// it with their call.
    ///
    /// Strangers hear once in a while that they are, whatever they try: each reply costs of what
    /// the platform lets us say.
    pub(crate) async fn say_aside(
        &self,
        event: &Inbound,
        outcome: &Result<Option<Reply>, AppError>,
    ) -> Done<()> {
        let Spot::Theirs { room, thread, .. } = &event.spot else {
            return Ok(());
        };
        let stranger = self
            .store
            .user(&event.platform, &event.author)
            .await?
            .is_none();
        let text = match outcome {
            Ok(None) | Err(AppError::Store(_) | AppError::Early | AppError::Stopping) => {
                return Ok(());
            }
            Err(_) | Ok(Some(_)) if stranger || matches!(outcome, Err(AppError::Denied(_))) => {
                let who = format!("{}:{}", event.platform, event.author);
                if !self.refusals.due(&who, self.clock.now()) {
                    return Ok(());
                }
                refusal(outcome, &event.author)
            }
            Ok(Some(reply)) => reply.text.clone(),
            Err(error) => error.told(),
        };
        let (platform, author, to) = (
            event.platform.clone(),
            event.author.clone(),
            event.event.clone(),
        );
        let aside = Aside {
            platform,
            room: room.clone(),
            thread: thread.clone(),
            to,
            author,
        };
        let id = MessageId(uuid_of(&format!("aside {}", event.own_key())));
        let told = Outbound::new(id, Place::Aside(aside), OutboundKind::Notice, text);
        let buttons = match outcome {
            Err(error) if !stranger => error.buttons().to_vec(),
            _ => Vec::new(),
        };
        self.store.post(&Outbound { buttons, ..told }).await?;
        self.wakes.outbox();
        Ok(())
    }
}

fn refusal(outcome: &Result<Option<Reply>, AppError>, author: &str) -> String {
    let why = match outcome {
        Err(AppError::Denied(denied)) => denied.to_string(),
        _ => "a stranger has no say here".into(),
    };
    format!(
        "{why}.\nPeople and roles stand in the configuration, under `[[people]]`. You are \
         `{author}` there."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_refused_aloud_once_an_hour() {
        let refusals = Refusals::default();
        assert!(refusals.due("a", Timestamp(0)) && refusals.due("b", Timestamp(0)));
        assert!(!refusals.due("a", Timestamp(3_599_999)));
        assert!(refusals.due("a", Timestamp(3_600_000)));
    }
}

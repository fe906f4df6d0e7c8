//! Private replies: what one person receives in reply to their message on a platform.

use vine_domain::{
    MessageId,
    access::{self, ListScope},
    chat::{Inbound, InboundKind, Location, MessagePlace, Outbound, OutboundKind, PrivateReply},
    markdown::quoted,
    ports::Say,
    uuid_of,
};

use crate::{AppError, AppResult, Inbox, commands::CommandOutput};

const STRANGER: &str = "You don't have access here";

impl Inbox {
    /// Tells the author of an event its outcome, where they wrote. The console returns it with the
    /// call.
    ///
    /// A reply that nobody else sees is always sent. In rooms, strangers get one once in a while,
    /// whatever they try: each reply counts toward the platform's limits.
    pub(crate) async fn reply_privately(
        &self,
        event: &Inbound,
        outcome: &Result<Option<CommandOutput>, AppError>,
    ) -> AppResult<()> {
        let Location::Theirs { room, thread, .. } = &event.spot else {
            return Ok(());
        };
        if let Ok(None) = outcome {
            return Ok(());
        }
        let user = self.store.user(&event.platform, &event.author).await?;
        let stranger = user.is_none();
        let sees_all = access::sight(user.as_ref()) == Ok(ListScope::Everything);
        let text = match outcome {
            Ok(None) | Err(AppError::Store(_) | AppError::Early | AppError::Stopping) => {
                return Ok(());
            }
            Err(_) | Ok(Some(_)) if stranger => {
                if !event.private && !self.recent_replies.due(event, STRANGER, self.clock.now()) {
                    return Ok(());
                }
                refusal(outcome, &event.author)
            }
            Err(AppError::Denied(_)) => refusal(outcome, &event.author),
            // It may exist where they are not allowed to see it: both get the same reply.
            Err(error @ AppError::NotFound(_)) if !sees_all => {
                format!("{}\n{}", error.told(), named(&event.author))
            }
            Ok(Some(reply)) => reply.in_chat(&self.app.settings().link),
            Err(error) => match &event.left_out {
                Some(left_out) => format!("{}\n{left_out}", error.told()),
                None => error.told(),
            },
        };
        let words = words_of(event).filter(|_| outcome.is_err() && !stranger);
        let text = [Some(text), words].into_iter().flatten();
        let text = text.collect::<Vec<_>>().join("\n\n");
        let platform = event.platform.clone();
        let author = event.author.clone();
        let to = event.event.clone();
        let aside = PrivateReply {
            platform,
            room: room.clone(),
            thread: thread.clone(),
            to,
            author,
        };
        let id = MessageId(uuid_of(&format!("aside {}", event.own_key())));
        let told = Outbound::new(id, MessagePlace::Aside(aside), OutboundKind::Notice, text);
        let buttons = match outcome {
            Ok(Some(reply)) if !stranger => reply.buttons.clone(),
            Err(error) if !stranger => error.buttons().to_vec(),
            _ => Vec::new(),
        };
        let say = Say::one(Outbound { buttons, ..told });
        self.app.core.writes.say(say).await
    }
}

/// The words of a form that was refused: the platform has closed it, and nobody should have to write
/// them again.
fn words_of(event: &Inbound) -> Option<String> {
    let words = match &event.act {
        InboundKind::Filled(form) => {
            let words = form.fields.iter().map(|field| field.words.trim());
            let words = words.filter(|words| !words.is_empty());
            words.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    (!words.is_empty()).then(|| format!("You wrote:\n{}", quoted(&words)))
}

fn refusal(outcome: &Result<Option<CommandOutput>, AppError>, author: &str) -> String {
    let why = match outcome {
        Err(AppError::Denied(denied)) => denied.to_string(),
        _ => STRANGER.into(),
    };
    format!("{why}.\n{}", named(author))
}

fn named(author: &str) -> String {
    format!(
        "Access is set in the daemon's configuration, under `[[people]]`. Your id is `{author}`."
    )
}

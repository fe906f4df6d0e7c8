//! Private replies: what one person gets.

use crate::card::PLAIN;

use serde_json::json;
use serenity::all::{LightMethod, Route};
use vine_domain::{
    chat::{MarkupLevel, OutboxItem, Posted, PrivateReply, pieces::edited as shortened},
    ports::ChatError,
};

use crate::{
    card,
    ids::channel,
    interactions::ReplyRoute,
    markup::{marked, parts},
    nonce,
    session::DiscordSession,
    translate::REACTION,
};

pub(crate) const EPHEMERAL: u64 = 64;

/// A private reply: to the pending interaction if there is one, else as a reply to the message.
pub(crate) async fn whisper(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    aside: &PrivateReply,
) -> Result<Posted, ChatError> {
    let text = match dispatch.form {
        MarkupLevel::Whole | MarkupLevel::Words => {
            marked(&shortened(parts(&dispatch.message.text)), &[])
        }
        MarkupLevel::File => "This reply could not be shown here; the page shows it.".into(),
    };
    let rows = match dispatch.form {
        MarkupLevel::Whole => card::rows(&dispatch.message.buttons),
        MarkupLevel::Words | MarkupLevel::File => Vec::new(),
    };
    let only = json!({ "content": text, "flags": EPHEMERAL | PLAIN, "components": rows, "allowed_mentions": { "parse": [] } });
    let told = match (session.waiting.way(&aside.to), aside.to.split_once(':')) {
        (Some(ReplyRoute::Amend(token)), _) => {
            let route = Route::WebhookOriginalInteractionResponse {
                application_id: session.app(),
                token: &token,
            };
            session
                .rest
                .call("answering", LightMethod::Patch, route, &only)
                .await?
        }
        (Some(ReplyRoute::Fresh(token)), _) => {
            let route = Route::WebhookFollowupMessages {
                application_id: session.app(),
                token: &token,
            };
            session
                .rest
                .call("answering", LightMethod::Post, route, &only)
                .await?
        }
        (None, Some((room, id))) => {
            let mut body = json!({ "content": text, "flags": PLAIN, "components": rows, "allowed_mentions": { "parse": [], "replied_user": true } });
            body["message_reference"] = json!({ "message_id": id, "fail_if_not_exists": false });
            body["nonce"] = json!(nonce::write(dispatch.message.id, 0));
            body["enforce_nonce"] = json!(true);
            session
                .rest
                .call(
                    "replying",
                    LightMethod::Post,
                    Route::ChannelMessages {
                        channel_id: channel(room)?,
                    },
                    &body,
                )
                .await?
        }
        // A reaction is not a message that can be replied to.
        (None, None) if aside.to.starts_with(REACTION) => {
            let text = format!("<@{}> {text}", aside.author);
            let body = json!({ "content": text, "flags": PLAIN, "components": rows, "nonce": nonce::write(dispatch.message.id, 0),
                "enforce_nonce": true, "allowed_mentions": { "parse": [], "users": [aside.author] } });
            let route = Route::ChannelMessages {
                channel_id: channel(&aside.room)?,
            };
            session
                .rest
                .call("replying", LightMethod::Post, route, &body)
                .await?
        }
        (None, None) => {
            return Err(ChatError::Gone(
                "the interaction that this replies to has expired".into(),
            ));
        }
    };
    // Presses on its buttons refer to this ID.
    Ok(Posted::one(
        aside.thread.as_ref().unwrap_or(&aside.to),
        told["id"].as_str().unwrap_or(&aside.to),
    ))
}

//! Posts: new messages, edits, reactions. Every request has a transaction ID made from the message
//! ID, by which the homeserver recognizes a repetition for a day. Older posts appear in the stream,
//! which we read before posting.

use vine_domain::chat::OutboundKind;

use matrix_sdk::{
    Room,
    ruma::{
        OwnedEventId, TransactionId, api::client::receipt::create_receipt::v3::ReceiptType,
        events::receipt::ReceiptThread,
    },
};
use serde_json::{Value, json};
use vine_domain::{
    chat::{
        Delivery, MarkupLevel, MessagePlace, OutboxItem, Posted, PrivateReply, ReactionTo,
        pieces::{Piece, edited as edited_text, pieces},
    },
    ports::ChatError,
};

use crate::{
    error::{chat, is_there_already},
    markup::marked,
    pieces::parts,
    translate::KEY,
    upload,
};

/// Posts or edits one message.
pub async fn deliver(room: &Room, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
    match Delivery::of(dispatch) {
        Delivery::React(reaction) => {
            react(room, dispatch, reaction.event, reaction.sign.emoji()).await?;
            let thread = dispatch.thread.as_deref().unwrap_or(reaction.event);
            Ok(Posted::one(thread, reaction.event))
        }
        Delivery::Edit {
            reference,
            react: before,
        } => {
            if let Some(reaction) = before {
                accepted(room, dispatch, reaction).await?;
            }
            edit(room, dispatch, reference).await
        }
        // The homeserver recognizes a repetition, so nothing has to be looked up.
        Delivery::Reply(_) | Delivery::Post { .. } => post(room, dispatch).await,
    }
}

/// Shows that an answer was accepted.
async fn accepted(
    room: &Room,
    dispatch: &OutboxItem,
    reaction: ReactionTo<'_>,
) -> Result<(), ChatError> {
    match react(room, dispatch, reaction.event, reaction.sign.emoji()).await {
        // The message was deleted, or we are not allowed to react; that must not block the edit.
        Err(ChatError::Gone(why)) => tracing::debug!("could not add a check mark: {why}"),
        other => other?,
    }
    mark_read(room, reaction.event).await;
    Ok(())
}

async fn post(room: &Room, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
    let pieces = pieces(dispatch, parts(&dispatch.message.text));
    let mut posted: Vec<String> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let mut content = match piece {
            Piece::Words(text) => words(dispatch, text, number == 0),
            Piece::File(file) => upload::file(room, file).await?,
        };
        content[KEY] = json!({ "id": dispatch.message.id.to_string(), "part": number, "last": number + 1 == pieces.len() });
        let root = dispatch
            .thread
            .as_deref()
            .or(posted.first().map(String::as_str));
        if let Some(relation) = relation(dispatch, root, posted.last().map(String::as_str)) {
            content["m.relates_to"] = relation;
        }
        posted.push(
            send(
                room,
                "m.room.message",
                content,
                &format!("vine-{}-{number}", dispatch.message.id),
            )
            .await?,
        );
    }
    let thread = dispatch
        .thread
        .clone()
        .or_else(|| posted.first().cloned())
        .unwrap_or_default();
    offer(room, dispatch, posted.last()).await;
    Ok(Posted::all(thread, posted))
}

/// Adds the reactions that serve as buttons. Failures are not retried, since people can also answer
/// in words.
async fn offer(room: &Room, dispatch: &OutboxItem, on: Option<&String>) {
    let Some(on) = on else { return };
    for (index, button) in dispatch.message.buttons.iter().enumerate() {
        let Some(sign) = button.sign(index) else {
            continue;
        };
        if let Err(error) = react(room, dispatch, on, sign).await {
            tracing::debug!("could not add a reaction as a button: {error}");
            return;
        }
    }
}

async fn edit(room: &Room, dispatch: &OutboxItem, edited: &str) -> Result<Posted, ChatError> {
    let new = words(dispatch, &edited_text(parts(&dispatch.message.text)), false);
    let mut content = new.clone();
    content[KEY] = json!({ "id": dispatch.message.id.to_string(), "part": 0, "last": true });
    content["m.new_content"] = new;
    content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": edited });
    let id = send(
        room,
        "m.room.message",
        content,
        &format!("vine-{}-0", dispatch.message.id),
    )
    .await?;
    Ok(Posted::one(
        dispatch.thread.as_deref().unwrap_or(edited),
        id,
    ))
}

async fn react(room: &Room, dispatch: &OutboxItem, to: &str, sign: &str) -> Result<(), ChatError> {
    let content =
        json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": sign } });
    match try_send(
        room,
        "m.reaction",
        content,
        &format!("vine-{}-{sign}", dispatch.message.id),
    )
    .await
    {
        Err(error) if is_there_already(&error) => Ok(()),
        other => other.map(|_| ()).map_err(|error| chat("reacting", &error)),
    }
}

/// A convenience in addition to the check mark.
async fn mark_read(room: &Room, event: &str) {
    let Ok(event) = OwnedEventId::try_from(event) else {
        return;
    };
    if let Err(error) = room
        .send_single_receipt(ReceiptType::Read, ReceiptThread::Unthreaded, event)
        .await
    {
        tracing::debug!("could not send a read receipt: {error}");
    }
}

/// The content of a message: a silent notice unless it mentions people, asks or settles.
fn words(dispatch: &OutboxItem, text: &str, calling: bool) -> Value {
    let whole = dispatch.form == MarkupLevel::Whole;
    let mentions = if calling && whole {
        dispatch.mentions.as_slice()
    } else {
        &[]
    };
    let shown = marked(text, mentions);
    let asker = match &dispatch.message.place {
        MessagePlace::Aside(aside) if calling => Some(aside.author.as_str()),
        _ => None,
    };
    let calls: Vec<_> = mentions
        .iter()
        .map(|mention| mention.subject.as_str())
        .chain(asker)
        .collect();
    let loud = !dispatch.message.calls.is_empty()
        || matches!(
            dispatch.message.kind,
            OutboundKind::Question { .. } | OutboundKind::Settled { .. }
        );
    let kind = if loud { "m.text" } else { "m.notice" };
    if !whole {
        return json!({ "msgtype": kind, "body": shown.plain, "m.mentions": {} });
    }
    json!({
        "msgtype": kind,
        "body": shown.plain,
        "format": "org.matrix.custom.html",
        "formatted_body": shown.html,
        // Always present: without it, servers search the text for names.
        "m.mentions": if calls.is_empty() { json!({}) } else { json!({ "user_ids": calls }) },
    })
}

fn relation(dispatch: &OutboxItem, root: Option<&str>, before: Option<&str>) -> Option<Value> {
    match (&dispatch.message.place, root) {
        (MessagePlace::Aside(aside), root) => {
            Some(reply(aside, root.filter(|_| aside.thread.is_some())))
        }
        (MessagePlace::Room(_), _) | (MessagePlace::Thread(_), None) => None,
        (MessagePlace::Thread(_), Some(root)) => {
            let latest = before.or(dispatch.latest.as_deref()).unwrap_or(root);
            Some(
                json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": { "event_id": latest } }),
            )
        }
    }
}

fn reply(aside: &PrivateReply, thread: Option<&str>) -> Value {
    let to = json!({ "event_id": aside.to });
    match thread {
        Some(root) => {
            json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": false, "m.in_reply_to": to })
        }
        None => json!({ "m.in_reply_to": to }),
    }
}

async fn send(room: &Room, kind: &str, content: Value, name: &str) -> Result<String, ChatError> {
    try_send(room, kind, content, name)
        .await
        .map_err(|error| chat("posting", &error))
}

async fn try_send(
    room: &Room,
    kind: &str,
    content: Value,
    name: &str,
) -> Result<String, matrix_sdk::Error> {
    let sent = room
        .send_raw(kind, content)
        .with_transaction_id(<&TransactionId>::from(name))
        .await?;
    Ok(sent.response.event_id.to_string())
}

//! Posts: new messages, edits, reactions, private replies. Slack does not detect repeated posts, so
//! each post carries an opaque key. If it is unknown whether a message was posted, we search for
//! the key first.

use std::time::Duration;

use serde_json::{Value, json};
use vine_domain::{
    chat::{
        Delivery, MarkupLevel, OutboxItem, Posted, PrivateReply, ReactionSign, ReactionTo,
        pieces::{Piece, edited as shortened, pieces},
    },
    ports::ChatError,
};

use crate::{
    api::{WebApi, metadata},
    card, copies,
    errors::SlackCallError,
    ids::{reference, ts_of},
    mrkdwn::{member, mrkdwn},
    session::SlackSession,
    translate::is_direct,
};

/// Posts or edits one message.
pub async fn deliver(session: &SlackSession, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
    let api = &*session.api;
    match Delivery::of(dispatch) {
        // There, what only one person sees is a message, which stays.
        Delivery::Reply(aside) if is_direct(&aside.room) => {
            post(session, dispatch, dispatch.again).await
        }
        Delivery::Reply(aside) => whisper(session, dispatch, aside).await,
        Delivery::React(reaction) => {
            react(api, reaction).await?;
            let thread = dispatch.thread.as_deref().unwrap_or(reaction.event);
            Ok(Posted::one(thread, reaction.event))
        }
        Delivery::Edit {
            reference,
            react: before,
        } => {
            if let Some(reaction) = before {
                react(api, reaction).await?;
            }
            edit(api, dispatch, reference).await
        }
        Delivery::Post { careful } => post(session, dispatch, careful).await,
    }
}

async fn react(api: &WebApi, to: ReactionTo<'_>) -> Result<(), ChatError> {
    let name = match to.sign {
        ReactionSign::Kept => "memo",
        ReactionSign::Read => "eyes",
        ReactionSign::Accepted => "white_check_mark",
    };
    // Commands and modals are not messages, so there is nothing to react to.
    let Some((channel, ts)) = to.event.split_once(':') else {
        return Ok(());
    };
    match api
        .call(
            "reactions.add",
            &json!({ "channel": channel, "timestamp": ts, "name": name }),
        )
        .await
    {
        // Already there, not allowed, or the message was deleted; that must not block other posts.
        Err(error) if error.code().is_some() => {
            tracing::debug!("could not add a reaction: {error}");
            Ok(())
        }
        other => other.map(|_| ()).map_err(Into::into),
    }
}

async fn post(
    session: &SlackSession,
    dispatch: &OutboxItem,
    careful: bool,
) -> Result<Posted, ChatError> {
    let api = &session.api;
    let id = dispatch.message.id.to_string();
    let thread = dispatch.thread.as_deref().map(ts_of);
    let pieces = pieces(dispatch, card::parts(&dispatch.message.text));
    // Some of several pieces may have been posted before the rate limit.
    let known = if careful || pieces.len() > 1 {
        api.messages(&dispatch.room, thread).await?
    } else {
        Vec::new()
    };
    let last = pieces
        .iter()
        .rposition(|piece| matches!(piece, Piece::Words(_)));
    let mut posted: Vec<String> = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let root = thread
            .map(str::to_owned)
            .or_else(|| posted.first().map(|first| ts_of(first).to_owned()));
        match piece {
            Piece::Words(text) => {
                let args = || {
                    message(
                        dispatch,
                        text,
                        number,
                        Some(number) == last,
                        number + 1 == pieces.len(),
                        root.as_deref(),
                    )
                };
                let ts = match part(&known, &id, number) {
                    Some(ts) => ts,
                    None => {
                        let answer = api.call("chat.postMessage", &args()).await;
                        let answer = answer.map_err(of_channel)?;
                        answer["ts"].as_str().unwrap_or_default().to_owned()
                    }
                };
                posted.push(reference(&dispatch.room, &ts));
            }
            Piece::File(file) if has_file(&known, &file.name, &session.us.user) => {}
            Piece::File(file) => api.upload(&dispatch.room, root.as_deref(), file).await?,
        }
    }
    if let (true, Some(last)) = (
        careful && !dispatch.message.buttons.is_empty(),
        posted.last(),
    ) {
        copies::disarm_later(session, dispatch, ts_of(last).to_owned());
    }
    let thread = dispatch
        .thread
        .clone()
        .or_else(|| posted.first().cloned())
        .unwrap_or_default();
    Ok(Posted::all(thread, posted))
}

/// The `ts` of a part of a message, if it was posted.
fn part(messages: &[Value], key: &str, number: usize) -> Option<String> {
    let number = number.to_string();
    let is = |message: &&Value| {
        let payload = &message["metadata"]["event_payload"];
        payload["key"] == key && payload["part"].as_str() == Some(number.as_str())
    };
    messages.iter().find(is)?["ts"].as_str().map(str::to_owned)
}

/// Whether we have posted this file. Others may have posted one with the same name.
fn has_file(messages: &[Value], name: &str, us: &str) -> bool {
    let mut ours = messages.iter().filter(|message| message["user"] == us);
    ours.any(|message| {
        message["files"]
            .as_array()
            .is_some_and(|files| files.iter().any(|file| file["name"] == name))
    })
}

/// Posts have a rate limit per channel: about one per second.
fn of_channel(error: SlackCallError) -> ChatError {
    match error {
        SlackCallError::Limited(method, after) => ChatError::RoomBusy {
            why: format!("{method}: the channel is rate limited; retry after {after:?}"),
            after,
        },
        other => other.into(),
    }
}

/// One part of a message: `last` of its words, so that its buttons are below it; `whole` if nothing follows it.
fn message(
    dispatch: &OutboxItem,
    text: &str,
    part: usize,
    last: bool,
    whole: bool,
    root: Option<&str>,
) -> Value {
    let mentions = if part == 0 {
        dispatch.mentions.as_slice()
    } else {
        &[]
    };
    // Buttons stand below the last part, where people end reading.
    let blocks = match last {
        true => card::choices(text, &dispatch.message.buttons),
        false => card::words(text),
    };
    let calls: Vec<_> = mentions
        .iter()
        .map(|mention| format!("<@{}>", member(&mention.subject)))
        .collect();
    let calling = (!calls.is_empty()).then(
        || json!({ "type": "section", "text": { "type": "mrkdwn", "text": calls.join(" "), "verbatim": true } }),
    );
    let mut args = json!({
        "channel": dispatch.room, "text": mrkdwn(text, mentions), "blocks": calling.into_iter().chain(blocks).collect::<Vec<_>>(),
        "unfurl_links": false, "unfurl_media": false, "metadata": metadata(&dispatch.message.id.to_string(), part, whole),
    });
    if dispatch.form != MarkupLevel::Whole {
        args["blocks"] = json!([]);
    }
    if let Some(root) = root {
        args["thread_ts"] = json!(root);
    }
    args
}

/// An edit shows one part, with the question's buttons if it has any.
async fn edit(api: &WebApi, dispatch: &OutboxItem, edited: &str) -> Result<Posted, ChatError> {
    let text = shortened(card::parts(&dispatch.message.text));
    let blocks = match dispatch.message.buttons.as_slice() {
        _ if dispatch.form != MarkupLevel::Whole => Vec::new(),
        [] => card::words(&text),
        buttons => card::choices(&text, buttons),
    };
    if let Some(last) = &dispatch.edits_last {
        copies::disarm_part(api, dispatch, last).await?;
    }
    let args = json!({ "channel": dispatch.room, "ts": ts_of(edited), "text": mrkdwn(&text, &[]), "blocks": blocks });
    match api.call("chat.update", &args).await {
        // The message was deleted, or the workspace does not allow editing it: nothing to do.
        Err(error)
            if matches!(
                error.code(),
                Some("message_not_found" | "cant_update_message" | "edit_window_closed")
            ) => {}
        other => drop(other?),
    }
    Ok(Posted::one(
        dispatch.thread.as_deref().unwrap_or(edited),
        edited,
    ))
}

/// A private reply, in the channel where the person wrote.
async fn whisper(
    session: &SlackSession,
    dispatch: &OutboxItem,
    aside: &PrivateReply,
) -> Result<Posted, ChatError> {
    let user = member(&aside.author);
    let text = match dispatch.form {
        MarkupLevel::Whole => mrkdwn(&dispatch.message.text, &[]),
        MarkupLevel::Words => mrkdwn(&shortened(card::parts(&dispatch.message.text)), &[]),
        MarkupLevel::File => "This reply could not be shown here; the page shows it.".into(),
    };
    let mut args = json!({ "channel": aside.room, "user": user, "text": text });
    if let Some(thread) = &aside.thread {
        args["thread_ts"] = json!(ts_of(thread));
    }
    if !dispatch.message.buttons.is_empty() && dispatch.form == MarkupLevel::Whole {
        let text = shortened(card::parts(&dispatch.message.text));
        args["blocks"] = json!(card::choices(&text, &dispatch.message.buttons));
    }
    let told = match session.api.call("chat.postEphemeral", &args).await {
        Err(error) if error.code().is_some() => respond(session, aside, &args, error).await?,
        other => other?["message_ts"].as_str().map(str::to_owned),
    };
    // Presses on its buttons refer to this ID.
    let shown = told.map_or_else(|| aside.to.clone(), |ts| reference(&aside.room, &ts));
    Ok(Posted::one(
        aside.thread.as_ref().unwrap_or(&aside.to),
        shown,
    ))
}

/// Replies through the response URL of an interaction where we are not in the channel.
async fn respond(
    session: &SlackSession,
    aside: &PrivateReply,
    args: &Value,
    refused: SlackCallError,
) -> Result<Option<String>, ChatError> {
    let Some(address) = session.waiting.address(&aside.to) else {
        return match refused.code() {
            // The person has left the channel.
            Some("user_not_in_channel") => Ok(None),
            _ => Err(refused.into()),
        };
    };
    let mut answer =
        json!({ "response_type": "ephemeral", "replace_original": false, "text": args["text"] });
    if !args["blocks"].is_null() {
        answer["blocks"] = args["blocks"].clone();
    }
    session
        .api
        .respond(&address, &answer)
        .await
        .map(|()| None)
        .map_err(|why| ChatError::Retry {
            why,
            after: Duration::from_secs(1),
        })
}

#[cfg(test)]
mod tests {
    use vine_domain::{
        MessageId, TaskId, Timestamp,
        chat::{Button, MessagePlace, Outbound, OutboundKind},
    };

    use super::*;

    #[test]
    fn buttons_of_a_notice_are_shown_without_the_one_to_write() {
        let id = MessageId(
            "00000000-0000-7000-8000-000000000001"
                .parse()
                .expect("a uuid"),
        );
        let place = MessagePlace::Thread(TaskId(1));
        let mut message = Outbound::new(id, place, OutboundKind::Notice, "Network access denied.");
        let says = "/vine repo set site --allow example.org";
        message.buttons = vec![
            Button::saying("Allow example.org", says)
                .dangerous("Let agents in site reach example.org?"),
        ];
        let item = OutboxItem {
            message,
            platform: "slack".into(),
            room: "1".into(),
            repo: None,
            thread: None,
            latest: None,
            edits: None,
            edits_last: None,
            about: None,
            mentions: Vec::new(),
            already: None,
            encrypted: false,
            again: false,
            form: MarkupLevel::Whole,
            at: Timestamp(0),
            attempts: 0,
            shows: None,
        };
        let shown =
            super::message(&item, "Network access denied.", 0, true, true, None).to_string();
        assert!(
            shown.contains("Allow example.org") && !shown.contains(card::WRITE),
            "{shown}"
        );
    }
}

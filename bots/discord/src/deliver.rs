//! Posts: new messages, threads, edits, reactions, private replies. Each new message carries a
//! nonce made from its ID, by which Discord recognizes duplicates for some minutes. After that we
//! search the channel for the message before posting it again.

use crate::{card::PLAIN, whisper::whisper};

use std::time::Duration;

use serde_json::{Value, json};
use serenity::all::{LightMethod, Route};
use vine_domain::{
    chat::{
        Delivery, MarkupLevel, MessagePlace, OutboxItem, Posted, ReactionTo,
        pieces::{Piece, edited as shortened, pieces},
    },
    ports::ChatError,
};

use crate::{
    card,
    ids::moment,
    ids::{channel, message},
    markup::{marked, parts},
    nonce,
    rest::{DiscordCallError, FILE},
    rooms,
    session::DiscordSession,
};

/// Minutes: threads are archived after a day without messages; a message reopens them.
const ARCHIVE: u64 = 1440;

/// Upper bound for the difference between our clock and Discord's.
const CLOCKS: Duration = Duration::from_secs(120);

/// Posts or edits one message.
pub async fn deliver(session: &DiscordSession, dispatch: &OutboxItem) -> Result<Posted, ChatError> {
    match Delivery::of(dispatch) {
        Delivery::Reply(aside) => whisper(session, dispatch, aside).await,
        Delivery::React(reaction) => {
            react(session, reaction).await?;
            let thread = dispatch.thread.as_deref().unwrap_or(reaction.event);
            Ok(Posted::one(thread, reaction.event))
        }
        Delivery::Edit {
            reference,
            react: before,
        } => {
            if let Some(reaction) = before {
                react(session, reaction).await?;
            }
            edit(session, dispatch, reference).await
        }
        Delivery::Post { careful } => post(session, dispatch, careful).await,
    }
}

async fn react(session: &DiscordSession, to: ReactionTo<'_>) -> Result<(), ChatError> {
    // Commands and button presses are not messages, so there is nothing to react to.
    let Some((room, id)) = to.event.split_once(':') else {
        return Ok(());
    };
    let sign = to.sign.emoji();
    let encoded: String = sign.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let route = Route::ChannelMessageReactionMe {
        channel_id: channel(room)?,
        message_id: message(id)?,
        reaction: &encoded,
    };
    match session.rest.put("reacting", route).await {
        // The message was deleted or the thread is closed; that must not block other posts.
        Err(error) if error.code().is_some() => {
            tracing::debug!("could not add a reaction: {error}");
            Ok(())
        }
        other => other.map(drop).map_err(Into::into),
    }
}

/// A thread starts with its card: a channel message, or the first message of a forum post.
async fn post(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    careful: bool,
) -> Result<Posted, ChatError> {
    let forum = session.kind(&dispatch.room).await? == rooms::FORUM;
    match (&dispatch.message.place, &dispatch.thread) {
        (MessagePlace::Thread(_), Some(thread)) => {
            let parts = all(session, dispatch, thread, careful).await?;
            Ok(Posted::all(thread.clone(), parts))
        }
        _ if forum => forum_post(session, dispatch, careful).await,
        (MessagePlace::Thread(_), None) => begin(session, dispatch, careful).await,
        _ => {
            let parts = all(session, dispatch, &dispatch.room, careful).await?;
            Ok(Posted::all(
                parts.first().cloned().unwrap_or_default(),
                parts,
            ))
        }
    }
}

async fn begin(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    careful: bool,
) -> Result<Posted, ChatError> {
    let parts = all(session, dispatch, &dispatch.room, careful).await?;
    let root = parts.first().cloned().unwrap_or_default();
    let route = Route::ChannelMessageThreads {
        channel_id: channel(&dispatch.room)?,
        message_id: message(&root)?,
    };
    let wish = json!({ "name": title(&dispatch.message.text), "auto_archive_duration": ARCHIVE });
    match session
        .rest
        .call("creating the thread", LightMethod::Post, route, &wish)
        .await
    {
        Err(error) if error.code() != Some(160_004) => Err(error.into()),
        // Already created; a thread has the ID of its first message.
        _ => Ok(Posted::all(root, parts)),
    }
}

/// Forum posts take no nonce, so a retry first searches for a post with the same title.
async fn forum_post(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    careful: bool,
) -> Result<Posted, ChatError> {
    let name = title(&dispatch.message.text);
    if careful {
        let server = crate::ids::guild(&session.guild).map_err(ChatError::Gone)?;
        let active = session
            .rest
            .get(
                "searching for a post",
                Route::GuildThreadsActive { guild_id: server },
                &[],
            )
            .await?;
        // Other posts may have the same title, but ours is not older than the message.
        let after = dispatch.at.minus(CLOCKS);
        let made = |one: &Value| one["id"].as_str().and_then(moment);
        let is = |one: &&Value| {
            one["parent_id"] == dispatch.room.as_str()
                && made(one).is_some_and(|made| made >= after)
                && one["name"] == name.as_str()
                && one["owner_id"] == session.us.id.as_str()
        };
        if let Some(id) = active["threads"]
            .as_array()
            .into_iter()
            .flatten()
            .find(is)
            .and_then(|one| one["id"].as_str())
        {
            return Ok(Posted::one(id, id));
        }
    }
    let text = shortened(parts(&dispatch.message.text));
    let wish = json!({ "name": name, "auto_archive_duration": ARCHIVE, "message": content(dispatch, &text, true, true) });
    let route = Route::ChannelForumPosts {
        channel_id: channel(&dispatch.room)?,
    };
    let made = session
        .rest
        .call("creating a post", LightMethod::Post, route, &wish)
        .await?;
    let id = made["id"].as_str().unwrap_or_default();
    Ok(Posted::one(id, id))
}

/// A thread's name: the first line of its card without markup, at most 100 characters.
fn title(text: &str) -> String {
    let line: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| !matches!(c, '*' | '`'))
        .take(100)
        .collect();
    if line.trim().is_empty() {
        "AgentVine".into()
    } else {
        line
    }
}

/// Posts all pieces of a message into a channel and returns the IDs of those with text.
async fn all(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    place: &str,
    careful: bool,
) -> Result<Vec<String>, ChatError> {
    let text = &dispatch.message.text;
    let pieces = pieces(dispatch, parts(text));
    // This message can only come after our latest known post.
    let known = if careful {
        ours(session, place, dispatch.latest.as_deref())
            .await
            .map_err(|error| unposted(error, dispatch, place))?
    } else {
        Vec::new()
    };
    let last = pieces
        .iter()
        .rposition(|piece| matches!(piece, Piece::Words(_)));
    let mut posted = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        let route = Route::ChannelMessages {
            channel_id: channel(place)?,
        };
        match piece {
            Piece::Words(text) => {
                let mut body = content(dispatch, text, number == 0, Some(number) == last);
                body["nonce"] = json!(nonce::write(dispatch.message.id, number));
                body["enforce_nonce"] = json!(true);
                let id = match known.iter().find(|one| one["content"] == body["content"]) {
                    Some(there) => there["id"].clone(),
                    None => session
                        .rest
                        .call("posting", LightMethod::Post, route, &body)
                        .await
                        .map_err(|error| unposted(error, dispatch, place))?["id"]
                        .clone(),
                };
                posted.push(id.as_str().unwrap_or_default().to_owned());
            }
            Piece::File(file) if has_file(&known, &file.name) => {}
            Piece::File(file) => {
                let body = json!({ "nonce": nonce::write(dispatch.message.id, number), "enforce_nonce": true, "attachments": [{ "id": 0, "filename": file.name }] });
                session
                    .rest
                    .upload(FILE, route, &body, file)
                    .await
                    .map_err(|error| unposted(error, dispatch, place))?;
            }
        }
    }
    Ok(posted)
}

/// Whether one of these messages has this file.
fn has_file(messages: &[Value], name: &str) -> bool {
    let mut files = messages
        .iter()
        .filter_map(|one| one["attachments"].as_array())
        .flatten();
    files.any(|file| file["filename"] == name)
}

/// Why a message is not posted. If a message with this nonce was posted and then deleted, it is not
/// posted again. If the missing channel is not the room itself, the thread was deleted.
fn unposted(error: DiscordCallError, dispatch: &OutboxItem, place: &str) -> ChatError {
    match error.code() {
        Some(10008) => ChatError::Unfit("it was already posted, and then deleted".into()),
        Some(10003) if place != dispatch.room => {
            ChatError::ThreadGone(format!("the thread {place} was deleted"))
        }
        _ => error.into(),
    }
}

/// Our latest messages in a channel, after the one with this ID.
async fn ours(
    session: &DiscordSession,
    place: &str,
    after: Option<&str>,
) -> Result<Vec<Value>, DiscordCallError> {
    let number = |id: &str| id.parse::<u64>().unwrap_or(0);
    let after = after.map_or(0, number);
    let Ok(channel_id) = channel(place) else {
        return Ok(Vec::new());
    };
    let route = Route::ChannelMessages { channel_id };
    let page = session
        .rest
        .get("searching for our posts", route, &[("limit", "100".into())])
        .await?;
    let is = |one: &&Value| {
        one["author"]["id"] == session.us.id.as_str()
            && one["id"].as_str().map_or(0, number) > after
    };
    Ok(page
        .as_array()
        .into_iter()
        .flatten()
        .filter(is)
        .cloned()
        .collect())
}

/// A part of a message: the first mentions people, and the last, where they end reading, has the
/// buttons.
fn content(dispatch: &OutboxItem, text: &str, first: bool, last: bool) -> Value {
    let mentions = if first && dispatch.form == MarkupLevel::Whole {
        dispatch.mentions.as_slice()
    } else {
        &[]
    };
    let users: Vec<_> = mentions
        .iter()
        .map(|mention| mention.subject.as_str())
        .collect();
    let buttons = &dispatch.message.buttons;
    let rows = match dispatch.form {
        MarkupLevel::Whole if last => card::rows(buttons),
        _ => Vec::new(),
    };
    json!({ "content": marked(text, mentions), "flags": PLAIN, "components": rows, "allowed_mentions": { "parse": [], "users": users } })
}

/// An edit shows one part, with the question's buttons if it has any.
async fn edit(
    session: &DiscordSession,
    dispatch: &OutboxItem,
    edited: &str,
) -> Result<Posted, ChatError> {
    let thread = dispatch.thread.as_deref().unwrap_or(edited);
    let starts = edited == thread && session.kind(&dispatch.room).await? != rooms::FORUM;
    let place = if starts { &dispatch.room } else { thread };
    let text = shortened(parts(&dispatch.message.text));
    let rows = match dispatch.form {
        MarkupLevel::Whole => card::rows(&dispatch.message.buttons),
        MarkupLevel::Words | MarkupLevel::File => Vec::new(),
    };
    if let Some(last) = &dispatch.edits_last {
        patch(session, place, last, &json!({ "components": [] })).await?;
    }
    let body = json!({ "content": marked(&text, &[]), "components": rows, "flags": PLAIN, "allowed_mentions": { "parse": [] } });
    patch(session, place, edited, &body).await?;
    Ok(Posted::one(thread, edited))
}

/// Changes a message of ours, in an archived thread too.
async fn patch(
    session: &DiscordSession,
    place: &str,
    edited: &str,
    body: &Value,
) -> Result<(), ChatError> {
    let route = || {
        Ok::<_, ChatError>(Route::ChannelMessage {
            channel_id: channel(place)?,
            message_id: message(edited)?,
        })
    };
    let mut done = session
        .rest
        .call("editing", LightMethod::Patch, route()?, body)
        .await;
    if done
        .as_ref()
        .is_err_and(|error| error.code() == Some(50083))
    {
        let open = json!({ "archived": false });
        session
            .rest
            .call(
                "reopening the thread",
                LightMethod::Patch,
                Route::Channel {
                    channel_id: channel(place)?,
                },
                &open,
            )
            .await?;
        done = session
            .rest
            .call("editing", LightMethod::Patch, route()?, body)
            .await;
    }
    match done {
        // The message or its thread was deleted: there is nothing to edit.
        Err(error) if !matches!(error.code(), Some(10003 | 10008)) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{
        MessageId, TaskId, Timestamp,
        chat::{Button, MessagePlace, Outbound, OutboundKind},
    };

    use super::*;

    #[test]
    fn a_thread_is_called_like_its_card() {
        assert_eq!(title("**T-1** Fix the `login`\nmore"), "T-1 Fix the login");
        assert_eq!(
            (title("").as_str(), title(&"x".repeat(300)).len()),
            ("AgentVine", 100)
        );
    }

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
            platform: "discord".into(),
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
        let shown = content(&item, "Network access denied.", true, true).to_string();
        assert!(
            shown.contains("Allow example.org") && !shown.contains("v1:write"),
            "{shown}"
        );
    }
}

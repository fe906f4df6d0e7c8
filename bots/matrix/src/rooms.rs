//! Rooms: one for each repository. The alias makes creation idempotent; afterwards the room is in
//! our store.

use std::time::Duration;

use matrix_sdk::{
    Client, Room, RoomMemberships, RoomState,
    ruma::{
        Int, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomAliasId, RoomOrAliasId,
        api::{
            client::{
                room::create_room::{
                    RoomPowerLevelsContentOverride,
                    v3::{Request, RoomPreset},
                },
                typing::create_typing_event::{
                    self,
                    v3::{Typing, TypingInfo},
                },
            },
            error::ErrorKind,
        },
        assign,
        events::{
            InitialStateEvent, MessageLikeEventType, room::encryption::RoomEncryptionEventContent,
        },
        serde::Raw,
    },
};
use serde_json::json;
use vine_domain::{
    chat::DesiredRoom,
    ports::{ChatError, WORKING},
};

use crate::{
    error::{chat, not_connected},
    session::is_signed,
    settings::MatrixSettings,
};

/// How long to wait until a new room appears in our stream.
const KNOWN: Duration = Duration::from_secs(30);

/// Invites the members and raises the power level of managers. A failed invitation does not stop
/// the others.
pub async fn sync_room(room: &Room, wish: &DesiredRoom) -> Result<(), ChatError> {
    let invited = invite(room, wish).await;
    raise(room, wish).await?;
    invited
}

/// Checks that the room is encrypted if it has to be.
pub async fn is_fit(room: &Room, encrypted: bool) -> Result<(), ChatError> {
    if !encrypted
        || room
            .latest_encryption_state()
            .await
            .is_ok_and(|state| state.is_encrypted())
    {
        return Ok(());
    }
    Err(ChatError::Gone(format!(
        "the room {} is not end-to-end encrypted, but its repository requires it; choose another \
         room with `repo room`, or add the \
         repository again without `--encrypted`",
        room.room_id()
    )))
}

/// Checks that our device is signed, since clients share keys of encrypted rooms only with those.
pub async fn is_trusted(
    client: &Client,
    settings: &MatrixSettings,
    encrypted: bool,
) -> Result<(), ChatError> {
    if !encrypted || is_signed(client).await {
        return Ok(());
    }
    Err(ChatError::Gone(format!(
        "the bot's device is not signed by its account, so other clients do not share keys of \
         encrypted rooms with it. Put the account's \
         recovery key into {} and restart the daemon",
        settings.recovery_key.display()
    )))
}

/// Joins a room that a person has named.
pub async fn join_room(client: &Client, room: &str, encrypted: bool) -> Result<String, ChatError> {
    let named = <&RoomOrAliasId>::try_from(room).map_err(|_| {
        ChatError::Gone(format!(
            "`{room}` is neither a room ID like !abc nor an alias like #name:server"
        ))
    })?;
    let servers: Vec<_> = client
        .user_id()
        .map(|us| us.server_name().to_owned())
        .into_iter()
        .collect();
    let entered = client.join_room_by_id_or_alias(named, &servers).await;
    let entered = entered.map_err(|error| {
        ChatError::Gone(format!(
            "could not join the room {room}: {error}. Invite the bot first"
        ))
    })?;
    is_fit(&entered, encrypted).await?;
    Ok(entered.room_id().to_string())
}

/// A room that we are in.
pub fn joined(client: &Client, id: &str) -> Result<Room, ChatError> {
    let room = OwnedRoomId::try_from(id)
        .ok()
        .and_then(|id| client.get_room(&id))
        .filter(|room| room.state() == RoomState::Joined);
    room.ok_or_else(|| {
        let us = client
            .user_id()
            .map(ToString::to_string)
            .unwrap_or_default();
        ChatError::Gone(format!(
            "{us} is not in the room {id}; invite it, or choose another room with `repo room`"
        ))
    })
}

/// Checks that we can post in a room.
pub async fn is_open(client: &Client, id: &str) -> Result<(), ChatError> {
    let room = joined(client, id)?;
    if let Some(next) = room.successor_room() {
        return Err(ChatError::Gone(format!(
            "the room {id} was upgraded to {}; invite the bot there, or choose another room with \
             `repo room`",
            next.room_id
        )));
    }
    let us = client
        .user_id()
        .ok_or_else(|| not_connected(Duration::from_secs(1)))?;
    // Unknown power levels do not mean that posting is forbidden.
    let Ok(levels) = room.power_levels().await else {
        return Ok(());
    };
    if levels.user_can_send_message(us, MessageLikeEventType::RoomMessage) {
        return Ok(());
    }
    Err(ChatError::Gone(format!(
        "{us} is not allowed to post in the room {id}; raise its power level, or choose another room with \
         `repo room`"
    )))
}

/// Finds or creates the room of a repository.
pub async fn create_room(
    client: &Client,
    settings: &MatrixSettings,
    wish: &DesiredRoom,
) -> Result<String, ChatError> {
    is_trusted(client, settings, wish.encrypted).await?;
    let name = format!("{}{}", settings.alias_prefix, wish.repo);
    let room = find_or_make(client, &name, |name| request(name, wish)).await?;
    Ok(room.room_id().to_string())
}

/// Finds our room with this alias, or creates it.
pub async fn find_or_make(
    client: &Client,
    name: &str,
    request: impl Fn(&str) -> Result<Request, ChatError>,
) -> Result<Room, ChatError> {
    let server = client
        .user_id()
        .map(|us| us.server_name().to_owned())
        .ok_or_else(|| not_connected(Duration::from_secs(1)))?;
    let alias = RoomAliasId::parse(format!("#{name}:{server}"))
        .map_err(|error| ChatError::Gone(format!("invalid alias #{name}:{server}: {error}")))?;
    if let Some(room) = ours(client, &alias).await? {
        return Ok(room);
    }
    match client.create_room(request(name)?).await {
        Ok(room) => known(client, room.room_id().to_owned()).await,
        Err(error) if error.client_api_error_kind() == Some(&ErrorKind::RoomInUse) => {
            ours(client, &alias).await?.ok_or_else(|| ChatError::Retry {
                why: format!("the alias {alias} is taken but points to no room"),
                after: KNOWN,
            })
        }
        Err(error) => Err(chat(&format!("creating the room {alias}"), &error)),
    }
}

/// Shows the typing indicator in a room.
pub async fn show_activity(client: &Client, room: &str) {
    let (Ok(room), Some(us)) = (joined(client, room), client.user_id()) else {
        return;
    };
    let typing = Typing::Yes(TypingInfo::new(WORKING));
    if let Err(error) = client
        .send(create_typing_event::v3::Request::new(
            us.to_owned(),
            room.room_id().to_owned(),
            typing,
        ))
        .await
    {
        tracing::debug!(room = %room.room_id(), "could not show the typing indicator: {error}");
    }
}

/// The room behind an alias, if we created it. Anyone on the server can claim an alias before us.
async fn ours(client: &Client, alias: &OwnedRoomAliasId) -> Result<Option<Room>, ChatError> {
    let made_by_us = |room: &Room| {
        room.creators().is_some_and(|creators| {
            creators
                .iter()
                .any(|creator| Some(&**creator) == client.user_id())
        })
    };
    let known = client
        .joined_rooms()
        .into_iter()
        .find(|room| room.canonical_alias().as_ref() == Some(alias) && made_by_us(room));
    if known.is_some() {
        return Ok(known);
    }
    let id = match client.resolve_room_alias(alias).await {
        Ok(found) => found.room_id,
        Err(error) if error.client_api_error_kind() == Some(&ErrorKind::NotFound) => {
            return Ok(None);
        }
        Err(error) => return Err(chat(&format!("looking up {alias}"), &error.into())),
    };
    let squatted = || {
        ChatError::Gone(format!(
            "the alias {alias} points to a room that the bot did not create; use it with `repo room … \
             --room {alias}`, or free the alias"
        ))
    };
    let room = client
        .get_room(&id)
        .filter(|room| room.state() == RoomState::Joined)
        .ok_or_else(squatted)?;
    if made_by_us(&room) {
        Ok(Some(room))
    } else {
        Err(squatted())
    }
}

fn request(name: &str, wish: &DesiredRoom) -> Result<Request, ChatError> {
    let raw = |error: serde_json::Error| ChatError::Gone(error.to_string());
    let previews = json!({ "type": "org.matrix.room.preview_urls", "state_key": "", "content": { "disable": true } });
    let guests = json!({ "type": "m.room.guest_access", "state_key": "", "content": { "guest_access": "forbidden" } });
    let mut initial_state = Vec::new();
    for event in [previews, guests] {
        initial_state.push(Raw::new(&event).map_err(raw)?.cast_unchecked());
    }
    if wish.encrypted {
        initial_state.push(
            InitialStateEvent::with_empty_state_key(
                RoomEncryptionEventContent::with_recommended_defaults(),
            )
            .to_raw_any(),
        );
    }
    // Only top-level keys are merged: an `events` map here would replace the server's defaults.
    let levels = assign!(RoomPowerLevelsContentOverride::new(), { invite: Some(Int::from(50)) });
    Ok(assign!(Request::new(), {
        name: Some(format!("vine: {}", wish.repo)),
        topic: Some(wish.topic.clone()),
        room_alias_name: Some(name.to_owned()),
        preset: Some(RoomPreset::PrivateChat),
        initial_state,
        power_level_content_override: Some(Raw::new(&levels).map_err(raw)?),
    }))
}

/// Waits until the room's state has arrived in the stream: right after creation it is unknown.
async fn known(client: &Client, id: OwnedRoomId) -> Result<Room, ChatError> {
    let known = async {
        loop {
            match client.get_room(&id) {
                Some(room) if room.power_levels().await.is_ok() => return room,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    let late = |_| ChatError::Retry {
        why: format!("the homeserver has not synced the new room {id} yet"),
        after: Duration::from_secs(1),
    };
    tokio::time::timeout(KNOWN, known).await.map_err(late)
}

/// Invites members who have never been in the room; people who left are not invited again.
async fn invite(room: &Room, wish: &DesiredRoom) -> Result<(), ChatError> {
    let there = room
        .members(RoomMemberships::all())
        .await
        .map_err(|error| chat("reading the members", &error))?;
    let mut trouble = Ok(());
    for member in &wish.members {
        let Ok(user) = OwnedUserId::try_from(member.subject.as_str()) else {
            continue;
        };
        if there.iter().any(|one| *one.user_id() == user) {
            continue;
        }
        if let Err(error) = room.invite_user_by_id(&user).await {
            trouble = Err(uninvited(&user, &error));
        }
    }
    trouble
}

/// Unreachable servers and rate limits per person may last long, so the invitation is retried every
/// minute.
fn uninvited(user: &OwnedUserId, error: &matrix_sdk::Error) -> ChatError {
    let why = match chat(&format!("inviting {user}"), error) {
        ChatError::Gone(why)
        | ChatError::ThreadGone(why)
        | ChatError::Unfit(why)
        | ChatError::Retry { why, .. }
        | ChatError::NotNow { why, .. }
        | ChatError::RoomBusy { why, .. } => why,
    };
    ChatError::Retry {
        why,
        after: Duration::from_secs(60),
    }
}

/// Makes people who manage tasks moderators of the room.
async fn raise(room: &Room, wish: &DesiredRoom) -> Result<(), ChatError> {
    let levels = room
        .power_levels()
        .await
        .map_err(|error| ChatError::Retry {
            why: format!("reading power levels: {error}"),
            after: Duration::from_secs(1),
        })?;
    let moderator = Int::from(50);
    let users: Vec<OwnedUserId> = wish
        .members
        .iter()
        .filter(|member| member.manages)
        .filter_map(|member| OwnedUserId::try_from(member.subject.as_str()).ok())
        .collect();
    let raised: Vec<_> = users
        .iter()
        .filter(|user| levels.for_user(user) < moderator)
        .map(|user| (&**user, moderator))
        .collect();
    if raised.is_empty() {
        return Ok(());
    }
    room.update_power_levels(raised)
        .await
        .map(|_| ())
        .map_err(|error| chat("raising power levels", &error))
}

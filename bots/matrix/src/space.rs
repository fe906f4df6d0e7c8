//! The space that contains all rooms, so that clients show them together.

use matrix_sdk::{
    Client, Room,
    ruma::{
        api::client::room::create_room::v3::{CreationContent, Request, RoomPreset},
        assign,
        events::{
            SyncStateEvent,
            space::{child::SpaceChildEventContent, parent::SpaceParentEventContent},
        },
        room::RoomType,
        serde::Raw,
    },
};
use vine_domain::{chat::DesiredRoom, ports::ChatError};

use crate::{
    error::chat,
    rooms::{find_or_make, sync_room},
    settings::MatrixSettings,
};

/// Adds a room and its members to the space, unless they are already there.
pub async fn put(
    client: &Client,
    settings: &MatrixSettings,
    room: &Room,
    wish: &DesiredRoom,
) -> Result<(), ChatError> {
    let space = find_or_make(client, &name(settings), request).await?;
    sync_room(&space, wish).await?;
    let via: Vec<_> = client
        .user_id()
        .map(|us| us.server_name().to_owned())
        .into_iter()
        .collect();
    if !holds(&space, room).await {
        let put = space
            .send_state_event_for_key(room.room_id(), SpaceChildEventContent::new(via.clone()))
            .await;
        put.map_err(|error| chat("adding the room to the space", &error))?;
        let parent = assign!(SpaceParentEventContent::new(via), { canonical: true });
        // Clients only need the space to name the room. In a room that we did not create, this may
        // not be allowed.
        if let Err(error) = room.send_state_event_for_key(space.room_id(), parent).await {
            tracing::debug!(room = %room.room_id(), "could not set the space in the room: {error}");
        }
    }
    Ok(())
}

async fn holds(space: &Room, room: &Room) -> bool {
    let child = space
        .get_state_event_static_for_key::<SpaceChildEventContent, _>(room.room_id())
        .await;
    let child = child.ok().flatten().and_then(|raw| raw.deserialize().ok());
    child
        .and_then(|event| event.as_sync().cloned())
        .is_some_and(|event| matches!(event, SyncStateEvent::Original(child) if !child.content.via.is_empty()))
}

/// The space's alias: the prefix `vine-` results in `#vine:…`.
fn name(settings: &MatrixSettings) -> String {
    let bare = settings.alias_prefix.trim_end_matches(['-', '_', '.']);
    if bare.is_empty() {
        "vine".into()
    } else {
        bare.into()
    }
}

fn request(name: &str) -> Result<Request, ChatError> {
    let content = assign!(CreationContent::new(), { room_type: Some(RoomType::Space) });
    let content = Raw::new(&content).map_err(|error| ChatError::Gone(error.to_string()))?;
    Ok(assign!(Request::new(), {
        name: Some("AgentVine".into()),
        topic: Some("A room for each repository that agents work in".into()),
        room_alias_name: Some(name.to_owned()),
        preset: Some(RoomPreset::PrivateChat),
        creation_content: Some(content),
    }))
}

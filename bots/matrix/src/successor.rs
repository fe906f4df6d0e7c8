//! Upgraded rooms: a new room has replaced the old one (specification, "Room upgrades").

use std::time::Duration;

use matrix_sdk::{
    Client, Room,
    ruma::{OwnedRoomId, RoomId, RoomOrAliasId, ServerName},
};
use vine_domain::ports::ChatError;

/// How many times to look for a room's first events, ten times a second.
const LOOKS: u32 = 50;

/// The room that replaced this one. We join it, since anyone who may upgrade a room may also invite
/// us. It must name the old room as its predecessor, since a tombstone can point to any room.
pub async fn of(client: &Client, id: &str) -> Result<Option<String>, ChatError> {
    let old = OwnedRoomId::try_from(id).ok();
    let Some(old) = old.and_then(|id| client.get_room(&id)) else {
        return Ok(None);
    };
    let Some(successor) = old.successor_room() else {
        return Ok(None);
    };
    let next = successor.room_id;
    let unfollowed = |why: &str| {
        ChatError::Gone(format!(
            "the room {id} was upgraded to {next}, but the bot cannot follow: {why}. Invite it there, \
             or choose another room with `repo room`"
        ))
    };
    let servers: Vec<_> = next
        .server_name()
        .into_iter()
        .chain(client.user_id().map(|us| us.server_name()))
        .map(ServerName::to_owned)
        .collect();
    let entered = client
        .join_room_by_id_or_alias(<&RoomOrAliasId>::from(&*next), &servers)
        .await;
    let entered = entered.map_err(|error| unfollowed(&error.to_string()))?;
    if names(&entered, old.room_id()).await {
        return Ok(Some(next.to_string()));
    }
    if let Err(error) = entered.leave().await {
        tracing::debug!(room = %next, "could not leave the room: {error}");
    }
    Err(unfollowed("the new room does not name it as predecessor"))
}

/// Whether a room names the other one as its predecessor. Its first events may still arrive.
async fn names(room: &Room, before: &RoomId) -> bool {
    for _ in 0..LOOKS {
        if let Some(named) = room.predecessor_room() {
            return named.room_id == before;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

//! Rooms that were upgraded: a new one has taken the place of the old one (specification, "Room
//! upgrades").

use std::time::Duration;

use matrix_sdk::{
    Client, Room,
    ruma::{OwnedRoomId, RoomId, RoomOrAliasId, ServerName},
};
use vine_domain::ports::ChatError;

/// How often to look for a room's first events, ten times a second.
const LOOKS: u32 = 50;

/// The room that has taken the place of this one. We enter it: whoever may invite us into a room may
/// also upgrade it. It has to name the old one as what it was before: anybody can name any room.
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
            "the room {id} was upgraded to {next}, and the bot cannot follow: {why}. Invite it there, \
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
        tracing::debug!(room = %next, "not left: {error}");
    }
    Err(unfollowed("it does not say that it was this one before"))
}

/// Whether a room says that it was the other one before. Its first events may be on their way.
async fn names(room: &Room, before: &RoomId) -> bool {
    for _ in 0..LOOKS {
        if let Some(named) = room.predecessor_room() {
            return named.room_id == before;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

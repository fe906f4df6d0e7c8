//! Invitations: we come when somebody calls who may; everybody else is declined, or any server's
//! users could fill our disk.

use std::{convert::Infallible, time::Duration};

use matrix_sdk::{Client, Room, ruma::api::client::membership::leave_room};
use tokio::sync::Notify;
use vine_domain::ports::EventSink;

/// What could not be answered is looked at again after this: the stream brings an invitation once.
const AGAIN: Duration = Duration::from_secs(60);
/// Rooms of servers that do not answer must not keep us from the others for long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers invitations, for ever.
pub async fn run(client: &Client, ear: &dyn EventSink, invited: &Notify) -> Infallible {
    loop {
        for room in client.invited_rooms() {
            let answered = tokio::time::timeout(PATIENCE, answer(client, ear, &room)).await;
            if let Err(trouble) = answered.unwrap_or_else(|_| Err("no answer in time".into())) {
                tracing::warn!(room = %room.room_id(), "an invitation could not be answered, \
                 trying again: {trouble}");
            }
        }
        let _either = tokio::time::timeout(AGAIN, invited.notified()).await;
    }
}

async fn answer(client: &Client, ear: &dyn EventSink, room: &Room) -> Result<(), String> {
    let inviter = room
        .invite_details()
        .await
        .map_err(|error| error.to_string())?
        .inviter_id;
    if ear
        .may_invite(inviter.as_str())
        .await
        .map_err(|error| error.to_string())?
    {
        room.join().await.map_err(|error| error.to_string())?;
        ear.rooms_changed();
        return Ok(());
    }
    // By a call of our own: the SDK would also leave the rooms that this one names as its
    // predecessors, and anybody can name ours.
    let declined = client
        .send(leave_room::v3::Request::new(room.room_id().to_owned()))
        .await;
    declined.map(|_| ()).map_err(|error| error.to_string())
}

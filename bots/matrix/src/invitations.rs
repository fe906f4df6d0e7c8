//! Invitations: accepted from people who may invite us and declined from all others, since users of
//! any server could fill our disk.

use std::{convert::Infallible, time::Duration};

use matrix_sdk::{Client, Room, ruma::api::client::membership::leave_room};
use tokio::sync::Notify;
use vine_domain::ports::EventSink;

/// When to retry what could not be answered, since the stream reports an invitation only once.
const AGAIN: Duration = Duration::from_secs(60);
/// The timeout for one invitation, so that an unreachable server does not block the others.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers invitations forever.
pub async fn run(client: &Client, ear: &dyn EventSink, invited: &Notify) -> Infallible {
    loop {
        for room in client.invited_rooms() {
            let answered = tokio::time::timeout(PATIENCE, answer(client, ear, &room)).await;
            if let Err(trouble) = answered.unwrap_or_else(|_| Err("timed out".into())) {
                tracing::warn!(room = %room.room_id(), "could not answer an invitation, \
                 retrying: {trouble}");
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
    // Not with the SDK's method: it would also leave the rooms that this one names as predecessors,
    // and anyone can name ours.
    let declined = client
        .send(leave_room::v3::Request::new(room.room_id().to_owned()))
        .await;
    declined.map(|_| ()).map_err(|error| error.to_string())
}

//! Uploads our files.

use std::io::Cursor;

use matrix_sdk::{Room, ruma::api::client::media::create_content::v3};
use serde_json::{Value, json};
use vine_domain::{chat::pieces::FilePiece, ports::ChatError};

use crate::error::chat;

/// Uploads a file and returns the content of its event. A repeated event is recognized, but a
/// repeated upload is stored on the homeserver twice.
pub async fn file(room: &Room, piece: &FilePiece) -> Result<Value, ChatError> {
    let FilePiece {
        title, kind, bytes, ..
    } = piece;
    let shown = match kind.starts_with("image/") {
        true => "m.image",
        false => "m.file",
    };
    let mut content = json!({ "msgtype": shown, "body": title, "filename": title, "info": { "mimetype": kind, "size": bytes.len() } });
    let client = room.client();
    let state = room
        .latest_encryption_state()
        .await
        .map_err(|error| chat("checking whether the room is encrypted", &error))?;
    if state.is_encrypted() {
        let file = client
            .upload_encrypted_file(&mut Cursor::new(bytes.as_slice()))
            .await;
        content["file"] = json!(file.map_err(|error| refused(&error))?);
    } else {
        let request = v3::Request::new(bytes.clone());
        let uploaded = client
            .send(request)
            .await
            .map_err(|error| refused(&error.into()))?;
        content["url"] = json!(uploaded.content_uri);
    }
    Ok(content)
}

/// A homeserver that takes no such file takes none later.
fn refused(error: &matrix_sdk::Error) -> ChatError {
    match chat("uploading", error) {
        ChatError::Gone(why) => ChatError::Unfit(why),
        other => other,
    }
}

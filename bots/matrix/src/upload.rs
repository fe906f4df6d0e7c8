//! Uploads our files.

use std::io::Cursor;

use matrix_sdk::{Room, ruma::api::client::media::create_content::v3};
use serde_json::{Value, json};
use vine_domain::ports::ChatError;

use crate::error::chat;

const KIND: &str = "text/markdown";

/// Uploads a text and returns the content of its event. A repeated event is recognized, but a
/// repeated upload is stored on the homeserver twice.
pub async fn file(room: &Room, name: &str, text: &str) -> Result<Value, ChatError> {
    let mut content = json!({ "msgtype": "m.file", "body": name, "filename": name, "info": { "mimetype": KIND, "size": text.len() } });
    let client = room.client();
    let state = room
        .latest_encryption_state()
        .await
        .map_err(|error| chat("checking whether the room is encrypted", &error))?;
    if state.is_encrypted() {
        let file = client
            .upload_encrypted_file(&mut Cursor::new(text.as_bytes()))
            .await;
        content["file"] = json!(file.map_err(|error| chat("uploading", &error))?);
    } else {
        let request = v3::Request::new(text.as_bytes().to_vec());
        let uploaded = client
            .send(request)
            .await
            .map_err(|error| chat("uploading", &error.into()))?;
        content["url"] = json!(uploaded.content_uri);
    }
    Ok(content)
}

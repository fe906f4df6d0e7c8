//! A person whose client encrypts: the SDK of Matrix, strict as the clients of today are. It gives
//! keys only to devices that are signed by their account, and shows only what such devices have
//! sent.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use matrix_sdk::{
    Client, Room,
    config::SyncSettings,
    encryption::EncryptionSettings,
    ruma::{OwnedRoomId, RoomOrAliasId},
};
use matrix_sdk_base::crypto::{CollectStrategy, DecryptionSettings, TrustRequirement};
use serde_json::{Value, json};

use super::{
    PATIENCE,
    synapse::{PASSWORD, Synapse},
};

pub struct SdkHuman {
    client: Client,
    /// All events that were shown, decrypted where that was possible.
    shown: Arc<Mutex<Vec<(OwnedRoomId, Value)>>>,
    stream: tokio::task::JoinHandle<()>,
}

impl Drop for SdkHuman {
    fn drop(&mut self) {
        self.stream.abort();
    }
}

impl SdkHuman {
    /// Logs in with a new device.
    pub async fn log_in(synapse: &Synapse, name: &str) -> Self {
        let client = Client::builder()
            .homeserver_url(&synapse.url)
            .respect_login_well_known(false)
            .with_encryption_settings(EncryptionSettings {
                auto_enable_cross_signing: true,
                ..EncryptionSettings::default()
            })
            .with_room_key_recipient_strategy(CollectStrategy::IdentityBasedStrategy)
            .with_decryption_settings(DecryptionSettings {
                sender_device_trust_requirement: TrustRequirement::CrossSigned,
            })
            .with_enable_share_history_on_invite(false)
            .build()
            .await
            .expect("a client");
        client
            .matrix_auth()
            .login_username(name, PASSWORD)
            .send()
            .await
            .expect("logged in");
        client
            .encryption()
            .wait_for_e2ee_initialization_tasks()
            .await;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let stream = tokio::spawn(listen(client.clone(), Arc::clone(&shown)));
        Self {
            client,
            shown,
            stream,
        }
    }

    pub async fn join(&self, alias: &str) -> OwnedRoomId {
        let alias = <&RoomOrAliasId>::try_from(alias).expect("an alias");
        let end = Instant::now() + PATIENCE;
        loop {
            match self.client.join_room_by_id_or_alias(alias, &[]).await {
                Ok(room) => return self.whole(room).await,
                Err(error) => assert!(Instant::now() < end, "cannot join {alias}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the stream has brought the room: before, nobody knows that it is encrypted.
    async fn whole(&self, room: Room) -> OwnedRoomId {
        let end = Instant::now() + PATIENCE;
        while !room.encryption_state().is_encrypted() {
            assert!(Instant::now() < end, "{} is not encrypted", room.room_id());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        room.room_id().to_owned()
    }

    async fn send(&self, room: &OwnedRoomId, kind: &str, content: Value) -> String {
        let room = self.client.get_room(room).expect("known");
        room.send_raw(kind, content)
            .await
            .expect("sent")
            .response
            .event_id
            .to_string()
    }

    pub async fn say(&self, room: &OwnedRoomId, text: &str) -> String {
        self.send(
            room,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text }),
        )
        .await
    }

    pub async fn say_in(&self, room: &OwnedRoomId, root: &str, text: &str) -> String {
        let relation = json!({ "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": { "event_id": root } });
        self.send(
            room,
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text, "m.relates_to": relation }),
        )
        .await
    }

    pub async fn react(&self, room: &OwnedRoomId, to: &str, sign: &str) -> String {
        self.send(
            room,
            "m.reaction",
            json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": sign } }),
        )
        .await
    }

    /// Sends an encrypted file into a thread.
    pub async fn send_file(
        &self,
        room: &OwnedRoomId,
        root: &str,
        name: &str,
        text: &str,
    ) -> String {
        let file = self
            .client
            .upload_encrypted_file(&mut std::io::Cursor::new(text.as_bytes()))
            .await
            .expect("uploaded");
        let relation = json!({ "rel_type": "m.thread", "event_id": root });
        let content = json!({ "msgtype": "m.file", "body": name, "file": file, "info": { "size": text.len() }, "m.relates_to": relation });
        self.send(room, "m.room.message", content).await
    }

    /// Waits for words of the bot that could be decrypted.
    pub async fn hears(&self, room: &OwnedRoomId, words: &str) -> Value {
        self.hears_within(PATIENCE, room, words).await
    }

    pub async fn hears_within(&self, patience: Duration, room: &OwnedRoomId, words: &str) -> Value {
        let end = Instant::now() + patience;
        loop {
            let shown = self.shown.lock().expect("whole").clone();
            let of_bot = |(at, event): &&(OwnedRoomId, Value)| {
                at == room
                    && event["sender"] == "@vine:vine.test"
                    && event["content"]["body"]
                        .as_str()
                        .is_some_and(|body| body.contains(words))
            };
            if let Some((_, event)) = shown.iter().find(of_bot) {
                return event.clone();
            }
            assert!(
                Instant::now() < end,
                "the bot says `{words}`: not within {patience:?}\n{shown:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn listen(client: Client, shown: Arc<Mutex<Vec<(OwnedRoomId, Value)>>>) {
    loop {
        let Ok(response) = client
            .sync_once(SyncSettings::new().timeout(Duration::from_secs(10)))
            .await
        else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        for (room, update) in response.rooms.joined {
            let events = update
                .timeline
                .events
                .iter()
                .filter_map(|event| event.raw().deserialize_as_unchecked::<Value>().ok());
            shown
                .lock()
                .expect("whole")
                .extend(events.map(|event| (room.clone(), event)));
        }
    }
}

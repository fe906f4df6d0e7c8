//! Our one device: its keys, its session, and where the stream goes on.

use std::{
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use matrix_sdk::{
    Client, SqliteStoreConfig,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    store::{RoomLoadSettings, StateStoreDataKey, StateStoreDataValue},
};
use vine_domain::{Ids, ports::Ear};

use crate::Settings;

/// Never changes: the homeserver tells a repeated post by the device, and the keys belong to it.
const DEVICE: &str = "AGENTVINE";
/// No request takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The folder for keys and session.
    #[error("the folder {0} cannot be used: {1}")]
    Folder(String, #[source] io::Error),
    /// The session was ended by somebody else.
    #[error("the homeserver has ended our session: {0}. Remove `session.json` from the state folder to log in again with the password")]
    LoggedOut(String),
    /// The password or the name.
    #[error("the homeserver does not let {0} in: {1}. Check `chat.matrix.user` and its password")]
    Refused(String, String),
    /// Anything else that may pass.
    #[error("no connection to the homeserver: {0}")]
    Connection(String),
    /// Our own store.
    #[error(transparent)]
    Store(#[from] vine_domain::ports::StoreError),
}

impl From<matrix_sdk::Error> for Trouble {
    fn from(error: matrix_sdk::Error) -> Self {
        use matrix_sdk::ruma::api::error::ErrorKind;
        match error.client_api_error_kind() {
            Some(ErrorKind::UnknownToken(_)) => Self::LoggedOut(error.to_string()),
            _ => Self::Connection(error.to_string()),
        }
    }
}

/// Takes the session up, or logs in once. The stream goes on where our own store stands: the SDK's position is ahead of
/// what we have kept whenever we died in between (measured; the position must be set before the session is restored).
pub async fn connect(settings: &Settings, ear: &dyn Ear, ids: &dyn Ids) -> Result<Client, Trouble> {
    let folder = |error| Trouble::Folder(settings.state.display().to_string(), error);
    let key = store_key(&settings.state, ids).map_err(folder)?;
    let client = client(settings, &key).await?;
    if let Some(cursor) = ear.cursor().await? {
        let stored = client.state_store().set_kv_data(StateStoreDataKey::SyncToken, StateStoreDataValue::SyncToken(cursor)).await;
        stored.map_err(|error| Trouble::Connection(error.to_string()))?;
    }
    let file = settings.state.join("session.json");
    match std::fs::read(&file) {
        Ok(text) => {
            let session: MatrixSession = serde_json::from_slice(&text).map_err(|error| folder(error.into()))?;
            client.matrix_auth().restore_session(session, RoomLoadSettings::default()).await?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => log_in(settings, &client, &file).await?,
        Err(error) => return Err(folder(error)),
    }
    Ok(client)
}

async fn client(settings: &Settings, key: &[u8; 32]) -> Result<Client, Trouble> {
    let built = Client::builder()
        .homeserver_url(&settings.homeserver)
        // Else the answer to a login may move us to another address.
        .respect_login_well_known(false)
        .sqlite_store_with_config_and_cache_path(SqliteStoreConfig::new(&settings.state).key(Some(key)), None::<&Path>)
        // Our outbox repeats; a second queue underneath would hold everything up for minutes.
        .request_config(RequestConfig::new().disable_retry().timeout(PATIENCE))
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: true,
            auto_enable_backups: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
        })
        // With it, inviting people into an encrypted room fails while our device is not cross-signed.
        .with_enable_share_history_on_invite(false)
        .build()
        .await;
    built.map_err(|error| Trouble::Connection(error.to_string()))
}

async fn log_in(settings: &Settings, client: &Client, file: &Path) -> Result<(), Trouble> {
    let login = client.matrix_auth().login_username(&settings.user, &settings.password).device_id(DEVICE);
    let answer = login.initial_device_display_name("AgentVine").send().await;
    answer.map_err(|error| match error.client_api_error_kind() {
        Some(_) => Trouble::Refused(settings.user.clone(), error.to_string()),
        None => Trouble::Connection(error.to_string()),
    })?;
    let session = client.matrix_auth().session().ok_or_else(|| Trouble::Connection("the login brought no session".into()))?;
    let text = serde_json::to_vec(&session).map_err(|error| Trouble::Connection(error.to_string()))?;
    write_private(file, &text).map_err(|error| Trouble::Folder(settings.state.display().to_string(), error))
}

/// 32 bytes that encrypt our store. Raw, since deriving a key from words takes seconds.
fn store_key(folder: &Path, ids: &dyn Ids) -> io::Result<[u8; 32]> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = folder.join("store.key");
    match std::fs::read(&file) {
        Ok(bytes) => bytes.try_into().map_err(|_| io::Error::other("store.key has not 32 bytes")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = ids.secret();
            write_private(&file, &key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Whole or not at all, and readable by us alone.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    io::Write::write_all(&mut opened, bytes)?;
    opened.sync_all()?;
    std::fs::rename(fresh, file)
}

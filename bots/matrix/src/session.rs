//! Our device: its keys, its session, and its position in the stream.

use std::{io, path::Path, time::Duration};

use matrix_sdk::{
    Client, SqliteStoreConfig,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::api::error::ErrorKind,
    store::{RoomLoadSettings, StateStoreDataKey, StateStoreDataValue},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use vine_domain::{Ids, ports::EventSink};

use crate::{private, recovery, settings::MatrixSettings};

/// The timeout of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum SessionProblem {
    /// The folder for keys and the session cannot be used.
    #[error("could not use the folder {0}: {1}")]
    Folder(String, #[source] io::Error),
    /// Someone else ended the session.
    #[error(
        "the homeserver ended the bot's session: {0}. Unless this was intended, remove the folder \
         `matrix` in the daemon's \
         state folder; the bot then logs in again with the password"
    )]
    LoggedOut(String),
    /// The user name or the password was rejected.
    #[error("could not log in as {0}: {1}. Check `chat.matrix.user` and its password")]
    Refused(String, String),
    /// Any other problem that may be temporary.
    #[error("no connection to the homeserver: {0}")]
    Connection(String),
    /// Our own store failed.
    #[error(transparent)]
    Store(#[from] vine_domain::ports::StoreError),
}

impl From<matrix_sdk::Error> for SessionProblem {
    fn from(error: matrix_sdk::Error) -> Self {
        match error.client_api_error_kind() {
            Some(ErrorKind::UnknownToken(_)) => Self::LoggedOut(error.to_string()),
            _ => Self::Connection(error.to_string()),
        }
    }
}

/// Restores the session, or logs in the first time. The stream continues from the position in our
/// own store, since the SDK's position is ahead of it after a crash (measured; the position must be
/// set before the session is restored).
pub async fn connect(
    settings: &MatrixSettings,
    ear: &dyn EventSink,
    ids: &dyn Ids,
) -> Result<Client, SessionProblem> {
    let folder = |error| SessionProblem::Folder(settings.state.display().to_string(), error);
    let device = device(&settings.state, ids).map_err(folder)?;
    let client = client(settings, &device).await?;
    if let Some(cursor) = ear.cursor().await?
        && has_position(&client).await
    {
        let stored = client
            .state_store()
            .set_kv_data(
                StateStoreDataKey::SyncToken,
                StateStoreDataValue::SyncToken(cursor),
            )
            .await;
        stored.map_err(|error| SessionProblem::Connection(error.to_string()))?;
    }
    let file = settings.state.join("session.json");
    match read::<MatrixSession>(&file).map_err(folder)? {
        Some(session) => {
            client
                .matrix_auth()
                .restore_session(session, RoomLoadSettings::default())
                .await?;
        }
        None => log_in(settings, &client, &device, &file).await?,
    }
    client
        .encryption()
        .wait_for_e2ee_initialization_tasks()
        .await;
    if let Err(error) = recovery::keep(&client, settings).await {
        tracing::warn!("encrypted rooms are not protected against a loss of keys: {error}");
    }
    Ok(client)
}

async fn client(settings: &MatrixSettings, device: &Device) -> Result<Client, SessionProblem> {
    let built = Client::builder()
        .homeserver_url(&settings.homeserver)
        // Otherwise the login response may switch us to another URL.
        .respect_login_well_known(false)
        .sqlite_store_with_config_and_cache_path(
            SqliteStoreConfig::new(&settings.state).key(Some(&device.key)),
            None::<&Path>,
        )
        // Our outbox retries; a second queue below it would block everything for minutes.
        .request_config(RequestConfig::new().disable_retry().timeout(PATIENCE))
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: true,
            auto_enable_backups: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
        })
        // If enabled, inviting people to an encrypted room fails while our device is not
        // cross-signed.
        .with_enable_share_history_on_invite(false)
        .build()
        .await;
    built.map_err(|error| SessionProblem::Connection(error.to_string()))
}

async fn log_in(
    settings: &MatrixSettings,
    client: &Client,
    device: &Device,
    file: &Path,
) -> Result<(), SessionProblem> {
    let login = client
        .matrix_auth()
        .login_username(&settings.user, &settings.password)
        .device_id(&device.id);
    let answer = login.initial_device_display_name("AgentVine").send().await;
    answer.map_err(|error| match error.client_api_error_kind() {
        Some(_) => SessionProblem::Refused(settings.user.clone(), error.to_string()),
        None => SessionProblem::Connection(error.to_string()),
    })?;
    let session = client
        .matrix_auth()
        .session()
        .ok_or_else(|| SessionProblem::Connection("the login returned no session".into()))?;
    write_private(file, &session)
        .map_err(|error| SessionProblem::Folder(settings.state.display().to_string(), error))
}

/// Whether the SDK has read the stream with this device. If not, it must first receive the state of
/// all rooms.
pub async fn has_position(client: &Client) -> bool {
    matches!(
        client
            .state_store()
            .get_kv_data(StateStoreDataKey::SyncToken)
            .await,
        Ok(Some(_))
    )
}

/// Our device. It lives as long as its folder: the homeserver detects repeated posts by device, and
/// new keys must not reuse the ID of lost ones.
#[derive(Serialize, Deserialize)]
struct Device {
    id: String,
    /// Encrypts our store. A raw key, since deriving one from a passphrase takes seconds.
    key: [u8; 32],
}

fn device(folder: &Path, ids: &dyn Ids) -> io::Result<Device> {
    private::folder(folder)?;
    let file = folder.join("device.json");
    if let Some(device) = read(&file)? {
        return Ok(device);
    }
    let id = ids.uuid().simple().to_string().to_uppercase();
    let device = Device {
        id: format!("VINE{}", &id[24..]),
        key: ids.secret(),
    };
    write_private(&file, &device)?;
    Ok(device)
}

/// Whether other clients trust our device with keys.
pub async fn is_signed(client: &Client) -> bool {
    client
        .encryption()
        .get_own_device()
        .await
        .ok()
        .flatten()
        .is_some_and(|device| device.is_cross_signed_by_owner())
}

/// The content of a file; `None` if it does not exist.
fn read<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_private(file: &Path, value: &impl Serialize) -> io::Result<()> {
    private::write(file, &serde_json::to_vec(value)?)
}

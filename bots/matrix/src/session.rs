//! Our device: its keys, its session, and where the stream goes on.

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

use crate::{MatrixSettings, private, recovery};

/// No request takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum SessionProblem {
    /// The folder for keys and session.
    #[error("the folder {0} cannot be used: {1}")]
    Folder(String, #[source] io::Error),
    /// The session was ended by somebody else.
    #[error(
        "the homeserver has ended our session: {0}. If that was no mistake, stop here; else remove \
         the folder `matrix` in the daemon's \
         state folder, and a new session begins with the password"
    )]
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

impl From<matrix_sdk::Error> for SessionProblem {
    fn from(error: matrix_sdk::Error) -> Self {
        match error.client_api_error_kind() {
            Some(ErrorKind::UnknownToken(_)) => Self::LoggedOut(error.to_string()),
            _ => Self::Connection(error.to_string()),
        }
    }
}

/// Takes the session up, or logs in once. The stream goes on where our own store stands: the SDK's
/// position is ahead of what we have kept whenever we died in between (measured; the position must
/// be set before the session is restored).
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
        tracing::warn!("encrypted rooms: {error}");
    }
    Ok(client)
}

async fn client(settings: &MatrixSettings, device: &Device) -> Result<Client, SessionProblem> {
    let built = Client::builder()
        .homeserver_url(&settings.homeserver)
        // Else the answer to a login may move us to another address.
        .respect_login_well_known(false)
        .sqlite_store_with_config_and_cache_path(
            SqliteStoreConfig::new(&settings.state).key(Some(&device.key)),
            None::<&Path>,
        )
        // Our outbox repeats; a second queue underneath would hold everything up for minutes.
        .request_config(RequestConfig::new().disable_retry().timeout(PATIENCE))
        .with_encryption_settings(EncryptionSettings {
            auto_enable_cross_signing: true,
            auto_enable_backups: false,
            backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
        })
        // With it, inviting people into an encrypted room fails while our device is not
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
        .ok_or_else(|| SessionProblem::Connection("the login brought no session".into()))?;
    write_private(file, &session)
        .map_err(|error| SessionProblem::Folder(settings.state.display().to_string(), error))
}

/// Whether the SDK has read the stream with this device. One that has not must be told of all rooms
/// before anything else.
pub async fn has_position(client: &Client) -> bool {
    matches!(
        client
            .state_store()
            .get_kv_data(StateStoreDataKey::SyncToken)
            .await,
        Ok(Some(_))
    )
}

/// Our device. It lives as long as its folder: the homeserver tells repeated posts by the device,
/// and keys that are lost must not come back under the same name.
#[derive(Serialize, Deserialize)]
struct Device {
    id: String,
    /// Encrypts our store. Raw, since deriving a key from words takes seconds.
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

/// Whether other people's clients trust our device with keys.
pub async fn is_signed(client: &Client) -> bool {
    client
        .encryption()
        .get_own_device()
        .await
        .ok()
        .flatten()
        .is_some_and(|device| device.is_cross_signed_by_owner())
}

/// What a file holds; `None` when it is not there.
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

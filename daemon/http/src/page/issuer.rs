//! The client of an OpenID Connect issuer.

use std::time::Duration;

use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, PkceCodeVerifier, RedirectUrl, TokenResponse,
    core::{CoreClient, CoreProviderMetadata},
    reqwest,
};
use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// Keys and addresses of the issuer are fetched again after this long.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// The issuer, from the configuration.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The name on the button: `Log in with <name>`.
    pub name: String,
    /// The issuer's address; its document is at `<issuer>/.well-known/openid-configuration`.
    pub issuer_url: String,
    /// Our client id at the issuer.
    pub client_id: String,
    /// Our client secret; public clients have none.
    pub client_secret: Option<String>,
}

/// At most this many logins are in progress at once: each may cost a call to the issuer, and
/// anybody can start one.
const AT_ONCE: usize = 32;

/// A client of the issuer.
pub struct Issuer {
    settings: OidcSettings,
    http: reqwest::Client,
    ways: Semaphore,
    known: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

type OidcClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What went wrong, for the log.
pub type OidcError = Box<dyn std::error::Error + Send + Sync>;

impl Issuer {
    /// The issuer is not contacted before somebody logs in.
    pub fn new(settings: OidcSettings) -> Self {
        // A redirect could send our requests anywhere.
        let http = reqwest::ClientBuilder::new()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build();
        let http = http.expect("a client without any files");
        Self {
            settings,
            http,
            ways: Semaphore::new(AT_ONCE),
            known: Mutex::default(),
        }
    }

    /// The name on the button.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    pub async fn client(&self, link: &str) -> Result<OidcClient, OidcError> {
        // One login asks the issuer; others wait for it, as long as it may take itself.
        let mut known = timeout(PATIENCE, self.known.lock())
            .await
            .map_err(|_| "the issuer did not answer an earlier request in time")?;
        let metadata = match known
            .as_ref()
            .filter(|(since, _)| since.elapsed() < KNOWN_FOR)
        {
            Some((_, metadata)) => metadata.clone(),
            None => {
                let issuer = IssuerUrl::new(self.settings.issuer_url.clone())?;
                let found = timeout(
                    PATIENCE,
                    CoreProviderMetadata::discover_async(issuer, &self.http),
                )
                .await;
                let metadata =
                    found.map_err(|_| "the issuer did not send its metadata in time")??;
                *known = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.settings.client_id.clone()),
            secret,
        );
        Ok(client.set_redirect_uri(RedirectUrl::new(format!("{link}{BACK}"))?))
    }

    /// A permit for one login; `None` while too many are in progress.
    pub fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.ways.try_acquire().ok()
    }

    /// Who logged in: the subject, and the email address if the issuer verified it.
    pub async fn redeem(
        &self,
        link: &str,
        code: String,
        asked: &OidcRequest,
    ) -> Result<(String, Option<String>), OidcError> {
        let client = self.client(link).await?;
        let request = client
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(PkceCodeVerifier::new(asked.verifier.clone()));
        let answer = request.request_async(&self.http).await?;
        let token = answer.id_token().ok_or("the issuer returned no ID token")?;
        let nonce = Nonce::new(asked.nonce.clone());
        let verified = match token.claims(&client.id_token_verifier(), &nonce) {
            // Issuers may change their keys at any time (OpenID Connect Core 1.0, 10.1.1).
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                *timeout(PATIENCE, self.known.lock()).await? = None;
                token.claims(&self.client(link).await?.id_token_verifier(), &nonce)
            }
            verified => verified,
        };
        let claims = verified?;
        let sure = claims.email_verified() == Some(true);
        Ok((
            claims.subject().to_string(),
            claims
                .email()
                .filter(|_| sure)
                .map(|email| email.to_string()),
        ))
    }
}

pub const PATIENCE: Duration = Duration::from_secs(15);

pub const BACK: &str = "/login/oidc/back";

/// What the browser keeps while the person is at the issuer.
pub struct OidcRequest {
    pub state: String,
    nonce: String,
    verifier: String,
}

impl OidcRequest {
    /// Reads the cookie that [`super::oidc::leave`] wrote.
    pub fn read(kept: &str) -> Option<Self> {
        let mut parts = kept.split('.').map(str::to_owned);
        Some(Self {
            state: parts.next()?,
            nonce: parts.next()?,
            verifier: parts.next()?,
        })
    }
}

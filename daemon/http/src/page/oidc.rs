//! Login with an organisation's account: OpenID Connect, authorization code with PKCE. What ties
//! the issuer's answer to its request is in a cookie of the browser that asked, so that any daemon
//! can handle the answer.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
    core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata},
    reqwest,
};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};
use vine_app::{AppError, metrics::RefusalCause};

use super::{PageState, login};
use crate::{HttpState, auth, error::QueryParams};

/// How long a person may take to log in at the issuer.
const LIFE: u64 = 600;
/// Keys and addresses of the issuer are fetched again after this long.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(15);
const COOKIE: &str = "vine_oidc";
const BACK: &str = "/login/oidc/back";

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
type OidcError = Box<dyn std::error::Error + Send + Sync>;

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

    async fn client(&self, shared: &HttpState) -> Result<OidcClient, OidcError> {
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
        Ok(client.set_redirect_uri(RedirectUrl::new(format!(
            "{}{BACK}",
            shared.app.settings().link
        ))?))
    }

    /// A permit for one login, or a response that asks the person to try again later.
    fn way(&self, shared: &HttpState) -> Result<SemaphorePermit<'_>, Box<Response>> {
        self.ways.try_acquire().map_err(|_| {
            shared.app.meter.denied(RefusalCause::Rate);
            Box::new(login::later(shared, PATIENCE))
        })
    }

    /// Who logged in: the subject, and the email address if the issuer verified it.
    async fn redeem(
        &self,
        shared: &HttpState,
        code: String,
        asked: &OidcRequest,
    ) -> Result<(String, Option<String>), OidcError> {
        let client = self.client(shared).await?;
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
                token.claims(&self.client(shared).await?.id_token_verifier(), &nonce)
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

/// What the browser keeps while the person is at the issuer.
struct OidcRequest {
    state: String,
    nonce: String,
    verifier: String,
}

impl OidcRequest {
    fn read(shared: &HttpState, headers: &HeaderMap) -> Option<Self> {
        let kept = auth::kept(shared, headers, COOKIE)?;
        let mut parts = kept.split('.').map(str::to_owned);
        Some(Self {
            state: parts.next()?,
            nonce: parts.next()?,
            verifier: parts.next()?,
        })
    }
}

/// `GET /login/oidc`: redirects to the issuer.
pub async fn leave(State(shared): PageState) -> Response {
    let Some(issuer) = &shared.issuer else {
        return login::how(
            &shared,
            StatusCode::NOT_FOUND,
            "Login with an organisation's account is not set up here.",
        );
    };
    let _way = match issuer.way(&shared) {
        Ok(way) => way,
        Err(later) => return *later,
    };
    let client = match issuer.client(&shared).await {
        Ok(client) => client,
        Err(trouble) => return failed(&shared, &trouble),
    };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let request = client.authorize_url(
        CoreAuthenticationFlow::AuthorizationCode,
        CsrfToken::new_random,
        Nonce::new_random,
    );
    let (url, state, nonce) = request
        .add_scope(Scope::new("email".into()))
        .set_pkce_challenge(challenge)
        .url();
    let kept = format!(
        "{}.{}.{}",
        state.secret(),
        nonce.secret(),
        verifier.secret()
    );
    (
        [(header::SET_COOKIE, auth::keep(&shared, COOKIE, &kept, LIFE))],
        Redirect::to(url.as_str()),
    )
        .into_response()
}

/// What the issuer sends back.
#[derive(Deserialize)]
pub struct OidcCallback {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// `GET /login/oidc/back`: the cookie is removed whatever the outcome.
pub async fn back(
    State(shared): PageState,
    QueryParams(answer): QueryParams<OidcCallback>,
    headers: HeaderMap,
) -> Response {
    let Some(issuer) = &shared.issuer else {
        return login::how(
            &shared,
            StatusCode::NOT_FOUND,
            "Login with an organisation's account is not set up here.",
        );
    };
    let asked = OidcRequest::read(&shared, &headers)
        .filter(|asked| answer.state.as_ref() == Some(&asked.state));
    let Some(asked) = asked else {
        return login::how(
            &shared,
            StatusCode::UNAUTHORIZED,
            "This login was not started in this browser, or it took too long. Try again.",
        );
    };
    let forgotten = auth::keep(&shared, COOKIE, "", 0);
    (
        AppendHeaders([(header::SET_COOKIE, forgotten)]),
        answered(&shared, issuer, answer, &asked).await,
    )
        .into_response()
}

/// Logs in the person whom the issuer names.
async fn answered(
    shared: &HttpState,
    issuer: &Issuer,
    answer: OidcCallback,
    asked: &OidcRequest,
) -> Response {
    let code = match (answer.error, answer.code) {
        (Some(error), _) => {
            return failed(
                shared,
                &format!(
                    "the issuer returned {}",
                    vine_domain::invalid::shown(&error)
                )
                .into(),
            );
        }
        (None, Some(code)) => code,
        (None, None) => return failed(shared, &"the issuer returned no code".into()),
    };
    let _way = match issuer.way(shared) {
        Ok(way) => way,
        Err(later) => return *later,
    };
    let (subject, email) = match issuer.redeem(shared, code, asked).await {
        Ok(known) => known,
        Err(trouble) => return failed(shared, &trouble),
    };
    // Some issuers let people choose their subject: one that looks like an email address is not
    // taken for one.
    let chosen = Some(subject.as_str()).filter(|subject| !subject.contains('@'));
    let names: Vec<&str> = [chosen, email.as_deref()].into_iter().flatten().collect();
    match shared.app.log_in_as(&names).await {
        Ok(session) => login::entered(shared, &session),
        Err(AppError::Unauthenticated) => {
            let name = email.unwrap_or(subject);
            let why = format!(
                "You are {name} there, but nobody here has that identity. Ask an administrator to \
                 add `oidc = \"{name}\"` to your entry under [[people]]."
            );
            login::how(shared, StatusCode::FORBIDDEN, &why)
        }
        Err(error) => crate::error::ErrorResponse::from(error).into_response(),
    }
}

fn failed(shared: &HttpState, trouble: &OidcError) -> Response {
    let mut why = trouble.to_string();
    let mut cause = trouble.source();
    while let Some(deeper) = cause {
        why = format!("{why}: {deeper}");
        cause = deeper.source();
    }
    tracing::warn!("login through the issuer failed: {why}");
    login::how(
        shared,
        StatusCode::BAD_GATEWAY,
        "The login failed at the identity provider; the daemon's log says why. Try again, or log \
         in another way.",
    )
}

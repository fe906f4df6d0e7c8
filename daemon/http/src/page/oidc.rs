//! Login with an organisation's account: OpenID Connect, authorization code with PKCE. What ties
//! the issuer's answer to its request is in a cookie of the browser that asked, so that any daemon
//! can handle the answer.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use openidconnect::{CsrfToken, Nonce, PkceCodeChallenge, Scope, core::CoreAuthenticationFlow};
use serde::Deserialize;
use vine_app::{AppError, metrics::RefusalCause};

use super::{
    issuer::{Issuer, OidcError, OidcRequest, PATIENCE},
    login,
};
use crate::{auth, error::QueryParams, page::document::PageState, state::HttpState};

/// How long a person may take to log in at the issuer.
const LIFE: u64 = 600;
const COOKIE: &str = "vine_oidc";

/// `GET /login/oidc`: redirects to the issuer.
pub async fn leave(State(shared): PageState) -> Response {
    let Some(issuer) = &shared.issuer else {
        return login::how(
            &shared,
            StatusCode::NOT_FOUND,
            "Login with an organisation's account is not set up here.",
        );
    };
    let Some(_permit) = issuer.permit() else {
        return busy(&shared);
    };
    let client = match issuer.client(&shared.app.settings().link).await {
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
    let asked = auth::kept(&shared, &headers, COOKIE)
        .and_then(|kept| OidcRequest::read(&kept))
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
        answered(&shared, &headers, issuer, answer, &asked).await,
    )
        .into_response()
}

/// Logs in the person whom the issuer names.
async fn answered(
    shared: &HttpState,
    headers: &HeaderMap,
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
    let Some(_permit) = issuer.permit() else {
        return busy(shared);
    };
    let (subject, email) = match issuer
        .redeem(&shared.app.settings().link, code, asked)
        .await
    {
        Ok(known) => known,
        Err(trouble) => return failed(shared, &trouble),
    };
    // Some issuers let people choose their subject: one that looks like an email address is not
    // taken for one.
    let chosen = Some(subject.as_str()).filter(|subject| !subject.contains('@'));
    let names: Vec<&str> = [chosen, email.as_deref()].into_iter().flatten().collect();
    match shared.app.people.log_in_as(&names).await {
        Ok(session) => login::entered(shared, headers, &session),
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

/// Asks the person to try again later: too many logins are in progress.
fn busy(shared: &HttpState) -> Response {
    shared.app.people.refused(RefusalCause::Rate);
    login::later(shared, PATIENCE)
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

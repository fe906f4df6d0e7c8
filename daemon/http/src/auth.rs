//! Who calls: a person with a token, a person with a browser session, or a worker.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, Version, header, request::Parts},
    middleware::Next,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use vine_api::{WIRE, WIRE_HEADER};
use vine_app::{AppError, Caller, metrics::RefusalCause};
use vine_domain::{
    WorkerId,
    token::{Token, TokenKind},
};

use crate::{anonymous::AnonymousConnection, error::ErrorResponse, state::HttpState};

/// The cookie that keeps a browser logged in.
const SESSION: &str = "vine_session";
/// The cookie with the page to go to after the login, and its life in seconds.
const NEXT: &str = "vine_next";
const NEXT_LIFE: u64 = 600;
const LONGEST_TARGET: usize = 500;

/// If the page is served over https, our cookies have the prefix that keeps other hosts, subdomains
/// and plain connections from setting them (RFC 6265bis, 4.1.3.2). Otherwise they have the port, because
/// browsers send the cookies of a host to all of its ports, and another daemon may run there.
fn full_name(shared: &HttpState, name: &str) -> String {
    if is_secure(shared) {
        return format!("__Host-{name}");
    }
    let settings = shared.app.settings();
    let port = settings.link.rsplit_once(':').map_or("", |(_, port)| port);
    match port.parse::<u16>() {
        Ok(port) => format!("{name}_{port}"),
        Err(_) => name.to_owned(),
    }
}

fn is_secure(shared: &HttpState) -> bool {
    shared.app.settings().link.starts_with("https://")
}

/// The header that sets a cookie or, with a life of 0, removes it.
pub fn keep(shared: &HttpState, name: &str, value: &str, life: u64) -> String {
    let secure = if is_secure(shared) { "; Secure" } else { "" };
    format!(
        "{}={value}; HttpOnly; SameSite=Lax; Path=/; Max-Age={life}{secure}",
        full_name(shared, name)
    )
}

/// The header that logs a browser in or, with a life of 0, out.
pub fn pin_session(shared: &HttpState, value: &str, life: u64) -> String {
    keep(shared, SESSION, value, life)
}

/// The value of one of our cookies.
pub fn kept(shared: &HttpState, headers: &HeaderMap, name: &str) -> Option<String> {
    let own = full_name(shared, name);
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == own)
        .map(|(_, value)| value.to_owned())
}

/// A person, by API token.
pub struct PersonCaller(pub Caller);

/// An enrolled worker, by its token.
pub struct WorkerCaller(pub WorkerId);

/// A person on the page, by cookie. Writes must come from our own page.
pub struct PageVisitor(pub Caller);

fn bearer(shared: &HttpState, headers: &HeaderMap) -> Result<Token, AppError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split_once(' '))
        // Schemes are case-insensitive (RFC 9110, 11.1).
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .map(|(_, token)| Token::presented(token.trim_start()))
        .ok_or_else(|| {
            shared.app.people.refused(RefusalCause::Token);
            AppError::Unauthenticated
        })
}

/// The caller is known, so the connection is not anonymous any more.
fn is_known(parts: &Parts) {
    if let Some(guest) = parts.extensions.get::<AnonymousConnection>() {
        guest.is_known_now();
    }
}

impl FromRequestParts<HttpState> for PersonCaller {
    type Rejection = ErrorResponse;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &HttpState,
    ) -> Result<Self, ErrorResponse> {
        let token = bearer(shared, &parts.headers)?;
        let caller = shared
            .app
            .people
            .caller(&token, TokenKind::User, "api")
            .await?;
        is_known(parts);
        Ok(Self(caller))
    }
}

impl FromRequestParts<HttpState> for WorkerCaller {
    type Rejection = ErrorResponse;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &HttpState,
    ) -> Result<Self, ErrorResponse> {
        let token = bearer(shared, &parts.headers)?;
        let worker = shared.app.people.worker_of(&token).await?;
        same_wire(&parts.headers)?;
        // Some proxies end their connection after each answer, which says nothing about the worker.
        let is_kept = parts.version == Version::HTTP_11 && !is_closing(&parts.headers);
        match parts.extensions.get::<AnonymousConnection>() {
            Some(guest) if is_kept => guest.is_of_worker(worker),
            Some(guest) => guest.is_known_now(),
            None => {}
        }
        Ok(Self(worker))
    }
}

fn is_closing(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONNECTION)
        .and_then(|value| value.to_str().ok());
    let mut words = value.unwrap_or_default().split(',');
    words.any(|word| word.trim().eq_ignore_ascii_case("close"))
}

/// Refuses a worker that uses another version of the worker protocol, before anything changes.
pub fn same_wire(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let named = headers.get(WIRE_HEADER);
    let theirs = named.and_then(|value| value.to_str().ok()).unwrap_or("1");
    if theirs == WIRE {
        return Ok(());
    }
    Err(ErrorResponse::new(
        StatusCode::BAD_REQUEST,
        "other_wire",
        format!(
            "this worker uses version {theirs} of the worker protocol, this daemon version {WIRE}"
        ),
        "update the older one, daemons before workers",
    ))
}

/// The browser session of a request.
pub fn cookie(shared: &HttpState, headers: &HeaderMap) -> Option<Token> {
    kept(shared, headers, SESSION).map(Token::presented)
}

/// Sends a browser to the login page, which leads back to the page that was asked for.
fn to_login(shared: &HttpState, parts: &Parts) -> Response {
    let target = parts.uri.path_and_query().map(|target| target.as_str());
    // The page's script asks too, for whatever tab it runs in.
    let mode = parts.headers.get("sec-fetch-mode");
    let is_visit = parts.method == Method::GET && mode.is_none_or(|mode| mode == "navigate");
    let back = target.filter(|target| is_visit && is_own_path(target));
    let cookie = back.map(|back| (header::SET_COOKIE, keep(shared, NEXT, back, NEXT_LIFE)));
    (AppendHeaders(cookie), Redirect::to("/login")).into_response()
}

/// A path of the page, and nothing that a browser could take for another host or another header.
pub fn is_own_path(target: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, ';' | ',' | '"' | '\\');
    target.starts_with('/')
        && !target.starts_with("//")
        && target.len() <= LONGEST_TARGET
        && target.chars().all(plain)
}

/// The page that a browser wanted before it logged in, and the header that forgets it.
pub fn wanted(shared: &HttpState, headers: &HeaderMap) -> (String, String) {
    let target = kept(shared, headers, NEXT).filter(|target| is_own_path(target));
    let forgotten = keep(shared, NEXT, "", 0);
    (target.unwrap_or_else(|| "/".into()), forgotten)
}

impl FromRequestParts<HttpState> for PageVisitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &HttpState) -> Result<Self, Response> {
        let to_login = || to_login(shared, parts);
        let token = cookie(shared, &parts.headers).ok_or_else(to_login)?;
        match shared
            .app
            .people
            .caller(&token, TokenKind::Browser, "console")
            .await
        {
            Ok(caller) => {
                is_known(parts);
                Ok(Self(caller))
            }
            Err(AppError::Unauthenticated) => Err(to_login()),
            Err(error) => Err(ErrorResponse::from(error).into_response()),
        }
    }
}

/// Guards the page: only under a known host name, writes only from the page itself, nothing
/// embeddable or scriptable from outside.
pub async fn guard(State(shared): State<HttpState>, request: Request, next: Next) -> Response {
    if let Err(refused) = check(&shared, request.method(), request.headers()) {
        return refused.into_response();
    }
    let mut response = next.run(request).await;
    // The browser has them with its copy, and this is sent every few seconds.
    if response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    protect(response.headers_mut());
    response
}

/// The headers that keep others from embedding or scripting a page.
pub fn protect(headers: &mut HeaderMap) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
             'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, value.parse().expect("a plain header value"));
    }
}

/// Guards what needs no token: health, metrics and the API document. A browser that was directed
/// here under another host name cannot read any of it.
pub async fn named(State(shared): State<HttpState>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    // Browsers always send one.
    match host.map_or(Ok(()), |host| called_right(&shared, host)) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Whether this is one of our host names: a configured one, or one that nobody else can own.
fn called_right(shared: &HttpState, host: &str) -> Result<(), ErrorResponse> {
    if shared.hosts.iter().any(|known| known == host) || is_nobodys(host) {
        return Ok(());
    }
    shared.app.people.refused(RefusalCause::Host);
    let hint = format!(
        "use http://{}, or add this name to `daemon.hosts`",
        shared.hosts.first().map_or("localhost", String::as_str)
    );
    Err(ErrorResponse::new(
        StatusCode::FORBIDDEN,
        "unknown_host",
        "this host name is not served here",
        &hint,
    ))
}

/// An IP address or this machine: no name service is involved, so no other site can use it.
fn is_nobodys(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    host.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok() || name == "localhost"
}

fn check(shared: &HttpState, method: &Method, headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    called_right(shared, host)?;
    if method == Method::GET || method == Method::HEAD {
        return Ok(());
    }
    let site = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    let own_origin = text(header::ORIGIN).is_some_and(|origin| {
        origin
            .split_once("://")
            .is_some_and(|(_, origin)| origin == host)
    });
    match site {
        Some("same-origin") => Ok(()),
        None if own_origin => Ok(()),
        _ => {
            shared.app.people.refused(RefusalCause::CrossSite);
            Err(ErrorResponse::new(
                StatusCode::FORBIDDEN,
                "cross_site",
                "this request came from another site",
                "send it from the page itself",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_nobodys;

    #[test]
    fn only_numbers_and_this_machine_are_nobodys_names() {
        for host in [
            "127.0.0.1:7878",
            "10.0.0.7",
            "[::1]:7878",
            "[::1]",
            "localhost",
            "localhost:1",
        ] {
            assert!(is_nobodys(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
            "",
            "evil:7878",
            "1.2.3.4@evil",
        ] {
            assert!(!is_nobodys(host), "{host}");
        }
    }
}

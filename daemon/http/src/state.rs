//! What the routers share.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::Router;
use vine_app::{App, Inbox};

use crate::{
    accept::PeerCheck,
    page::{Issuer, OidcSettings, Overview, PerVersion, WaitingCount},
    signatures::ForgeHooks,
};

/// What the routers share.
#[derive(Clone)]
pub struct HttpState {
    pub(crate) app: App,
    /// Reads what people write.
    pub(crate) inbox: Inbox,
    /// How forges sign their webhooks.
    pub(crate) hooks: ForgeHooks,
    /// Names under which browsers may reach the page, with port. Anything else is a rebinding
    /// attack.
    pub(crate) hosts: Arc<[String]>,
    /// The OpenID Connect issuer, if people log in with one.
    pub(crate) issuer: Option<Arc<Issuer>>,
    /// Differs between starts, so that a browser never keeps the page of an earlier process.
    pub(crate) boot: Arc<str>,
    /// What all who see everything see on the overview.
    pub(crate) overview: PerVersion<Overview>,
    /// How many questions wait for them.
    pub(crate) waiting: PerVersion<WaitingCount>,
    /// When the store last failed a request.
    pub(crate) refused: Arc<Mutex<Option<Instant>>>,
}

/// What the server needs besides the use cases.
pub struct FrontSettings {
    /// Names under which browsers may reach the page, with port.
    pub hosts: Vec<String>,
    /// Routes of chat platforms, which authenticate requests on their own.
    pub doors: Router,
    /// How forges sign their webhooks.
    pub hooks: ForgeHooks,
    /// The OpenID Connect issuer, if people log in with one.
    pub oidc: Option<OidcSettings>,
    /// Whether a connection must be refused, by its other end and ours.
    pub shuns: Option<PeerCheck>,
}

//! The HTTP face of the daemon: the API under `/api/v1`, the page with its console, health and
//! metrics.
//!
//! Routers get an [`App`] and nothing else. Start with [`serve`], then `auth` (who calls), then a
//! file under `api` or `page`.

mod api;
mod auth;
mod error;
mod metrics;
mod page;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use axum::Router;
use axum::{
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, header},
    middleware::map_response_with_state,
    response::Response,
    routing::get,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use vine_app::App;

use crate::page::Issuer;
pub use crate::page::Oidc;

/// Large enough that a prompt which is too long gets the clear error of the rules, not a cut
/// connection.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What the routers share.
#[derive(Clone)]
pub struct Shared {
    app: App,
    /// Names under which browsers may reach the page, with port. Anything else is a rebinding
    /// attack.
    hosts: Arc<[String]>,
    /// Where people have their accounts, if they log in with those.
    issuer: Option<Arc<Issuer>>,
    /// Differs between starts, so that a browser never keeps the page of an earlier process.
    boot: Arc<str>,
}

/// What stands at the front besides the use cases.
pub struct Front {
    /// Names under which browsers may reach the page, with port.
    pub hosts: Vec<String>,
    /// Where chat platforms come in; they know who knocks by themselves.
    pub doors: Router,
    /// Where people have their accounts, if they log in with those.
    pub oidc: Option<Oidc>,
    /// Whether nobody at that address is to be spoken with.
    pub shuns: Option<fn(SocketAddr) -> bool>,
}

/// Serves until `closing`; requests that wait are answered at once when the daemon stops, which may
/// be earlier.
pub async fn serve(
    listener: TcpListener,
    app: App,
    front: Front,
    closing: CancellationToken,
) -> std::io::Result<()> {
    let boot = app.ids.uuid().simple().to_string();
    let issuer = front.oidc.map(|settings| Arc::new(Issuer::new(settings)));
    let shared = Shared {
        app,
        hosts: front.hosts.into(),
        issuer,
        boot: boot.into(),
    };
    let router = router(shared.clone())
        .merge(front.doors)
        .layer(map_response_with_state(shared, farewell));
    let listener = Door {
        listener,
        shuns: front.shuns,
        looks: JoinSet::new(),
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(closing.cancelled_owned())
        .await
}

/// While the daemon stops each connection ends with its next answer, so that none is closed under a
/// request.
async fn farewell(State(shared): State<Shared>, mut response: Response) -> Response {
    if shared.app.stop.is_cancelled() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn router(shared: Shared) -> Router {
    Router::new()
        .merge(api::routes())
        .merge(page::routes(shared.clone()))
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(metrics::ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared)
}

/// Where connections come in. Small answers must not wait for more of them.
struct Door {
    listener: TcpListener,
    shuns: Option<fn(SocketAddr) -> bool>,
    /// Nobody waits while somebody else is looked at.
    looks: JoinSet<Option<(TcpStream, SocketAddr)>>,
}

/// So many are looked at at once.
const LOOKS: usize = 100;

impl axum::serve::Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let accept = axum::serve::Listener::accept(&mut self.listener);
            let (stream, from) = tokio::select! {
                Some(looked) = self.looks.join_next() => match looked {
                    Ok(Some(welcome)) => return welcome,
                    Ok(None) | Err(_) => continue,
                },
                accepted = accept, if self.looks.len() < LOOKS => accepted,
            };
            let _best_effort = stream.set_nodelay(true);
            match self.shuns {
                None => return (stream, from),
                Some(shuns) => self.looks.spawn(look(stream, from, shuns)),
            };
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Whoever is to be spoken with; all others hear why they are not.
async fn look(
    mut stream: TcpStream,
    from: SocketAddr,
    shuns: fn(SocketAddr) -> bool,
) -> Option<(TcpStream, SocketAddr)> {
    let shunned = tokio::task::spawn_blocking(move || shuns(from)).await;
    if !shunned.unwrap_or(true) {
        return Some((stream, from));
    }
    tracing::warn!("an agent tried to reach the daemon as if it were a person");
    // Its goodbye takes no place from others.
    tokio::spawn(async move {
        let _best_effort = stream.write_all(SHUNNED.as_bytes()).await;
        let _best_effort = stream.shutdown().await;
        // Closing before it has said everything would take our words back.
        let mut sink = tokio::io::sink();
        let rest = tokio::io::copy(&mut stream, &mut sink);
        let _best_effort = tokio::time::timeout(Duration::from_secs(1), rest).await;
    });
    None
}

/// What an agent hears.
const SHUNNED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"code\":\"forbidden\",\"message\":\"this call comes from inside a task\",\"hint\":\"ask people with `vine ask`\"}";

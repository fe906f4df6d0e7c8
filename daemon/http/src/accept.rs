//! Accepts connections, and refuses those of agents.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
    serve::Listener,
};
use futures_util::future::BoxFuture;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use vine_domain::WorkerId;

use crate::anonymous::{AnonymousConnection, AnonymousPool};

/// A connection that sends nothing, or no complete request head, for this long is closed. Our own
/// clients keep idle ones for 90 s.
const SILENT: Duration = Duration::from_secs(100);
/// How long a request of an anonymous caller may take, with its body.
const STRANGE: Duration = Duration::from_secs(60);

/// Whether a connection must be refused, by its other end and ours.
pub type PeerCheck = fn(SocketAddr, SocketAddr) -> bool;

/// Serves until `closing`; then no new connection is accepted, and open ones end with their next
/// answer. Calls `cut` when a connection of a worker has ended.
pub async fn serve(
    listener: TcpListener,
    shuns: Option<PeerCheck>,
    router: Router,
    cut: impl Fn(WorkerId) + Clone + Send + 'static,
    closing: CancellationToken,
) {
    let mut door = Acceptor {
        listener,
        shuns,
        looks: JoinSet::new(),
    };
    let guests = Arc::new(AnonymousPool::default());
    let open = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(SILENT);
    loop {
        let (stream, from) = tokio::select! {
            () = closing.cancelled() => break,
            accepted = door.accept() => accepted,
        };
        let guest = guests.admit(from.ip().to_canonical());
        let service = ConnectionService {
            router: TowerToHyperService::new(router.clone()),
            guest: guest.clone(),
        };
        let connection = open.watch(protocol.serve_connection(TokioIo::new(stream), service));
        let cut = cut.clone();
        tokio::spawn(async move {
            tokio::select! {
                // How a connection ends does not matter here.
                _ = connection => {}
                () = guest.closed() => {}
            }
            guest.leaves();
            if let Some(worker) = guest.worker() {
                cut(worker);
            }
        });
    }
    open.shutdown().await;
}

/// Answers the requests of one connection.
struct ConnectionService {
    router: TowerToHyperService<Router>,
    guest: AnonymousConnection,
}

impl hyper::service::Service<Request<Incoming>> for ConnectionService {
    type Response = Response<Body>;
    type Error = TooSlow;
    type Future = BoxFuture<'static, Result<Response<Body>, TooSlow>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let guest = self.guest.clone();
        let router = self.router.clone();
        request.extensions_mut().insert(guest.clone());
        guest.is_served(true);
        Box::pin(async move {
            let served = tokio::select! {
                Ok(response) = router.call(request) => Ok(response),
                () = remains_strange(&guest) => Err(TooSlow),
            };
            guest.is_served(false);
            served
        })
    }
}

/// A request of an anonymous caller took too long.
#[derive(Debug, thiserror::Error)]
#[error("the request took too long")]
struct TooSlow;

async fn remains_strange(guest: &AnonymousConnection) {
    tokio::time::sleep(STRANGE).await;
    if guest.is_known() {
        std::future::pending::<()>().await;
    }
}

/// Accepts connections. Small answers must not wait for more of them.
struct Acceptor {
    listener: TcpListener,
    shuns: Option<PeerCheck>,
    /// Checks of peers under way; one does not delay the others.
    looks: JoinSet<Option<(TcpStream, SocketAddr)>>,
}

/// At most this many peers are checked at the same time.
const LOOKS: usize = 100;

impl Acceptor {
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            // Waits on its own while no file descriptors are left.
            let accept = Listener::accept(&mut self.listener);
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
}

/// Returns the connection if it may be served; all others receive the reason for the refusal.
async fn look(
    mut stream: TcpStream,
    from: SocketAddr,
    shuns: PeerCheck,
) -> Option<(TcpStream, SocketAddr)> {
    let shunned = match stream.local_addr() {
        Ok(here) => tokio::task::spawn_blocking(move || shuns(from, here)).await,
        // It is closed already.
        Err(_) => return None,
    };
    if !shunned.unwrap_or(true) {
        return Some((stream, from));
    }
    tracing::warn!("refused a connection: an agent tried to reach the daemon like a person");
    // The refusal is sent in the background and does not block others.
    tokio::spawn(async move {
        let _best_effort = stream.write_all(SHUNNED.as_bytes()).await;
        let _best_effort = stream.shutdown().await;
        // Closing before its request is read would discard our answer.
        let mut sink = tokio::io::sink();
        let rest = tokio::io::copy(&mut stream, &mut sink);
        let _best_effort = tokio::time::timeout(Duration::from_secs(1), rest).await;
    });
    None
}

/// The answer to an agent.
const SHUNNED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
    {\"code\":\"forbidden\",\"message\":\"this call comes from inside a task\",\"hint\":\"ask people with `vine ask`\"}";

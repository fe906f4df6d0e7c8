//! Limits concurrent connections: additional ones wait outside this process.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Maximum connections of one agent to one service of its keeper.
const MOST: usize = 128;
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener with a limit on concurrent connections.
pub struct LimitedListener<L> {
    listener: L,
    room: Arc<Semaphore>,
}

impl<L> LimitedListener<L> {
    /// Wraps a listener.
    pub fn new(listener: L) -> Self {
        Self {
            listener,
            room: Arc::new(Semaphore::new(MOST)),
        }
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.room)
            .acquire_owned()
            .await
            .expect("it is never closed")
    }
}

/// A connection; dropping it makes room for the next one.
pub struct LimitedStream<S>(
    S,
    #[expect(dead_code, reason = "held as long as the connection")] OwnedSemaphorePermit,
);

macro_rules! few {
    ($listener:ty, $stream:ty, $address:ty) => {
        impl Listener for LimitedListener<$listener> {
            type Io = LimitedStream<$stream>;
            type Addr = $address;

            async fn accept(&mut self) -> (Self::Io, Self::Addr) {
                let permit = self.permit().await;
                loop {
                    match self.listener.accept().await {
                        Ok((stream, address)) => return (LimitedStream(stream, permit), address),
                        Err(_) => tokio::time::sleep(PAUSE).await,
                    }
                }
            }

            fn local_addr(&self) -> io::Result<Self::Addr> {
                self.listener.local_addr()
            }
        }
    };
}

few!(UnixListener, UnixStream, tokio::net::unix::SocketAddr);
few!(TcpListener, TcpStream, std::net::SocketAddr);

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

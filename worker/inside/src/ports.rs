//! Ports of the sandbox's own loopback, each carried to a socket of the keeper.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};

/// Enough to carry bytes.
const STACK: usize = 64 * 1024;

/// A port, and where it leads.
type ForwardedPort = (TcpListener, PathBuf);

/// Listens on all of them.
pub fn open(ports: &[(u16, PathBuf)]) -> Result<Vec<ForwardedPort>> {
    let one = |(port, socket): &(u16, PathBuf)| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
            .with_context(|| format!("port {port} cannot be listened on"))?;
        Ok((listener, socket.clone()))
    };
    ports.iter().map(one).collect()
}

/// Carries what comes, as long as this process lives.
pub fn carry(doors: Vec<ForwardedPort>) {
    for (listener, socket) in doors {
        begin(move || {
            for stream in listener.incoming().flatten() {
                let socket = socket.clone();
                begin(move || drop(through(&stream, &socket)));
            }
        });
    }
}

/// Nothing happens when there is no room for another thread: the caller's connection is closed.
fn begin(work: impl FnOnce() + Send + 'static) {
    let _closed = thread::Builder::new().stack_size(STACK).spawn(work);
}

/// Both ways until both have ended.
fn through(stream: &TcpStream, socket: &Path) -> io::Result<()> {
    let keeper = UnixStream::connect(socket)?;
    let (mut from_agent, mut to_keeper) = (stream.try_clone()?, keeper.try_clone()?);
    let there = thread::Builder::new().stack_size(STACK).spawn(move || {
        let _cut = io::copy(&mut from_agent, &mut to_keeper);
        let _gone_already = to_keeper.shutdown(Shutdown::Write);
    })?;
    let (mut from_keeper, mut to_agent) = (&keeper, stream);
    let _cut = io::copy(&mut from_keeper, &mut to_agent);
    let _gone_already = stream.shutdown(Shutdown::Write);
    drop(there.join());
    Ok(())
}

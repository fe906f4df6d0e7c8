//! Forwards ports on the sandbox's loopback interface to the keeper's sockets.

use std::{
    io,
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context, Result};

/// Enough stack for copying bytes.
const STACK: usize = 64 * 1024;

/// A listening port and the socket that it forwards to.
type ForwardedPort = (TcpListener, PathBuf);

/// Listens on all ports.
pub fn open(ports: &[(u16, PathBuf)]) -> Result<Vec<ForwardedPort>> {
    let one = |(port, socket): &(u16, PathBuf)| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))
            .with_context(|| format!("cannot listen on port {port}"))?;
        Ok((listener, socket.clone()))
    };
    ports.iter().map(one).collect()
}

/// Forwards connections while this process lives.
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

/// If no thread can be created, the work is dropped, which closes the caller's connection.
fn begin(work: impl FnOnce() + Send + 'static) {
    let _closed = thread::Builder::new().stack_size(STACK).spawn(work);
}

/// Copies in both directions until both have ended.
fn through(stream: &TcpStream, socket: &Path) -> io::Result<()> {
    let keeper = UnixStream::connect(socket)?;
    let mut from_agent = stream.try_clone()?;
    let mut to_keeper = keeper.try_clone()?;
    let there = thread::Builder::new().stack_size(STACK).spawn(move || {
        let _cut = io::copy(&mut from_agent, &mut to_keeper);
        let _gone_already = to_keeper.shutdown(Shutdown::Write);
    })?;
    let mut from_keeper = &keeper;
    let mut to_agent = stream;
    let _cut = io::copy(&mut from_keeper, &mut to_agent);
    let _gone_already = stream.shutdown(Shutdown::Write);
    drop(there.join());
    Ok(())
}

//! Which processes are agents, or were started by one: decided by descent, because a process can
//! choose everything else about itself.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, SocketAddr},
    thread,
    time::Duration,
};

/// The parent of each visible process.
fn parents() -> HashMap<u32, u32> {
    vine_worker::parents().into_iter().collect()
}

/// Whether this process was started by an agent: an ancestor runs agents, or its environment has an
/// agent's variables.
///
/// Inside a sandbox the daemon that owns it cannot be reached; a daemon that an agent starts there
/// is not protected from it.
pub fn is_inside_attempt() -> bool {
    if !is_in_sandbox()
        && std::env::vars_os().any(|(name, _)| name == "VINE_AGENT_OF" || name == "VINE_SOCKET")
    {
        return true;
    }
    let parents = parents();
    let mut pid = parents.get(&std::process::id());
    while let Some(ancestor) = pid.filter(|pid| **pid > 1) {
        if runs_agents(*ancestor) {
            return true;
        }
        pid = parents.get(ancestor);
    }
    false
}

/// Whether the first visible process is a sandbox's.
fn is_in_sandbox() -> bool {
    let words = fs::read("/proc/1/cmdline").unwrap_or_default();
    let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
    first == vine_worker::INSIDE.as_bytes()
}

/// Whether it is `vine up` or `vine worker`.
fn runs_agents(pid: u32) -> bool {
    let same = |link: &str| fs::read_link(format!("/proc/{pid}/{link}")).ok();
    let own = std::env::current_exe().ok();
    if own.is_none() || same("exe") != own {
        return false;
    }
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words
        .split(|byte| *byte == 0)
        .skip(1)
        .any(|word| matches!(word, b"up" | b"worker"))
}

/// The kernel lists sockets and files in pieces, and skips some while others come and go.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(5);

/// Both ends of a connection to us. Only both together name it: the kernel gives one local port to several
/// connections that lead to different places.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub here: SocketAddr,
}

/// Whether the other end of a connection to us is an agent of a worker in this process, or may be
/// one: while agents run, a process of this user that hides its files.
pub fn is_of_ours(peer: SocketAddr, here: SocketAddr) -> bool {
    let ends = Ends { peer, here };
    if is_own(ends) {
        return false;
    }
    for _ in 1..LOOKS {
        if let Some(is_ours) = look(ends) {
            return is_ours;
        }
        thread::sleep(PAUSE);
    }
    look(ends).unwrap_or(true)
}

/// Whether it is this process itself, whose files the kernel lists completely.
fn is_own(ends: Ends) -> bool {
    let files = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let mut numbers = files.filter_map(|file| {
        file.file_name()
            .to_str()?
            .parse::<std::os::fd::RawFd>()
            .ok()
    });
    let wanted = (canonical(ends.peer), canonical(ends.here));
    numbers.any(|number| {
        let own = ends_of(number);
        own.is_some_and(|(from, to)| (canonical(from), canonical(to)) == wanted)
    })
}

/// The local and the remote address of a socket of this process.
#[expect(unsafe_code, reason = "files of other code have only a number")]
fn ends_of(number: std::os::fd::RawFd) -> Option<(SocketAddr, SocketAddr)> {
    // SAFETY: only its type and addresses are read; a file that was closed meanwhile has none, and
    // one that took its number reports its own.
    let file = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    let kind = rustix::net::sockopt::socket_type(file).ok()?;
    if kind != rustix::net::SocketType::STREAM {
        return None;
    }
    // Only a connected one has another end.
    let to = rustix::net::getpeername(file).ok()??.try_into().ok()?;
    let from = rustix::net::getsockname(file).ok()?.try_into().ok()?;
    Some((from, to))
}

fn canonical(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

/// `None` if no process is visible at the other end.
fn look(ends: Ends) -> Option<bool> {
    let parents = parents();
    let us = std::process::id();
    let descends = |pid: u32| {
        let mut pid = pid;
        while let Some(parent) = parents.get(&pid) {
            if *parent == us {
                return true;
            }
            pid = *parent;
        }
        false
    };
    if !parents.keys().any(|pid| descends(*pid)) {
        return Some(false);
    }
    let Some((user, inode)) = socket_of(ends) else {
        // From another machine; a loopback connection has an entry as long as it exists.
        return (!ends.peer.ip().to_canonical().is_loopback()).then_some(false);
    };
    // Agents behind the wall `user` run as other users, and only root can start them.
    let us_as_user = rustix::process::geteuid();
    if user != us_as_user.as_raw() && !us_as_user.is_root() {
        return Some(false);
    }
    let name = format!("socket:[{inode}]");
    let mut owners = parents.keys().filter(|pid| owns(**pid, &name)).peekable();
    // A child of ours that has not become an agent yet still has all our files.
    let is_outside = |pid: &u32| *pid == us || !descends(*pid);
    owners.peek()?;
    Some(!owners.any(is_outside))
}

fn owns(pid: u32, name: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
    links.any(|link| link.as_os_str() == name)
}

/// User and inode of the socket at the other end (proc_pid_net(5): its own address is the second field, the
/// one that it is connected to the third, the user the eighth, the inode the tenth). An IPv4 address may
/// belong to an IPv6 socket.
fn socket_of(ends: Ends) -> Option<(u32, u64)> {
    let tables = [("/proc/net/tcp", false), ("/proc/net/tcp6", true)];
    tables.into_iter().find_map(|(file, is_six)| {
        let (own, other) = (listed(ends.peer, is_six)?, listed(ends.here, is_six)?);
        let table = fs::read_to_string(file).ok()?;
        let mut rows = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|row| row.get(1..3) == Some(&[own.as_str(), other.as_str()][..]))?;
        Some((row.get(7)?.parse().ok()?, row.get(9)?.parse().ok()?))
    })
}

/// An address as the table of IPv4 or of IPv6 sockets shows it; `None` if it cannot be there.
fn listed(address: SocketAddr, is_six: bool) -> Option<String> {
    let word = |four: &[u8]| {
        let four: [u8; 4] = four.try_into().unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(four))
    };
    let words = |bytes: &[u8]| bytes.chunks(4).map(word).collect::<String>();
    let host = match (address.ip().to_canonical(), is_six) {
        (IpAddr::V4(v4), false) => words(&v4.octets()),
        (IpAddr::V4(v4), true) => words(&v4.to_ipv6_mapped().octets()),
        (IpAddr::V6(v6), true) => words(&v6.octets()),
        (IpAddr::V6(_), false) => return None,
    };
    Some(format!("{host}:{:04X}", address.port()))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{TcpListener, TcpStream},
        process::{Command, Stdio},
        sync::atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[test]
    fn our_own_connections_are_ours_also_while_many_others_come_and_go() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut child = Command::new("sleep").arg("60").spawn().expect("it runs");
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
                    let there = other.local_addr().expect("an address");
                    while !is_over.load(Ordering::Relaxed) {
                        let ends = (TcpStream::connect(there), other.accept());
                        thread::sleep(Duration::from_micros(300));
                        drop(ends);
                    }
                });
            }
            for number in 0..100 {
                let own = TcpStream::connect(address).expect("connected");
                let (_there, peer) = listener.accept().expect("accepted");
                let wrong = is_of_ours(peer, address);
                if wrong {
                    is_over.store(true, Ordering::Relaxed);
                }
                assert!(!wrong, "connection {number}");
                drop(own);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }

    /// A port of one's own may also be that of somebody else's connection, which leads elsewhere.
    #[test]
    fn another_connection_from_the_same_port_is_not_mistaken_for_an_agents() {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let script = "import socket, sys, time; agent = socket.socket(); agent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); \
            agent.bind(('127.0.0.1', 0)); agent.connect(('127.0.0.1', int(sys.argv[1]))); time.sleep(5)";
        let mut child = Command::new("python3")
            .args(["-c", script, &address.port().to_string()])
            .spawn()
            .expect("it runs");
        let (_there, peer) = listener.accept().expect("accepted");
        // Ours, from the very port of the agent, to other places.
        let ours: Vec<_> = (0..8)
            .map(|_| {
                let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
                let ours = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
                sockopt::set_socket_reuseaddr(&ours, true).expect("set");
                bind(&ours, &peer).expect("the same port");
                let there = elsewhere.local_addr().expect("an address");
                connect(&ours, &there).expect("connected");
                (ours, elsewhere)
            })
            .collect();
        assert!(is_of_ours(peer, address));
        drop(ours);
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }

    #[test]
    fn our_own_connections_are_not_those_of_what_we_started() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let _own = TcpStream::connect(address).expect("connected");
        let (_, peer) = listener.accept().expect("accepted");
        assert!(!is_of_ours(peer, address));
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; echo; sleep 5",
            address.port()
        );
        // Neither a session of its own nor an empty environment hides it.
        let mut child = Command::new("setsid")
            .args(["env", "-i", "bash", "-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let (_, peer) = listener.accept().expect("accepted");
        let mut byte = [0];
        child
            .stdout
            .as_mut()
            .expect("piped")
            .read_exact(&mut byte)
            .expect("it is there");
        assert!(is_of_ours(peer, address));
        let own = TcpStream::connect(address).expect("connected");
        let (_, peer) = listener.accept().expect("accepted");
        assert!(
            !is_of_ours(peer, address),
            "we may speak to ourselves while agents run"
        );
        drop(own);
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
}

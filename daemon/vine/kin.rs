//! Which processes are agents, or began in one: by descent, since a process chooses everything else
//! of itself.

use std::{collections::HashMap, fs, net::SocketAddr};

/// Parents of all processes that can be seen.
fn parents() -> HashMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect()
}

/// The fourth word of `stat`; the second may hold anything, in brackets (proc_pid_stat(5)).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// This process was started by an agent: one that runs agents is among its ancestors, or it bears
/// their mark.
pub fn is_inside_attempt() -> bool {
    if std::env::vars_os().any(|(name, _)| name == "VINE_AGENT_OF" || name == "VINE_SOCKET") {
        return true;
    }
    let mut pid = parent_of(std::process::id());
    while let Some(ancestor) = pid.filter(|pid| *pid > 1) {
        if runs_agents(ancestor) {
            return true;
        }
        pid = parent_of(ancestor);
    }
    false
}

/// It is `vine up` or `vine worker`.
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

/// The other end of a connection to us is a process that we started, or one that it started: an
/// agent of a worker in this process.
pub fn is_of_ours(peer: SocketAddr) -> bool {
    if !peer.ip().is_loopback() {
        return false;
    }
    let parents = parents();
    let us = std::process::id();
    let descends = |pid: &u32| {
        let mut pid = *pid;
        while let Some(parent) = parents.get(&pid) {
            if *parent == us {
                return true;
            }
            pid = *parent;
        }
        false
    };
    let mut agents = parents.keys().filter(|pid| descends(pid)).peekable();
    if agents.peek().is_none() {
        return false;
    }
    let Some(inode) = inode_of(peer) else {
        return false;
    };
    let name = format!("socket:[{inode}]");
    agents.any(|pid| {
        let files = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.any(|link| link.as_os_str() == name.as_str())
    })
}

/// The socket whose own end is `address` (proc_pid_net(5): own end is the second word, the inode the
/// tenth).
fn inode_of(address: SocketAddr) -> Option<u64> {
    let (file, end) = match address {
        SocketAddr::V4(v4) => {
            let ip = u32::from_ne_bytes(v4.ip().octets());
            ("/proc/net/tcp", format!("{ip:08X}:{:04X}", v4.port()))
        }
        SocketAddr::V6(v6) => {
            let words = v6.ip().octets();
            let words = words.chunks(4).map(|four| {
                let four = four.try_into().unwrap_or_default();
                format!("{:08X}", u32::from_ne_bytes(four))
            });
            (
                "/proc/net/tcp6",
                format!("{}:{:04X}", words.collect::<String>(), v6.port()),
            )
        }
    };
    let table = fs::read_to_string(file).ok()?;
    let mut rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1) == Some(&end.as_str()))?;
    row.get(9)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{TcpListener, TcpStream},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn our_own_connections_are_not_those_of_what_we_started() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let _own = TcpStream::connect(address).expect("connected");
        let (_, peer) = listener.accept().expect("accepted");
        assert!(!is_of_ours(peer));
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; echo; sleep 5",
            address.port()
        );
        // Neither a name of its own session nor an empty environment hides it.
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
        assert!(is_of_ours(peer));
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
}

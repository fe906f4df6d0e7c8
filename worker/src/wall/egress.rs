//! A sandbox's way out: an HTTP proxy that decides by host name, connects to what the name
//! currently resolves to, and reports refusals. It does not decrypt or inspect the traffic.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpStream, UnixListener, UnixStream, lookup_host},
};
use vine_domain::{Guard, Slug, guard::Egress};

use super::{
    address::may_reach,
    client_hello::{self, ClientHello},
    connection_limit::{LimitedListener, LimitedStream},
};
use crate::{agent_host::AgentHost, config::WallConfig};

/// One connection.
type EgressStream = LimitedStream<UnixStream>;

/// One attempt's way out.
pub struct EgressProxy {
    /// The host of the attempt, which knows the current guard.
    pub host: AgentHost,
    /// The repository.
    pub repo: Slug,
    /// The guard to use until the daemon has been asked.
    pub guard: Guard,
    /// The administrator's addresses for hosts.
    pub config: Arc<WallConfig>,
    /// The daemon's address.
    pub daemon: String,
}

/// Maximum size of a request's head.
const HEAD: usize = 32 * 1024;
/// Time limit for the request and for the connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// Standard web ports; other ports require a host that was allowed by name.
const PORTS: [u16; 2] = [80, 443];

/// How soon a host that was taken off the list is refused.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// How often at most a refusal fetches the guard again.
const AGAIN: Duration = Duration::from_millis(200);

/// Forwards what is allowed while it is polled.
pub async fn serve(mut listener: LimitedListener<UnixListener>, way: Arc<EgressProxy>) {
    let mut all = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await;
        while all.try_join_next().is_some() {}
        let way = Arc::clone(&way);
        all.spawn(async move {
            if let Err(error) = way.through(stream).await {
                tracing::debug!("egress: {error}");
            }
        });
    }
}

/// A parsed request: the target, and what to send first.
#[derive(Debug, PartialEq, Eq)]
struct EgressRequest {
    name: String,
    port: u16,
    /// Set for a plain request, not for a tunnel.
    head: Option<PlainRequest>,
}

/// A plain request as its server receives it.
#[derive(Debug, PartialEq, Eq)]
struct PlainRequest {
    head: Vec<u8>,
    /// Number of body bytes that follow.
    body: u64,
}

impl EgressRequest {
    /// The host, with the port if it is not a standard one.
    fn said(&self) -> String {
        match PORTS.contains(&self.port) {
            true => self.name.clone(),
            false => format!("{}:{}", self.name, self.port),
        }
    }
}

/// Forwards exactly `body` bytes from the agent.
async fn pass_body(
    from: &mut EgressStream,
    to: &mut TcpStream,
    known: Vec<u8>,
    body: u64,
) -> std::io::Result<()> {
    let first = known.len().min(usize::try_from(body).unwrap_or(usize::MAX));
    to.write_all(&known[..first]).await?;
    let left = body - first as u64;
    tokio::io::copy(&mut from.take(left), to).await.map(|_| ())
}

impl EgressProxy {
    async fn through(&self, mut stream: EgressStream) -> std::io::Result<()> {
        let read = tokio::time::timeout(PATIENCE, read_head(&mut stream)).await;
        let (head, rest) = match read {
            Ok(Ok(Some(read))) => read,
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) | Err(_) => {
                return answer(&mut stream, 400, "Not a proxy request.\n").await;
            }
        };
        let Some(request) = request(&head) else {
            return answer(
                &mut stream,
                400,
                "Not a proxy request: send CONNECT host:port, or an absolute URL.\n",
            )
            .await;
        };
        let connected = match self.connect(&request).await {
            Ok(connected) => connected,
            Err(EgressRefusal::NotLetOut(why)) => {
                self.host.refused_host(&request.said());
                return answer(&mut stream, 403, &why).await;
            }
            Err(EgressRefusal::Away(why)) => return answer(&mut stream, 502, &why).await,
        };
        let mut there = connected;
        match request.head {
            Some(PlainRequest { head, body }) => {
                there.write_all(&head).await?;
                pass_body(&mut stream, &mut there, rest, body).await?;
                // End the connection here: the next request may be for another host.
                tokio::io::copy(&mut there, &mut stream).await?;
                return stream.shutdown().await;
            }
            None => {
                let made = b"HTTP/1.1 200 Connection established\r\n\r\n";
                stream.write_all(made).await?;
            }
        }
        let rest = match self.greeted(&mut stream, &request.name, rest).await? {
            Some(rest) => rest,
            None => return Ok(()),
        };
        there.write_all(&rest).await?;
        copy_bidirectional(&mut stream, &mut there)
            .await
            .map(|_| ())
    }

    /// Checks the server name in the tunnel's TLS greeting: another host at the same address must
    /// not bypass the list. `None` if it was refused.
    async fn greeted(
        &self,
        stream: &mut EgressStream,
        name: &str,
        mut bytes: Vec<u8>,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let guard = self.host.guard(&self.guard, GOOD_FOR).await;
        if guard.egress == Egress::Open {
            return Ok(Some(bytes));
        }
        // A host with an administrator's address shares it with no other host, and need not speak
        // TLS.
        let is_placed = self.config.hosts.contains_key(name);
        let read = async {
            loop {
                match client_hello::read(&bytes) {
                    ClientHello::Short
                        if bytes.len() < HEAD && stream.read_buf(&mut bytes).await? > 0 => {}
                    other => return std::io::Result::Ok(other),
                }
            }
        };
        let greeted = tokio::time::timeout(PATIENCE, read).await;
        match greeted {
            Ok(Ok(ClientHello::To(host))) if host.eq_ignore_ascii_case(name) => Ok(Some(bytes)),
            Ok(Ok(ClientHello::To(host))) => {
                self.host.refused_host(&host);
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(ClientHello::Other)) if is_placed => Ok(Some(bytes)),
            Ok(Ok(ClientHello::Short | ClientHello::Other)) | Err(_) => {
                self.host.log(format!(
                    "connection to {name} was refused: it did not start with TLS for that name"
                ));
                Ok(None)
            }
        }
    }

    async fn connect(&self, request: &EgressRequest) -> Result<TcpStream, EgressRefusal> {
        let EgressRequest { name, port, .. } = request;
        let mut guard = self.host.guard(&self.guard, GOOD_FOR).await;
        // Someone may have allowed it just now.
        if !lets_out(&guard, name, *port) {
            guard = self.host.guard(&self.guard, AGAIN).await;
        }
        if !lets_out(&guard, name, *port) {
            return Err(EgressRefusal::NotLetOut(
                self.not_on_list(name, *port, &guard),
            ));
        }
        let addresses = self.addresses(name, *port).await?;
        let mut last = format!("`{name}` has no address");
        for address in addresses {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = format!("could not reach {name}:{port}: {error}"),
                Err(_) => last = format!("{name}:{port} does not respond"),
            }
        }
        Err(EgressRefusal::Away(format!("{last}.\n")))
    }

    async fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, EgressRefusal> {
        if let Some(address) = self.config.hosts.get(name) {
            return Ok(vec![*address]);
        }
        let found = resolved(name, port).await?;
        let (daemon, at) = host_of(&self.daemon);
        let daemon: Vec<IpAddr> = resolved(&daemon, at)
            .await?
            .iter()
            .map(SocketAddr::ip)
            .collect();
        let fine: Vec<SocketAddr> = found
            .iter()
            .filter(|one| may_reach(one.ip(), &daemon))
            .copied()
            .collect();
        match fine.is_empty() && !found.is_empty() {
            true => Err(EgressRefusal::NotLetOut(format!(
                "AgentVine: `{name}` resolves to this machine or a private network, which agents must not reach. An administrator can set its address in `worker.hosts`. Nothing was sent.\n"
            ))),
            false => Ok(fine),
        }
    }

    fn not_on_list(&self, name: &str, port: u16, guard: &Guard) -> String {
        let rule = match guard.egress {
            Egress::Off => "network access is off".to_owned(),
            _ if !PORTS.contains(&port) && guard.lets_out(name) => {
                format!("port {port} requires a host that was allowed by name")
            }
            _ => "the host is not on the list".to_owned(),
        };
        format!(
            "AgentVine: agents of `{}` are not allowed to reach {name}: {rule}. People have been told; once an operator allows it, try again. Nothing was sent.\n",
            self.repo
        )
    }
}

async fn resolved(name: &str, port: u16) -> Result<Vec<SocketAddr>, EgressRefusal> {
    let found = tokio::time::timeout(PATIENCE, lookup_host((name, port))).await;
    match found {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(EgressRefusal::Away(format!(
            "could not resolve `{name}`: {error}.\n"
        ))),
        Err(_) => Err(EgressRefusal::Away(format!(
            "could not resolve `{name}` in time.\n"
        ))),
    }
}

/// Host and port of the daemon.
fn host_of(daemon: &str) -> (String, u16) {
    let address = url::Url::parse(daemon).ok();
    let host = address.as_ref().and_then(|address| address.host_str());
    let host = host
        .unwrap_or("localhost")
        .trim_matches(['[', ']'])
        .to_owned();
    (
        host,
        address
            .and_then(|address| address.port_or_known_default())
            .unwrap_or(80),
    )
}

/// A numeric address is not a name: it would bypass the list.
fn lets_out(guard: &Guard, name: &str, port: u16) -> bool {
    let open = guard.names(name) || guard.egress == Egress::Open;
    let is_address = name.parse::<IpAddr>().is_ok();
    guard.lets_out(name) && (open || PORTS.contains(&port) && !is_address)
}

enum EgressRefusal {
    NotLetOut(String),
    Away(String),
}

/// The head, and any bytes after it; `None` if the head has no end.
async fn read_head(stream: &mut EgressStream) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((bytes, rest)));
        }
        if bytes.len() > HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Parses `CONNECT host:port` or `GET http://host/…`.
fn request(head: &[u8]) -> Option<EgressRequest> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(head).ok()?;
    let method = parsed.method?;
    let target = parsed.path?;
    if method.eq_ignore_ascii_case("connect") {
        let (name, port) = target.rsplit_once(':')?;
        return Some(EgressRequest {
            name: plain(name)?,
            port: port.parse().ok()?,
            head: None,
        });
    }
    let address = url::Url::parse(target)
        .ok()
        .filter(|address| address.scheme() == "http")?;
    let name = plain(address.host_str()?)?;
    let path = match address.query() {
        Some(query) => format!("{}?{query}", address.path()),
        None => address.path().to_owned(),
    };
    let mut lines = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for header in parsed.headers.iter() {
        let hop = [
            "connection",
            "proxy-connection",
            "proxy-authorization",
            "keep-alive",
            "host",
        ];
        if !hop.contains(&header.name.to_ascii_lowercase().as_str()) {
            lines.extend([header.name.as_bytes(), b": ", header.value, b"\r\n"].concat());
        }
    }
    let length =
        |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("content-length");
    let body = match parsed.headers.iter().find(length) {
        Some(header) => std::str::from_utf8(header.value)
            .ok()?
            .trim()
            .parse()
            .ok()?,
        None => 0,
    };
    // A chunked body has no known length.
    let is_chunked =
        |header: &httparse::Header<'_>| header.name.eq_ignore_ascii_case("transfer-encoding");
    if parsed.headers.iter().any(is_chunked) {
        return None;
    }
    let port = address
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    // One request per connection: the next may be for another host.
    lines.extend(format!("Host: {name}{port}\r\nConnection: close\r\n\r\n").into_bytes());
    Some(EgressRequest {
        name,
        port: address.port().unwrap_or(80),
        head: Some(PlainRequest { head: lines, body }),
    })
}

/// A name as it is resolved: punycode for other scripts, addresses without brackets.
fn plain(name: &str) -> Option<String> {
    match url::Host::parse(name).ok()? {
        url::Host::Domain(name) => Some(name.trim_end_matches('.').to_owned()),
        url::Host::Ipv4(address) => Some(address.to_string()),
        url::Host::Ipv6(address) => Some(address.to_string()),
    }
}

async fn answer(stream: &mut EgressStream, status: u16, words: &str) -> std::io::Result<()> {
    let reason = match status {
        400 => "Bad Request",
        403 => "Forbidden",
        _ => "Bad Gateway",
    };
    let text = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nX-AgentVine: {status}\r\nConnection: close\r\n\r\n{words}",
        words.len()
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Option<(String, u16, String)> {
        let request = request(head.as_bytes())?;
        let head = request
            .head
            .map(|head| String::from_utf8(head.head).expect("text"))
            .unwrap_or_default();
        Some((request.name, request.port, head))
    }

    #[test]
    fn a_tunnel_and_a_plain_request_say_where_they_go() {
        let tunnel = read("CONNECT Registry.npmjs.org:443 HTTP/1.1\r\nHost: other\r\n\r\n");
        assert_eq!(
            tunnel,
            Some(("registry.npmjs.org".into(), 443, String::new()))
        );
        let plain = read(
            "GET http://a.example:81/x?y=1 HTTP/1.1\r\nHost: evil.example\r\nProxy-Connection: keep-alive\r\nAccept: */*\r\n\r\n",
        );
        let (name, port, head) = plain.expect("a request");
        assert_eq!((name.as_str(), port), ("a.example", 81));
        assert_eq!(
            head,
            "GET /x?y=1 HTTP/1.1\r\nAccept: */*\r\nHost: a.example:81\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn other_scripts_are_punycode_and_odd_numbers_are_addresses() {
        let name = |head: &str| read(head).map(|(name, ..)| name);
        assert_eq!(
            name("CONNECT xn--80ak6aa92e.com:443 HTTP/1.1\r\n\r\n").as_deref(),
            Some("xn--80ak6aa92e.com")
        );
        for number in ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"] {
            let head = format!("CONNECT {number}:80 HTTP/1.1\r\n\r\n");
            assert_eq!(name(&head).as_deref(), Some("127.0.0.1"), "{number}");
        }
        assert_eq!(
            name("CONNECT [::1]:80 HTTP/1.1\r\n\r\n").as_deref(),
            Some("::1")
        );
        for bad in [
            "GET /x HTTP/1.1\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\n\r\n",
            "CONNECT a HTTP/1.1\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}

//! The git side of a forge: `git http-backend` behind TLS, with credentials that are checked.

use std::{net::SocketAddr, path::Path, process::Stdio, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    process::Command,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto, pki_types::PrivateKeyDer},
    server::TlsStream,
};

use super::Forge;

/// A server on loopback, and the certificate that clients have to trust.
pub struct GitOverHttps {
    pub host: String,
    pub certificate: String,
}

struct TlsListener {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, from)) = self.listener.accept().await
                && let Ok(stream) = self.tls.accept(stream).await
            {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Forge {
    /// Serves the repositories of its projects, until the process ends.
    pub async fn serve_git(&self) -> GitOverHttps {
        let made =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let host = listener.local_addr().expect("an address").to_string();
        let listener = TlsListener {
            listener,
            tls: TlsAcceptor::from(Arc::new(config)),
        };
        let app = Router::new().fallback(serve).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        GitOverHttps {
            host,
            certificate: made.cert.pem(),
        }
    }

    /// The bare repository that a caller may use, with this name and password.
    fn repository(&self, path: &str, headers: &HeaderMap) -> Option<std::path::PathBuf> {
        let project = path.trim_start_matches('/').split(".git/").next()?;
        let text = headers.get("authorization")?.to_str().ok()?;
        let basic = STANDARD.decode(text.strip_prefix("Basic ")?).ok()?;
        let basic = String::from_utf8(basic).ok()?;
        let (_, password) = basic.split_once(':')?;
        let world = self.world();
        let may = world.may_use_git(password, project);
        may.then(|| world.projects[project].bare.clone())
    }
}

async fn serve(
    State(forge): State<Forge>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(bare) = forge.repository(uri.path(), &headers) else {
        let asks = [("www-authenticate", "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, asks).into_response();
    };
    let output = backend(&bare, &method, &uri, &headers, body).await;
    answer(&output)
}

/// Runs it as RFC 3875 says.
async fn backend(
    bare: &Path,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Vec<u8> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let root = bare.ancestors().nth(2).expect("below a folder");
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "git")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git http-backend runs");
    let mut input = child.stdin.take().expect("piped");
    let fed = async move {
        let _it_may_not_read_all = input.write_all(&body).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), fed);
    output.expect("it ends").stdout
}

fn answer(output: &[u8]) -> Response {
    let end = output
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut response = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        response = match name.eq_ignore_ascii_case("status") {
            true => response.status(
                value
                    .get(..3)
                    .and_then(|code| code.parse::<u16>().ok())
                    .unwrap_or(500),
            ),
            false => response.header(name, value),
        };
    }
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    response.body(Body::from(body)).expect("an answer")
}

//! A way to PostgreSQL on which things go wrong: it is cut, slow, or answers with an error of the server's.
//! It follows the protocol (PostgreSQL's manual, "Message Flow") as far as that needs.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::Mutex as AsyncMutex,
};

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the server has it.
    Cut,
    /// The server has it, and the connection ends before it answers.
    CutAfter,
    /// It takes so many milliseconds to get there.
    Slow(u64),
    /// The server refuses it with this code, and the transaction fails.
    Refused(&'static str),
}

/// The fault of now, and how often it happened.
#[derive(Default)]
struct Now {
    fault: Mutex<Option<Fault>>,
    /// Only the statement after so many others, once.
    once: Mutex<Option<u64>>,
    fired: AtomicU64,
}

pub struct Proxy {
    port: u16,
    database: String,
    now: Arc<Now>,
}

impl Proxy {
    pub async fn before(url: &str) -> Self {
        let (server, database) = url.rsplit_once('/').expect("a database");
        let upstream = server.rsplit_once('@').expect("a user").1.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let now = Arc::new(Now::default());
        let shared = Arc::clone(&now);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, now) = (upstream.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let server = TcpStream::connect(upstream)
                        .await
                        .expect("the server is there");
                    let _one_of_both_left = pass(client, server, &now).await;
                });
            }
        });
        Self {
            port,
            database: database.to_owned(),
            now,
        }
    }

    pub fn url(&self) -> String {
        format!("postgres://vine@127.0.0.1:{}/{}", self.port, self.database)
    }

    /// From now on every statement meets it.
    pub fn begin(&self, fault: Fault) {
        self.now.fired.store(0, Ordering::SeqCst);
        *self.now.once.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self
            .now
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// One statement meets it, after so many others.
    pub fn once(&self, fault: Fault, after: u64) {
        self.begin(fault);
        *self.now.once.lock().unwrap_or_else(PoisonError::into_inner) = Some(after);
    }

    /// Nothing goes wrong any more; says how often it did.
    pub fn end(&self) -> u64 {
        *self
            .now
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        self.now.fired.load(Ordering::SeqCst)
    }
}

impl Now {
    fn of_this_statement(&self) -> Option<Fault> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let found = (*fault)?;
        if let Some(left) = once.as_mut() {
            if *left > 0 {
                *left -= 1;
                return None;
            }
            *fault = None;
        }
        self.fired.fetch_add(1, Ordering::SeqCst);
        Some(found)
    }
}

/// One message: its kind and its body with its length.
async fn message(from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<(u8, Vec<u8>)> {
    let kind = from.read_u8().await?;
    Ok((kind, body(from).await?))
}

async fn body(from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut body = length.to_be_bytes().to_vec();
    body.resize(length as usize, 0);
    from.read_exact(&mut body[4..]).await?;
    Ok(body)
}

async fn put(to: &mut OwnedWriteHalf, kind: u8, body: &[u8]) -> std::io::Result<()> {
    to.write_all(&[&[kind], body].concat()).await
}

/// `ErrorResponse` and, for whoever waits for it, `ReadyForQuery` in a failed transaction or outside of one.
fn refusal(code: &str, status: u8) -> Vec<u8> {
    let text = format!("SERROR\0VERROR\0C{code}\0Mwhat a story asked for\0\0");
    let length = u32::try_from(text.len() + 4).expect("short");
    let mut bytes = vec![b'E'];
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend([b'Z', 0, 0, 0, 5, status]);
    bytes
}

async fn pass(client: TcpStream, server: TcpStream, now: &Now) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let to_client = Arc::new(AsyncMutex::new(to_client));
    // The first messages have no kind: a wish for TLS, then who comes.
    loop {
        let first = body(&mut from_client).await?;
        to_server.write_all(&first).await?;
        if first[4..8] != 80_877_103_u32.to_be_bytes() {
            break;
        }
        let answer = from_server.read_u8().await?;
        to_client.lock().await.write_all(&[answer]).await?;
    }
    // The transaction's state as the server last told it: I, T or E.
    let status = Arc::new(AtomicU64::new(b'I'.into()));
    let (back, told) = (Arc::clone(&to_client), Arc::clone(&status));
    let answers = tokio::spawn(async move {
        while let Ok((kind, body)) = message(&mut from_server).await {
            if kind == b'Z' {
                told.store(body[4].into(), Ordering::SeqCst);
            }
            if put(&mut *back.lock().await, kind, &body).await.is_err() {
                break;
            }
        }
    });
    let passed = requests(&mut from_client, &mut to_server, &to_client, &status, now).await;
    answers.abort();
    passed
}

async fn requests(
    from_client: &mut (impl AsyncReadExt + Unpin),
    to_server: &mut OwnedWriteHalf,
    to_client: &AsyncMutex<OwnedWriteHalf>,
    status: &AtomicU64,
    now: &Now,
) -> std::io::Result<()> {
    // The server believes to be in a transaction that its client was told has failed.
    let mut failed = false;
    // Everything until the next Sync was refused.
    let mut skipping = false;
    // The connection ends when the server has had the whole statement.
    let mut ends = false;
    loop {
        let (kind, body) = message(from_client).await?;
        let text = String::from_utf8_lossy(&body[4..]).to_uppercase();
        if skipping {
            skipping = kind != b'S';
            continue;
        }
        if kind == b'Q' && (text.starts_with("ROLLBACK") || failed && text.starts_with("COMMIT")) {
            failed = false;
            // What was refused is not committed.
            let mut rollback = 13_u32.to_be_bytes().to_vec();
            rollback.extend(b"ROLLBACK\0");
            put(to_server, b'Q', &rollback).await?;
            continue;
        }
        // A statement begins with Query, or with Bind once it is prepared, which it is with Parse.
        let fault = match kind {
            b'Q' | b'B' | b'P' => now.of_this_statement(),
            _ => None,
        };
        let code = match fault {
            Some(Fault::Refused(code)) => Some(code),
            _ if failed && matches!(kind, b'Q' | b'B' | b'P') => Some("25P02"),
            _ => None,
        };
        if let Some(code) = code {
            failed |= status.load(Ordering::SeqCst) != u64::from(b'I');
            let state = if failed { b'E' } else { b'I' };
            to_client
                .lock()
                .await
                .write_all(&refusal(code, state))
                .await?;
            skipping = kind != b'Q';
            continue;
        }
        match fault {
            Some(Fault::Cut) => return Ok(()),
            Some(Fault::CutAfter) => ends = true,
            Some(Fault::Slow(millis)) => {
                tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
            }
            _ => {}
        }
        if ends {
            // Nobody hears what comes of it.
            let _quiet = to_client.lock().await;
            put(to_server, kind, &body).await?;
            if kind == b'S' || kind == b'Q' {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                return Ok(());
            }
            continue;
        }
        put(to_server, kind, &body).await?;
    }
}

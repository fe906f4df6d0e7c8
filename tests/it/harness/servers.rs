//! PostgreSQL and Redis of the stories: real servers on free ports, in folders of their own,
//! stopped by their own process ids. `tests/run` starts one of each for all stories and names them
//! in `VINE_TEST_POSTGRES` and `VINE_TEST_REDIS`; a story that is run by hand, or that is to hurt
//! its server, starts its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Process, path};

/// Servers are up within this time, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A PostgreSQL server of one story.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// A fresh one, with the guarantees that a real one has.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-pg-")
            .tempdir()
            .expect("a folder");
        let data = folder.path().join("data");
        own(folder.path());
        let made = as_server(&program("initdb"))
            .args([
                "-D",
                path(&data),
                "-U",
                "vine",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
            ])
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut server = Self {
            folder,
            port: free_port(),
            process: None,
        };
        server.run();
        server
    }

    fn run(&mut self) {
        let (data, socket) = (self.folder.path().join("data"), self.folder.path());
        let mut command = as_server(&program("postgres"));
        command.args([
            "-D",
            path(&data),
            "-p",
            &self.port.to_string(),
            "-k",
            path(socket),
            "-h",
            "127.0.0.1",
        ]);
        command.args([
            "-c",
            "max_connections=300",
            "-c",
            "max_prepared_transactions=0",
        ]);
        self.process = Some(Process::start("postgres", command));
        wait_until(
            || psql(&self.url("postgres"), "SELECT 1").is_ok(),
            "PostgreSQL serves",
        );
    }

    /// Ends it as a power cut would, and starts it again.
    pub fn crash(&mut self) {
        let process = self.process.take().expect("it runs");
        // Its children notice by themselves that their parent is gone, and let go of the shared
        // memory.
        process.kill();
        std::thread::sleep(Duration::from_millis(500));
        self.run();
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://vine@127.0.0.1:{}/{database}", self.port)
    }

    /// A database of its own.
    pub fn database(&self) -> Database {
        Database::make(&self.url(""), None)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown: its children end with it, which a kill would leave to themselves.
        if let Some(process) = self.process.take() {
            process.signal(Signal::INT);
            let end = Instant::now() + Duration::from_secs(10);
            while super::process::lives(process.pid().cast_signed()) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// A database, gone with its story.
pub struct Database {
    server: String,
    name: String,
    _own: Option<Postgres>,
}

impl Database {
    /// On the server of all stories, or on one of its own.
    pub fn new() -> Self {
        match std::env::var("VINE_TEST_POSTGRES") {
            Ok(server) => Self::make(&server, None),
            Err(_) => {
                let own = Postgres::start();
                Self::make(&own.url(""), Some(own))
            }
        }
    }

    fn make(server: &str, own: Option<Postgres>) -> Self {
        let name = format!(
            "vine_{}",
            vine_domain::clock::Ids::uuid(&vine_domain::clock::System).simple()
        );
        psql(
            &format!("{server}postgres"),
            &format!("CREATE DATABASE {name}"),
        )
        .expect("a database");
        Self {
            server: server.to_owned(),
            name,
            _own: own,
        }
    }

    pub fn url(&self) -> String {
        format!("{}{}", self.server, self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _server_is_gone = psql(
            &format!("{}postgres", self.server),
            &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
    }
}

/// A Redis server of one story.
pub struct Redis {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With further arguments.
    pub fn with(more: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-redis-")
            .tempdir()
            .expect("a folder");
        let mut server = Self {
            folder,
            port: free_port(),
            process: None,
        };
        server.run(more);
        server
    }

    /// Three servers that are one cluster.
    pub fn cluster() -> [Self; 3] {
        let node = |_| {
            Self::with(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &free_port().to_string(),
            ])
        };
        let nodes = [0, 1, 2].map(node);
        let addresses = nodes
            .each_ref()
            .map(|node| format!("127.0.0.1:{}", node.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output();
        let made = made.expect("redis-cli runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stdout)
        );
        nodes
    }

    /// A server that follows another one.
    pub fn following(leader: &Self) -> Self {
        Self::with(&["--replicaof", &format!("127.0.0.1 {}", leader.port)])
    }

    fn run(&mut self, more: &[&str]) {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command
            .args([
                "--enable-debug-command",
                "yes",
                "--dir",
                path(self.folder.path()),
            ])
            .args(more);
        self.process = Some(Process::start("redis", command));
        wait_until(|| self.say(&["PING"]) == "PONG", "Redis serves");
    }

    /// Ends it, with all it had.
    pub fn stop(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Starts it again, with further arguments.
    pub fn again(&mut self, more: &[&str]) {
        self.run(more);
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it answers to a command.
    pub fn say(&self, words: &[&str]) -> String {
        redis_says(self.port, words)
    }
}

/// A sentinel: it watches a Redis that it calls `main`, and puts a follower in its place when it is
/// gone.
pub struct Sentinel {
    port: u16,
    _folder: TempDir,
    _process: Process,
}

impl Sentinel {
    pub fn over(leader: &Redis) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("vine-sentinel-")
            .tempdir()
            .expect("a folder");
        let (port, file) = (free_port(), folder.path().join("sentinel.conf"));
        let watch = "down-after-milliseconds main 500\nsentinel failover-timeout main 3000";
        let rules = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\nsentinel {watch}\n",
            leader.port
        );
        fs::write(&file, rules).expect("written");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel");
        let sentinel = Self {
            port,
            _folder: folder,
            _process: Process::start("sentinel", command),
        };
        let asked = || redis_says(port, &["SENTINEL", "replicas", "main"]);
        wait_until(
            || asked().contains("127.0.0.1"),
            "the sentinel knows leader and follower",
        );
        sentinel
    }

    pub fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}/main", self.port)
    }
}

fn redis_says(port: u16, words: &[&str]) -> String {
    let said = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli runs");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// A pooler in front of a database.
pub struct Pooler {
    port: u16,
    database: String,
    _folder: TempDir,
    _process: Process,
}

impl Pooler {
    /// PgBouncer with this `pool_mode`, as its documentation sets it up for programs that know nothing of it.
    pub fn before(database: &Database, mode: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        own(folder.path());
        let (url, port) = (database.url(), free_port());
        let (server, name) = url.rsplit_once('/').expect("a name");
        let upstream = server.rsplit_once(':').expect("a port").1;
        let people = folder.path().join("users.txt");
        fs::write(&people, "\"vine\" \"\"\n").expect("written");
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = 40\n{more}\n",
            path(&people)
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, config).expect("written");
        let mut command = as_server(Path::new("/usr/sbin/pgbouncer"));
        command.arg(path(&file));
        let pooler = Self {
            port,
            database: name.to_owned(),
            _process: Process::start("pgbouncer", command),
            _folder: folder,
        };
        wait_until(
            || psql(&pooler.url(), "SELECT 1").is_ok(),
            "PgBouncer serves",
        );
        pooler
    }

    pub fn url(&self) -> String {
        format!("postgres://vine@127.0.0.1:{}/{}", self.port, self.database)
    }
}

/// Runs one statement and gives its rows, a line each, columns apart by tabs.
pub fn psql(url: &str, statement: &str) -> Result<Vec<String>, String> {
    let mut command = Command::new(program("psql"));
    let output = command
        .args([
            "-XqAt",
            "-F",
            "\t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            url,
        ])
        .output()
        .expect("psql runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Where the system keeps PostgreSQL's programs: not all of them are in the path.
pub fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin").join(name));
    let mut found: Vec<PathBuf> = versions.filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

/// PostgreSQL refuses to run as root: then it runs as the user that its package made.
fn as_server(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--pdeathsig=INT",
            "--",
        ])
        .arg(program)
        .current_dir("/");
    command
}

fn own(folder: &Path) {
    if rustix::process::getuid().is_root() {
        let given = Command::new("chown")
            .args(["postgres", path(folder)])
            .status()
            .expect("chown runs");
        assert!(given.success(), "the folder is the server's");
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn wait_until(is: impl Fn() -> bool, what: &str) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

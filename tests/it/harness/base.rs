//! What tasks are kept in. The same stories run three times, as three test programs: on SQLite, on
//! PostgreSQL, and on PostgreSQL with Redis.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use super::{
    path,
    servers::{self, Database, Redis},
};

/// The engines under a story.
pub enum Base {
    Sqlite(PathBuf),
    Postgres(Database, Option<Box<Redis>>),
}

impl Base {
    /// As the name of this test program says.
    pub fn new(state: &Path) -> Self {
        match env!("CARGO_CRATE_NAME") {
            "it_postgres" => Self::Postgres(Database::new(), None),
            "it_redis" => Self::Postgres(Database::new(), Some(Box::new(Redis::start()))),
            _ => Self::Sqlite(state.join("vine.db")),
        }
    }

    /// The Redis of this story.
    pub fn redis(&mut self) -> &mut Redis {
        match self {
            Self::Postgres(_, Some(redis)) => redis,
            _ => panic!("this story runs with Redis"),
        }
    }

    /// Sections of the configuration.
    pub fn sections(&self) -> String {
        match self {
            Self::Sqlite(_) => String::new(),
            Self::Postgres(database, redis) => {
                let redis = redis
                    .as_ref()
                    .map(|redis| format!("[redis]\nurl = \"{}\"\n", redis.url()));
                format!(
                    "[database]\nurl = \"{}\"\n{}",
                    database.url(),
                    redis.unwrap_or_default()
                )
            }
        }
    }

    /// Runs one statement and gives its rows, a line each, columns apart by tabs; an empty column
    /// is empty.
    pub fn sql(&self, statement: &str) -> Vec<String> {
        match self {
            Self::Sqlite(file) => sql(file, statement),
            Self::Postgres(database, _) => {
                servers::psql(&database.url(), statement).expect(statement)
            }
        }
    }

    /// Since when each question stands on a platform.
    pub fn asked_since(&self, platform: &str) -> Vec<String> {
        let questions = "outbox o JOIN chat_messages m ON m.id = o.message AND m.kind = 'question'";
        self.sql(&format!(
            "SELECT o.posted FROM {questions} WHERE o.platform = '{platform}' ORDER BY m.question"
        ))
    }

    /// All that is kept, as bytes.
    pub fn dump(&self) -> Vec<u8> {
        match self {
            Self::Sqlite(file) => {
                let wal = file.with_extension("db-wal");
                [
                    fs::read(file).expect("the database"),
                    fs::read(wal).unwrap_or_default(),
                ]
                .concat()
            }
            Self::Postgres(database, _) => {
                let dump = Command::new(servers::program("pg_dump"))
                    .arg(database.url())
                    .output()
                    .expect("pg_dump runs");
                assert!(
                    dump.status.success(),
                    "{}",
                    String::from_utf8_lossy(&dump.stderr)
                );
                dump.stdout
            }
        }
    }

    /// Holds the right to write: whatever a daemon wants to store waits, until this is dropped.
    pub fn hold(&self) -> Held {
        match self {
            Self::Sqlite(file) => {
                let code = "import sqlite3, sys\nat = sqlite3.connect(sys.argv[1], \
                 isolation_level=None, timeout=30)\n\
                            at.execute('BEGIN IMMEDIATE')\nprint('held', \
                            flush=True)\nsys.stdin.read()";
                Held::by(python(code, &[path(file)]))
            }
            Self::Postgres(database, _) => {
                let mut psql = Command::new(servers::program("psql"));
                psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-", &database.url()])
                    .stdout(Stdio::piped());
                let held = Held::by(psql);
                held.say(
                    "BEGIN; LOCK TABLE tasks, inbox, outbox, chat_messages, audit IN \
                 EXCLUSIVE MODE; SELECT 'held';\n",
                )
            }
        }
        .begin()
    }
}

/// A lock in the hands of another process.
pub struct Held {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Held {
    fn by(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
        Self {
            stdin: child.stdin.take(),
            child,
        }
    }

    fn say(mut self, words: &str) -> Self {
        std::io::Write::write_all(self.stdin.as_mut().expect("piped"), words.as_bytes())
            .expect("written");
        self
    }

    fn begin(mut self) -> Self {
        let mut line = String::new();
        BufReader::new(self.child.stdout.as_mut().expect("piped"))
            .read_line(&mut line)
            .expect("read");
        assert_eq!(line, "held\n");
        self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The same for a file of SQLite, ours or somebody else's.
pub fn sql(file: &Path, statement: &str) -> Vec<String> {
    let code = "import sqlite3, sys\nat = sqlite3.connect(sys.argv[1], timeout=30)\n\
                for row in at.execute(sys.argv[2]): print(*('' if one is None else one for one in \
                row), sep='\\t')\nat.commit()";
    let mut child = python(code, &[path(file), statement])
        .spawn()
        .expect("Python runs");
    let mut text = String::new();
    child
        .stdout
        .as_mut()
        .expect("piped")
        .read_to_string(&mut text)
        .expect("read");
    assert!(child.wait().expect("reaped").success(), "{statement}");
    text.lines().map(str::to_owned).collect()
}

fn python(code: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-c", code])
        .args(arguments)
        .stdout(Stdio::piped());
    command
}

//! The daemon's database as seen from outside, and held against it. By Python, which the stories need anyway.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Holds the right to write: whatever the daemon wants to store waits, until this is dropped.
pub struct Held(Child);

impl Held {
    pub fn new(file: &Path) -> Self {
        let code = "import sqlite3, sys\nat = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)\nat.execute('BEGIN IMMEDIATE')\n\
                    print('held', flush=True)\nsys.stdin.read()";
        let mut child = python(code, &[super::path(file)]).stdin(Stdio::piped()).spawn().expect("Python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("read");
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs one statement on a database and gives its rows, a line each, columns apart by tabs.
pub fn sql(file: &Path, statement: &str) -> Vec<String> {
    let code = "import sqlite3, sys\nat = sqlite3.connect(sys.argv[1], timeout=30)\n\
                for row in at.execute(sys.argv[2]): print(*row, sep='\\t')\nat.commit()";
    let mut child = python(code, &[super::path(file), statement]).spawn().expect("Python runs");
    let mut text = String::new();
    child.stdout.as_mut().expect("piped").read_to_string(&mut text).expect("read");
    assert!(child.wait().expect("reaped").success(), "{statement}");
    text.lines().map(str::to_owned).collect()
}

fn python(code: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", code]).args(arguments).stdout(Stdio::piped());
    command
}

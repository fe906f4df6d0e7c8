//! What the keeper tells the first process of a sandbox, as JSON in a file that nothing inside can
//! write. There is no secret in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the file is, inside.
pub const SPEC: &str = "/run/vine/spec.json";

/// One agent in its sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// The program and its arguments.
    pub program: Vec<String>,
    /// Where it works.
    pub folder: PathBuf,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// Ports of 127.0.0.1, each with the keeper's socket that it leads to.
    pub ports: Vec<(u16, PathBuf)>,
    /// So many processes at most, threads counted.
    pub processes: Option<u64>,
    /// So many bytes of data at most for each process.
    pub memory: Option<u64>,
}

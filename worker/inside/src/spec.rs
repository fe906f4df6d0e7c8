//! The keeper's instructions for the first process of a sandbox: a JSON file that nothing inside
//! can write. It contains no secrets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The path of the file inside the sandbox.
pub const SPEC: &str = "/run/vine/spec.json";

/// One agent in its sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// The program and its arguments.
    pub program: Vec<String>,
    /// The folder that the agent works in.
    pub folder: PathBuf,
    /// The complete environment.
    pub env: Vec<(String, String)>,
    /// Ports on 127.0.0.1, each with the keeper's socket that it forwards to.
    pub ports: Vec<(u16, PathBuf)>,
    /// Maximum number of processes, including threads.
    pub processes: Option<u64>,
    /// Maximum bytes of data per process.
    pub memory: Option<u64>,
}

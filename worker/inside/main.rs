//! `vine-inside`: a separate program, since one runs for each agent and `vine` is large.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    vine_inside::run(&arguments)
}

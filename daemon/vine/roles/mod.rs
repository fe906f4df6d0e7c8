//! What the binary can be, a file for each role.

#[cfg(any(feature = "matrix", feature = "slack", feature = "discord"))]
pub mod chat;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod login;
pub mod migrate;
pub mod transfer;
pub mod up;
pub mod worker;

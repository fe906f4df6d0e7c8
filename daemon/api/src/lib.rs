//! The wire of AgentVine: what goes over HTTP, and with the feature `client` the client for it.
//!
//! Bodies are JSON. Times are RFC 3339 in UTC, durations seconds. Errors are [`ApiError`] with a
//! status that fits.
#![warn(missing_docs)]

#[cfg(feature = "client")]
mod client;
mod wire;

#[cfg(feature = "client")]
pub use client::{Client, ClientError};
pub use wire::*;

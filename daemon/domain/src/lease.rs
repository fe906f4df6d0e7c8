//! Leases on attempts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::WorkerId};

/// How long a lease lasts without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(60);

/// A worker's right to one attempt. It expires unless it is renewed; the store's clock decides
/// when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub worker: WorkerId,
    /// When the attempt was claimed.
    pub since: Timestamp,
    /// When it expires unless it is renewed.
    pub until: Timestamp,
}

//! Leases on attempts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::WorkerId};

/// How long a lease lasts without a beat.
pub const LEASE: Duration = Duration::from_secs(60);

/// A worker's right to one attempt. It ends by itself unless renewed; the store's clock judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub worker: WorkerId,
    /// When the attempt was claimed.
    pub since: Timestamp,
    /// When it ends unless renewed.
    pub until: Timestamp,
}

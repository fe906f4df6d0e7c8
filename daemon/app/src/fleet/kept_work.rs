//! The work of an attempt that did not finish or was not pushed.

use vine_domain::Timestamp;

/// The work of an attempt that a worker keeps.
#[derive(Debug, Clone)]
pub struct KeptWorkReport {
    /// When the task was created, which distinguishes it from tasks of other installations.
    pub created: Timestamp,
    /// The commit that holds it; `None` if there is none.
    pub commit: Option<String>,
    /// The ref in the source that it was pushed to.
    pub name: Option<String>,
    /// What looks like a secret in it, because of which it is not pushed.
    pub held: Vec<String>,
    /// What else people should know, one sentence each.
    pub notes: Vec<String>,
}

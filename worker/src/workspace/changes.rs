//! What an attempt changed.

use vine_domain::task::Report;

use crate::{
    agent::FinishedRun,
    workspace::summary::{SUMMARY_LIMIT, cut},
};

/// Limit of the reported patch.
pub(crate) const PATCH_LIMIT: usize = 256 * 1024;
pub(crate) const STAT_LIMIT: usize = 16 * 1024;

/// The resulting changes, as the keeper sees them.
#[derive(Default)]
pub struct GitChanges {
    /// The commit, if anything changed.
    pub commit: Option<String>,
    /// The branch that holds it.
    pub branch: Option<String>,
    /// Set if the source does not have the work; contains what looks like a secret, if that is why.
    pub unpushed: Option<Vec<String>>,
    /// `git diff --stat`.
    pub diffstat: String,
    /// `git diff`, truncated.
    pub patch: String,
    /// Notes for people.
    pub notes: Vec<String>,
}

impl GitChanges {
    /// Combines these changes and the agent's summary into a report.
    pub fn report(self, finished: FinishedRun) -> (Report, String) {
        let FinishedRun {
            summary,
            usage,
            denied,
        } = finished;
        let summary = cut(summary, SUMMARY_LIMIT);
        (
            Report {
                summary,
                denied,
                commit: self.commit,
                branch: self.branch.and_then(|branch| branch.parse().ok()),
                diffstat: self.diffstat,
                usage,
            },
            self.patch,
        )
    }
}

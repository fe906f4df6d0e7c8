//! Checks whether unhealthy parts have recovered, without running a task.

use std::sync::Arc;

use vine_domain::{Failure, Repo};

use crate::{
    agent,
    config::WorkerConfig,
    disk,
    health::{HealthPart, PartProbe},
    keeper::Keeper,
};

/// Checks with the worker's own programs, as an attempt would use them.
pub struct HealthProbes(pub Arc<WorkerConfig>);

#[async_trait::async_trait]
impl PartProbe for HealthProbes {
    async fn look(&self, part: &HealthPart, repo: Option<&Repo>) -> Result<(), Failure> {
        let config = &self.0;
        match part {
            HealthPart::Agent => agent::starts(&config.agent).await,
            HealthPart::Credentials | HealthPart::Account | HealthPart::Service => {
                agent::speaks(&config.agent, &config.state.join("tmp")).await
            }
            HealthPart::Disk => disk::has_room(config),
            // As an attempt would, which also reveals problems in our own copy. A wall that the
            // repository requires is the daemon's to check: it assigns none of its tasks here.
            HealthPart::Repository(_) => match repo {
                // An attempt will borrow a token; a probe belongs to none and cannot.
                Some(repo) if config.git.tokens.is_missing(&config.state, repo) => Ok(()),
                Some(repo) => Keeper::fresh(&config.state, repo, &config.git)
                    .await
                    .map(|_| ()),
                None => Ok(()),
            },
        }
    }
}

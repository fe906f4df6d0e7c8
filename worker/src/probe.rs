//! Looks whether what was ill is well again, without any task.

use std::sync::Arc;

use vine_domain::{Failure, Repo};

use crate::{
    config::WorkerConfig,
    disk,
    keeper::Keeper,
    place::{Part, Probe},
};

/// Looks with the worker's own programs, as an attempt would use them.
pub struct Probes(pub Arc<WorkerConfig>);

#[async_trait::async_trait]
impl Probe for Probes {
    async fn look(&self, part: &Part, repo: Option<&Repo>) -> Result<(), Failure> {
        let config = &self.0;
        let kind = config.agent.kind;
        match part {
            Part::Agent => kind.starts(&config.agent).await,
            Part::Credentials | Part::Account | Part::Service => {
                kind.speaks(&config.agent, &config.state.join("tmp")).await
            }
            Part::Disk => disk::has_room(config),
            // As an attempt would: also what is wrong with our own copy shows.
            // A wall that it demands is the daemon's to look at: it hands out no task of it here.
            Part::Repository(_) => match repo {
                Some(repo) => Keeper::fresh(&config.state, repo, &config.git)
                    .await
                    .map(|_| ()),
                None => Ok(()),
            },
        }
    }
}

//! Looks whether what was ill is well again, without any task.

use std::sync::Arc;

use vine_domain::{Failure, FailureKind, Repo, repo::Source};

use crate::{
    config::WorkerConfig,
    disk,
    git::Git,
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
            Part::Repository(_) => match repo {
                Some(repo) => answers(&config.state, repo).await,
                None => Ok(()),
            },
        }
    }
}

/// The repository is where its source says.
async fn answers(state: &std::path::Path, repo: &Repo) -> Result<(), Failure> {
    let (folder, source) = match &repo.source {
        Source::Path(path) => (std::path::Path::new("/"), path),
        Source::Url(url) => (state, url),
    };
    let asked = Git::at(folder)
        .run(&["ls-remote", "--quiet", "--heads", source])
        .await;
    asked.map(|_| ()).map_err(|error| {
        let (kind, place) = match repo.source {
            Source::Path(_) => (FailureKind::RepositoryMissing, "on this worker"),
            Source::Url(_) => (FailureKind::RemoteAway, "from here"),
        };
        let what = format!(
            "The repository `{}` cannot be read {place}: {error}",
            repo.name
        );
        Failure::new(kind, what)
    })
}

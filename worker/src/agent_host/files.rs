//! Files that an agent shows, and files that people sent to it.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use vine_api::{Base64, ClientError, FileView, ShowFile};
use vine_domain::chat::file::FileHash;

use crate::agent_host::{AgentHost, AttemptOver, insist};

/// Time for one file, at some megabits a second.
const TRANSFER: Duration = Duration::from_secs(40);

impl AgentHost {
    /// Shows a file of the agent in the thread, once in a round. Fails if the daemon refuses it; the attempt continues.
    pub async fn show_file(&self, name: String, bytes: Vec<u8>) -> Result<()> {
        let file = ShowFile {
            attempt: self.attempt(),
            name,
            content: Base64(bytes),
        };
        let path = "/queue/show";
        let call = || self.client.call(Method::POST, path, Some(&file), TRANSFER);
        self.transferred(insist(self.stopped(), call)).await
    }

    /// A file that words for the agent name; `None` if it was removed.
    pub async fn sent_file(&self, hash: &FileHash) -> Result<Option<Vec<u8>>> {
        let path = format!("/queue/files/{hash}");
        let call = || {
            self.client
                .call::<(), FileView>(Method::GET, &path, None, TRANSFER)
        };
        match self.transferred(insist(self.stopped(), call)).await {
            Ok(file) => Ok(Some(file.content.0)),
            Err(error) => {
                let gone = error.downcast_ref::<ClientError>();
                let gone = gone.is_some_and(|error| error.code() == Some("not_found"));
                if gone { Ok(None) } else { Err(error) }
            }
        }
    }

    /// The outcome of sending or fetching a file. Words must not wait long for one.
    async fn transferred<R>(
        &self,
        call: impl Future<Output = Option<Result<R, ClientError>>>,
    ) -> Result<R> {
        let done = tokio::time::timeout(2 * TRANSFER, call).await;
        match done.context("the daemon did not answer in time")? {
            Some(done) => Ok(done?),
            None => Err(AttemptOver.into()),
        }
    }
}

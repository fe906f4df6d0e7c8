//! What the agent has used and what it is at, as the daemon is told now and then.

use std::{
    convert::Infallible,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use vine_api::ReportUsage;
use vine_domain::{Progress, attempt::Usage};

use crate::agent_host::{AgentHost, KnownProgress, TELLING, insist};

/// The daemon is told this often what the agent is at, if that has changed.
const PROGRESS: Duration = Duration::from_secs(5);

impl AgentHost {
    /// Records the agent's usage so far; the cost is only known now and then.
    pub fn spends(&self, usage: Usage) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let cost_microdollars = spent.cost_microdollars.max(usage.cost_microdollars);
        *spent = Usage {
            cost_microdollars,
            ..usage
        };
    }

    /// The agent's usage so far.
    pub fn spent(&self) -> Usage {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the agent is at.
    pub fn is_at(&self, progress: Progress) {
        let progress = progress.cleaned(|text| self.clean(text));
        let mut at = self.known_progress();
        if at.now.is_some() || progress != Progress::default() {
            at.now = Some(progress);
        }
    }

    /// Notes what a script is at; it has no steps.
    pub fn is_doing(&self, doing: String) {
        self.is_at(Progress {
            doing,
            ..Progress::default()
        });
    }

    fn known_progress(&self) -> MutexGuard<'_, KnownProgress> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports what the agent is at whenever that has changed, while it is polled.
    pub async fn tell_progress(&self) -> Infallible {
        loop {
            tokio::time::sleep(PROGRESS).await;
            let is_news = {
                let at = self.known_progress();
                at.now != at.told
            };
            if is_news {
                self.tell_spent().await;
            }
        }
    }

    /// Reports the agent's usage so far, and what it is at, if there is any. Usage counts however the
    /// attempt ends, so this does not require the lease.
    pub async fn tell_spent(&self) {
        let _in_order = self.telling.lock().await;
        let usage = self.spent();
        let progress = {
            let at = self.known_progress();
            at.now.clone().filter(|now| at.told.as_ref() != Some(now))
        };
        if usage == Usage::default() && progress.is_none() {
            return;
        }
        let attempt = self.attempt();
        let sent = progress.clone();
        let (spent, path) = (
            ReportUsage {
                attempt,
                usage,
                progress,
            },
            format!("/workers/{}/spent", self.worker),
        );
        let told = insist(std::future::pending(), || {
            self.client.post::<_, ()>(&path, &spent)
        });
        // What does not get through is told the next time.
        if let Ok(Some(Ok(()))) = tokio::time::timeout(TELLING, told).await
            && sent.is_some()
        {
            self.known_progress().told = sent;
        }
    }
}

//! The loop: tends the requests that are due, in one daemon at a time.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use vine_domain::{
    MessageId,
    forge::{ChangeRequest, RequestState},
    ports::{ForgeError, SaveRequest, StoreError},
};

use crate::{
    App, AppError, AppResult,
    change_requests::{ChangeRequests, Tended},
    cluster::leadership::{self, NoGossip},
    texts,
};

/// Looks for due requests at least this often.
const TICK: Duration = Duration::from_secs(1);
/// Requests that are tended at the same time.
const AT_ONCE: usize = 4;
/// Requests that are taken up in one round.
const BATCH: u32 = 50;
/// How long to wait until a person may have given us what the forge refused.
const REFUSED: Duration = Duration::from_secs(300);

/// Why a request could not be tended.
pub(super) enum Interrupted {
    /// By the forge.
    Forge(ForgeError),
    /// By ourselves.
    App(AppError),
}

impl From<ForgeError> for Interrupted {
    fn from(error: ForgeError) -> Self {
        Self::Forge(error)
    }
}

impl<E: Into<AppError>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::App(error.into())
    }
}

/// Tends requests until `stop`, while no other daemon does.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let requests = &app.change_requests;
    leadership::run(&app.cluster, &stop, "forges", &NoGossip, |_| {
        work(requests, &stop)
    })
    .await;
}

async fn work(requests: &ChangeRequests, stop: &CancellationToken) {
    let mut woken = requests.wakeups.on_outbox();
    loop {
        woken.mark_unchanged();
        if !requests.forges.is_empty()
            && let Err(error) = requests.tend_due().await
        {
            tracing::warn!("could not tend pull requests: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = woken.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

impl ChangeRequests {
    async fn tend_due(&self) -> AppResult<()> {
        let due = self.store.due_requests(BATCH).await?;
        let each = stream::iter(due).map(|request| self.tend(request));
        each.buffer_unordered(AT_ONCE)
            .for_each(|outcome| async move {
                match outcome {
                    // Somebody changed it meanwhile: it is still due.
                    Ok(()) | Err(AppError::Store(StoreError::Conflict)) => {}
                    Err(error) => {
                        tracing::warn!("a pull request could not be tended: {error}");
                    }
                }
            })
            .await;
        Ok(())
    }

    async fn tend(&self, request: ChangeRequest) -> AppResult<()> {
        let Some(task) = self.store.task(request.task).await? else {
            return Ok(());
        };
        let repo = self.tasks.find_repo(&task.repo).await?;
        let found = repo.and_then(|repo| {
            let (project, forge) = self.forges.of(&repo)?;
            Some((repo, project, forge))
        });
        let Some((repo, project, forge)) = found else {
            return self.rest(request).await;
        };
        // It stays where it was opened, wherever its repository is now.
        let (project, forge) = match &request.project {
            None => (project, forge),
            Some(known) => match self.forges.at(&known.host) {
                Some(forge) => (known.clone(), forge),
                None => return self.rest(request).await,
            },
        };
        let tended = Tended {
            request,
            task,
            repo,
            project,
            forge,
        };
        match self.step(&tended).await {
            Ok(()) => Ok(()),
            Err(Interrupted::App(error)) => Err(error),
            Err(Interrupted::Forge(error)) => self.interrupted(&tended, error).await,
        }
    }

    /// No forge is configured for it now. One that was opened, or asked for, waits for that.
    async fn rest(&self, request: ChangeRequest) -> AppResult<()> {
        let waits = request.opened.is_some() || request.wanted;
        let due = waits.then(|| self.clock.now().plus(REFUSED));
        let save = SaveRequest {
            request,
            due,
            messages: Vec::new(),
        };
        self.writes.save_request(save).await
    }

    /// One step, which ends with its outcome being stored.
    async fn step(&self, tended: &Tended) -> Result<(), Interrupted> {
        if self.publish(tended).await? || self.act(tended).await? {
            return Ok(());
        }
        match tended.request.opened.is_some() && tended.request.state != RequestState::Wanted {
            true => self.watch(tended).await,
            false => Ok(self
                .save(tended, tended.request.clone(), None, Vec::new())
                .await?),
        }
    }

    /// What a forge refuses, people are told once.
    async fn interrupted(&self, tended: &Tended, error: ForgeError) -> AppResult<()> {
        let task = tended.task.id;
        let host = &tended.project.host;
        tracing::warn!(task.id = %task, "{task}: {host}: {error}");
        let mut request = tended.request.clone();
        request.failures += 1;
        let mut messages = Vec::new();
        let pause = match error {
            ForgeError::Retry { after, .. } => after.max(pause(request.failures)),
            ForgeError::Moved => pause(request.failures),
            ForgeError::Refused(why) | ForgeError::Conflict(why) => {
                if request.trouble.as_ref() != Some(&why) {
                    let id = MessageId(self.ids.uuid());
                    messages.push(texts::forge_refuses(id, &tended.task, host, &why));
                    request.trouble = Some(why);
                }
                refused_pause(request.failures)
            }
        };
        let due = self.clock.now().plus(pause);
        self.save(tended, request, Some(due), messages).await
    }
}

/// 5 min, doubled for each failure, at most a day.
fn refused_pause(failures: u32) -> Duration {
    (REFUSED * (1 << failures.saturating_sub(1).min(9))).min(Duration::from_secs(24 * 3600))
}

/// 1 s doubled for each failure, at most 5 min.
fn pause(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(9)).min(Duration::from_secs(300))
}

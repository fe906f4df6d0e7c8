//! Workers join.

use vine_domain::{
    Worker, WorkerId,
    ports::StoreError,
    token::{Token, TokenKind},
    worker::WorkerLimits,
};

use crate::{AppResult, fleet::Fleet};

/// What a machine reports about itself when it enrols as a worker.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// Its name for people.
    pub name: String,
    /// How many agents at once.
    pub slots: u32,
    /// Program and version.
    pub version: String,
}

/// Accepts a name that people can type and that is safe in shells and paths.
fn worker_name(text: &str) -> AppResult<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fine) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    let hint = "use letters, digits, `-`, `_` and `.`, at most 64";
    Err(vine_domain::Invalid::new(
        "worker name",
        format!("`{}`", vine_domain::invalid::shown(text)),
        hint,
    )
    .into())
}

impl Fleet {
    /// Exchanges an enrolment code for a worker's identity and token.
    pub async fn enrol(&self, code: &Token, candidate: NewWorker) -> AppResult<(WorkerId, Token)> {
        let worker = Worker {
            id: WorkerId(self.ids.uuid()),
            name: worker_name(&candidate.name)?,
            slots: candidate.slots,
            version: candidate.version,
            draining: false,
            trouble: None,
            without: Vec::new(),
            boot: None,
            seen: self.clock.now(),
            worktree_bytes: 0,
            limits: WorkerLimits::default(),
            gone: None,
            standing: None,
        };
        let unknown = self
            .store
            .token_owner(&code.hash(), TokenKind::Enrolment)
            .await?
            .is_none();
        // Only those who may enrol learn which names are taken.
        if unknown {
            return Err(self.people.unknown_token());
        }
        if self
            .store
            .workers()
            .await?
            .iter()
            .any(|known| known.worker.name == worker.name)
        {
            return Err(StoreError::Taken(worker.name).into());
        }
        self.store
            .spend_token(&code.hash(), TokenKind::Enrolment)
            .await?
            .ok_or_else(|| self.people.unknown_token())?;
        self.store.add_worker(&worker).await?;
        let token = self
            .people
            .make_token(TokenKind::Worker, worker.id.0)
            .await?;
        self.wakeups.page();
        Ok((worker.id, token))
    }
}

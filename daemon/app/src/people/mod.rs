//! People and machines that call: who they are, what they may do, and the audit of it.

mod access;
mod caller;
mod identity;
mod login;
mod login_limiter;
mod password_hash;
mod passwords;
mod token_cache;
pub mod tokens;

use std::sync::Arc;

use vine_domain::{Ids, ports::Store};

use crate::{
    core::Core,
    metrics::{Metrics, RefusalCause},
    people::{login_limiter::LoginLimiter, password_hash::PasswordHasher, token_cache::TokenCache},
    settings::SettingsInForce,
    write_queue::WriteQueue,
};

pub use crate::people::{caller::Caller, login::ISSUER};

/// Callers, their rights and their tokens.
pub struct People {
    store: Arc<dyn Store>,
    writes: Arc<WriteQueue>,
    ids: Arc<dyn Ids>,
    metrics: Arc<Metrics>,
    settings: Arc<SettingsInForce>,
    token_cache: TokenCache,
    login_limiter: LoginLimiter,
    passwords: PasswordHasher,
}

impl People {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            store: Arc::clone(&core.store),
            writes: Arc::clone(&core.writes),
            ids: Arc::clone(&core.ids),
            metrics: Arc::clone(&core.metrics),
            settings: Arc::clone(&core.settings),
            token_cache: TokenCache::default(),
            login_limiter: LoginLimiter::default(),
            passwords: PasswordHasher::default(),
        }
    }

    /// Counts a request that was refused.
    pub fn refused(&self, why: RefusalCause) {
        self.metrics.denied(why);
    }

    /// Somebody lost a token or a right: cached owners of tokens are looked up again.
    pub(crate) fn forget_tokens(&self) {
        self.token_cache.forget();
    }
}

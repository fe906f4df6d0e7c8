//! Who a token belongs to.

use vine_domain::{
    ConfiguredPerson, Role, User, UserId, WorkerId,
    access::OURSELVES,
    token::{Token, TokenKind},
    uuid_of,
};

use crate::{
    AppError, AppResult, Caller,
    metrics::RefusalCause,
    people::{People, token_cache::TokenOwner},
};

impl People {
    /// The person behind a user's or browser's token.
    pub async fn caller(&self, token: &Token, kind: TokenKind, via: &str) -> AppResult<Caller> {
        let hash = token.hash();
        // Each kind has its own prefix, so a hash belongs to one kind; browser sessions are looked
        // up each time.
        if let (TokenKind::User, Some(TokenOwner::Person(user))) =
            (kind, self.token_cache.owner(&hash))
        {
            return Ok(Caller {
                user: Some(user),
                via: via.into(),
            });
        }
        let owner = self
            .store
            .token_owner(&hash, kind)
            .await?
            .ok_or_else(|| self.unknown_token())?;
        let user = self
            .store
            .user(OURSELVES, &owner.to_string())
            .await?
            .ok_or_else(|| self.unknown_token())?;
        self.token_cache.used(&hash);
        if kind == TokenKind::User {
            self.token_cache
                .note(hash, TokenOwner::Person(user.clone()));
        }
        Ok(Caller {
            user: Some(user),
            via: via.into(),
        })
    }

    /// The same person, loaded again after a wait.
    pub async fn reload(&self, caller: &Caller) -> AppResult<Caller> {
        let user = self.store.user(OURSELVES, &caller.id()).await?;
        Ok(Caller {
            user: Some(user.ok_or_else(|| self.unknown_token())?),
            via: caller.via.clone(),
        })
    }

    /// The error for an unknown token.
    pub(crate) fn unknown_token(&self) -> AppError {
        self.metrics.denied(RefusalCause::Token);
        AppError::Unauthenticated
    }

    /// The worker behind a worker's token.
    pub async fn worker_of(&self, token: &Token) -> AppResult<WorkerId> {
        let hash = token.hash();
        if let Some(TokenOwner::Worker(worker)) = self.token_cache.owner(&hash) {
            return Ok(worker);
        }
        let worker = self
            .store
            .token_owner(&hash, TokenKind::Worker)
            .await?
            .map(WorkerId)
            .ok_or_else(|| self.unknown_token())?;
        self.token_cache.used(&hash);
        self.token_cache.note(hash, TokenOwner::Worker(worker));
        Ok(worker)
    }

    /// The person who installed AgentVine; created on the first start.
    pub async fn first_admin(&self, name: &str) -> AppResult<UserId> {
        if let Some(known) = self.store.users_with(Role::Admin).await?.first() {
            return Ok(*known);
        }
        // Daemons that start together create the same person.
        let user = User {
            id: UserId(uuid_of("the person who set this place up")),
            name: name.into(),
            role: Some(Role::Admin),
            repos: [].into(),
        };
        self.store
            .save_user(&user, &[(OURSELVES, &user.id.to_string())])
            .await?;
        Ok(user.id)
    }

    /// Stores the people that the configuration names. Others lose their tokens, browser sessions
    /// and identities in every daemon.
    pub async fn set_people(&self, people: &[ConfiguredPerson]) -> AppResult<()> {
        self.store.set_people(people).await?;
        self.token_cache.forget();
        Ok(())
    }

    /// Whether a token is valid, as the store knows it now.
    pub async fn is_known(&self, token: &Token, kind: TokenKind) -> AppResult<bool> {
        Ok(self.store.token_owner(&token.hash(), kind).await?.is_some())
    }
}

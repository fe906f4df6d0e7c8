//! Passwords, for people who log in to the page without a link. They are stored as Argon2id with
//! the parameters that OWASP recommends (19 MiB, two passes; the crate's defaults). Attempts are
//! limited, and a wrong password looks the same as an unknown name. Too many attempts for a name
//! block password logins for it for a while; links and single sign-on keep working.

use std::{
    num::NonZeroU32,
    sync::{
        LazyLock,
        mpsc::{self, SyncSender, TrySendError},
    },
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::oneshot;
use vine_domain::{
    Invalid, UserId,
    token::{Token, TokenKind},
    uuid_of,
};

use crate::{App, AppError, AppResult, Caller, metrics::RefusalCause, people::entered};

/// NIST SP 800-63B requires at least 8 characters with a second factor, 15 without one, and no
/// rules about kinds of characters.
const SHORTEST: usize = 15;
/// Enough for any passphrase; longer texts only cost time.
const LONGEST: usize = 500;
/// A hash costs 19 MiB and a few hundredths of a second of one core, so they are computed one after
/// the other, on one thread that reuses its memory. At most this many wait.
const QUEUE: usize = 64;
/// Attempts for one person: this many in a burst, then one every twelve seconds.
const TRIES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
/// When to try again if the queue is full.
const SOON: Duration = Duration::from_secs(5);
/// Attempts with invalid links per minute, for everybody together.
const STRAYS: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// A hash for unknown names, so that checking them takes as long.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let memory = &mut HashMemory::default();
    hash("the password of nobody", memory).unwrap_or_default()
});

/// Limits login attempts.
pub struct LoginLimiter {
    work: SyncSender<HashJob>,
    /// By name, known or not.
    names: DefaultKeyedRateLimiter<u16>,
    /// By the person whose password is changed.
    people: DefaultKeyedRateLimiter<UserId>,
    strays: DefaultDirectRateLimiter,
}

impl Default for LoginLimiter {
    fn default() -> Self {
        let (people, strays) = (Quota::per_minute(TRIES), Quota::per_minute(STRAYS));
        let names = RateLimiter::hashmap(people);
        Self {
            work: work(),
            names,
            people: RateLimiter::hashmap(people),
            strays: RateLimiter::direct(strays),
        }
    }
}

impl LoginLimiter {
    fn try_login(&self, with: LoginAttempt<'_>) -> Result<(), Duration> {
        let tried = match with {
            LoginAttempt::Name(name) => self.names.check_key(&bucket(name)),
            LoginAttempt::Own(who) => self.people.check_key(&who),
            LoginAttempt::Link => self.strays.check(),
        };
        tried.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// What somebody tries to log in with.
#[derive(Clone, Copy)]
pub(crate) enum LoginAttempt<'a> {
    /// A name and a password.
    Name(&'a str),
    /// One's current password, to change it.
    Own(UserId),
    /// An invalid or used link.
    Link,
}

/// Names share 65,536 counters, so that trying new ones takes no memory.
fn bucket(name: &str) -> u16 {
    let bytes = uuid_of(&format!("name {name}")).into_bytes();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

impl App {
    /// Exchanges a name and a password for a browser session.
    pub async fn log_in_with(&self, name: &str, password: &str) -> AppResult<Token> {
        self.try_login(LoginAttempt::Name(name))?;
        let known = self.store.passwords_of(name).await?;
        // Two people with the same name can only log in with links.
        let known = if let [one] = known.as_slice() {
            Some(one.clone())
        } else {
            None
        };
        let who = known.as_ref().map(|(user, _)| *user);
        let hash = known.map(|(_, hash)| hash);
        let right = self.is_right(password.to_owned(), hash).await?;
        match who.filter(|_| right) {
            Some(user) => {
                self.audit(entered(name, "with a password", true)).await?;
                self.make_token(TokenKind::Browser, user.0).await
            }
            None => {
                self.meter.denied(RefusalCause::Login);
                if who.is_some() {
                    // In the background: the reply must not take longer than for an unknown name.
                    let (app, line) = (self.clone(), entered(name, "with a password", false));
                    tokio::spawn(async move { app.audit(line).await });
                }
                Err(AppError::Unauthenticated)
            }
        }
    }

    /// Counts a login attempt; refuses it if there were too many.
    pub(crate) fn try_login(&self, with: LoginAttempt<'_>) -> AppResult<()> {
        self.door.try_login(with).map_err(|wait| {
            self.meter.denied(RefusalCause::Rate);
            AppError::TooOften(wait)
        })
    }

    /// Sets the password of a person, who must know the current one if there is one. Their other
    /// browsers are logged out.
    pub async fn set_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        session: &Token,
    ) -> AppResult<()> {
        let user = caller.user.as_ref().ok_or(AppError::Unauthenticated)?;
        let refuse = |why: &str, hint: &str| Err(Invalid::new("password", why, hint).into());
        match new.chars().count() {
            count if count < SHORTEST => {
                return refuse(
                    "it is too short",
                    "use 15 characters or more; four unusual words are enough",
                );
            }
            count if count > LONGEST => {
                return refuse("it is too long", "use at most 500 characters");
            }
            _ => {}
        }
        if let Some(known) = self.store.password_of(user.id).await? {
            self.try_login(LoginAttempt::Own(user.id))?;
            if !self.is_right(old.to_owned(), Some(known)).await? {
                return refuse(
                    "the current password is incorrect",
                    "try again; if you lost it, an admin can run `vine login --new-password` \
                     with `--for` and your name",
                );
            }
        }
        let new = new.to_owned();
        let hash = self
            .behind_the_door(move |memory| hash(&new, memory))
            .await?;
        let hash =
            hash.ok_or_else(|| AppError::Unreadable("could not hash the password".into()))?;
        self.store
            .set_password(user.id, &hash, &session.hash())
            .await?;
        self.known.forget();
        self.audit(entered(&user.name, "new password", true)).await
    }

    /// Whether the password matches this hash; takes as long without one.
    async fn is_right(&self, password: String, hash: Option<String>) -> AppResult<bool> {
        self.behind_the_door(move |memory| {
            let hash = hash.as_ref().unwrap_or(&NOBODYS);
            is_of(&password, hash, memory).unwrap_or(false)
        })
        .await
    }

    /// Queues work that takes memory and time; it runs one after the other.
    async fn behind_the_door<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> AppResult<T> {
        let (tell, told) = oneshot::channel();
        let work = Box::new(move |memory: &mut HashMemory| {
            // The caller may have hung up.
            if !tell.is_closed() {
                let _hung_up_meanwhile = tell.send(work(memory));
            }
        });
        self.door.work.try_send(work).map_err(|full| match full {
            TrySendError::Full(_) => AppError::TooOften(SOON),
            TrySendError::Disconnected(_) => AppError::Stopping,
        })?;
        told.await.map_err(|_| AppError::Stopping)
    }
}

type HashJob = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The memory for hashing, reused: freed each time, it was not reused (measured: 19 MB more with
/// each login).
#[derive(Default)]
struct HashMemory(Vec<Block>);

impl HashMemory {
    fn of(&mut self, params: &Params) -> &mut [Block] {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        &mut self.0[..blocks]
    }
}

/// Starts the thread on which passwords are hashed. It ends when the last sender is dropped.
fn work() -> SyncSender<HashJob> {
    let (send, queue) = mpsc::sync_channel::<HashJob>(QUEUE);
    std::thread::spawn(move || {
        let mut memory = HashMemory::default();
        queue.into_iter().for_each(|work| work(&mut memory));
    });
    send
}

fn output(password: &str, salt: &Salt, params: Params, memory: &mut HashMemory) -> Option<Output> {
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))?;
    let blocks = memory.of(&params);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon.hash_password_into_with_memory(password.as_bytes(), salt, bytes, blocks);
    hashed.ok().and_then(|()| Output::new(bytes).ok())
}

/// Whether the password matches a hash; `None` if the hash is not one of ours. `Output` is compared
/// in constant time.
fn is_of(password: &str, hash: &str, memory: &mut HashMemory) -> Option<bool> {
    let known = PasswordHash::new(hash).ok()?;
    let ours = known.algorithm == Algorithm::Argon2id.ident()
        && known.version == Some(Version::V0x13.into());
    let params = Params::try_from(&known).ok()?;
    let found = output(password, known.salt.as_ref()?, params, memory)?;
    Some(ours && known.hash? == found)
}

fn hash(password: &str, memory: &mut HashMemory) -> Option<String> {
    let (salt, params) = (Salt::generate(), Params::default());
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: (&params).try_into().ok()?,
        hash: Some(output(password, &salt, params, memory)?),
        salt: Some(salt),
    };
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    #[test]
    fn hashes_are_those_that_others_read() {
        let memory = &mut HashMemory::default();
        let made = hash("four unusual words do", memory).expect("a hash");
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert!(
            Argon2::default()
                .verify_password(b"four unusual words do", made.as_str())
                .is_ok()
        );
        assert_eq!(is_of("four unusual words do", &made, memory), Some(true));
        assert_eq!(is_of("four unusual words", &made, memory), Some(false));
        assert_ne!(hash("four unusual words do", memory), Some(made));
        assert_eq!(is_of("a", "no hash", memory), None);
    }
}

//! Passwords, for people who come to the page without a link. Kept as Argon2id with the parameters
//! that OWASP recommends (19 MiB, two passes, which are the crate's own), tried seldom, and never
//! told apart from a name that is none. Whoever tries a name too often keeps its person out of this
//! way for a while; links and accounts of an organisation go on working.

use std::{num::NonZeroU32, sync::LazyLock, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::Semaphore;
use vine_domain::{
    Invalid, UserId,
    token::{Token, TokenKind},
    uuid_of,
};

use crate::{App, AppError, Caller, Done, meter::Refused, people::entered};

/// NIST SP 800-63B asks for 8 at least where a second factor guards, and for 15 where none does; no
/// rules about kinds of characters.
const SHORTEST: usize = 15;
/// Long enough for any passphrase; longer texts only cost time.
const LONGEST: usize = 500;
/// One costs 19 MiB and a few hundredths of a second of one core.
const AT_ONCE: usize = 2;
/// Tries for one person: so many at once, then one in twelve seconds.
const TRIES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
/// Tries with links that are spent, for all together.
const STRAYS: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// Takes as long as a real one.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash("the password of nobody").unwrap_or_default());

/// How often passwords are tried.
pub struct Door {
    ways: Semaphore,
    /// By the name that was tried, known or not.
    names: DefaultKeyedRateLimiter<u16>,
    /// By whose password is changed.
    people: DefaultKeyedRateLimiter<UserId>,
    strays: DefaultDirectRateLimiter,
}

impl Default for Door {
    fn default() -> Self {
        let (people, strays) = (Quota::per_minute(TRIES), Quota::per_minute(STRAYS));
        let names = RateLimiter::hashmap(people);
        Self {
            ways: Semaphore::new(AT_ONCE),
            names,
            people: RateLimiter::hashmap(people),
            strays: RateLimiter::direct(strays),
        }
    }
}

impl Door {
    fn knock(&self, with: Knock<'_>) -> Result<(), Duration> {
        let tried = match with {
            Knock::Name(name) => self.names.check_key(&bucket(name)),
            Knock::Own(who) => self.people.check_key(&who),
            Knock::Link => self.strays.check(),
        };
        tried.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// What somebody tries to come in with.
#[derive(Clone, Copy)]
pub(crate) enum Knock<'a> {
    /// A name and a password.
    Name(&'a str),
    /// One's present password, to change it.
    Own(UserId),
    /// A link that is none, or was spent.
    Link,
}

/// Names share so many counters, so that trying new ones takes no memory.
fn bucket(name: &str) -> u16 {
    let bytes = uuid_of(&format!("name {name}")).into_bytes();
    u16::from_be_bytes([bytes[0], bytes[1]])
}

impl App {
    /// Trades a name and a password for a browser session.
    pub async fn log_in_with(&self, name: &str, password: &str) -> Done<Token> {
        self.knock(Knock::Name(name))?;
        let known = self.store.passwords_of(name).await?;
        // Two people of one name are told apart by links.
        let known = if let [one] = known.as_slice() {
            Some(one.clone())
        } else {
            None
        };
        let who = known.as_ref().map(|(user, _)| *user);
        let hash = known.map_or_else(|| NOBODYS.clone(), |(_, hash)| hash);
        let right = self.is_right(password.to_owned(), hash).await?;
        match who.filter(|_| right) {
            Some(user) => {
                self.audit(entered(name, "with a password", true)).await?;
                self.make_token(TokenKind::Browser, user.0).await
            }
            None => {
                self.meter.denied(Refused::Login);
                if who.is_some() {
                    // Beside the answer, which takes as long for a name that is none.
                    let (app, line) = (self.clone(), entered(name, "with a password", false));
                    tokio::spawn(async move { app.audit(line).await });
                }
                Err(AppError::Unauthenticated)
            }
        }
    }

    /// A try to come in; refused when there were too many.
    pub(crate) fn knock(&self, with: Knock<'_>) -> Done<()> {
        self.door.knock(with).map_err(|wait| {
            self.meter.denied(Refused::Rate);
            AppError::TooOften(wait)
        })
    }

    /// A person sets their password, knowing the one before if there was one. Their other browsers
    /// are logged out.
    pub async fn set_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        session: &Token,
    ) -> Done<()> {
        let user = caller.user.as_ref().ok_or(AppError::Unauthenticated)?;
        let refuse = |why: &str, hint: &str| Err(Invalid::new("password", why, hint).into());
        match new.chars().count() {
            count if count < SHORTEST => {
                return refuse(
                    "it is too short",
                    "use 15 characters or more; four unusual words do",
                );
            }
            count if count > LONGEST => {
                return refuse("it is too long", "use at most 500 characters");
            }
            _ => {}
        }
        if let Some(known) = self.store.password_of(user.id).await? {
            self.knock(Knock::Own(user.id))?;
            if !self.is_right(old.to_owned(), known).await? {
                return refuse(
                    "the present one is another",
                    "try again; if it is lost, an administrator runs `vine login --new-password`, \
                     with `--for` your name",
                );
            }
        }
        let new = new.to_owned();
        let hash = self.behind_the_door(move || hash(&new)).await?;
        let hash =
            hash.ok_or_else(|| AppError::Unreadable("the password cannot be kept".into()))?;
        self.store
            .set_password(user.id, &hash, &session.hash())
            .await?;
        self.known.forget();
        self.audit(entered(&user.name, "new password", true)).await
    }

    async fn is_right(&self, password: String, hash: String) -> Done<bool> {
        self.behind_the_door(move || {
            PasswordHash::new(&hash).is_ok_and(|known| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &known)
                    .is_ok()
            })
        })
        .await
    }

    /// Work that takes memory and time, a little of it at once.
    async fn behind_the_door<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Done<T> {
        let _way = self
            .door
            .ways
            .acquire()
            .await
            .map_err(|_| AppError::Stopping)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| AppError::Stopping)
    }
}

fn hash(password: &str) -> Option<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .ok()
        .map(|hash| hash.to_string())
}

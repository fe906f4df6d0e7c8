//! How often somebody may try to log in.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as GovernorClock, DefaultClock},
};
use vine_domain::{UserId, uuid_of};

/// Attempts for one person: this many in a burst, then one every twelve seconds.
const TRIES: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
/// Attempts with invalid links per minute, for everybody together.
const STRAYS: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// Limits login attempts.
pub(crate) struct LoginLimiter {
    /// By name, known or not.
    names: DefaultKeyedRateLimiter<u16>,
    /// By the person whose password is changed.
    people: DefaultKeyedRateLimiter<UserId>,
    strays: DefaultDirectRateLimiter,
}

impl Default for LoginLimiter {
    fn default() -> Self {
        let people = Quota::per_minute(TRIES);
        Self {
            names: RateLimiter::hashmap(people),
            people: RateLimiter::hashmap(people),
            strays: RateLimiter::direct(Quota::per_minute(STRAYS)),
        }
    }
}

impl LoginLimiter {
    /// Counts an attempt; if there were too many, returns when the next one is allowed.
    pub fn try_login(&self, with: LoginAttempt<'_>) -> Result<(), Duration> {
        let tried = match with {
            LoginAttempt::Name(name) => self.names.check_key(&bucket(name)),
            LoginAttempt::Own(who) => self.people.check_key(&who),
            LoginAttempt::Link => self.strays.check(),
        };
        tried.map_err(|until| until.wait_time_from(GovernorClock::now(&DefaultClock::default())))
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

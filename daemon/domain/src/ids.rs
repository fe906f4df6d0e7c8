//! Identities. People see and type the short ones (`T-142`, `Q-17`). Things that are created
//! outside the daemon have UUIDs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::invalid::Invalid;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            /// Accepts the printed form in any case, with or without its prefix.
            fn from_str(text: &str) -> Result<Self, Invalid> {
                let bare = text.trim();
                let digits = match bare.get(..2) {
                    Some(head) if head.eq_ignore_ascii_case(concat!($prefix, "-")) => &bare[2..],
                    _ => bare,
                };
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                let number = digits.parse::<u32>().ok().filter(|n| plain && *n > 0);
                number.map(|n| $name(n.into())).ok_or_else(|| {
                    Invalid::new($noun, format!("`{}`", crate::invalid::shown(bare)),
                        concat!("write it like ", $prefix, "-7"))
                })
            }
        }
    };
}

numbered!(
    /// A task's id, as people use it: `T-142`. Assigned by the store, never reused; gaps are
    /// possible.
    TaskId, "T", "task id"
);
numbered!(
    /// A question's id, as people use it: `Q-17`. Assigned by the store, never reused; gaps are
    /// possible.
    QuestionId, "Q", "question id"
);

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Uuid::parse_str(text).map(Self).map_err(|_| {
                    Invalid::new("id", format!("`{}` is not a UUID", crate::invalid::shown(text)), "copy it from a listing")
                })
            }
        }
    };
}

opaque!(
    /// An enrolled worker. People use its name.
    WorkerId
);
opaque!(
    /// An agent's session; for Claude Code the id that `--resume` takes. Created by the worker.
    SessionId
);
opaque!(
    /// A known person, the same on every platform.
    UserId
);
opaque!(
    /// A message of a thread; also the idempotency key for posting it on a platform.
    MessageId
);

/// The number of a task's attempt. Every write of an attempt names the epoch of its lease; writes
/// with an older epoch are refused, so a worker that lost its lease cannot change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// An identity derived from text: the same text gives the same identity, so that doing something
/// twice has the same effect as doing it once.
pub fn uuid_of(words: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(words.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_read_back_in_every_spelling_people_use() {
        for text in ["T-142", "t-142", "142", " T-142 "] {
            assert_eq!(text.parse::<TaskId>().expect(text), TaskId(142));
        }
        for text in [
            "",
            "T-",
            "T-0",
            "Q-3",
            "-1",
            "+1",
            "T-1x",
            "99999999999999999999",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text:?} must be refused");
        }
    }
}

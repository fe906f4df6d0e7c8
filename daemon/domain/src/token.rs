//! Secrets that prove who calls. Only their hashes are stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::{Ids, Timestamp};

/// What a token is for. Its prefix lets people and secret scanners distinguish tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Turns a machine into a worker, once.
    Enrolment,
    /// Authenticates an enrolled worker.
    Worker,
    /// Lets a person's programs act with that person's role.
    User,
    /// Opens the page, once.
    Login,
    /// Keeps a browser logged in.
    Browser,
}

impl TokenKind {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Enrolment, "enrolment", "ave_"),
        (Self::Worker, "worker", "avw_"),
        (Self::User, "user", "avu_"),
        (Self::Login, "login", "avl_"),
        (Self::Browser, "browser", "avb_"),
    ];

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        Self::ALL
            .iter()
            .find(|row| row.0 == self)
            .expect("every kind has a row")
    }

    /// The kind that the store calls by this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let row = Self::ALL.iter().find(|row| row.1 == word);
        row.map(|row| row.0)
    }

    /// The store's word for this kind.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }
}

/// What can be known about a token without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// The beginning of its hash, which identifies it.
    pub id: String,
    /// What it is for.
    pub kind: TokenKind,
    /// Whose it is: a person's or a worker's name.
    pub owner: String,
    /// When it was created; `None` if it is older than these records.
    pub made: Option<Timestamp>,
    /// When it expires.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    pub used: Option<Timestamp>,
}

impl TokenInfo {
    /// How many characters of the hash identify a token.
    pub const ID: usize = 12;
}

/// A secret in plain text. It never shows in logs; call [`Token::reveal`] to get it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A new secret of `kind`.
    pub fn make(kind: TokenKind, ids: &dyn Ids) -> Self {
        let hex: String = ids
            .secret()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("{}{hex}", kind.row().2))
    }

    /// Text that somebody presented as a token.
    pub fn presented(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps: SHA-256 in hex. The secret has 256 random bits, so a slow hash would
    /// add nothing.
    pub fn hash(&self) -> String {
        Sha256::digest(self.0.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::System;

    #[test]
    fn a_token_never_prints_itself() {
        let token = Token::make(TokenKind::Worker, &System);
        assert!(token.reveal().starts_with("avw_") && token.reveal().len() == 68);
        assert!(!format!("{token:?} {}", token.hash()).contains(&token.reveal()[4..]));
    }
}

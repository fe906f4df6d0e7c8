//! Whether the database is larger than allowed.

use std::sync::{Mutex, PoisonError};

/// Why the database is larger than allowed.
#[derive(Default)]
pub(crate) struct TooLarge(Mutex<Option<String>>);

impl TooLarge {
    /// Why, if it is.
    pub fn get(&self) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Sets it; returns whether that is a change.
    pub fn set(&self, trouble: Option<String>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *known != trouble;
        *known = trouble;
        news
    }
}

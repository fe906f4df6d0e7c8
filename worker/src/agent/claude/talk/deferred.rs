//! The call that a resumed session repeats.

use vine_domain::Question;

/// The call that a session was parked at, and the outcome of its question.
pub(super) enum DeferredCall {
    /// There is none, or it has its outcome.
    None,
    /// The resumed process is still starting.
    Starting(Question),
    /// It has started, and must repeat the call soon.
    Expected(Question),
    /// It did not repeat the call, so the outcome was sent as a message. If the call comes after all, it gets the
    /// outcome too: people are not asked twice.
    Told(Question),
}

impl DeferredCall {
    /// The question, if the call is this one.
    pub fn take_if(&mut self, call: &str) -> Option<Question> {
        match self {
            Self::Starting(question) | Self::Expected(question) | Self::Told(question)
                if question.call == call =>
            {
                let question = question.clone();
                *self = Self::None;
                Some(question)
            }
            _ => None,
        }
    }

    pub fn is_outstanding(&self) -> bool {
        matches!(self, Self::Starting(_) | Self::Expected(_))
    }

    pub fn is_expected(&self) -> bool {
        matches!(self, Self::Expected(_))
    }

    pub fn started(&mut self) {
        if let Self::Starting(question) = self {
            *self = Self::Expected(question.clone());
        }
    }

    pub fn told(&mut self) {
        if let Self::Expected(question) = self {
            *self = Self::Told(question.clone());
        }
    }
}

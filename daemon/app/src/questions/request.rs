//! What a worker asks.

use uuid::Uuid;
use vine_domain::{Ask, SessionId, attempt::Attempt};

/// What a worker sends when its agent needs a person.
#[derive(Debug, Clone)]
pub struct QuestionRequest {
    /// Which attempt asks.
    pub attempt: Attempt,
    /// Created by the worker: asking again with the same key has no effect.
    pub key: Uuid,
    /// The session that waits.
    pub session: Option<SessionId>,
    /// The agent's id for the waiting call.
    pub call: String,
    /// What is asked.
    pub ask: Ask,
    /// What the agent wrote just before.
    pub context: String,
}

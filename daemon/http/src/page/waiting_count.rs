//! How many questions wait for somebody, as each page's title shows it.

use tokio::try_join;
use vine_app::{App, AppError, Caller};

/// The questions that wait for somebody.
pub struct WaitingCount {
    /// How many there are.
    pub count: u64,
    /// The oldest of them, in one line.
    pub first: String,
}

impl WaitingCount {
    /// Those that wait for one person.
    pub async fn read(app: App, caller: Caller) -> Result<Self, AppError> {
        let (oldest, count) = try_join!(
            app.questions.open_questions(&caller, 1),
            app.questions.count_open(&caller)
        )?;
        let first = oldest.first().map(|question| question.ask.headline());
        Ok(Self {
            count,
            first: first.unwrap_or_default(),
        })
    }
}

//! What `vine up` says in its terminal while it runs: what waits for an answer, and what is over.

use std::time::Duration;

use vine_app::App;
use vine_domain::{chat::Message, visible_text};

use crate::output::{has_colours, plain, tell};

/// How long to wait for the next message at a time, and how many to take at once.
const WAIT: Duration = Duration::from_secs(60);
const PORTION: u32 = 100;
/// Characters of a line.
const LINE: usize = 160;

/// Says what happens from now on, until the daemon stops.
pub async fn run(app: App, page: String) {
    let mut after = match app.rooms.last_message().await {
        Ok(after) => after,
        Err(error) => return tracing::warn!("cannot follow the messages: {error}"),
    };
    while !app.stop().is_cancelled() {
        match app.rooms.messages(None, after, PORTION, WAIT).await {
            Ok(messages) => {
                for message in &messages {
                    after = message.seq;
                    if let Some(line) = line(message, &page) {
                        tell!("{line}");
                    }
                }
            }
            Err(error) => {
                tracing::debug!("could not read the messages: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// A message in one line, if somebody at the terminal needs to know.
fn line(message: &Message, page: &str) -> Option<String> {
    let task = message.task?;
    let first = visible_text::exact(message.text.lines().next()?);
    let first: String = first.chars().take(LINE).collect();
    let shown = plain(&first, has_colours());
    match (message.kind.as_str(), message.question) {
        ("question", Some(question)) => {
            Some(format!("? {task} {shown}\n  {page}/questions/{question}"))
        }
        ("settled", Some(_)) => Some(format!("  {task} {shown}")),
        ("notice", _) if message.text.starts_with("**T-") => Some(format!("  {shown}")),
        _ => None,
    }
}

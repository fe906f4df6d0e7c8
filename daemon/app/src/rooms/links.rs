//! Addresses of questions: where a platform shows a question, a message there leads to that message, not
//! to the page.

use std::time::Duration;

use vine_domain::{
    QuestionId, TaskId,
    chat::{MessagePlace, OutboundKind, OutboxItem},
    ports::{Chat, ChatError, StoreError},
};

use crate::{
    rooms::Rooms,
    texts::{QUESTIONS, TASKS},
};

impl Rooms {
    /// The text of a message for its platform.
    pub(super) async fn linked(
        &self,
        chat: &dyn Chat,
        dispatch: &OutboxItem,
    ) -> Result<Option<String>, ChatError> {
        // Only in sentences of ours: what agents ask about is shown as it is.
        if !matches!(
            dispatch.message.kind,
            OutboundKind::Digest { .. } | OutboundKind::Notice
        ) {
            return Ok(None);
        }
        if matches!(dispatch.message.place, MessagePlace::Aside(_))
            && let Some(text) = self.with_thread(chat, dispatch).await?
        {
            return Ok(Some(text));
        }
        let page = format!("{}{QUESTIONS}", self.settings.get().link);
        let named = named(&ours(&dispatch.message.text), &page);
        if named.is_empty() {
            return Ok(None);
        }
        let mut text = dispatch.message.text.clone();
        // The page's own addresses are right too.
        let shown = self
            .store
            .asked_at(chat.platform(), &named)
            .await
            .unwrap_or_default();
        for question in shown {
            let (room, thread) = (&question.room, &question.thread);
            let address = chat.address(room, thread, &question.reference).await;
            if let Some(address) = address {
                let link = format!("{page}{}", question.question);
                let lines = text.lines().map(|line| match is_quoted(line) {
                    true => line.to_owned(),
                    false => replaced(line, &link, &address),
                });
                text = lines.collect::<Vec<_>>().join("\n");
            }
        }
        Ok(Some(text))
    }
}

impl Rooms {
    /// A private reply outside of the repositories' rooms, such as a direct message: where it names a task's page it
    /// leads to the task's thread. It waits a moment for a thread that is being made.
    async fn with_thread(
        &self,
        chat: &dyn Chat,
        dispatch: &OutboxItem,
    ) -> Result<Option<String>, ChatError> {
        let retry = |error: StoreError| ChatError::Retry {
            why: error.to_string(),
            after: MOMENT,
        };
        let text = &dispatch.message.text;
        let page = format!("{}{TASKS}", self.settings.get().link);
        let Some(task) = first_task(&ours(text), &page) else {
            return Ok(None);
        };
        let platform = chat.platform();
        if self
            .store
            .room_of(platform, &dispatch.room)
            .await
            .map_err(retry)?
            .is_some()
        {
            return Ok(None);
        }
        match self.store.card_of(platform, task).await.map_err(retry)? {
            Some([room, thread, card]) => {
                let address = chat.address(&room, &thread, &card).await;
                Ok(address.map(|address| replaced(text, &format!("{page}{task}"), &address)))
            }
            None if self.clock.now().since(dispatch.at) < PATIENCE => Err(ChatError::RoomBusy {
                why: format!("the thread of {task} is being made"),
                after: MOMENT,
            }),
            None => Ok(None),
        }
    }
}

/// How long a direct message waits for the thread that it links to.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon to look again.
const MOMENT: Duration = Duration::from_millis(300);

/// The first task whose page a text links to.
fn first_task(text: &str, page: &str) -> Option<TaskId> {
    let (_, rest) = text.split_once(page)?;
    let end = rest.find(|c: char| c != 'T' && c != '-' && !c.is_ascii_digit());
    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Whether a line is somebody else's.
fn is_quoted(line: &str) -> bool {
    line.starts_with('>')
}

/// The lines that are ours. A message with a block of code has none.
fn ours(text: &str) -> String {
    if text.contains("```") {
        return String::new();
    }
    let lines = text.lines().filter(|line| !is_quoted(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The questions whose pages a text links to.
fn named(text: &str, page: &str) -> Vec<QuestionId> {
    let rest = text.split(page).skip(1);
    rest.filter_map(|rest| {
        let end = rest.find(|c: char| c != 'Q' && c != '-' && !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
    .collect()
}

/// The text with each `old` replaced that is not the beginning of a longer number.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut parts = text.split(old);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let whole = !part.starts_with(|c: char| c.is_ascii_digit());
        out.push_str(if whole { new } else { old });
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_question_is_replaced() {
        let page = "https://x/questions/";
        let text = format!("- {page}Q-1\n- {page}Q-12 · {page}Q-1");
        let ids = [QuestionId(1), QuestionId(12), QuestionId(1)];
        assert_eq!(named(&text, page), ids);
        assert_eq!(
            replaced(&text, "https://x/questions/Q-1", "slack"),
            "- slack\n- https://x/questions/Q-12 · slack"
        );
        let foreign = format!("ours\n> {page}Q-1");
        assert!(named(&ours(&foreign), page).is_empty());
        assert!(named(&ours(&format!("```\n{page}Q-1\n```")), page).is_empty());
    }
}

//! Addresses of questions: where a platform shows a question, a message there leads to that message, not
//! to the page.

use vine_domain::{
    QuestionId,
    chat::{OutboundKind, OutboxItem},
    ports::{Chat, StoreResult},
};

use crate::{rooms::Rooms, texts::QUESTIONS};

impl Rooms {
    /// The text of a message for its platform.
    pub(super) async fn linked(
        &self,
        chat: &dyn Chat,
        dispatch: &OutboxItem,
    ) -> StoreResult<Option<String>> {
        // Only in sentences of ours: what agents ask about is shown as it is.
        if !matches!(
            dispatch.message.kind,
            OutboundKind::Digest { .. } | OutboundKind::Notice
        ) {
            return Ok(None);
        }
        let page = format!("{}{QUESTIONS}", self.settings.get().link);
        let named = named(&ours(&dispatch.message.text), &page);
        if named.is_empty() {
            return Ok(None);
        }
        let mut text = dispatch.message.text.clone();
        let shown = self.store.asked_at(chat.platform(), &named).await?;
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

//! Rows of the outbox.

use vine_domain::{
    MessageId, QuestionId, TaskId, Timestamp,
    chat::{
        Button, ButtonKind, Disposition, MarkupLevel, MessagePlace, Outbound, OutboundKind,
        OutboxItem, SourceMessage,
    },
    ports::{StoreError, StoreResult},
};

use super::rows::{from_json, parsed, uuid};
use crate::statement::row;

row! {
    pub(super) struct DispatchRow {
        pub message: String,
        pub platform: String,
        pub room: String,
        pub attempts: i64,
        pub at: i64,
        pub task: Option<i64>,
        pub repo: Option<String>,
        pub aside: Option<String>,
        pub question: Option<i64>,
        pub note: Option<String>,
        pub kind: String,
        pub text: String,
        pub buttons: String,
        pub calls: String,
        pub file: Option<String>,
        pub fate: Option<String>,
        pub within: Option<String>,
        pub encrypted: bool,
        pub about: Option<String>,
        pub already: Option<String>,
        pub latest: Option<String>,
        pub thread: Option<String>,
        pub edits: Option<String>,
        pub edits_last: Option<String>,
    }
}

impl DispatchRow {
    fn place(&self) -> StoreResult<MessagePlace> {
        match (self.task, &self.repo, &self.aside) {
            (Some(task), ..) => Ok(MessagePlace::Thread(TaskId(task.unsigned_abs()))),
            (None, Some(repo), _) => Ok(MessagePlace::Room(parsed(repo)?)),
            (None, None, Some(aside)) => Ok(MessagePlace::Aside(from_json(aside)?)),
            (None, None, None) => Err(StoreError::Corrupt(format!(
                "message {} has no place",
                self.message
            ))),
        }
    }

    fn about(&self) -> Option<SourceMessage> {
        let fate = match self.fate.as_deref() {
            Some("waiting") => Disposition::Kept,
            Some("missed") => Disposition::Missed,
            _ => Disposition::Taken,
        };
        self.about
            .clone()
            .map(|event| SourceMessage { event, fate })
    }
}

impl TryFrom<DispatchRow> for OutboxItem {
    type Error = StoreError;

    fn try_from(row: DispatchRow) -> StoreResult<Self> {
        let question = row.question.map(|number| QuestionId(number.unsigned_abs()));
        let note = row.note.as_deref().map(uuid).transpose()?;
        let kind = match (row.kind.as_str(), question, note) {
            ("card", ..) => OutboundKind::Card,
            ("question", Some(question), _) => OutboundKind::Question { question },
            ("settled", Some(question), _) => OutboundKind::Settled { question },
            ("note", _, Some(note)) => OutboundKind::Note { note },
            ("notice", _, Some(list)) => OutboundKind::Digest { list },
            _ => OutboundKind::Notice,
        };
        let place = row.place()?;
        let about = row.about();
        let thread = match &place {
            MessagePlace::Aside(aside) => aside.thread.clone(),
            MessagePlace::Thread(_) | MessagePlace::Room(_) => row.thread,
        };
        let mut buttons: Vec<Button> = from_json(&row.buttons)?;
        // Questions of earlier versions were stored without it.
        let has_form = |button: &Button| button.kind == ButtonKind::Form;
        if matches!(kind, OutboundKind::Question { .. }) && !buttons.iter().any(has_form) {
            buttons.push(Button::saying("Answer…", "").of(ButtonKind::Form));
        }
        let calls = from_json(&row.calls)?;
        let message = Outbound {
            id: MessageId(uuid(&row.message)?),
            place,
            kind,
            text: row.text,
            buttons,
            calls,
            file: row.file.as_deref().map(from_json).transpose()?,
        };
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let platform = row.platform;
        let room = row.room;
        let encrypted = row.encrypted;
        let repo = row.within.as_deref().map(parsed).transpose()?;
        let latest = row.latest;
        let edits = row.edits;
        let edits_last = row.edits_last;
        let already = row.already;
        Ok(Self {
            message,
            platform,
            room,
            repo,
            thread,
            latest,
            edits,
            edits_last,
            about,
            mentions: vec![],
            already,
            encrypted,
            form: MarkupLevel::Whole,
            again: attempts > 0,
            at: Timestamp(row.at),
            attempts,
            shows: None,
        })
    }
}

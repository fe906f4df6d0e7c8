//! How a message is shown on a platform: decided once, for all of them. An adapter asks
//! [`Delivery::of`] and only translates; which post an edit replaces was found by the store.

use super::{Disposition, MessagePlace, OutboundKind, OutboxItem, PrivateReply, SourceMessage};

/// What an adapter does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// Replies to one person, so that nobody else sees it where the platform can do that.
    Reply(&'a PrivateReply),
    /// Reacts to a person's message.
    React(ReactionTo<'a>),
    /// Edits an earlier post, after a reaction to the message that caused it: once the edit is
    /// recorded as posted, nothing of it is retried.
    Edit {
        /// The platform's id of the post.
        reference: &'a str,
        /// The reaction that comes first.
        react: Option<ReactionTo<'a>>,
    },
    /// Posts a new message.
    Post {
        /// It may be there already: look first.
        careful: bool,
    },
}

/// A reaction to a person's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReactionTo<'a> {
    /// The platform's id of the message.
    pub event: &'a str,
    /// Which.
    pub sign: ReactionSign,
}

/// What a reaction tells its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactionSign {
    /// The note is kept for the agent.
    Kept,
    /// The agent has read the note.
    Read,
    /// The answer counts. Check marks are for answers only.
    Accepted,
}

impl ReactionSign {
    /// As one emoji.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Kept => "📝",
            Self::Read => "👀",
            Self::Accepted => "✅",
        }
    }
}

impl<'a> Delivery<'a> {
    /// How a message is shown.
    pub fn of(item: &'a OutboxItem) -> Self {
        if let MessagePlace::Aside(aside) = &item.message.place {
            return Self::Reply(aside);
        }
        match (item.message.kind, &item.about, item.edits.as_deref()) {
            (OutboundKind::Note { .. }, Some(about), _) => match about.fate {
                Disposition::Kept => Self::React(react(about, ReactionSign::Kept)),
                Disposition::Taken => Self::React(react(about, ReactionSign::Read)),
                // What was shown before is a reaction, which cannot be edited; it may also be a post
                // of an earlier try, so look first.
                Disposition::Missed => Self::Post { careful: true },
            },
            (OutboundKind::Settled { .. }, about, Some(reference)) => {
                let accepted = |about: &'a SourceMessage| react(about, ReactionSign::Accepted);
                Self::Edit {
                    reference,
                    react: about.as_ref().map(accepted),
                }
            }
            (
                OutboundKind::Card
                | OutboundKind::Question { .. }
                | OutboundKind::Note { .. }
                | OutboundKind::Digest { .. }
                | OutboundKind::Notice,
                _,
                Some(reference),
            ) => Self::Edit {
                reference,
                react: None,
            },
            (
                OutboundKind::Card
                | OutboundKind::Question { .. }
                | OutboundKind::Settled { .. }
                | OutboundKind::Note { .. }
                | OutboundKind::Digest { .. }
                | OutboundKind::Notice,
                _,
                None,
            ) => Self::Post {
                careful: item.again,
            },
        }
    }
}

fn react(about: &SourceMessage, sign: ReactionSign) -> ReactionTo<'_> {
    ReactionTo {
        event: &about.event,
        sign,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        chat::{MarkupLevel, Outbound},
        clock::Timestamp,
        ids::{MessageId, QuestionId, TaskId},
    };

    fn item(kind: OutboundKind, edits: Option<&str>, about: Option<Disposition>) -> OutboxItem {
        let place = MessagePlace::Thread(TaskId(1));
        OutboxItem {
            message: Outbound::new(MessageId(Uuid::nil()), place, kind, "words"),
            platform: "slack".into(),
            room: "C1".into(),
            repo: None,
            thread: None,
            latest: None,
            edits: edits.map(str::to_owned),
            edits_last: None,
            about: about.map(|fate| SourceMessage {
                event: "C1:9".into(),
                fate,
            }),
            mentions: Vec::new(),
            already: None,
            encrypted: false,
            again: false,
            form: MarkupLevel::Whole,
            at: Timestamp(0),
            attempts: 0,
            shows: None,
        }
    }

    #[test]
    fn each_message_is_shown_in_one_way_on_all_platforms() {
        let question = QuestionId(1);
        let note = OutboundKind::Note { note: Uuid::nil() };
        let settled = OutboundKind::Settled { question };
        let (reference, event) = ("C1:1", "C1:9");
        let post = |careful| Delivery::Post { careful };
        let react = |sign| Delivery::React(ReactionTo { event, sign });
        let edit = |react| Delivery::Edit { reference, react };
        let accepted = ReactionTo {
            event,
            sign: ReactionSign::Accepted,
        };
        let (old, taken) = (Some(reference), Some(Disposition::Taken));
        for (kind, edits, about, shown) in [
            (OutboundKind::Card, None, None, post(false)),
            (OutboundKind::Card, old, None, edit(None)),
            (OutboundKind::Question { question }, None, None, post(false)),
            (settled, None, taken, post(false)),
            (settled, old, None, edit(None)),
            (settled, old, taken, edit(Some(accepted))),
            (
                note,
                None,
                Some(Disposition::Kept),
                react(ReactionSign::Kept),
            ),
            (note, old, taken, react(ReactionSign::Read)),
            (note, old, Some(Disposition::Missed), post(true)),
            (note, old, None, edit(None)),
            (note, None, None, post(false)),
            (OutboundKind::Question { question }, old, None, edit(None)),
            (OutboundKind::Notice, None, None, post(false)),
            (
                OutboundKind::Digest { list: Uuid::nil() },
                old,
                None,
                edit(None),
            ),
        ] {
            let item = item(kind, edits, about);
            assert_eq!(Delivery::of(&item), shown, "{kind:?} {edits:?} {about:?}");
        }
        let again = OutboxItem {
            again: true,
            ..item(OutboundKind::Notice, None, None)
        };
        assert_eq!(Delivery::of(&again), post(true));
        let aside = PrivateReply {
            platform: "slack".into(),
            room: "C1".into(),
            thread: None,
            to: "C1:8".into(),
            author: "U1".into(),
        };
        let mut reply = item(OutboundKind::Notice, old, None);
        reply.message.place = MessagePlace::Aside(aside.clone());
        assert_eq!(Delivery::of(&reply), Delivery::Reply(&aside));
    }
}

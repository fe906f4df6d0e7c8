//! The messages of a decided change.

use vine_domain::{
    Ids, MessageId, Question, QuestionId, QuestionState, Timestamp,
    chat::{MessagePlace, Outbound, OutboundKind},
    failure::Failure,
    lifecycle::{Announcement, Change, TaskSnapshot},
    markdown::quoted,
};

use crate::texts::{
    ask::chat_buttons,
    card::card,
    context::TextContext,
    outcome::{done, noted, notice},
    question::{asks, escalation, expired, late, reminder, settled},
    words::when,
};

/// The messages of a decided change, in order.
pub(crate) fn messages(
    ids: &dyn Ids,
    context: &TextContext<'_>,
    before: &TaskSnapshot,
    change: &Change,
) -> Vec<Outbound> {
    let says = change.says.iter();
    says.filter_map(|say| {
        let message = ChangeMessage {
            id: MessageId(ids.uuid()),
            context,
            before,
            change,
        };
        message.of(say)
    })
    .collect()
}

/// A message that is being written.
struct ChangeMessage<'a> {
    id: MessageId,
    context: &'a TextContext<'a>,
    before: &'a TaskSnapshot,
    change: &'a Change,
}

impl ChangeMessage<'_> {
    fn of(self, say: &Announcement) -> Option<Outbound> {
        let context = self.context;
        let task = &self.change.task;
        let requester = task.requester.as_str();
        Some(match say {
            Announcement::Card => card(context, self.id, task),
            Announcement::Question(id) => asks(context, self.id, task, self.question(*id)?),
            Announcement::Settled(id) => self.settled(*id)?,
            Announcement::Reminder(id) => {
                let text = reminder(context, task, self.question(*id)?);
                self.calling(requester, text)
            }
            Announcement::Escalation(id) => {
                let text = escalation(context, self.question(*id)?);
                self.calling(&context.settings.patience.escalate_to, text)
            }
            Announcement::Expired(id) => {
                let text = expired(context, self.question(*id)?);
                self.notice(text)
            }
            Announcement::Late(id) => {
                let text = late(task, self.question(*id)?);
                self.notice(text)
            }
            Announcement::Note(key) => {
                let note = self.change.notes.iter().find(|note| note.key == *key)?;
                self.post(OutboundKind::Note { note: *key }, noted(task, note))
            }
            Announcement::Done(report) => {
                self.calling(requester, done(task, report, context.is_folder))
            }
            Announcement::Failed { failure, again } => self.failed(failure, *again),
            Announcement::Lost { why, again } => self.lost(why, *again),
            Announcement::Released => self.released(),
            Announcement::HandedBack(failure) => self.handed_back(failure),
            Announcement::Cancelled { by } => {
                let text = format!("**{} was cancelled** by {by}.", task.id);
                self.notice(text)
            }
            Announcement::Continued(round) => {
                let text = format!(
                    "**{} continues** (round {}) for {}:\n\n{}",
                    task.id,
                    round.number,
                    round.author,
                    quoted(&round.text)
                );
                self.notice(text)
            }
            Announcement::TakenBack { by, round } => {
                let state = task.state.as_str();
                let text = format!(
                    "{by} took back round {round}. {} is {state}, as before.",
                    task.id
                );
                self.notice(text)
            }
            Announcement::Retried { by } => {
                let text = format!("{by} retried {}.", task.id);
                self.notice(text)
            }
        })
    }

    fn question(&self, id: QuestionId) -> Option<&Question> {
        let changed = self.change.questions.iter();
        let mut all = changed.chain(&self.before.questions);
        all.find(|question| question.id == id)
    }

    fn post(self, kind: OutboundKind, text: String) -> Outbound {
        let thread = MessagePlace::Thread(self.change.task.id);
        Outbound::new(self.id, thread, kind, text)
    }

    fn notice(self, text: String) -> Outbound {
        notice(self.id, self.change.task.id, text)
    }

    fn calling(self, whom: &str, text: String) -> Outbound {
        self.notice(text).calling(vec![whom.to_owned()])
    }

    fn settled(self, id: QuestionId) -> Option<Outbound> {
        let question = self.question(id)?;
        let text = settled(question);
        // A late answer counts, so the buttons stay.
        let buttons = match question.state {
            QuestionState::Expired { .. } => chat_buttons(&question.ask),
            _ => Vec::new(),
        };
        let message = self.post(OutboundKind::Settled { question: id }, text);
        Some(Outbound { buttons, ..message })
    }

    fn failed(self, failure: &Failure, again: Option<Timestamp>) -> Outbound {
        let what = &failure.what;
        if let Some(at) = again {
            let when = when(at, self.context.now);
            return self.notice(format!("**An attempt failed.** {what}\nRetrying {when}."));
        }
        let task = &self.change.task;
        let text = format!("**{} failed.** {what}\n{}", task.id, failure.advice());
        self.calling(&task.requester, text)
    }

    fn lost(self, why: &str, again: Option<Timestamp>) -> Outbound {
        let text = match again {
            Some(at) => format!(
                "**An attempt was lost:** {why}.\nRestarting {}.",
                when(at, self.context.now)
            ),
            None => format!(
                "**The agent was lost:** {why}.\nOpen questions stay open; an answer \
                 resumes the same session."
            ),
        };
        self.notice(text)
    }

    fn released(self) -> Outbound {
        let text = match self.before.questions.iter().any(Question::is_open) {
            true => {
                "The agent has ended. Open questions stay open; an answer resumes the same \
                 session."
            }
            false => {
                "The worker handed the task back without a failure; it restarts in the \
                 next free slot."
            }
        };
        self.notice(text.into())
    }

    fn handed_back(self, failure: &Failure) -> Outbound {
        let reset = failure.retry_at.map_or_else(String::new, |at| {
            format!("\nThe limit resets at {}.", at.to_minute())
        });
        let text = format!(
            "**The worker cannot run this now; nothing is wrong with the task.** {}{reset}\n\
             {} continues on a worker that can run it; this attempt does not count.",
            failure.what, self.change.task.id
        );
        self.notice(text)
    }
}

//! Notes: what a person says to an agent that answers no question, stored until the agent has it.

use uuid::Uuid;
use vine_domain::{
    MessageId, Note, NoteState, Task, TaskId, Verb, WorkerId,
    attempt::Attempt,
    lifecycle::{About, Event, Refusal, TaskSnapshot},
    ports::{Reply, Say},
};

use crate::{AppError, AppResult, Caller, questions::Questions, tasks::Transition};

/// A note has at most this many bytes.
const LONGEST: usize = 32_000;

impl Questions {
    /// Stores a person's note for the agent of a task. `key` makes it idempotent.
    pub async fn note(
        &self,
        caller: &Caller,
        task: TaskId,
        text: &str,
        key: Uuid,
    ) -> AppResult<()> {
        self.note_as(caller, task, text, text, key).await
    }

    /// The same, if the agent reads other words than the thread shows.
    pub(crate) async fn note_as(
        &self,
        caller: &Caller,
        task: TaskId,
        said: &str,
        read: &str,
        key: Uuid,
    ) -> AppResult<()> {
        let known = self.tasks.snapshot(task, About::Said(key)).await?;
        self.note_in(caller, known, said, read, key).await
    }

    /// Lets a task that is over continue with these words. If it has continued already, they are a note to
    /// its agent; then there is no task to return.
    pub async fn go_on(
        &self,
        caller: &Caller,
        task: TaskId,
        text: &str,
        key: Uuid,
    ) -> AppResult<Option<Task>> {
        match self.tasks.go_on(caller, task, text, key).await {
            Err(AppError::Refused(Refusal::NotNow { .. })) => {
                self.note(caller, task, text, key).await.map(|()| None)
            }
            gone => gone.map(Some),
        }
    }

    /// The same for a task that was just loaded.
    pub(crate) async fn note_in(
        &self,
        caller: &Caller,
        known: TaskSnapshot,
        said: &str,
        read: &str,
        key: Uuid,
    ) -> AppResult<()> {
        let task = known.task.id;
        if read.len() > LONGEST {
            let what = format!("it has {} characters", read.len());
            return Err(vine_domain::Invalid::new(
                "note",
                what,
                format!("use at most {LONGEST}, or put it into a file of the repository"),
            )
            .into());
        }
        let subject = format!("note to {task}");
        let audit = self
            .people
            .permit(caller, Verb::Answer, Some(&known.task.repo), &subject)
            .await?;
        let author = caller.name().to_owned();
        let reply = self.reply(caller, said);
        let note = Note {
            key,
            task,
            author,
            text: read.trim().to_owned(),
            at: self.clock.now(),
            state: NoteState::Waiting,
        };
        let step = self
            .tasks
            .transition_for(
                known,
                Transition::from(Event::Noted(note)).reply(reply),
                audit,
            )
            .await;
        if let Err(AppError::Refused(_)) = &step {
            self.keep_words(caller, task, said).await?;
        }
        step.map(|_| ())
    }

    /// Keeps words that had no effect readable in the thread.
    pub(crate) async fn keep_words(
        &self,
        caller: &Caller,
        task: TaskId,
        text: &str,
    ) -> AppResult<()> {
        let reply = Some((task, self.reply(caller, text)));
        self.writes
            .say(Say {
                reply,
                ..Say::default()
            })
            .await
    }

    /// What a person wrote, for the thread.
    pub(super) fn reply(&self, caller: &Caller, text: &str) -> Reply {
        Reply {
            id: MessageId(self.ids.uuid()),
            author: caller.name().to_owned(),
            text: text.trim().to_owned(),
        }
    }

    /// Records that the agent has received the note.
    pub async fn note_delivered(
        &self,
        by: WorkerId,
        note: Uuid,
        attempt: Attempt,
    ) -> AppResult<()> {
        self.tasks
            .transition(attempt.task, Event::NoteDelivered { by, attempt, note })
            .await
            .map(|_| ())
    }
}

//! Notes: kept until an agent receives them, or missed if none will.

use uuid::Uuid;

use super::{Announcement, Change, ChangeBuilder, DecideResult, Refusal};
use crate::{
    attempt::Attempt,
    ids::WorkerId,
    note::{Note, NoteState},
};

impl ChangeBuilder<'_> {
    pub(super) fn noted(mut self, note: Note) -> DecideResult {
        // Two daemons, or one after a crash, may process a message twice; the first time it was an
        // answer.
        if self.current.questions.iter().any(|question| {
            question
                .answer()
                .is_some_and(|answer| answer.key == note.key)
        }) {
            return Ok(self.change);
        }
        let task = &self.current.task;
        // The same for a message that began the round.
        if task.round.key == Some(note.key) {
            return Ok(self.change);
        }
        if task.is_over() {
            return Err(Refusal::NobodyReads {
                task: task.id,
                state: task.state.as_str(),
            });
        }
        if self.current.notes.iter().any(|known| known.key == note.key) {
            return Ok(self.change);
        }
        self.change
            .log
            .push(format!("note from {}: {}", note.author, note.text));
        self.change.says.push(Announcement::Note(note.key));
        self.change.notes.push(note);
        Ok(self.change)
    }

    pub(super) fn note_delivered(
        mut self,
        by: WorkerId,
        attempt: Attempt,
        key: Uuid,
    ) -> DecideResult {
        let Some(note) = self.current.notes.iter().find(|note| note.key == key) else {
            return Ok(Change::none(&self.current.task));
        };
        self.held(by, attempt)?;
        self.change
            .log
            .push(format!("the agent received the note from {}", note.author));
        self.put(note, NoteState::Delivered { at: self.now });
        Ok(self.change)
    }

    /// The task is over: no agent will read the notes that still wait.
    pub(super) fn miss_notes(&mut self) {
        for note in &self.current.notes {
            self.change
                .log
                .push(format!("no agent has read the note from {}", note.author));
            self.put(note, NoteState::Missed);
        }
    }

    fn put(&mut self, note: &Note, state: NoteState) {
        self.change.says.push(Announcement::Note(note.key));
        self.change.notes.push(Note {
            state,
            ..note.clone()
        });
    }
}

//! What happens while nobody answers: reminders, escalation, expiry. Driven by the alarms of open
//! questions and the injected clock; [`vine_domain::ReminderPolicy`] decides what is due.

use std::{collections::BTreeMap, sync::Arc};

use vine_domain::{Question, QuestionId, Slug, lifecycle::Event, reminder::ReminderStep};

use crate::{AppResult, questions::Questions};

/// Alarms are processed in batches of this size.
const PORTION: u32 = 200;

/// One reminder of one question.
fn rung_once(question: &Question) -> String {
    format!("{}/{}", question.id, question.pings.reminders)
}

impl Questions {
    /// Sets all alarms again: the policy may have changed. What is already due comes with the next
    /// sweep.
    pub(crate) async fn reset_alarms(&self) -> AppResult<()> {
        self.find_digests().await?;
        let patience = Arc::clone(&self.settings.get().patience);
        let now = self.clock.now();
        let open = self.store.open_questions(None, u32::MAX).await?;
        let alarms: Vec<_> = open
            .iter()
            .map(|question| (question.id, patience.alarm(question, now)))
            .collect();
        Ok(self.store.set_alarms(&alarms).await?)
    }

    /// Processes all alarms that are due.
    pub async fn ring_alarms(&self) -> AppResult<()> {
        loop {
            let rung = self.store.alarms(PORTION).await?;
            let more = rung.len() == PORTION as usize;
            let mut by_repo: BTreeMap<Slug, Vec<Question>> = BTreeMap::new();
            for (repo, question) in rung {
                by_repo.entry(repo).or_default().push(question);
            }
            for (repo, questions) in by_repo {
                self.ring(&repo, &questions).await?;
            }
            if !more {
                return self.refresh_digests().await;
            }
        }
    }

    /// Processes all alarms of one room: a digest replaces the reminders if many questions wait
    /// there.
    async fn ring(&self, repo: &Slug, rung: &[Question]) -> AppResult<()> {
        let settings = self.settings.get();
        let patience = &settings.patience;
        let now = self.clock.now();
        let reminders: Vec<&Question> = rung
            .iter()
            .filter(|question| patience.due(question, now) == ReminderStep::Remind)
            .collect();
        let open = if reminders.is_empty() {
            Vec::new()
        } else {
            self.store.open_questions(Some(repo), u32::MAX).await?
        };
        let digest = open.len() >= patience.digest;
        if digest {
            let rung: Vec<String> = reminders.iter().copied().map(rung_once).collect();
            self.post_digest(repo, &open, &rung.join(" ")).await?;
        }
        for question in rung {
            self.waited(question.id, digest).await?;
        }
        // Questions that the digest listed early are not listed again a moment later.
        for question in open
            .iter()
            .filter(|one| digest && !rung.iter().any(|other| other.id == one.id))
        {
            self.waited(question.id, true).await?;
        }
        Ok(())
    }

    async fn waited(&self, id: QuestionId, in_digest: bool) -> AppResult<()> {
        let task = self.get(id).await?.task();
        let event = Event::Waited {
            question: id,
            patience: Arc::clone(&self.settings.get().patience),
            in_digest,
        };
        self.tasks.transition(task, event).await.map(|_| ())
    }
}

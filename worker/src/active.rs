//! What a worker holds right now: its attempts, whether their leases can be trusted, and which
//! agent waits for which answer.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vine_domain::{Note, Question, QuestionId, assignment::Assignment, attempt::Attempt};

use crate::slots::Slot;

/// Why an attempt must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The daemon reports that the lease is gone.
    LeaseOver {
        /// The daemon's explanation.
        why: String,
        /// Whether the task itself is over.
        over: bool,
    },
    /// The daemon has been unreachable for so long that another worker may hold the lease.
    Untrusted,
    /// The worker is shutting down.
    Shutdown,
}

/// A timer that fires this late means that the process or the machine was suspended.
const STOOD: Duration = Duration::from_secs(3);
/// How long to wait for the daemon to confirm the lease then.
const ASKING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// One attempt of this worker.
pub struct AttemptHandle {
    /// The attempt.
    pub attempt: Attempt,
    /// Cancelled to stop the attempt; [`AttemptHandle::stopped`] returns the reason.
    pub stop: CancellationToken,
    /// Cancelled to park the attempt, if its agent is waiting and can be parked.
    pub park: CancellationToken,
    why: OnceLock<StopReason>,
    refused: OnceLock<String>,
    trusted: Mutex<Instant>,
    trust: Duration,
    waiting: Mutex<HashMap<QuestionId, oneshot::Sender<Question>>>,
    words: Mutex<VecDeque<PersonMessage>>,
    /// Signals new messages.
    worded: Notify,
    /// Lent while the agent waits.
    pub slot: Slot,
}

/// What people send to an agent without being asked.
#[derive(Debug, Clone)]
pub enum PersonMessage {
    /// A note.
    Note(Note),
    /// The answer to a question that had expired.
    Late(Box<Question>),
}

/// All attempts of this worker.
#[derive(Default)]
pub struct ActiveAttempts {
    held: Mutex<HashMap<Attempt, Arc<AttemptHandle>>>,
    handling: Mutex<HashMap<QuestionId, Attempt>>,
    noting: Mutex<HashMap<Uuid, Attempt>>,
    pushing: Mutex<HashSet<Attempt>>,
    /// Signals that the content of a heartbeat has changed.
    pub changed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AttemptHandle {
    /// Whether the lease can be trusted right now.
    pub fn is_trusted(&self) -> bool {
        Instant::now() < *lock(&self.trusted)
    }

    /// Stops the attempt; the first reason wins.
    pub fn stop(&self, why: StopReason) {
        let _first_counts = self.why.set(why);
        self.stop.cancel();
    }

    /// Why it was stopped.
    pub fn stopped(&self) -> Option<&StopReason> {
        self.why.get()
    }

    /// Records that the daemon refused a call of this attempt; the first refusal wins.
    pub fn refuse(&self, what: String) {
        let _first_counts = self.refused.set(what);
    }

    /// What the daemon refused.
    pub fn refused(&self) -> Option<&str> {
        self.refused.get().map(String::as_str)
    }

    /// Whether the attempt has questions that wait for people.
    pub fn is_waiting(&self) -> bool {
        self.waiting() > 0
    }

    /// How many of its questions wait for people.
    pub fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// Stops waiting for this question.
    pub fn forget(&self, question: QuestionId) {
        lock(&self.waiting).remove(&question);
    }

    /// The next message for the agent, if there is one.
    pub fn take_words(&self) -> Option<PersonMessage> {
        lock(&self.words).pop_front()
    }

    /// Waits for a message; take it with [`AttemptHandle::take_words`].
    pub async fn worded(&self) {
        loop {
            let worded = self.worded.notified();
            if !lock(&self.words).is_empty() {
                return;
            }
            worded.await;
        }
    }

    fn put_words(&self, words: PersonMessage) {
        lock(&self.words).push_back(words);
        self.worded.notify_waiters();
    }

    /// Waits briefly for the daemon to confirm a lease that is no longer trusted.
    pub async fn recovers(&self) -> bool {
        let confirmed = async {
            while !self.is_trusted() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            confirmed = tokio::time::timeout(ASKING, confirmed) => confirmed.is_ok(),
        }
    }

    /// Stops the attempt when its lease can no longer be trusted.
    async fn watch(self: Arc<Self>) {
        loop {
            let until = *lock(&self.trusted);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(until) => {}
            }
            // A late wake-up means this process was suspended, and perhaps the daemon too: ask it
            // first.
            let stood = until.elapsed() > STOOD;
            let recovered = self.is_trusted() || (stood && self.recovers().await);
            if !recovered && !self.stop.is_cancelled() {
                tracing::warn!(task.id = %self.attempt.task, "{}: no contact with the daemon for \
                 too long; stopping the agent", self.attempt.task);
                return self.stop(StopReason::Untrusted);
            }
        }
    }
}

impl ActiveAttempts {
    /// Marks the attempt's kept work as being pushed; `false` if it already is.
    pub fn push(&self, attempt: Attempt) -> bool {
        lock(&self.pushing).insert(attempt)
    }

    /// The push is over and its outcome was reported.
    pub fn pushed(&self, attempt: Attempt) {
        lock(&self.pushing).remove(&attempt);
    }

    /// The attempts whose kept work is being pushed on request.
    pub fn pushing(&self) -> Vec<Attempt> {
        lock(&self.pushing).iter().copied().collect()
    }

    /// Takes a task that was claimed with a call sent at `sent`.
    pub fn take(&self, task: &Assignment, sent: Instant, slot: Slot) -> Arc<AttemptHandle> {
        let attempt = task.attempt;
        // A quarter of the lease is the margin for clock drift and for stopping the agent.
        let trust = Duration::from_secs(task.lease_secs) * 3 / 4;
        // The agent receives these when it starts: the daemon need not send them.
        let known = task
            .answered
            .iter()
            .filter(|question| question.answer().is_some());
        lock(&self.handling).extend(known.map(|question| (question.id, attempt)));
        let held = Arc::new(AttemptHandle {
            attempt,
            stop: CancellationToken::new(),
            park: CancellationToken::new(),
            why: OnceLock::new(),
            refused: OnceLock::new(),
            trusted: Mutex::new(sent + trust),
            trust,
            waiting: Mutex::default(),
            words: Mutex::default(),
            worded: Notify::new(),
            slot,
        });
        lock(&self.held).insert(attempt, Arc::clone(&held));
        tokio::spawn(Arc::clone(&held).watch());
        self.changed.notify_one();
        held
    }

    /// The attempt has ended on this worker.
    pub fn release(&self, attempt: Attempt) {
        if let Some(held) = lock(&self.held).remove(&attempt) {
            held.stop.cancel();
        }
        // What it did not deliver goes to the next attempt.
        lock(&self.handling).retain(|_, by| *by != attempt);
        lock(&self.noting).retain(|_, by| *by != attempt);
        self.changed.notify_one();
    }

    /// All attempts held.
    pub fn all(&self) -> Vec<Arc<AttemptHandle>> {
        lock(&self.held).values().cloned().collect()
    }

    /// How many attempts wait for people.
    pub fn waiting(&self) -> usize {
        lock(&self.held)
            .values()
            .filter(|held| held.is_waiting())
            .count()
    }

    /// The daemon confirmed the leases in reply to a call sent at `sent`.
    pub fn confirm(&self, attempts: &[Attempt], sent: Instant) {
        for held in attempts
            .iter()
            .filter_map(|attempt| lock(&self.held).get(attempt).cloned())
        {
            *lock(&held.trusted) = sent + held.trust;
        }
    }

    /// Resolves to the question once it has an outcome, even if that came with the task.
    pub fn wait_for(
        &self,
        held: &AttemptHandle,
        question: QuestionId,
    ) -> oneshot::Receiver<Question> {
        let (send, receive) = oneshot::channel();
        lock(&held.waiting).insert(question, send);
        if lock(&self.handling).remove(&question).is_some() {
            self.changed.notify_one();
        }
        receive
    }

    /// Stops an attempt.
    pub fn stop(&self, attempt: Attempt, why: StopReason) {
        if let Some(held) = lock(&self.held).get(&attempt) {
            held.stop(why);
        }
    }

    /// Passes a question's outcome to the agent that waits for it, or as a message if the question
    /// had expired; `false` if that is not possible yet.
    pub fn answer(&self, question: Question) -> bool {
        let held = lock(&self.held);
        // An earlier epoch of the same task may have asked the question.
        let mut of_task = held
            .values()
            .filter(|held| held.attempt.task == question.task());
        let found = of_task
            .clone()
            .find_map(|held| Some((held.attempt, lock(&held.waiting).remove(&question.id)?)));
        match (found, of_task.next()) {
            (Some((by, waiter)), _) => {
                lock(&self.handling).insert(question.id, by);
                waiter.send(question).is_ok()
            }
            (None, Some(held))
                if question.expired.is_some()
                    && question.answer().is_some()
                    && !lock(&self.handling).contains_key(&question.id) =>
            {
                lock(&self.handling).insert(question.id, held.attempt);
                held.put_words(PersonMessage::Late(Box::new(question)));
                true
            }
            _ => false,
        }
    }

    /// Passes a note on; `false` if the attempt is not held here.
    pub fn note(&self, attempt: Attempt, note: Note) -> bool {
        let Some(held) = lock(&self.held).get(&attempt).cloned() else {
            return false;
        };
        lock(&self.noting).insert(note.key, attempt);
        held.put_words(PersonMessage::Note(note));
        true
    }

    /// Notes that are being delivered.
    pub fn noting(&self) -> Vec<Uuid> {
        lock(&self.noting).keys().copied().collect()
    }

    /// The daemon knows that the note was delivered.
    pub fn noted(&self, note: Uuid) {
        lock(&self.noting).remove(&note);
    }

    /// Answers that are being delivered.
    pub fn handling(&self) -> Vec<QuestionId> {
        lock(&self.handling).keys().copied().collect()
    }

    /// The daemon knows that the answer was delivered.
    pub fn handled(&self, question: QuestionId) {
        lock(&self.handling).remove(&question);
        // A heartbeat in flight still lists the answer as being delivered, so the daemon would not
        // send a later one.
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use vine_domain::{
        Epoch, Repo, Slug, TaskId, Timestamp,
        clock::{Ids, System},
        note::NoteState,
        question::{Answer, Ask, Decision},
        repo::Source,
    };

    use super::*;
    use crate::slots::Slots;

    fn attempt() -> Attempt {
        Attempt {
            task: TaskId(1),
            epoch: Epoch(1),
        }
    }

    fn task(answered: Vec<Question>) -> Assignment {
        let source = Source::try_from("/srv/site".to_owned()).expect("a path");
        let repo = Repo::new(
            Slug::from_text("site"),
            source,
            "main".parse().expect("a branch"),
        );
        Assignment {
            attempt: attempt(),
            lease_secs: 60,
            title: "Title".parse().expect("a title"),
            prompt: "Do it".parse().expect("a prompt"),
            repo,
            base: "main".parse().expect("a branch"),
            branch: "vine/T-1".parse().expect("a branch"),
            model: vine_domain::ModelChoice::default(),
            requester: "Ann".into(),
            created_at: Timestamp(0),
            resume: None,
            unheard: false,
            fork: false,
            unfinished_work: None,
            rounds: Vec::new(),
            answered,
        }
    }

    fn late() -> Question {
        let decision = Decision::Words {
            text: "Blue".into(),
        };
        let by = vine_domain::UserId(System.uuid());
        let answer = Answer {
            key: System.uuid(),
            decision,
            by,
            name: "Bob".into(),
            via: "console".into(),
            at: Timestamp(9),
        };
        let question = Question::new(
            QuestionId(1),
            System.uuid(),
            attempt(),
            Ask::Plan { plan: "p".into() },
            Timestamp(0),
        );
        Question {
            expired: Some(Timestamp(5)),
            state: vine_domain::QuestionState::Answered { answer },
            ..question
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_trusted_for_three_quarters_from_when_the_call_was_sent() {
        let attempts = ActiveAttempts::default();
        let held = attempts.take(&task(vec![]), Instant::now(), Slots::new(1).take());
        tokio::time::sleep(Duration::from_secs(40)).await;
        attempts.confirm(&[attempt()], Instant::now() - Duration::from_secs(5));
        tokio::time::sleep(Duration::from_secs(39)).await;
        assert!(held.is_trusted() && held.stopped().is_none());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(held.stopped(), Some(&StopReason::Untrusted));
    }

    #[tokio::test]
    async fn words_reach_the_agent_once_and_a_late_answer_that_came_with_the_task_is_none() {
        let attempts = ActiveAttempts::default();
        let held = attempts.take(&task(vec![]), Instant::now(), Slots::new(1).take());
        let note = Note {
            key: System.uuid(),
            task: TaskId(1),
            author: "Ann".into(),
            text: "Hi".into(),
            at: Timestamp(1),
            state: NoteState::Waiting,
        };
        assert!(attempts.note(attempt(), note.clone()) && attempts.answer(late()));
        held.worded().await;
        assert!(matches!(held.take_words(), Some(PersonMessage::Note(first)) if first == note));
        assert!(matches!(held.take_words(), Some(PersonMessage::Late(_))));
        assert!(held.take_words().is_none());
        assert_eq!(
            (attempts.noting(), attempts.handling()),
            (vec![note.key], vec![QuestionId(1)])
        );
        attempts.release(attempt());
        assert!(
            attempts.noting().is_empty() && attempts.handling().is_empty(),
            "what was not delivered goes to the next attempt"
        );

        let _held = attempts.take(&task(vec![late()]), Instant::now(), Slots::new(1).take());
        assert!(
            !attempts.answer(late()),
            "the agent receives it when it starts"
        );
    }
}

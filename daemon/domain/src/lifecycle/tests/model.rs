//! Random events over years of time, for one task. [`check`] lists what must hold after each step.

use proptest::prelude::*;

use super::*;
use crate::reminder::QuietHours;

/// One step of a run.
#[derive(Debug, Clone)]
enum ChangeBuilder {
    /// A worker claims the task: the one transition that the store makes.
    Claim(u128),
    /// Something happens.
    Event(Event),
    /// Time passes; alarms ring when they are due.
    Pass(Duration),
}

fn any_event() -> impl Strategy<Value = Event> {
    // Chosen so that matching and stale ones are both common.
    let who = 1..3_u128;
    let epochs = 1..4_u64;
    let ids = 1..5_u64;
    prop_oneof![
        (ids.clone(), epochs.clone(), who.clone()).prop_map(|(id, epoch, by)| asked(id, epoch, by)),
        (ids.clone(), 1..4_u128).prop_map(|(id, key)| answered(id, key_for(id, key))),
        (
            ids.clone(),
            prop::option::of(1..4_u128),
            epochs.clone(),
            who.clone()
        )
            .prop_map(|(id, key, epoch, by)| Event::Delivered {
                by: worker(by),
                attempt: attempt(epoch),
                heard: DeliveredOutcome {
                    question: QuestionId(id),
                    answer: key.map(|key| Uuid::from_u128(key_for(id, key)))
                }
            }),
        (ids, epochs.clone(), who.clone()).prop_map(|(id, epoch, by)| Event::Withdrawn {
            by: worker(by),
            attempt: attempt(epoch),
            question: QuestionId(id),
            why: "agent moved on".into()
        }),
        (1..4_u128).prop_map(|key| Event::Noted(note(key))),
        (1..4_u128, epochs.clone(), who.clone()).prop_map(|(key, epoch, by)| {
            Event::NoteDelivered {
                by: worker(by),
                attempt: attempt(epoch),
                note: Uuid::from_u128(key),
            }
        }),
        (epochs.clone(), who.clone()).prop_map(|(epoch, by)| Event::Finished {
            by: worker(by),
            attempt: attempt(epoch),
            report: Report::default()
        }),
        (epochs.clone(), who.clone()).prop_map(|(epoch, by)| Event::Failed {
            by: worker(by),
            attempt: attempt(epoch),
            failure: Failure::new(FailureKind::AgentCrashed, "crash")
        }),
        (epochs.clone(), who.clone()).prop_map(|(epoch, by)| Event::Released {
            by: worker(by),
            attempt: attempt(epoch)
        }),
        (epochs.clone(), who).prop_map(|(epoch, by)| Event::Parked {
            by: worker(by),
            attempt: attempt(epoch)
        }),
        epochs.prop_map(|epoch| Event::LeaseLost {
            attempt: attempt(epoch),
            why: "gone".into()
        }),
        prop_oneof![
            Just(TaskAction::Cancel),
            Just(TaskAction::Retry),
            Just(TaskAction::Discard),
            Just(TaskAction::Prioritise(Lane::High))
        ]
        .prop_map(|order| Event::Ordered {
            order,
            by: "Ann".into()
        }),
    ]
}

fn any_step() -> impl Strategy<Value = ChangeBuilder> {
    let span = prop_oneof![0..7_200_u64, 0..14 * 86_400_u64, 0..400 * 86_400_u64];
    prop_oneof![
        6 => any_event().prop_map(ChangeBuilder::Event),
        2 => (1..3_u128).prop_map(ChangeBuilder::Claim),
        1 => span.prop_map(|seconds| ChangeBuilder::Pass(Duration::from_secs(seconds))),
    ]
}

/// The key shows which question an answer was for.
fn key_for(id: u64, key: u128) -> u128 {
    u128::from(id) * 100 + key
}

/// A task in a world with a clock.
struct World {
    now: Timestamp,
    patience: Arc<ReminderPolicy>,
    situation: TaskSnapshot,
    /// Answers that people gave.
    given: Vec<Uuid>,
}

impl World {
    fn new(quiet: bool) -> Self {
        let time = |text: &str| text.parse().expect("a time");
        let nights = QuietHours {
            from: time("20:00"),
            until: time("08:00"),
            zone: jiff::tz::TimeZone::UTC,
        };
        let patience = Arc::new(ReminderPolicy {
            quiet: quiet.then_some(nights),
            ..ReminderPolicy::default()
        });
        let situation = at_first(TaskState::Queued {
            due: NOW,
            resumes: false,
        });
        Self {
            now: NOW,
            patience,
            situation,
            given: Vec::new(),
        }
    }

    fn take(&mut self, step: ChangeBuilder) {
        match step {
            ChangeBuilder::Claim(by) => self.claim(by),
            ChangeBuilder::Event(event) => self.happen(event),
            ChangeBuilder::Pass(span) => self.pass(span),
        }
    }

    fn claim(&mut self, by: u128) {
        let task = &mut self.situation.task;
        if matches!(task.state, TaskState::Queued { .. }) {
            task.epoch = Epoch(task.epoch.0 + 1);
            task.state = TaskState::Running { lease: lease(by) };
        }
    }

    fn happen(&mut self, event: Event) {
        let event = match event {
            Event::Asked { by, mut question } => {
                question.asked_at = self.now;
                question.alarm = Some(self.patience.alarm(&question, self.now));
                Event::Asked { by, question }
            }
            other => other,
        };
        if let Event::Answered { answer, .. } = &event {
            self.given.push(answer.key);
        }
        let named = named(&event);
        let heard = if let Event::Delivered { heard, .. } = &event {
            Some(*heard)
        } else {
            None
        };
        let before = self.situation.clone();
        let happened = apply_at(&mut self.situation, event, self.now);
        self.check_heard(&before, heard);
        if let (Some((by, attempt)), Ok(_), true) =
            (named, &happened, self.situation.task != before.task)
        {
            let lease = before
                .task
                .lease()
                .expect("only an attempt under way changes a task");
            assert!(
                lease.worker == by && before.task.attempt() == attempt,
                "the fence holds"
            );
        }
    }

    /// Only an answer that the agent received counts as delivered.
    fn check_heard(&self, before: &TaskSnapshot, heard: Option<DeliveredOutcome>) {
        for question in self
            .situation
            .questions
            .iter()
            .filter(|one| matches!(one.state, QuestionState::Delivered { .. }))
        {
            let old = before
                .questions
                .iter()
                .find(|old| old.id == question.id)
                .expect("it was answered before");
            assert!(
                old.state == question.state || heard == Some(question.heard()),
                "delivered without having been received"
            );
        }
    }

    /// Time passes, and every alarm rings when it is due.
    fn pass(&mut self, span: Duration) {
        let end = self.now.plus(span);
        loop {
            let open = self
                .situation
                .questions
                .iter()
                .filter(|question| question.is_open());
            let next = open
                .map(|question| {
                    (
                        question.alarm.expect("open questions have an alarm"),
                        question.id,
                    )
                })
                .min();
            let Some((alarm, id)) = next.filter(|(alarm, _)| *alarm <= end) else {
                break;
            };
            assert!(
                alarm >= self.now,
                "an alarm that rang is set to a later time"
            );
            self.now = alarm;
            let event = Event::Waited {
                question: id,
                patience: Arc::clone(&self.patience),
                in_digest: false,
            };
            let says =
                apply_at(&mut self.situation, event, self.now).expect("time is never refused");
            let pings = says
                .iter()
                .any(|say| matches!(say, Announcement::Reminder(_) | Announcement::Escalation(_)));
            assert!(
                !pings || !self.patience.is_quiet(self.now),
                "nobody is pinged in quiet hours"
            );
            let still = self
                .situation
                .questions
                .iter()
                .find(|question| question.id == id)
                .expect("never lost");
            assert!(
                still.alarm.is_none_or(|next| next > self.now),
                "an alarm does not ring twice at once"
            );
        }
        self.now = end;
    }
}

/// The worker and the attempt of an event from a worker.
fn named(event: &Event) -> Option<(WorkerId, Attempt)> {
    match event {
        Event::Asked { by, question } => Some((*by, question.attempt)),
        Event::Finished { by, attempt, .. }
        | Event::Failed { by, attempt, .. }
        | Event::Released { by, attempt }
        | Event::Parked { by, attempt } => Some((*by, *attempt)),
        _ => None,
    }
}

fn check(before: &TaskSnapshot, world: &World) {
    let now = &world.situation;
    let open = now
        .questions
        .iter()
        .filter(|question| question.is_open())
        .count();
    assert_eq!(
        open > 0,
        matches!(now.task.state, TaskState::Waiting { .. }),
        "a task waits exactly while a question is open"
    );
    assert!(
        !now.task.is_over() || now.notes.is_empty(),
        "no note waits for nobody"
    );
    assert!(now.task.epoch >= before.task.epoch);
    for old in &before.questions {
        let new = now
            .questions
            .iter()
            .find(|question| question.id == old.id)
            .expect("a question is never lost");
        assert!(
            old.answer().is_none() || old.answer() == new.answer(),
            "an answer never changes"
        );
        assert!(
            old.is_open() || !new.is_open(),
            "a closed question stays closed"
        );
        assert!(
            old.expired.is_none() || old.expired == new.expired,
            "that it was given up is not forgotten"
        );
    }
    for (question, answer) in now
        .questions
        .iter()
        .filter_map(|question| Some((question, question.answer()?)))
    {
        assert!(
            world.given.contains(&answer.key),
            "nothing answers by itself"
        );
        assert_eq!(
            answer.key.as_u128() / 100,
            u128::from(question.id.0),
            "an answer goes to its own question"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_and_no_time_loses_a_question_changes_an_answer_or_runs_a_task_twice(
        quiet in any::<bool>(),
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut world = World::new(quiet);
        for step in steps {
            let before = world.situation.clone();
            let claimed = matches!(step, ChangeBuilder::Claim(_)) && matches!(before.task.state, TaskState::Queued { .. });
            world.take(step);
            check(&before, &world);
            prop_assert_eq!(claimed, world.situation.task.epoch > before.task.epoch, "a new attempt begins by a claim only");
            prop_assert!(!claimed || before.task.lease().is_none(), "never while another one is under way");
        }
        let before = world.situation.clone();
        world.pass(Duration::from_secs(8 * 86_400));
        check(&before, &world);
        prop_assert!(world.situation.questions.iter().all(|question| !question.is_open()), "no question waits forever");
    }
}

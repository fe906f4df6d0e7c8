//! A table of single steps, and a model that throws random events at a task.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    ids::{Epoch, TaskId, UserId},
    input::Slug,
    question::{Ask, Decision, Item},
};

const NOW: Timestamp = Timestamp(1_000_000);

fn worker(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

fn lease(n: u128) -> Lease {
    Lease { worker: worker(n), until: NOW }
}

fn task(state: TaskState) -> Task {
    Task {
        id: TaskId(1),
        title: "Title".parse().expect("title"),
        prompt: "Do it".parse().expect("prompt"),
        repo: Slug::from_text("site"),
        base: "main".parse().expect("branch"),
        branch: "vine/T-1".parse().expect("branch"),
        lane: Lane::Default,
        requester: "Ann".into(),
        created: NOW,
        updated: NOW,
        epoch: Epoch(1),
        failures: 0,
        losses: Vec::new(),
        state,
        version: 1,
    }
}

fn attempt(epoch: u64) -> Attempt {
    Attempt { task: TaskId(1), epoch: Epoch(epoch) }
}

fn question(id: u64, epoch: u64) -> Question {
    let item = Item { question: "Which?".into(), header: String::new(), options: Vec::new(), multi: false };
    Question {
        id: QuestionId(id),
        key: Uuid::from_u128(id.into()),
        attempt: attempt(epoch),
        session: None,
        call: format!("call-{id}"),
        ask: Ask::Clarify { items: vec![item] },
        context: String::new(),
        asked_at: NOW,
        state: QuestionState::Open,
    }
}

fn answer(key: u128) -> Answer {
    let decision = Decision::Words { text: format!("words {key}") };
    Answer { key: Uuid::from_u128(key), decision, by: UserId(Uuid::from_u128(9)), name: "Bob".into(), via: "console".into(), at: NOW }
}

fn asked(id: u64, epoch: u64, by: u128) -> Event {
    Event::Asked { by: worker(by), question: Box::new(question(id, epoch)) }
}

fn answered(id: u64, key: u128) -> Event {
    Event::Answered { question: QuestionId(id), answer: answer(key) }
}

/// Applies events one after the other, as the store would.
fn after(state: TaskState, events: Vec<Event>) -> (Situation, Vec<Refusal>) {
    let mut situation = Situation { task: task(state), questions: Vec::new() };
    let refusals = events.into_iter().filter_map(|event| apply(&mut situation, event).err()).collect();
    (situation, refusals)
}

fn apply(situation: &mut Situation, event: Event) -> Result<(), Refusal> {
    let change = decide(situation, event, NOW)?;
    situation.task = change.task;
    for question in change.questions {
        situation.questions.retain(|known| known.id != question.id);
        situation.questions.push(question);
    }
    Ok(())
}

fn running() -> TaskState {
    TaskState::Running { lease: lease(1) }
}

#[test]
fn a_question_makes_the_task_wait_and_its_answer_lets_it_run_on() {
    let (now, _) = after(running(), vec![asked(1, 1, 1)]);
    assert_eq!(now.task.state, TaskState::Waiting { lease: Some(lease(1)) });
    let (now, _) = after(running(), vec![asked(1, 1, 1), answered(1, 7)]);
    assert_eq!(now.task.state, running());
}

#[test]
fn with_two_questions_open_the_task_waits_for_both() {
    let (now, _) = after(running(), vec![asked(1, 1, 1), asked(2, 1, 1), answered(2, 7)]);
    assert_eq!(now.task.state, TaskState::Waiting { lease: Some(lease(1)) });
    let (now, _) = after(running(), vec![asked(1, 1, 1), asked(2, 1, 1), answered(2, 7), answered(1, 8)]);
    assert_eq!(now.task.state, running());
}

#[test]
fn a_worker_lost_while_waiting_parks_the_task_and_the_answer_queues_it_ahead() {
    let lost = || Event::LeaseLost { attempt: attempt(1), why: "it is gone".into() };
    let (now, _) = after(running(), vec![asked(1, 1, 1), lost()]);
    assert_eq!(now.task.state, TaskState::Waiting { lease: None });
    assert!(now.task.losses.is_empty(), "waiting costs no attempt");
    let (now, _) = after(running(), vec![asked(1, 1, 1), lost(), answered(1, 7)]);
    assert_eq!(now.task.state, TaskState::Queued { due: NOW, resumes: true });
}

#[test]
fn a_parked_task_waits_without_a_lease_and_one_that_was_answered_meanwhile_goes_on() {
    let parked = || Event::Parked { by: worker(1), attempt: attempt(1) };
    let (now, _) = after(running(), vec![asked(1, 1, 1), parked()]);
    assert_eq!((now.task.state, now.task.failures), (TaskState::Waiting { lease: None }, 0));
    let (now, _) = after(running(), vec![asked(1, 1, 1), answered(1, 7), parked()]);
    assert_eq!(now.task.state, TaskState::Queued { due: NOW, resumes: true });
}

#[test]
fn the_first_answer_wins_and_the_same_one_again_is_no_error() {
    let (now, refusals) = after(running(), vec![asked(1, 1, 1), answered(1, 7), answered(1, 7), answered(1, 8)]);
    assert_eq!(now.questions[0].answer().map(|answer| answer.key.as_u128()), Some(7));
    let [Refusal::AnsweredBefore { name, said, .. }] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!((name.as_str(), said.as_str()), ("Bob", "words 7"));
}

#[test]
fn writes_of_an_old_attempt_or_another_worker_are_refused() {
    let report = Report::default();
    let failure = Failure::new(FailureKind::AgentCrashed, "crash");
    for (by, epoch) in [(1, 0), (1, 2), (2, 1)] {
        let (by, attempt) = (worker(by), attempt(epoch));
        let events = [
            Event::Asked { by, question: Box::new(question(1, epoch)) },
            Event::Finished { by, attempt, report: report.clone() },
            Event::Failed { by, attempt, failure: failure.clone() },
            Event::Released { by, attempt },
            Event::Parked { by, attempt },
        ];
        for event in events {
            let (now, refusals) = after(running(), vec![event.clone()]);
            assert_eq!(refusals, [Refusal::Stale(attempt)], "{event:?}");
            assert_eq!(now.task, task(running()));
        }
    }
}

#[test]
fn failures_back_off_and_the_third_sets_the_task_aside() {
    let fail = || Event::Failed { by: worker(1), attempt: attempt(1), failure: Failure::new(FailureKind::AgentCrashed, "crash") };
    let mut situation = Situation { task: task(running()), questions: Vec::new() };
    for failures in 1..=2 {
        apply(&mut situation, fail()).expect("held");
        assert!(matches!(situation.task.state, TaskState::Queued { due, .. } if due > NOW), "failure {failures}");
        situation.task.state = running();
    }
    apply(&mut situation, fail()).expect("held");
    assert!(matches!(situation.task.state, TaskState::Failed { .. }));
    apply(&mut situation, Event::Ordered { order: Order::Retry, by: "Ann".into() }).expect("allowed");
    assert_eq!((situation.task.state, situation.task.failures), (TaskState::Queued { due: NOW, resumes: false }, 0));
}

#[test]
fn three_losses_in_72_hours_set_the_task_aside_but_older_ones_do_not_count() {
    let lost = || Event::LeaseLost { attempt: attempt(1), why: "it is gone".into() };
    let mut situation = Situation { task: task(running()), questions: Vec::new() };
    situation.task.losses = vec![Timestamp(NOW.0 - 73 * 3_600_000), NOW];
    apply(&mut situation, lost()).expect("held");
    assert!(matches!(situation.task.state, TaskState::Queued { .. }));
    situation.task.state = running();
    apply(&mut situation, lost()).expect("held");
    assert!(matches!(&situation.task.state, TaskState::Failed { failure, .. } if failure.kind == FailureKind::WorkersLost));
}

#[test]
fn a_usage_limit_costs_no_attempt_and_bad_credentials_are_not_tried_again() {
    let failed = |kind| Event::Failed { by: worker(1), attempt: attempt(1), failure: Failure::new(kind, "x") };
    let (now, _) = after(running(), vec![failed(FailureKind::UsageLimit)]);
    assert!(matches!(now.task.state, TaskState::Queued { .. }));
    assert_eq!(now.task.failures, 0);
    let (now, _) = after(running(), vec![failed(FailureKind::BadCredentials)]);
    assert!(matches!(now.task.state, TaskState::Failed { .. }));
}

#[test]
fn cancelling_withdraws_questions_and_their_answers_are_refused_with_the_reason() {
    let cancel = Event::Ordered { order: Order::Cancel, by: "Ann".into() };
    let (now, refusals) = after(running(), vec![asked(1, 1, 1), cancel, answered(1, 7)]);
    assert_eq!(now.task.state, TaskState::Cancelled { by: "Ann".into() });
    assert_eq!(refusals, [Refusal::Withdrawn { question: QuestionId(1), why: "the task was cancelled".into() }]);
}

#[test]
fn finishing_again_after_a_lost_reply_is_no_error() {
    let done = || Event::Finished { by: worker(1), attempt: attempt(1), report: Report::default() };
    let (_, refusals) = after(running(), vec![done(), done()]);
    assert!(refusals.is_empty());
}

/// A random event, drawn so that matching and stale ones are both common.
fn any_event() -> impl Strategy<Value = Event> {
    let who = 1..3_u128;
    let epochs = 1..4_u64;
    let ids = 1..5_u64;
    prop_oneof![
        (ids.clone(), epochs.clone(), who.clone()).prop_map(|(id, epoch, by)| asked(id, epoch, by)),
        (ids.clone(), 1..4_u128).prop_map(|(id, key)| answered(id, key)),
        (ids.clone(), epochs.clone(), who.clone()).prop_map(|(id, epoch, by)| Event::Delivered {
            by: worker(by),
            attempt: attempt(epoch),
            question: QuestionId(id)
        }),
        (ids, epochs.clone(), who.clone()).prop_map(|(id, epoch, by)| Event::Withdrawn {
            by: worker(by),
            attempt: attempt(epoch),
            question: QuestionId(id),
            why: "agent moved on".into()
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
        (epochs.clone(), who.clone()).prop_map(|(epoch, by)| Event::Released { by: worker(by), attempt: attempt(epoch) }),
        (epochs.clone(), who).prop_map(|(epoch, by)| Event::Parked { by: worker(by), attempt: attempt(epoch) }),
        epochs.prop_map(|epoch| Event::LeaseLost { attempt: attempt(epoch), why: "gone".into() }),
        prop_oneof![Just(Order::Cancel), Just(Order::Retry), Just(Order::Discard), Just(Order::Prioritise(Lane::High))]
            .prop_map(|order| Event::Ordered { order, by: "Ann".into() }),
    ]
}

/// `None` stands for a claim by worker 1 or 2, the transition that the store makes.
fn any_step() -> impl Strategy<Value = Result<Event, u128>> {
    prop_oneof![4 => any_event().prop_map(Ok), 1 => (1..3_u128).prop_map(Err)]
}

fn claim(situation: &mut Situation, by: u128) {
    if matches!(situation.task.state, TaskState::Queued { .. }) {
        situation.task.epoch = Epoch(situation.task.epoch.0 + 1);
        situation.task.state = TaskState::Running { lease: lease(by) };
    }
}

fn check(situation: &Situation) {
    let open = situation.questions.iter().filter(|question| question.is_open()).count();
    let waiting = matches!(situation.task.state, TaskState::Waiting { .. });
    assert_eq!(open > 0, waiting, "a task waits exactly while a question is open: {situation:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_loses_a_question_or_changes_an_answer(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut situation = Situation { task: task(TaskState::Queued { due: NOW, resumes: false }), questions: Vec::new() };
        for step in steps {
            let before = situation.clone();
            match step {
                Err(by) => claim(&mut situation, by),
                Ok(event) => { let _refusal = apply(&mut situation, event); }
            }
            check(&situation);
            for old in &before.questions {
                let new = situation.questions.iter().find(|question| question.id == old.id).expect("never lost");
                if let Some(answer) = old.answer() {
                    prop_assert_eq!(Some(answer), new.answer(), "an answer never changes");
                }
                prop_assert!(old.is_open() || !new.is_open(), "a closed question stays closed");
            }
            prop_assert!(situation.task.epoch >= before.task.epoch);
        }
    }
}

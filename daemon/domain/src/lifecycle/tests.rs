//! Tests of single steps. [`model`] sends random events to a task.

use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::{
    failure::FailureKind,
    ids::{Epoch, TaskId, UserId},
    input::Slug,
    model::ModelChoice,
    note::NoteState,
    question::{Ask, Decision, Item, QuestionOutcome},
    task::Loss,
};

mod model;

const NOW: Timestamp = Timestamp(1_000_000);

fn worker(n: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(n))
}

fn lease(n: u128) -> Lease {
    Lease {
        worker: worker(n),
        since: NOW,
        until: NOW,
    }
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
        model: ModelChoice::default(),
        requester: "Ann".into(),
        created: NOW,
        updated: NOW,
        epoch: Epoch(1),
        failures: 0,
        losses: Vec::new(),
        round: crate::task::TaskRound::default(),
        waits_for: None,
        request: None,
        state,
        version: 1,
    }
}

fn attempt(epoch: u64) -> Attempt {
    Attempt {
        task: TaskId(1),
        epoch: Epoch(epoch),
    }
}

fn question(id: u64, epoch: u64, asked_at: Timestamp) -> Question {
    let item = Item {
        question: "Which?".into(),
        header: String::new(),
        options: Vec::new(),
        multi: false,
    };
    let ask = Ask::Clarify { items: vec![item] };
    let mut question = Question::new(
        QuestionId(id),
        Uuid::from_u128(id.into()),
        attempt(epoch),
        ask,
        asked_at,
    );
    question.alarm = Some(ReminderPolicy::default().alarm(&question, asked_at));
    question
}

fn answer(key: u128) -> Answer {
    let decision = Decision::Words {
        text: format!("words {key}"),
    };
    Answer {
        key: Uuid::from_u128(key),
        decision,
        by: UserId(Uuid::from_u128(9)),
        name: "Bob".into(),
        via: "console".into(),
        at: NOW,
    }
}

fn asked(id: u64, epoch: u64, by: u128) -> Event {
    Event::Asked {
        by: worker(by),
        question: Box::new(question(id, epoch, NOW)),
    }
}

fn answered(id: u64, key: u128) -> Event {
    Event::Answered {
        question: QuestionId(id),
        answer: answer(key),
    }
}

/// Applies events one after the other, as the store would.
fn after(state: TaskState, events: Vec<Event>) -> (TaskSnapshot, Vec<Refusal>) {
    let mut situation = at_first(state);
    let refusals = events
        .into_iter()
        .filter_map(|event| apply(&mut situation, event).err())
        .collect();
    (situation, refusals)
}

fn at_first(state: TaskState) -> TaskSnapshot {
    TaskSnapshot {
        task: task(state),
        questions: Vec::new(),
        notes: Vec::new(),
    }
}

fn apply(situation: &mut TaskSnapshot, event: Event) -> Result<(), Refusal> {
    apply_at(situation, event, NOW).map(|_| ())
}

fn apply_at(
    situation: &mut TaskSnapshot,
    event: Event,
    now: Timestamp,
) -> Result<Vec<Announcement>, Refusal> {
    let change = decide(situation, event, now)?;
    situation.task = change.task;
    for question in change.questions {
        situation.questions.retain(|known| known.id != question.id);
        situation.questions.push(question);
    }
    for note in change.notes {
        situation.notes.retain(|known| known.key != note.key);
        situation
            .notes
            .extend((note.state == NoteState::Waiting).then_some(note));
    }
    Ok(change.says)
}

fn running() -> TaskState {
    TaskState::Running { lease: lease(1) }
}

#[test]
fn a_question_makes_the_task_wait_and_its_answer_lets_it_run_on() {
    let (now, _) = after(running(), vec![asked(1, 1, 1)]);
    assert_eq!(
        now.task.state,
        TaskState::Waiting {
            lease: Some(lease(1))
        }
    );
    let (now, _) = after(running(), vec![asked(1, 1, 1), answered(1, 7)]);
    assert_eq!(now.task.state, running());
}

#[test]
fn with_two_questions_open_the_task_waits_for_both() {
    let (now, _) = after(
        running(),
        vec![asked(1, 1, 1), asked(2, 1, 1), answered(2, 7)],
    );
    assert_eq!(
        now.task.state,
        TaskState::Waiting {
            lease: Some(lease(1))
        }
    );
    let (now, _) = after(
        running(),
        vec![
            asked(1, 1, 1),
            asked(2, 1, 1),
            answered(2, 7),
            answered(1, 8),
        ],
    );
    assert_eq!(now.task.state, running());
}

#[test]
fn a_worker_lost_while_waiting_parks_the_task_and_the_answer_queues_it_ahead() {
    let lost = || Event::LeaseLost {
        attempt: attempt(1),
        why: "it is gone".into(),
    };
    let (now, _) = after(running(), vec![asked(1, 1, 1), lost()]);
    assert_eq!(now.task.state, TaskState::Waiting { lease: None });
    assert!(now.task.losses.is_empty(), "waiting costs no attempt");
    let (now, _) = after(running(), vec![asked(1, 1, 1), lost(), answered(1, 7)]);
    assert_eq!(
        now.task.state,
        TaskState::Queued {
            due: NOW,
            resumes: true
        }
    );
}

#[test]
fn a_parked_task_waits_without_a_lease_and_one_that_was_answered_meanwhile_goes_on() {
    let parked = || Event::Parked {
        by: worker(1),
        attempt: attempt(1),
    };
    let (now, _) = after(running(), vec![asked(1, 1, 1), parked()]);
    assert_eq!(
        (now.task.state, now.task.failures),
        (TaskState::Waiting { lease: None }, 0)
    );
    let (now, _) = after(running(), vec![asked(1, 1, 1), answered(1, 7), parked()]);
    assert_eq!(
        now.task.state,
        TaskState::Queued {
            due: NOW,
            resumes: true
        }
    );
}

#[test]
fn the_first_answer_wins_and_the_same_one_again_is_no_error() {
    let (now, refusals) = after(
        running(),
        vec![
            asked(1, 1, 1),
            answered(1, 7),
            answered(1, 7),
            answered(1, 8),
        ],
    );
    assert_eq!(
        now.questions[0].answer().map(|answer| answer.key.as_u128()),
        Some(7)
    );
    let [Refusal::AnsweredBefore { name, said, .. }] = refusals.as_slice() else {
        panic!("{refusals:?}")
    };
    assert_eq!((name.as_str(), said.as_str()), ("Bob", "words 7"));
}

#[test]
fn writes_of_an_old_attempt_or_another_worker_are_refused() {
    let report = Report::default();
    let failure = Failure::new(FailureKind::AgentCrashed, "crash");
    for (by, epoch) in [(1, 0), (1, 2), (2, 1)] {
        let by = worker(by);
        let attempt = attempt(epoch);
        let events = [
            Event::Asked {
                by,
                question: Box::new(question(1, epoch, NOW)),
            },
            Event::Finished {
                by,
                attempt,
                report: report.clone(),
            },
            Event::Failed {
                by,
                attempt,
                failure: failure.clone(),
            },
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
    let fail = || Event::Failed {
        by: worker(1),
        attempt: attempt(1),
        failure: Failure::new(FailureKind::AgentCrashed, "crash"),
    };
    let mut situation = at_first(running());
    for failures in 1..=2 {
        apply(&mut situation, fail()).expect("held");
        assert!(
            matches!(situation.task.state, TaskState::Queued { due, .. } if due > NOW),
            "failure {failures}"
        );
        situation.task.state = running();
    }
    apply(&mut situation, fail()).expect("held");
    assert!(matches!(situation.task.state, TaskState::Failed { .. }));
    apply(
        &mut situation,
        Event::Ordered {
            order: TaskAction::Retry,
            by: "Ann".into(),
        },
    )
    .expect("allowed");
    assert_eq!(
        (situation.task.state, situation.task.failures),
        (
            TaskState::Queued {
                due: NOW,
                resumes: false
            },
            0
        )
    );
}

#[test]
fn three_losses_in_72_hours_set_the_task_aside_but_older_ones_do_not_count() {
    let lost = || Event::LeaseLost {
        attempt: attempt(1),
        why: "it is gone".into(),
    };
    let mut situation = at_first(running());
    let lost_at = |at| Loss {
        at,
        by: None,
        of: None,
        during: false,
    };
    let queued = |due| TaskState::Queued {
        due,
        resumes: false,
    };
    apply(&mut situation, lost()).expect("held");
    assert_eq!(
        situation.task.state,
        queued(NOW),
        "the first one says nothing about the task"
    );
    situation.task.state = running();
    situation.task.losses = vec![lost_at(Timestamp(NOW.0 - 73 * 3_600_000)), lost_at(NOW)];
    apply(&mut situation, lost()).expect("held");
    assert_eq!(
        situation.task.state,
        queued(NOW.plus(Duration::from_secs(5)))
    );
    situation.task.state = running();
    apply(&mut situation, lost()).expect("held");
    assert!(
        matches!(&situation.task.state, TaskState::Failed { failure, .. } if failure.kind == FailureKind::WorkersLost)
    );
}

#[test]
fn a_sick_place_hands_its_task_back_uncounted_and_says_so_once() {
    let failed = |by, kind, during| Event::Failed {
        by: worker(by),
        attempt: attempt(1),
        failure: Failure {
            during,
            ..Failure::new(kind, "x")
        },
    };
    let run_on = |situation: &mut TaskSnapshot, by| {
        situation.task.state = TaskState::Running { lease: lease(by) };
    };
    let mut situation = at_first(running());
    for by in 1..=30 {
        run_on(&mut situation, by);
        let event = failed(by, FailureKind::BadCredentials, false);
        let says = apply_at(&mut situation, event, NOW).expect("held");
        let said = says
            .iter()
            .any(|say| matches!(say, Announcement::HandedBack(_)));
        assert_eq!(said, by == 1, "worker {by}");
        let back = matches!(situation.task.state, TaskState::Queued { due: NOW, .. });
        assert!(back && situation.task.failures == 0);
    }
    for (by, is_dead) in [(1, false), (2, true)] {
        run_on(&mut situation, by);
        apply(&mut situation, failed(by, FailureKind::DiskFull, true)).expect("held");
        assert_eq!(
            of_illness(&situation),
            is_dead,
            "one may have been unhealthy anyway"
        );
    }
}

fn of_illness(situation: &TaskSnapshot) -> bool {
    matches!(&situation.task.state, TaskState::Failed { failure, .. } if failure.kind == FailureKind::MakesIll)
}

#[test]
fn a_worker_that_is_ill_with_one_task_only_is_ill_of_it() {
    let mut situation = at_first(running());
    for round in 1..=3 {
        situation.task.state = running();
        let event = Event::Failed {
            by: worker(1),
            attempt: attempt(1),
            failure: Failure::new(FailureKind::BadCredentials, "403"),
        };
        apply(&mut situation, event).expect("held");
        assert_eq!(of_illness(&situation), round == 3);
    }
}

#[test]
fn cancelling_withdraws_questions_and_their_answers_are_refused_with_the_reason() {
    let cancel = Event::Ordered {
        order: TaskAction::Cancel,
        by: "Ann".into(),
    };
    let (now, refusals) = after(running(), vec![asked(1, 1, 1), cancel, answered(1, 7)]);
    assert_eq!(now.task.state, TaskState::Cancelled { by: "Ann".into() });
    assert_eq!(
        refusals,
        [Refusal::Withdrawn {
            question: QuestionId(1),
            why: "the task was cancelled".into()
        }]
    );
}

#[test]
fn finishing_again_after_a_lost_reply_is_no_error() {
    let done = || Event::Finished {
        by: worker(1),
        attempt: attempt(1),
        report: Report::default(),
    };
    let (_, refusals) = after(running(), vec![done(), done()]);
    assert!(refusals.is_empty());
}

fn waited(id: u64) -> Event {
    Event::Waited {
        question: QuestionId(id),
        patience: Arc::default(),
        in_digest: false,
    }
}

fn later(hours: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(hours * 3600))
}

fn done() -> Event {
    Event::Finished {
        by: worker(1),
        attempt: attempt(1),
        report: Report::default(),
    }
}

/// A task whose only question expired after a week.
fn given_up() -> TaskSnapshot {
    let mut situation = at_first(running());
    apply(&mut situation, asked(1, 1, 1)).expect("held");
    apply_at(&mut situation, waited(1), later(7 * 24)).expect("no refusal");
    situation
}

#[test]
fn people_are_reminded_at_doubling_times_then_more_are_called_and_in_the_end_it_is_given_up() {
    let mut situation = at_first(running());
    apply(&mut situation, asked(1, 1, 1)).expect("held");
    let mut heard = Vec::new();
    while let Some(alarm) = situation.questions[0].alarm {
        for say in apply_at(&mut situation, waited(1), alarm).expect("no refusal") {
            let minutes = alarm.since(NOW).as_secs() / 60;
            heard.extend(match say {
                Announcement::Reminder(_) => Some((minutes, "reminder")),
                Announcement::Escalation(_) => Some((minutes, "escalation")),
                Announcement::Expired(_) => Some((minutes, "expired")),
                _ => None,
            });
        }
    }
    let week = 7 * 24 * 60;
    let reminders = [30, 60, 120].map(|at| (at, "reminder"));
    let after = [480, 960, 1920, 3840, 7680].map(|at| (at, "reminder"));
    assert_eq!(
        heard,
        [
            &reminders[..],
            &[(240, "escalation")],
            &after[..],
            &[(week, "expired")]
        ]
        .concat()
    );
}

#[test]
fn a_daemon_that_was_away_reminds_once_not_for_every_reminder_that_it_missed() {
    let mut situation = at_first(running());
    apply(&mut situation, asked(1, 1, 1)).expect("held");
    assert_eq!(
        apply_at(&mut situation, waited(1), later(3)),
        Ok(vec![Announcement::Reminder(QuestionId(1))])
    );
    assert_eq!(apply_at(&mut situation, waited(1), later(3)), Ok(vec![]));
}

#[test]
fn giving_up_lets_the_agent_go_on_with_the_word_that_nobody_answered() {
    let situation = given_up();
    assert_eq!(situation.task.state, running());
    assert_eq!(
        situation.questions[0].reply(),
        Some(QuestionOutcome::Nobody)
    );
    assert_eq!(
        situation.questions[0].untold(),
        Some(QuestionOutcome::Nobody),
        "the agent is to be told"
    );
    let mut parked = at_first(running());
    for event in [
        asked(1, 1, 1),
        Event::Parked {
            by: worker(1),
            attempt: attempt(1),
        },
    ] {
        apply(&mut parked, event).expect("held");
    }
    apply_at(&mut parked, waited(1), later(7 * 24)).expect("no refusal");
    assert!(
        matches!(parked.task.state, TaskState::Queued { resumes: true, .. }),
        "a parked one is started for it"
    );
}

#[test]
fn a_late_answer_goes_to_the_running_agent_and_takes_a_task_that_is_over_back_into_the_queue() {
    let mut running_on = given_up();
    let says = apply_at(&mut running_on, answered(1, 7), later(200)).expect("it counts");
    assert_eq!(
        says,
        [
            Announcement::Settled(QuestionId(1)),
            Announcement::Late(QuestionId(1))
        ]
    );
    assert!(matches!(
        running_on.questions[0].untold(),
        Some(QuestionOutcome::Answered(_))
    ));
    let says = apply_at(&mut running_on, done(), later(201)).expect("held");
    assert!(
        matches!(
            running_on.task.state,
            TaskState::Queued { resumes: true, .. }
        ),
        "it ended without having heard it: {says:?}"
    );

    let mut over = given_up();
    apply_at(&mut over, done(), later(170)).expect("held");
    apply_at(&mut over, answered(1, 7), later(200)).expect("it counts");
    assert_eq!(
        over.task.state,
        TaskState::Queued {
            due: later(200),
            resumes: true
        }
    );
    let again = apply_at(&mut over, answered(1, 8), later(200));
    assert!(
        matches!(again, Err(Refusal::AnsweredBefore { .. })),
        "{again:?}"
    );

    let mut cancelled = given_up();
    apply(
        &mut cancelled,
        Event::Ordered {
            order: TaskAction::Cancel,
            by: "Ann".into(),
        },
    )
    .expect("allowed");
    assert!(matches!(
        apply(&mut cancelled, answered(1, 7)),
        Err(Refusal::Withdrawn { .. })
    ));
}

#[test]
fn an_answer_that_comes_while_the_agent_hears_that_nobody_answered_is_still_to_be_told() {
    let heard = |answer| Event::Delivered {
        by: worker(1),
        attempt: attempt(1),
        heard: DeliveredOutcome {
            question: QuestionId(1),
            answer,
        },
    };
    let mut situation = given_up();
    apply(&mut situation, answered(1, 7)).expect("it counts");
    apply(&mut situation, heard(None)).expect("no refusal");
    assert!(matches!(
        situation.questions[0].untold(),
        Some(QuestionOutcome::Answered(_))
    ));
    apply(&mut situation, heard(Some(Uuid::from_u128(7)))).expect("held");
    assert_eq!(situation.questions[0].untold(), None);
}

fn note(key: u128) -> Note {
    let author = "Ann".into();
    let text = "Use tabs.".into();
    Note {
        key: Uuid::from_u128(key),
        task: TaskId(1),
        author,
        text,
        at: NOW,
        state: NoteState::Waiting,
    }
}

#[test]
fn words_that_were_an_answer_are_no_note_when_they_are_read_again() {
    let mut situation = given_up();
    apply(&mut situation, answered(1, 7)).expect("it counts");
    assert_eq!(
        apply_at(&mut situation, Event::Noted(note(7)), NOW),
        Ok(vec![])
    );
    assert!(situation.notes.is_empty());
    apply(&mut situation, Event::Noted(note(8))).expect("other words");
    assert_eq!(situation.notes.len(), 1);
}

#[test]
fn a_note_waits_until_an_agent_has_it_and_is_missed_when_the_task_ends_before() {
    let has = |by, epoch| Event::NoteDelivered {
        by: worker(by),
        attempt: attempt(epoch),
        note: Uuid::from_u128(5),
    };
    let mut situation = at_first(running());
    assert_eq!(
        apply_at(&mut situation, Event::Noted(note(5)), NOW),
        Ok(vec![Announcement::Note(Uuid::from_u128(5))])
    );
    assert_eq!(
        apply_at(&mut situation, Event::Noted(note(5)), NOW),
        Ok(vec![]),
        "the same words again are once"
    );
    assert_eq!(
        apply(&mut situation, has(2, 1)),
        Err(Refusal::Stale(attempt(1)))
    );
    assert_eq!(situation.notes.len(), 1);
    apply(&mut situation, has(1, 1)).expect("held");
    assert!(situation.notes.is_empty());

    let mut missed = at_first(running());
    apply(&mut missed, Event::Noted(note(5))).expect("kept");
    let says = apply_at(&mut missed, done(), NOW).expect("held");
    assert!(
        says.contains(&Announcement::Note(Uuid::from_u128(5))) && missed.notes.is_empty(),
        "{says:?}"
    );
    let late = apply(&mut missed, Event::Noted(note(6)));
    assert_eq!(
        late,
        Err(Refusal::NobodyReads {
            task: TaskId(1),
            state: "done"
        })
    );
}

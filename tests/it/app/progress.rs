//! Cards that show what agents are at delay no question, and keep to their pace.

use std::time::{Duration, Instant};

use vine_domain::{
    Progress, QuestionId,
    attempt::{Attempt, Usage},
    chat::OutboundKind,
    ports::ProgressPace,
    progress::{Step, StepState},
};

use crate::app::platforms::{Fake, Shown, Talk, colour};

const TASKS: usize = 50;
const QUESTIONS: usize = 40;
/// How long the platform takes for a call.
const CALL: Duration = Duration::from_millis(25);
/// A tenth of a second stands for some seconds of a real platform.
const PACE: ProgressPace = ProgressPace {
    card: Duration::from_millis(400),
    all: Duration::from_millis(100),
};

fn progress(number: usize) -> Progress {
    let step = Step {
        text: "Paint the door".into(),
        state: StepState::Active,
    };
    Progress {
        steps: vec![step],
        doing: format!("stroke {number}"),
    }
}

fn is_progress(shown: &Shown) -> bool {
    let message = &shown.dispatch.message;
    message.kind == OutboundKind::Card && message.text.contains("At work since")
}

struct Bed {
    talk: Talk,
    attempts: Vec<Attempt>,
    began: Instant,
}

impl Bed {
    async fn new() -> Self {
        let talk = Talk::new(Fake {
            takes: CALL.into(),
            pace: Some(PACE).into(),
            ..Fake::default()
        })
        .await;
        let mut attempts = Vec::with_capacity(TASKS);
        for _ in 0..TASKS {
            attempts.push(talk.team.claimed("site").await);
        }
        talk.nothing_due().await;
        Self {
            talk,
            attempts,
            began: Instant::now(),
        }
    }

    async fn reports(&self, number: usize) {
        let attempt = self.attempts[number % TASKS];
        let team = &self.talk.team;
        let fleet = &team.app.fleet;
        let usage = Usage::default();
        let told = fleet.record_usage(team.worker, attempt, &usage, Some(progress(number)));
        told.await.expect("recorded");
    }

    /// Asks a question; returns how long it took to be posted.
    async fn asks(&self, number: usize) -> Duration {
        let asked = Instant::now();
        let id = self.talk.team.asks(self.attempts[number], colour()).await;
        self.stood(id).await.duration_since(asked)
    }

    async fn stood(&self, id: QuestionId) -> Instant {
        let shown = self.talk.chat.question(id).await;
        self.delivered(&shown)
    }

    fn delivered(&self, shown: &Shown) -> Instant {
        let stood = self.talk.chat.stood.lock().expect("whole");
        let mut of_this = stood
            .iter()
            .filter(|(id, _)| *id == shown.dispatch.message.id);
        of_this.next().expect("it was delivered").1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_working_tasks_delay_no_question_by_more_than_one_call() {
    // Side by side, so that what else the machine does delays both.
    let (quiet, bed) = (Bed::new().await, Bed::new().await);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for number in 0..QUESTIONS {
        for one in 0..10 {
            bed.reports(number * 10 + one).await;
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        without.push(quiet.asks(number).await);
        with.push(bed.asks(number).await);
    }
    without.sort();
    with.sort();
    let spent = bed.began.elapsed();
    let p95 = |all: &[Duration]| all[QUESTIONS * 95 / 100];
    let median = |all: &[Duration]| all[QUESTIONS / 2];
    println!(
        "a question stood there after {:?} (p95 {:?}) without progress, {:?} (p95 {:?}) with it",
        median(&without),
        p95(&without),
        median(&with),
        p95(&with)
    );
    // The machine is shared: some slack.
    let slack = Duration::from_millis(40);
    assert!(
        p95(&with) <= p95(&without) + CALL + slack,
        "{with:?} {without:?}"
    );

    let shown = bed.talk.chat.shown.lock().expect("whole").clone();
    let edits: Vec<_> = shown.iter().filter(|shown| is_progress(shown)).collect();
    let most = spent.as_millis() / PACE.all.as_millis() + 1;
    println!(
        "{} cards were edited for progress in {spent:?}",
        edits.len()
    );
    assert!(
        edits.len() >= TASKS && (edits.len() as u128) <= most,
        "{} of {most}",
        edits.len()
    );
    let mut last = std::collections::HashMap::new();
    for edit in &edits {
        assert!(edit.dispatch.edits.is_some() && edit.dispatch.mentions.is_empty());
        let task = edit.dispatch.message.place.task().expect("a task");
        let text = edit.dispatch.message.text.clone();
        let now = bed.delivered(edit);
        if let Some((at, before)) = last.insert(task, (now, text.clone())) {
            assert!(now.duration_since(at) + Duration::from_millis(20) >= PACE.card);
            assert_ne!(before, text, "only what differs is shown");
        }
    }
    assert_eq!(last.len(), TASKS, "each is shown in its turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_shows_progress_only_where_people_want_it_and_only_the_latest() {
    let bed = Bed::new().await;
    let (talk, store) = (&bed.talk, &bed.talk.team.bed.store);
    let site = vine_domain::Slug::from_text("site");
    store
        .set_progress("matrix", &site, false)
        .await
        .expect("set");
    for number in 0..3 {
        bed.reports(number * TASKS).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let edits = || {
        let shown = talk.chat.shown.lock().expect("whole");
        let all = shown.iter().filter(|shown| is_progress(shown));
        all.map(|shown| shown.dispatch.message.text.clone())
            .collect::<Vec<_>>()
    };
    assert!(edits().is_empty(), "{:?}", edits());
    store
        .set_progress("matrix", &site, true)
        .await
        .expect("set");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let all = edits();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(
        all[0].contains("> ▶ Paint the door\n> → stroke 100"),
        "{}",
        all[0]
    );
}

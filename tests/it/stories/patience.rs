//! What happens while nobody answers: on a real store with a clock that the test moves, and once
//! with real processes and the real Claude Code.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use uuid::Uuid;
use vine_app::{Settings, fleet::CompletedAttempt};
use vine_domain::{
    ConfiguredPerson, ReminderPolicy, Role, Slug, TaskId, User,
    chat::{MessagePlace as In, OutboundKind, OutboxItem, Posted},
    clock::Clock,
    reminder::QuietHours,
};

use crate::{
    app::races::{Team, person},
    harness::{Agent, PATIENCE, Place, Sections},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Lets time pass in steps of a minute, with the sweep at work, until `span` is over.
async fn pass(team: &Team, span: Duration) {
    for _ in 0..span.as_secs() / 60 {
        team.bed.clock.pass(Duration::from_secs(60));
        team.app.questions.ring_alarms().await.expect("rung");
    }
}

async fn thread(team: &Team, task: TaskId) -> Vec<String> {
    let messages = team.bed.store.thread(task, 0, 1000).await.expect("read");
    messages
        .into_iter()
        .filter(|message| message.kind == "notice")
        .map(|message| message.text)
        .collect()
}

/// What stands in rooms, outside of all threads.
async fn rooms(team: &Team) -> Vec<String> {
    let messages = team.bed.store.messages(0, 1000).await.expect("read");
    messages
        .into_iter()
        .filter(|message| message.task.is_none())
        .map(|message| message.text)
        .collect()
}

#[tokio::test]
async fn a_question_reminds_calls_more_people_and_is_given_up_and_a_late_answer_still_counts() {
    let team = Team::new().await;
    let (attempt, question) = team.asked().await;
    pass(&team, HOUR * 5).await;
    let heard = thread(&team, attempt.task).await;
    let pings: Vec<bool> = heard
        .iter()
        .map(|text| text.contains("this goes to **operator**"))
        .collect();
    assert_eq!(
        pings,
        [false, false, false, true],
        "30 min, 1 h, 2 h, and after 4 h more people: {heard:#?}"
    );
    assert!(
        heard[0].starts_with(&format!(
            "**Reminder:** “Which?” ({question})\nStill waiting for Ann, 30 min so far"
        )),
        "{heard:#?}"
    );
    pass(&team, HOUR * 24 * 7).await;
    let heard = thread(&team, attempt.task).await;
    assert!(
        heard
            .last()
            .expect("words")
            .contains("You can still answer"),
        "{heard:#?}"
    );
    let asked = team.app.questions.get(question).await.expect("read");
    assert_eq!(
        (asked.state.as_str(), asked.answer()),
        ("expired", None),
        "nobody answered for anybody"
    );
    assert_eq!(
        team.app
            .tasks
            .get(attempt.task)
            .await
            .expect("read")
            .state
            .as_str(),
        "running"
    );

    team.app
        .fleet
        .complete(
            team.worker,
            CompletedAttempt::new(attempt, vine_domain::task::Report::default()),
            0,
        )
        .await
        .expect("done");
    team.app
        .questions
        .answer(
            &person("Bob", Some(Role::Answerer)),
            question,
            "blue",
            Uuid::from_u128(1),
        )
        .await
        .expect("it counts");
    assert_eq!(
        team.app
            .tasks
            .get(attempt.task)
            .await
            .expect("read")
            .state
            .as_str(),
        "queued"
    );
    let claimed = team
        .app
        .fleet
        .claim(
            vine_domain::schedule::ClaimRequest::of(team.worker, 1),
            Duration::ZERO,
        )
        .await
        .expect("claimed");
    assert_eq!(
        claimed[0].answered[0]
            .answer()
            .map(|answer| answer.name.as_str()),
        Some("Bob"),
        "the agent is told"
    );
}

#[tokio::test]
async fn more_people_are_those_who_may_help_in_that_repository() {
    let mut settings = Settings::at("http://vine");
    let known = |name: &str, role, repo: &str, there| {
        let repos = [(Slug::from_text(repo), there)].into();
        let user = User {
            repos,
            ..person(name, role).user.expect("a person")
        };
        ConfiguredPerson {
            user,
            identities: vec![("chat".into(), format!("@{name}"))],
        }
    };
    settings.people = vec![
        known("here", None, "site", Role::Operator),
        known("everywhere", Some(Role::Admin), "shop", Role::Viewer),
        known("elsewhere", Some(Role::Viewer), "shop", Role::Admin),
        known("reads", None, "site", Role::Answerer),
    ];
    let team = Team::with(settings).await;
    team.asked().await;
    pass(&team, HOUR * 5).await;
    let call = loop {
        let due = team.bed.store.due("chat", &[], 1000).await.expect("read");
        if let Some(call) = due
            .iter()
            .find(|dispatch| dispatch.message.calls == ["operator"])
        {
            break call.clone();
        }
        // What comes before it in its thread is posted first.
        let posted = |dispatch: &OutboxItem| Posted::one("t", dispatch.message.id.to_string());
        let posted: Vec<_> = due
            .iter()
            .map(|dispatch| (dispatch, posted(dispatch)))
            .collect();
        team.bed.store.mark_posted(&posted).await.expect("stored");
    };
    let names: Vec<String> = team
        .app
        .rooms
        .mentions(&call)
        .into_iter()
        .map(|mention| mention.name)
        .collect();
    assert_eq!(names, ["here", "everywhere"]);
}

#[tokio::test]
async fn quiet_hours_delay_pings_never_records() {
    let time = |text: &str| text.parse().expect("a time");
    // The clock of the bed starts at 08:00 UTC.
    let quiet = QuietHours {
        from: time("08:15"),
        until: time("20:00"),
        zone: TimeZone::UTC,
    };
    let patience = ReminderPolicy {
        quiet: Some(quiet),
        expire: HOUR * 10,
        ..ReminderPolicy::default()
    };
    let team = Team::with(Settings {
        patience: Arc::new(patience),
        ..Settings::at("http://vine")
    })
    .await;
    let (first, _) = team.asked().await;
    assert!(
        team.bed.clock.now().to_minute().ends_with("08:00 UTC"),
        "{}",
        team.bed.clock.now()
    );
    pass(&team, HOUR * 9).await;
    assert_eq!(
        thread(&team, first.task).await,
        [""; 0],
        "nobody was pinged"
    );
    let (second, question) = team.asked().await;
    assert!(
        team.bed
            .store
            .question(question)
            .await
            .expect("read")
            .is_some(),
        "records are made at all hours"
    );
    pass(&team, HOUR + Duration::from_secs(60)).await;
    assert!(
        thread(&team, first.task).await[0].starts_with("**No answer:**"),
        "and the wait ends at its time"
    );
    pass(&team, HOUR * 2).await;
    let heard = thread(&team, second.task).await;
    assert_eq!(
        heard.len(),
        1,
        "one reminder when the quiet hours end, not one for each that was held back: {heard:#?}"
    );
    assert!(
        heard[0].contains("3 h so far") || heard[0].contains("179 min so far"),
        "{heard:#?}"
    );
}

#[tokio::test]
async fn with_three_questions_open_in_a_room_one_digest_stands_for_all_reminders() {
    let team = Team::new().await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(team.asked().await);
    }
    pass(&team, Duration::from_secs(35 * 60)).await;
    let digests = rooms(&team).await;
    assert_eq!(digests.len(), 1, "{digests:#?}");
    assert!(
        digests[0].starts_with("**3 open questions** in `site`"),
        "{digests:#?}"
    );
    for (attempt, question) in &asked {
        let line = format!(
            "- **{}:** “Which?” ({question}) · 30 min · http://vine/questions/{question}",
            attempt.task
        );
        assert!(digests[0].contains(&line), "{digests:#?}");
        assert_eq!(
            thread(&team, attempt.task).await,
            [""; 0],
            "no thread was pinged as well"
        );
    }
    // What is answered leaves the list, and what is asked joins it: the list is edited.
    let (first, question) = asked.remove(0);
    let bob = person("Bob", Some(Role::Answerer));
    let key = Uuid::from_u128(1);
    let answered = team.app.questions.answer(&bob, question, "Red", key).await;
    answered.expect("it counts");
    pass(&team, Duration::from_secs(60)).await;
    let digests = rooms(&team).await;
    let last = digests.last().expect("a list");
    assert!(
        last.starts_with("**2 open questions**") && !last.contains(&first.task.to_string()),
        "{digests:#?}"
    );
    // The same questions are open again as before: that is said, too.
    let (_, more) = team.asked().await;
    pass(&team, Duration::from_secs(60)).await;
    let three = rooms(&team).await.len();
    let key = Uuid::from_u128(2);
    let answered = team.app.questions.answer(&bob, more, "Red", key).await;
    answered.expect("it counts");
    pass(&team, Duration::from_secs(60)).await;
    let digests = rooms(&team).await;
    assert_eq!(digests.len(), three + 1);
    assert!(
        digests[three].starts_with("**2 open questions**"),
        "{digests:#?}"
    );
    let (attempt, _) = team.asked().await;
    pass(&team, Duration::from_secs(26 * 60)).await;
    let before = rooms(&team).await.len();
    pass(&team, Duration::from_secs(4 * 60)).await;
    assert_eq!(
        rooms(&team).await.len(),
        before,
        "a question that was just listed is not listed again at its own time: {attempt:?}"
    );
    let due = team.bed.store.due("chat", &[], 1000).await.expect("read");
    let lists: HashSet<Uuid> = due
        .iter()
        .filter_map(|dispatch| match dispatch.message.kind {
            OutboundKind::Digest { list } => Some(list),
            _ => None,
        })
        .collect();
    assert_eq!(lists.len(), 1, "one list");
    let listed = due
        .iter()
        .filter(|one| matches!(one.message.kind, OutboundKind::Digest { .. }));
    assert_eq!(listed.count(), 1, "an edit waits for what it edits");
    // Its place is the room itself, on every platform.
    assert!(due.iter().any(
        |dispatch| matches!(&dispatch.message.place, In::Room(repo) if repo.as_str() == "site")
    ));
}

#[tokio::test]
async fn a_digest_fits_into_one_message_and_is_posted_anew_and_found_again() {
    let team = Team::new().await;
    let long = vine_domain::question::Item {
        question: "*".repeat(500),
        header: String::new(),
        options: Vec::new(),
        multi: false,
    };
    for _ in 0..20 {
        let items = vec![long.clone()];
        team.asked_this(vine_domain::Ask::Clarify { items }).await;
    }
    pass(&team, Duration::from_secs(35 * 60)).await;
    let digests = rooms(&team).await;
    let text = digests.last().expect("a list");
    assert!(text.len() < 1_850, "{} bytes: {text}", text.len());
    assert!(text.contains("… and 12 more"), "{text}");
    // After some hours it is posted anew, and the old one says so.
    pass(&team, HOUR * 9).await;
    let digests = rooms(&team).await;
    let moved = "The list of open questions in `site` continues below.";
    assert_eq!(
        digests.iter().filter(|text| *text == moved).count(),
        1,
        "{digests:#?}"
    );
}

#[tokio::test]
async fn a_daemon_that_starts_again_repeats_nothing_and_forgets_nothing() {
    let team = Team::new().await;
    let (attempt, _) = team.asked().await;
    pass(&team, Duration::from_secs(35 * 60)).await;
    for _ in 0..3 {
        let settings = team.app.settings().as_ref().clone();
        let patience = Arc::new(ReminderPolicy {
            digest: settings.patience.digest + 1,
            ..settings.patience.as_ref().clone()
        });
        team.app
            .apply_settings(Settings {
                patience,
                ..settings
            })
            .await
            .expect("all alarms are set anew");
        team.app.questions.ring_alarms().await.expect("rung");
    }
    assert_eq!(thread(&team, attempt.task).await.len(), 1);
    pass(&team, Duration::from_secs(30 * 60)).await;
    assert_eq!(thread(&team, attempt.task).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_hears_that_nobody_answered_and_takes_a_late_answer_up_in_the_same_session() {
    let questions = "remind_after_seconds = 1\nexpire_after_seconds = 4\n";
    let (place, _processes) = Place::with_sections(
        Agent::Claude,
        Sections {
            questions,
            ..Sections::default()
        },
    )
    .await
    .at_work()
    .await;
    let task = place
        .task(
            "Paint",
            "Paint.\nMODEL: ask Which colour? | Red | Blue\nMODEL: finish Painted.",
        )
        .await;
    let (question, asked) = place.question(&task).await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["questions"][0]["state"], "expired");
    assert_eq!(
        place.heard("This is not a refusal: no decision has been made."),
        1,
        "the agent knows"
    );
    let thread = place.thread(&task).await;
    assert!(
        thread.contains("Still waiting for ") && thread.contains("Nobody answered within 4 s."),
        "{thread}"
    );

    place.answer(&task, &question, "Blue").await;
    let again = place
        .wait_for(PATIENCE, &task, "it is done again", |shown| {
            shown["attempts"][1]["outcome"] == "done"
        })
        .await;
    let last = place.model.seen().last().expect("a request").clone();
    assert_eq!(
        last.session,
        asked["session"].as_str().expect("a session"),
        "in the same session"
    );
    assert!(last.heard.contains("answered: Blue"), "{}", last.heard);
    assert_eq!(again["questions"][0]["state"], "delivered");
    let shown = place.say(&format!("question show {question}")).await;
    let stations: Vec<&str> = shown["timeline"]
        .as_array()
        .expect("a timeline")
        .iter()
        .map(|hop| hop["milestone"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        stations,
        [
            "asked",
            "posted",
            "seen",
            "expired",
            "answered",
            "resumed",
            "delivered"
        ]
    );
    place.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_at_work_after_its_question_was_given_up_gets_the_late_answer_in_the_same_run() {
    let questions = "expire_after_seconds = 2\n";
    let (place, _processes) = Place::with_sections(
        Agent::Claude,
        Sections {
            questions,
            ..Sections::default()
        },
    )
    .await
    .at_work()
    .await;
    let prompt =
        "Paint.\nMODEL: ask Which colour? | Red | Blue\nMODEL: slow 4\nMODEL: finish Painted.";
    let task = place.task("Paint", prompt).await;
    let (question, _) = place.question(&task).await;
    place.wait(&task, "running").await;
    place.answer(&task, &question, "Blue").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(place.heard("A late answer has arrived."), 1);
    assert_eq!(
        (
            &done["questions"][0]["state"],
            done["attempts"].as_array().map(Vec::len)
        ),
        (&"delivered".into(), Some(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_went_on_without_an_answer_is_run_once_more_with_the_late_one() {
    let script = "answer=$(vine ask 'Which?' || echo none); sleep 4; echo \"$answer\"";
    let sections = Sections {
        questions: "expire_after_seconds = 2\n",
        ..Sections::default()
    };
    let (place, _processes) = Place::with_sections(Agent::Script(script), sections)
        .await
        .at_work()
        .await;
    let task = place.task("Which", "which").await;
    let (question, _) = place.question(&task).await;
    place.wait(&task, "running").await;
    place.answer(&task, &question, "Blue").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(
        (
            &done["report"]["summary"],
            done["attempts"].as_array().map(Vec::len)
        ),
        (&"Blue".into(), Some(2)),
        "{done:#}"
    );
    assert!(
        place.thread(&task).await.contains("none"),
        "the first run's report was told as well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_hears_that_nobody_answered_by_its_exit_code() {
    let script = "vine ask 'Which?' > answer.txt; echo \"exit code $?\"";
    let sections = Sections {
        questions: "expire_after_seconds = 2\n",
        ..Sections::default()
    };
    let (place, _processes) = Place::with_sections(Agent::Script(script), sections)
        .await
        .at_work()
        .await;
    let task = place.task("Which", "which").await;
    let done = place.wait(&task, "done").await;
    assert_eq!(done["report"]["summary"], "exit code 6", "{done:#}");
}

//! Each form of answer to a clarifying question arrives as it was meant: judged by what the model
//! reads in its next request, in a session that waited and in one that was parked and resumed.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place};

/// Two questions in one call; the second takes several choices.
const TWO: &str = "MODEL: call AskUserQuestion {\"questions\":[\
    {\"question\":\"Which database?\",\"header\":\"Database\",\"multiSelect\":false,\"options\":[\
    {\"label\":\"PostgreSQL\",\"description\":\"a server\"},{\"label\":\"SQLite\",\"description\":\"a file\"}]},\
    {\"question\":\"Which features?\",\"header\":\"Features\",\"multiSelect\":true,\"options\":[\
    {\"label\":\"Auth\",\"description\":\"log in\"},{\"label\":\"Export\",\"description\":\"as CSV\"}]}]}";
/// One question with choices.
const ONE: &str = "MODEL: ask Which colour? | Red | Blue";

/// What is asked, what a person says, and what the model has to read.
type Form = (&'static str, &'static str, &'static [&'static str]);

const FORMS: [Form; 7] = [
    (ONE, "2", &["\"Which colour?\"=\"Blue\""]),
    (
        ONE,
        "Red, but a dark one",
        &["\"Which colour?\"=\"Red (but a dark one)\""],
    ),
    (
        ONE,
        "Neither: leave it as it is",
        &["Neither: leave it as it is"],
    ),
    (
        TWO,
        "SQLite\n1, 2",
        &[
            "\"Which database?\"=\"SQLite\"",
            "\"Which features?\"=\"Auth, Export\"",
        ],
    ),
    (
        TWO,
        "PostgreSQL\nonly what Ann needs",
        &["\"PostgreSQL\"", "only what Ann needs"],
    ),
    (
        TWO,
        "PostgreSQL, and please both",
        &["PostgreSQL, and please both"],
    ),
    (
        TWO,
        "You decide.\nI trust you.\nReally.",
        &["You decide.", "I trust you.", "Really."],
    ),
];
/// A session in which everything is asked, one after the other.
fn prompt(forms: &[Form]) -> String {
    let asks: Vec<&str> = forms.iter().map(|(asks, ..)| *asks).collect();
    format!("Ask a lot.\n{}\nMODEL: finish Done.", asks.join("\n"))
}

/// Waits until the model reads all these words, as results of its calls or as words of a person.
async fn reads_all(place: &Place, before: usize, says: &str, reads: &[&str]) {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = place.model.seen();
        let new: Vec<&str> = seen
            .iter()
            .skip(before)
            .map(|seen| seen.conversation.as_str())
            .collect();
        assert!(
            !new.iter().any(|read| read.contains("did not answer")),
            "after {says:?}: {new:#?}"
        );
        if new
            .iter()
            .any(|read| reads.iter().all(|words| read.contains(words)))
        {
            return;
        }
        assert!(
            Instant::now() < end,
            "after {says:?} the model reads {}",
            new.iter()
                .map(|read| end_of(read))
                .collect::<Vec<_>>()
                .join("\n---\n")
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The last words of a conversation.
fn end_of(conversation: &str) -> String {
    let characters: Vec<char> = conversation.chars().collect();
    characters[characters.len().saturating_sub(1_500)..]
        .iter()
        .collect()
}

/// Answers all that is asked, and looks at what the model reads then.
async fn each_form_arrives(place: &Place, forms: &[Form], parked: bool) {
    let task = place.task("Ask a lot", &prompt(forms)).await;
    for (_, says, reads) in forms {
        if parked {
            let is_parked = |shown: &Value| shown["parked"] == true;
            place
                .wait_for(PATIENCE, &task, "it is parked", is_parked)
                .await;
        }
        let (question, _) = place.question(&task).await;
        let before = place.model.seen().len();
        place.answer(&task, &question, says).await;
        reads_all(place, before, says, reads).await;
    }
    let done = place.wait(&task, "done").await;
    let questions = done["questions"].as_array().expect("questions");
    assert_eq!(questions.len(), forms.len());
    assert!(
        questions.iter().all(|one| one["state"] == "delivered"),
        "{done:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_reads_each_form_of_answer_while_it_waits() {
    let (place, _processes) = Place::new(Agent::Claude).await.at_work().await;
    each_form_arrives(&place, &FORMS, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_reads_each_form_of_answer_after_it_was_parked() {
    let waits = "hold_seconds = 1\n";
    let (place, _processes) = Place::with_worker(Agent::Claude, waits)
        .await
        .at_work()
        .await;
    each_form_arrives(&place, &FORMS, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_several_lines_comes_from_standard_input_or_a_file() {
    let script = "for number in 1 2; do vine ask 'What should it say?' >> said; done";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Write", "write").await;
    let answer = async |arguments: &[&str], input: &str| {
        let (question, _) = place.question(&task).await;
        let all = [&["question", "answer", &question], arguments].concat();
        place.shell_with(&all, input);
        question
    };

    // A dash alone is no answer, nor is what cannot be seen.
    let (open, _) = place.question(&task).await;
    for nothing in ["", "-", " \n", "\u{200b}\u{feff}"] {
        let refused = place.try_shell_with(&["question", "answer", &open, "-"], nothing);
        assert!(
            refused.is_err_and(|said| said.contains("it is empty")),
            "{nothing:?}"
        );
    }
    for misspelt in [
        &["--file"][..],
        &["--file", "a", "b"],
        &["--file=not-there"],
    ] {
        let all = [&["question", "answer", open.as_str()], misspelt].concat();
        assert!(place.try_shell(&all).is_err(), "{misspelt:?}");
    }
    answer(&["-"], "Two lines,\nand a dash: -\n").await;
    let file = place.folder.path().join("answer.txt");
    std::fs::write(&file, "From a file,\n-- with dashes\n").expect("written");
    answer(&["--file", file.to_str().expect("a path")], "").await;
    let done = place.wait(&task, "done").await;
    let said: Vec<_> = done["questions"]
        .as_array()
        .expect("questions")
        .iter()
        .map(|one| {
            one["answer"]["decision"]["text"]
                .as_str()
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(
        said,
        ["Two lines,\nand a dash: -", "From a file,\n-- with dashes"]
    );
}

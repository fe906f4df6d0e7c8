//! Every form of answer arrives as it was meant: forms × kinds of questions × ways, with the real
//! Claude Code, judged by what the model reads in its next request, by the record and by the thread.
//!
//! The table that these tests fill is printed in `docs/guarantees.md`.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Agent, PATIENCE, Place, Sections};

/// One form of answer to one kind of question.
struct Row {
    /// `one item: chosen`
    name: &'static str,
    /// What the model does, a step a line.
    steps: &'static str,
    /// What a person says.
    says: &'static str,
    /// What the model has to read as the result of its call.
    result: &'static [&'static str],
    /// What it has to read when it is told in words.
    words: &'static [&'static str],
}

/// How the answer reaches the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The agent waits for it.
    Held,
    /// The agent was parked: a clarifying question is deferred, the others are told in words.
    Parked,
    /// The worker was killed.
    Killed,
    /// Nobody had answered in time.
    Late,
}

const ONE: &str = "MODEL: ask Which colour? | Red | Blue";
const TWO: &str = "MODEL: call AskUserQuestion {\"questions\":[\
    {\"question\":\"Which database?\",\"header\":\"Database\",\"multiSelect\":false,\"options\":[\
    {\"label\":\"PostgreSQL\",\"description\":\"a server\"},{\"label\":\"SQLite\",\"description\":\"a file\"}]},\
    {\"question\":\"Which features?\",\"header\":\"Features\",\"multiSelect\":true,\"options\":[\
    {\"label\":\"Auth\",\"description\":\"log in\"},{\"label\":\"Export\",\"description\":\"as CSV\"}]}]}";
const MANY: &str = "MODEL: call AskUserQuestion {\"questions\":[\
    {\"question\":\"Which beds?\",\"header\":\"Beds\",\"multiSelect\":true,\"options\":[\
    {\"label\":\"North\",\"description\":\"cold\"},{\"label\":\"South\",\"description\":\"warm\"},{\"label\":\"West\",\"description\":\"wet\"}]}]}";
const DRAWN: &str = "MODEL: call AskUserQuestion {\"questions\":[\
    {\"question\":\"Which layout?\",\"header\":\"Layout\",\"multiSelect\":false,\"options\":[\
    {\"label\":\"Rows\",\"description\":\"one below the other\",\"preview\":\"[a]\\n[b]\"},\
    {\"label\":\"Columns\",\"description\":\"side by side\",\"preview\":\"[a] [b]\"}]}]}";

#[rustfmt::skip]
const CLARIFY: [Row; 13] = [
    Row { name: "one item: chosen", steps: ONE, says: "2", result: &["\"Which colour?\"=\"Blue\""], words: &["answered: Blue"] },
    Row { name: "one item: own words", steps: ONE, says: "Neither: leave it as it is", result: &["Neither: leave it as it is"], words: &["answered: Neither: leave it as it is"] },
    Row { name: "one item: mixed", steps: ONE, says: "Red, but a dark one", result: &["\"Which colour?\"=\"Red (but a dark one)\""], words: &["answered: Red (but a dark one)"] },
    Row { name: "several items: several chosen", steps: TWO, says: "SQLite\n1, 2", result: &["\"Which database?\"=\"SQLite\"", "\"Which features?\"=\"Auth, Export\""], words: &["Which database? SQLite", "Which features? Auth, Export"] },
    Row { name: "several items: own words", steps: TWO, says: "PostgreSQL, and please both", result: &["PostgreSQL, and please both"], words: &["answered: PostgreSQL, and please both"] },
    Row { name: "several items: one line each", steps: TWO, says: "You decide.\nI trust you.\nReally.", result: &["You decide.", "I trust you.", "Really."], words: &["You decide.\nI trust you.\nReally."] },
    Row { name: "several items: mixed", steps: TWO, says: "PostgreSQL\nonly what Ann needs", result: &["\"PostgreSQL\"", "only what Ann needs"], words: &["Which database? PostgreSQL", "Which features? only what Ann needs"] },
    Row { name: "several choices: chosen", steps: MANY, says: "West", result: &["\"Which beds?\"=\"West\""], words: &["answered: West"] },
    Row { name: "several choices: several chosen", steps: MANY, says: "1, south", result: &["\"Which beds?\"=\"North, South\""], words: &["answered: North, South"] },
    Row { name: "several choices: own words", steps: MANY, says: "all but the wet one", result: &["all but the wet one"], words: &["answered: all but the wet one"] },
    Row { name: "with previews: chosen", steps: DRAWN, says: "Columns", result: &["Which layout?", "Columns"], words: &["answered: Columns"] },
    Row { name: "with previews: own words", steps: DRAWN, says: "a circle", result: &["a circle"], words: &["answered: a circle"] },
    Row { name: "with previews: mixed", steps: DRAWN, says: "Rows (for now)", result: &["Rows (for now)"], words: &["answered: Rows (for now)"] },
];

/// Grants for the session come last of their kind: they would let the others pass.
#[rustfmt::skip]
const DECIDE: [Row; 14] = [
    Row { name: "Bash: allow", steps: "MODEL: bash mkdir made-1 && ls -d made-1", says: "yes", result: &["made-1"], words: &["mkdir made-1", "admin allowed it"] },
    Row { name: "Bash: deny", steps: "MODEL: bash rm README.md", says: "no", result: &["admin denied this."], words: &["rm README.md", "admin denied"] },
    Row { name: "Bash: deny with reason", steps: "MODEL: bash rm -r made-1", says: "no, Bob needs it", result: &["admin denied this: Bob needs it"], words: &["rm -r made-1", "denied: Bob needs it"] },
    Row { name: "Bash: allow for the session", steps: "MODEL: bash touch a1\nMODEL: bash touch a1 a2", says: "always", result: &[], words: &["touch a1", "admin allowed it"] },
    Row { name: "file: allow", steps: "MODEL: write one.md | first", says: "ok", result: &["one.md"], words: &["one.md", "admin allowed it"] },
    Row { name: "file: deny", steps: "MODEL: write two.md | second", says: "nope", result: &["admin denied this."], words: &["two.md", "admin denied"] },
    Row { name: "file: deny with reason", steps: "MODEL: write three.md | third", says: "no: two are enough", result: &["admin denied this: two are enough"], words: &["three.md", "denied: two are enough"] },
    Row { name: "file: allow for the session", steps: "MODEL: write four.md | fourth\nMODEL: write five.md | fifth", says: "for this session", result: &["five.md"], words: &["four.md", "admin allowed it"] },
    Row { name: "MCP: allow", steps: "MODEL: call mcp__tracker__close {\"ticket\":1}", says: "yes", result: &["closed 1"], words: &["mcp__tracker__close", "admin allowed it"] },
    Row { name: "MCP: deny", steps: "MODEL: call mcp__tracker__close {\"ticket\":2}", says: "no", result: &["admin denied this."], words: &["mcp__tracker__close", "admin denied"] },
    Row { name: "MCP: deny with reason", steps: "MODEL: call mcp__tracker__close {\"ticket\":3}", says: "no, it is still open", result: &["admin denied this: it is still open"], words: &["denied: it is still open"] },
    Row { name: "MCP: allow for the session", steps: "MODEL: call mcp__tracker__close {\"ticket\":4}\nMODEL: call mcp__tracker__close {\"ticket\":5}", says: "always", result: &["closed 5"], words: &["\"ticket\": 4", "admin allowed it"] },
    Row { name: "plan: send back", steps: "MODEL: call EnterPlanMode {}\nMODEL: plan 1. Paint it red.\nMODEL: call ExitPlanMode {}", says: "Blue would be better", result: &["wants the plan changed: Blue would be better"], words: &["You presented a plan", "sent back: Blue would be better"] },
    Row { name: "plan: approve", steps: "MODEL: call EnterPlanMode {}\nMODEL: plan 1. Paint it blue.\nMODEL: call ExitPlanMode {}", says: "lgtm", result: &["approved"], words: &["You presented a plan", "admin approved"] },
];

/// A session in which everything is asked, one after the other.
fn prompt(rows: &[Row], way: Way) -> String {
    // What nobody allowed is not allowed the second time.
    let once = |row: &Row| way == Way::Late && row.name.ends_with("for the session");
    let steps: Vec<&str> = rows
        .iter()
        .map(|row| match once(row) {
            true => row.steps.lines().next().unwrap_or_default(),
            false => row.steps,
        })
        .collect();
    format!("Ask a lot.\n{}\nMODEL: finish Done.", steps.join("\n"))
}

/// Waits until the model reads all these words, as results of its calls or as words of a person.
async fn reads_all(place: &Place, before: usize, row: &Row, reads: &[&str]) {
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
            "{}: {new:#?}",
            row.name
        );
        let all = |read: &&str| reads.iter().all(|words| read.contains(words));
        if new.iter().any(all) {
            return;
        }
        assert!(
            Instant::now() < end,
            "{}: not {reads:?}, but the model reads {}",
            row.name,
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

/// A place with a tracker among the agent's tools.
async fn place(way: Way) -> Place {
    let sections = Sections {
        worker: if way == Way::Parked {
            "hold_seconds = 1\n"
        } else {
            ""
        },
        questions: if way == Way::Late {
            "expire_after_seconds = 1\nexpire_permission_after_seconds = 1\n"
        } else {
            ""
        },
        ..Sections::default()
    };
    let mut place = Place::with_sections(Agent::Claude, sections).await;
    // Servers of people's own settings are kept from other repositories.
    place.trusted = true;
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/tracker.py");
    let servers = serde_json::json!({ "mcpServers": { "tracker": { "type": "stdio", "command": python(), "args": [server] } } });
    // The model of our double does not look for tools: all are to be there from the start.
    let settings = serde_json::json!({ "env": { "ENABLE_TOOL_SEARCH": "false" } });
    for (file, text) in [(".claude.json", servers), ("settings.json", settings)] {
        let file = place.folder.path().join("home/claude").join(file);
        std::fs::write(file, text.to_string()).expect("written");
    }
    place
}

/// The interpreter itself: agents do not get the paths of whoever runs the tests.
fn python() -> String {
    let found = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("python3 runs");
    String::from_utf8_lossy(&found.stdout).trim().to_owned()
}

/// Answers all that is asked, and looks at what the model reads then.
async fn each_arrives(rows: &[Row], way: Way) {
    let mut place = place(way).await;
    let daemon = place.daemon().await;
    let mut worker = Some(place.worker("w-1", 1).await);
    let task = place.task("Ask a lot", &prompt(rows, way)).await;
    for (number, row) in rows.iter().enumerate() {
        let (question, shown) = place.question(&task).await;
        match way {
            Way::Held => {}
            Way::Parked => parked(&place, &task).await,
            Way::Killed => {
                place.recorded(&shown).await;
                worker.take().expect("a worker").kill();
                parked(&place, &task).await;
            }
            Way::Late => {
                expired(&place, &task, number).await;
                continue;
            }
        }
        let before = place.model.seen().len();
        place.answer(&task, &question, row.says).await;
        if way == Way::Killed {
            worker = Some(place.worker("w-1", 1).await);
        }
        let as_result = match way {
            Way::Held => true,
            Way::Parked => shown["kind"] == "clarify",
            Way::Killed | Way::Late => false,
        };
        let reads = if as_result { row.result } else { row.words };
        reads_all(&place, before, row, reads).await;
    }
    let mut done = place.wait(&task, "done").await;
    if way == Way::Late {
        done = answered_late(&place, &task, rows).await;
    }
    let questions = done["questions"].as_array().expect("questions");
    assert_eq!(questions.len(), rows.len(), "each was asked once: {done:#}");
    let thread = place.thread(&task).await;
    for (question, row) in questions.iter().zip(rows) {
        assert_eq!(question["state"], "delivered", "{}: {question:#}", row.name);
        let id = question["id"].as_str().expect("an id");
        assert!(
            thread
                .lines()
                .any(|line| line.contains("** — admin, ") && line.ends_with(&format!("({id})"))),
            "{}: {thread}",
            row.name
        );
    }
    drop((worker, daemon));
}

async fn parked(place: &Place, task: &str) {
    let is_parked = |shown: &Value| shown["parked"] == true;
    place
        .wait_for(PATIENCE, task, "it is parked", is_parked)
        .await;
}

async fn expired(place: &Place, task: &str, number: usize) {
    let is = |shown: &Value| shown["questions"][number]["state"] == "expired";
    place.wait_for(PATIENCE, task, "nobody answered", is).await;
}

/// Answers all that was given up, and looks at what the resumed model reads.
async fn answered_late(place: &Place, task: &str, rows: &[Row]) -> Value {
    place.say("worker drain w-1").await;
    let before = place.model.seen().len();
    let asked = place.show(task).await["questions"].clone();
    for (question, row) in asked.as_array().expect("questions").iter().zip(rows) {
        let id = question["id"].as_str().expect("an id");
        place.answer(task, id, row.says).await;
    }
    place.say("worker resume w-1").await;
    for row in rows {
        reads_all(place, before, row, row.words).await;
    }
    place
        .wait_for(PATIENCE, task, "it is done again", |shown| {
            shown["state"] == "done" && shown["attempts"][1]["outcome"] == "done"
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_answers_arrive_while_it_waits() {
    each_arrives(&CLARIFY, Way::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_decisions_arrive_while_it_waits() {
    each_arrives(&DECIDE, Way::Held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_answers_arrive_after_it_was_parked() {
    each_arrives(&CLARIFY, Way::Parked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_decisions_arrive_after_it_was_parked() {
    each_arrives(&DECIDE, Way::Parked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_answers_arrive_after_its_worker_was_killed() {
    each_arrives(&CLARIFY, Way::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_decisions_arrive_after_its_worker_was_killed() {
    each_arrives(&DECIDE, Way::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_answers_arrive_late() {
    each_arrives(&CLARIFY, Way::Late).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_decisions_arrive_late() {
    each_arrives(&DECIDE, Way::Late).await;
}

/// What is said to a script, and what it hears.
#[rustfmt::skip]
const SCRIPT: [(&str, &str, &str); 4] = [
    ("vine ask: chosen", "2", "Blue"),
    ("vine ask: mixed", "Red, but a dark one", "Red (but a dark one)"),
    ("vine ask: own words", "neither of them", "neither of them"),
    ("vine ask: several lines", "first this\nthen that", "first this\nthen that"),
];

/// Asks four times and keeps what it hears, one file each.
const ASKS: &str = "for number in 1 2 3 4; do vine ask \"Which? $number\" --option Red --option Blue \
    > \"$PLACE/heard-$number\" || echo nobody > \"$PLACE/heard-$number\"; done; echo finished";

#[tokio::test(flavor = "multi_thread")]
async fn a_script_hears_each_answer() {
    // A script cannot be parked: it could not go on where it was.
    for way in [Way::Held, Way::Killed, Way::Late] {
        let sections = Sections {
            questions: if way == Way::Late {
                "expire_after_seconds = 1\nexpire_permission_after_seconds = 1\n"
            } else {
                ""
            },
            ..Sections::default()
        };
        let mut place = Place::with_sections(Agent::Script(ASKS), sections).await;
        let daemon = place.daemon().await;
        let mut worker = Some(place.worker("w-1", 1).await);
        let task = place.task("Ask", "ask").await;
        for (number, (name, says, _)) in SCRIPT.iter().enumerate() {
            let (question, _) = place.question(&task).await;
            match way {
                Way::Held | Way::Parked => {}
                Way::Killed => {
                    worker.take().expect("a worker").kill();
                    parked(&place, &task).await;
                }
                Way::Late => {
                    expired(&place, &task, number).await;
                    continue;
                }
            }
            place.answer(&task, &question, says).await;
            if way == Way::Killed {
                worker = Some(place.worker("w-1", 1).await);
            }
            tracing::debug!("{name}");
        }
        let mut done = place.wait(&task, "done").await;
        if way == Way::Late {
            place.say("worker drain w-1").await;
            let asked = done["questions"].clone();
            for (question, (_, says, _)) in asked.as_array().expect("asked").iter().zip(SCRIPT) {
                let id = question["id"].as_str().expect("an id");
                place.answer(&task, id, says).await;
            }
            place.say("worker resume w-1").await;
            let again = |shown: &Value| shown["attempts"][1]["outcome"] == "done";
            done = place
                .wait_for(PATIENCE, &task, "it is done again", again)
                .await;
        }
        for (number, (name, _, hears)) in SCRIPT.iter().enumerate() {
            let file = place.folder.path().join(format!("heard-{}", number + 1));
            let heard = std::fs::read_to_string(file).expect("written");
            assert_eq!(heard.trim_end(), *hears, "{name}, {way:?}");
            assert_eq!(
                done["questions"][number]["state"], "delivered",
                "{name}, {way:?}"
            );
        }
        drop((worker, daemon));
    }
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

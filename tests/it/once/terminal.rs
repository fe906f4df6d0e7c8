//! `vine answer` at a real terminal.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Agent, PATIENCE, Place, until};

/// Runs a command at a terminal; after each of the pairs' first words have appeared, types the
/// second.
const TYPES: &str = r#"
import json, os, pty, sys
pairs = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said, seen = "", 0
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    said += piece.decode(errors="replace")
    while pairs and pairs[0][0] in said[seen:]:
        seen += said[seen:].index(pairs[0][0]) + len(pairs[0][0])
        os.write(terminal, pairs.pop(0)[1].encode() + b"\n")
_, status = os.waitpid(pid, 0)
sys.stdout.write(said)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

/// Whether a command worked, and what the terminal shows then.
pub fn at_terminal(place: &Place, words: &[&str], pairs: &Value) -> (bool, String) {
    let vine = place.vine(words);
    let own = vine.get_envs();
    let own = own.filter_map(|(name, value)| Some((name, value?)));
    let mut command = Command::new("python3");
    command.env_clear().envs(own);
    command
        .args(["-c", TYPES, &pairs.to_string()])
        .arg(vine.get_program())
        .args(vine.get_args())
        .current_dir(place.folder.path())
        .env("VINE_STATE", place.state("daemon"));
    let ended = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    (ended.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_one_after_the_other_at_a_terminal() {
    let script = "vine ask 'Which colour?' --option Red --option Blue > colour; vine ask 'What should it say?' > words";
    let (place, _processes) = Place::new(Agent::Script(script)).await.at_work().await;
    let task = place.task("Door", "Paint it.").await;
    for (question, typed) in [("Q-1", "2"), ("Q-2", "Welcome home")] {
        until(PATIENCE, "it asks", || {
            let open = place.shell(&["question", "list"]);
            open.contains(question).then_some(())
        })
        .await;
        let (worked, said) = at_terminal(&place, &["answer"], &json!([["q stops): ", typed]]));
        assert!(worked, "{said}");
        assert!(said.contains(&format!("Answered {question}.")), "{said}");
    }
    let shown = place.wait(&task, "done").await;
    let decision = |which: usize| shown["questions"][which]["answer"]["decision"].clone();
    assert_eq!(decision(0)["labels"], json!([["Blue"]]));
    assert_eq!(decision(1)["text"], "Welcome home");
}

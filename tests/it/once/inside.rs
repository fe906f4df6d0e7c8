//! An agent can ask people, and nothing else: not answer itself, not order anything, whatever it
//! does to its environment. And a repository is no configuration.

use std::{fs, process::Command, time::Duration};

use crate::harness::{
    Agent, PATIENCE, Place, make_repository, path, until,
    visitor::{Browser, up},
};

/// Everything that an agent could try, each with what it is told.
const TRIES: &str = r#"
vine ask 'May I delete the database?' --option Yes --option No > "$PLACE/answer" &
while ! [ -s "$PLACE/asked" ]; do sleep 0.1; done
state="$PLACE/up" vine=$(command -v vine)
cat > "$PLACE/call.py" <<'PYTHON'
import json, sys, urllib.request
known = json.load(open(sys.argv[1] + "/endpoint.json"))
call = urllib.request.Request(known["url"] + "/api/v1/questions/Q-1/answer", json.dumps({"text": "Yes"}).encode(),
    {"authorization": "Bearer " + known["token"], "content-type": "application/json"})
if len(sys.argv) > 2:
    import http.client, socket
    def connect(self):
        self.sock = socket.socket(socket.AF_INET6)
        self.sock.connect(("::ffff:127.0.0.1", self.port))
        if sys.argv[2] == "hidden":
            import ctypes
            ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    http.client.HTTPConnection.connect = connect
try:
    print("ANSWERED", urllib.request.urlopen(call).read())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
PYTHON
{
    echo "1: $(vine question answer Q-1 Yes 2>&1)"
    echo "2: $(VINE_STATE=$state vine question answer Q-1 Yes 2>&1)"
    echo "3: $(env -i VINE_STATE="$state" "$vine" question answer Q-1 Yes 2>&1)"
    echo "4: $(setsid env -i VINE_STATE="$state" "$vine" task new 'Another' 2>&1)"
    echo "9: $(echo token | VINE_STATE=$state vine setup github --repo https://github.com/org/site 2>&1)"
    echo "10: $(VINE_STATE=$state vine task merge T-1 2>&1)"
    echo "5: $(python3 "$PLACE/call.py" "$state" 2>&1)"
    echo "7: $(python3 "$PLACE/call.py" "$state" mapped 2>&1)"
    echo "8: $(python3 "$PLACE/call.py" "$state" hidden 2>&1)"
    echo "6: $(env -i PATH="$PATH" setsid python3 "$PLACE/call.py" "$state" 2>&1)"
} > "$PLACE/tried"
touch "$PLACE/done"
wait
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_vine_up_cannot_answer_for_a_person() {
    let place = Place::new(Agent::Script(TRIES)).await;
    let (_process, link, _) = up(&place, &["--workers", "1"]).await;
    let browser = Browser::log_in(&link).await;
    let state = place.folder.path().join("up");
    let mut shell = place.vine(&["task", "new", "Tidy up"]);
    shell.env("VINE_STATE", path(&state));
    assert!(
        shell.output().expect("it runs").status.success(),
        "a person can"
    );
    for _ in 0..100 {
        if browser
            .page("/")
            .await
            .contains("May I delete the database?")
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fs::write(place.folder.path().join("asked"), "yes").expect("written");
    let done = place.folder.path().join("done");
    until(PATIENCE, "it tried everything", || {
        done.exists().then_some(())
    })
    .await;
    let tried = fs::read_to_string(place.folder.path().join("tried")).expect("written");
    for number in [1, 2, 3, 4, 9, 10] {
        let said = tried
            .lines()
            .find(|line| line.starts_with(&format!("{number}:")));
        let refused = said.is_some_and(|said| said.contains("this runs inside a task"));
        assert!(refused, "{number} in {tried}");
    }
    for number in 5..=8 {
        let said = tried
            .lines()
            .find(|line| line.starts_with(&format!("{number}:")));
        assert!(
            said.is_some_and(|said| said.contains("403")),
            "{number} in {tried}"
        );
    }
    assert!(
        browser
            .page("/")
            .await
            .contains("May I delete the database?"),
        "it is open still"
    );
    assert!(!browser.page("/tasks").await.contains("Another"));
    let answer = [("press", "No")];
    browser.send("/tasks/T-1/say", &answer, "same-origin").await;
    let file = place.folder.path().join("answer");
    until(PATIENCE, "a person's answer comes", || {
        (fs::read_to_string(&file).ok()?.trim() == "No").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_no_configuration() {
    let place = Place::new(Agent::Script("true")).await;
    let clone = place.folder.path().join("clone");
    make_repository(&clone);
    let ran = place.folder.path().join("ran");
    fs::write(
        clone.join("evil.sh"),
        format!("#!/bin/sh\ntouch {}\n", path(&ran)),
    )
    .expect("written");
    fs::write(
        clone.join("vine.toml"),
        "[agents.claude]\ncommand = [\"sh\", \"evil.sh\"]\n[[people]]\nname = \"Mallory\"\nrole = \"admin\"\n",
    )
    .expect("written");
    let below = clone.join("deep/below");
    fs::create_dir_all(&below).expect("made");
    fs::copy(clone.join("vine.toml"), below.join("vine.toml")).expect("copied");
    let vine = |folder: &std::path::Path, arguments: &[&str]| {
        let output = Command::new(crate::harness::VINE)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", place.folder.path())
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    for folder in [&clone, &below] {
        let said = vine(folder, &["doctor"]);
        assert!(said.contains("vine.toml is not read here"), "{said}");
        assert!(!ran.exists(), "nothing of it runs");
        let said = vine(folder, &["config", "check"]);
        assert!(!said.contains("Mallory"), "{said}");
    }
    let cut = vine(&clone, &["config", "show", "--config"]);
    assert!(cut.contains("--config needs a file"), "{cut}");
    let named = vine(&clone, &["--config", "vine.toml", "config", "show"]);
    assert!(named.contains("evil.sh"), "named, it counts: {named}");
}

/// Processes whose command line holds these words.
fn running(words: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("there").flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| {
            String::from_utf8_lossy(line)
                .replace('\0', " ")
                .contains(words)
        })
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_agent_starts_outlives_its_attempt_or_its_worker() {
    // Sessions of their own, no environment, parents that are gone at once.
    let leave = "leave() { env -i setsid sh -c \"(setsid sleep $1 &) ; sleep $1 & exit\" ; env -i setsid sleep $1 & }";
    let script = format!(
        "{leave}\nleave $VINE_TITLE; sleep 0.5; touch \"$PLACE/left\"; case $VINE_TITLE in *1) echo fine;; *) sleep 600;; esac"
    );
    let mut place = Place::new(Agent::Script(&script)).await;
    let _daemon = place.daemon().await;
    let worker = place.worker("w-1", 1).await;
    // Seconds that no other process sleeps.
    let own = 100_000 + std::process::id() % 100_000;
    let (first, second) = (format!("{own}1"), format!("{own}2"));
    let task = place.task(&first, "x").await;
    place.wait(&task, "done").await;
    until(PATIENCE, "nothing of the first is left", || {
        (running(&format!("sleep {first}")) == 0).then_some(())
    })
    .await;
    let left = place.folder.path().join("left");
    fs::remove_file(&left).expect("it was there");
    // More than its pipe takes, and it reads none of it.
    place.task(&second, &"x".repeat(200_000)).await;
    until(PATIENCE, "the second has left its own", || {
        left.exists().then_some(())
    })
    .await;
    assert!(running(&format!("sleep {second}")) >= 3);
    worker.kill();
    until(PATIENCE, "nothing of the second is left", || {
        (running(&format!("sleep {second}")) == 0).then_some(())
    })
    .await;
}

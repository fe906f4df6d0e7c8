//! What the shell prints: tables, single things, replies, doctor.

use insta::assert_snapshot;

use super::{day, served::Served};

/// A place with a bit of everything: tasks that are done, queued and waiting, questions, dead
/// letters.
async fn furnished() -> Served {
    let served = Served::begin().await;
    let day = &served.day;
    day.choice_and_done().await;
    day.failures().await;
    day.dead().await;
    day.open("Choose one", day::plants()).await;
    day.open("Allow it", day::permission()).await;
    day.task("Wait for a slot").await;
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_tables_of_the_shell() {
    let served = furnished().await;
    let mut text = String::new();
    for line in [
        "status",
        "whoami",
        "task list",
        "task list --state done",
        "task list --state cancelled --limit 1",
        "task show T-1",
        "task log T-1",
        "task diff T-1",
        "task explain T-1",
        "task explain T-4",
        "task explain T-6",
        "question list",
        "question show Q-1",
        "question show Q-3",
        "session list",
        "session list --all",
        "session show 00000000-0000-0000-0000-000000000068",
        "task explain T-3",
        "worker list",
        "worker show w",
        "queue status",
        "queue dead",
        "repo list",
        "repo show site",
        "repo room site",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        text.push_str(&format!(
            "$ vine {line}\n{}\n\n",
            served.shell(&words).await
        ));
    }
    assert_snapshot!(text.trim_end(), @"
    $ vine status
    2 open questions, 0 tasks running, 0 workers online, 1 offline
    Q-2    T-4    clarify    Which plant should the hedge be of? (open)
    Q-3    T-5    permission Allow Bash: npm test -- --watch=false (open)
    high_priority 0 · default 1 · low_priority 0 · worker_requests 2 · controller_responses 0 · dead 1

    $ vine whoami
    You are root (admin), via shell.

    $ vine task list
    T-6    queued     default  site Wait for a slot
    T-5    waiting    default  site Allow it
    T-4    waiting    default  site Choose one
    T-3    failed     default  site Work on nothing (the base branch `main` does not exist)
    T-2    cancelled  default  site Fail again and again
    T-1    done       default  site Plant a hedge

    $ vine task list --state done
    T-1    done       default  site Plant a hedge

    $ vine task list --state cancelled --limit 1
    T-2    cancelled  default  site Fail again and again

    $ vine task show T-1
    T-1 Plant a hedge
    Done · `site` · from `main` to `vine/T-1-plant-a-hedge` · requested by Ann
    1 attempt: 3 turns, 12345 tokens in, 678 out, about $0.12

    Prompt:

      Plant a hedge

    Questions:

    - Q-1 Which plant should the hedge be of? (Ann: Hornbeam)

      The hedge is planted.

         hedge.md | 2 ++
         1 file changed, 2 insertions(+)

    You can: `vine task continue T-1 …`, `vine task diff T-1`, `vine task log T-1 --limit 20`, `vine task explain T-1`

    $ vine task log T-1
    2027-01-15T08:00:00.000Z #0 created by Ann
    2027-01-15T08:00:00.000Z #1 attempt 1 claimed by w
    2027-01-15T08:00:00.000Z #1 Looking at the garden
    2027-01-15T08:00:00.000Z #1 asked Q-1: Which plant should the hedge be of?
    2027-01-15T08:00:00.000Z #1 Q-1 answered by Ann: Hornbeam
    2027-01-15T08:00:00.000Z #1 the agent received the answer to Q-1
    2027-01-15T08:00:00.000Z #1 done

    $ vine task diff T-1
    diff --git a/hedge.md b/hedge.md
    +Hornbeam
    +Two rows

    $ vine task explain T-1
    T-1 is done. `vine task diff T-1` shows what it changed.

    $ vine task explain T-4
    T-4 is waiting for an answer to Q-2; its agent is held on w. Nothing is decided until a person answers. The next reminder, or the end of the wait, is due in 30 min.

    $ vine task explain T-6
    T-6 is queued, and no worker takes work now: w is OFFLINE.

    $ vine question list
    Q-2    T-4    clarify    Which plant should the hedge be of? (open)
    Q-3    T-5    permission Allow Bash: npm test -- --watch=false (open)

    $ vine question show Q-1
    Q-1 of T-1: Ann: Hornbeam

      The garden has no hedge yet.
      Two plants grow well here.

      Plant: Which plant should the hedge be of?

    1. Yew — Green in winter, slow
    2. Hornbeam — Quick, loses its leaves

        asked     2027-01-15T08:00:00.000Z  +0.000 s
        answered  2027-01-15T08:00:00.000Z  +0.000 s
        delivered 2027-01-15T08:00:00.000Z  +0.000 s

    $ vine question show Q-3
    Q-3 of T-5: open

    Allow Bash?

        npm test -- --watch=false

    The agent's reason:

      To see whether the beds are dry.

    “Allow for this session” also allows, until this task is over:

    - every command that begins with “npm test”, with any files and addresses after it

        asked     2027-01-15T11:00:00.000Z  +0.000 s
        seen      2027-01-15T11:00:00.000Z  +0.000 s

    $ vine session list
    uuid-1 T-4    claude 2.1.330 (active)
    uuid-2 T-5    claude 2.1.330 (active)

    $ vine session list --all
    uuid-1 T-4    claude 2.1.330 (active)
    uuid-2 T-5    claude 2.1.330 (active)
    uuid-3 T-1    claude 2.1.330 (ended, completed)

    $ vine session show 00000000-0000-0000-0000-000000000068
    uuid-1 T-4    claude 2.1.330 (active)

    $ vine task explain T-3
    T-3 failed: the base branch `main` does not exist
    Create the branch, or create a new task with `--base`.
    To reproduce it: attempt 1 on w, no session, branch vine/T-3-work-on-nothing from main of site; the prompt is in `vine task show`.

    $ vine worker list
    w            OFFLINE  0 running, 2 waiting, 50 slots

    $ vine worker show w
    w            OFFLINE  0 running, 2 waiting, 50 slots

    $ vine queue status
    high_priority          0
    default                1
    low_priority           0
    worker_requests        2
    controller_responses   0
    dead                   1

    $ vine queue dead
    T-3    failed     default  site Work on nothing (the base branch `main` does not exist)

    $ vine repo list
    shop /srv/shop (base main)
    site /srv/site (base main)

    $ vine repo show site
    site /srv/site (base main)

    $ vine repo room site
    chat       site
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_replies_to_orders() {
    let served = furnished().await;
    let mut text = String::new();
    for line in [
        "task new Another one --repo site",
        "task new Another one --repo site --json",
        "task priority high T-7",
        "task cancel T-7",
        "task retry T-7",
        "question answer Q-2 Yew",
        "question answer Q-2 Hornbeam",
        "question answer Q-3 maybe",
        "session keep 00000000-0000-0000-0000-000000000068",
        "session end 00000000-0000-0000-0000-000000000068",
        "worker drain w",
        "worker resume w",
        "queue pause",
        "queue status",
        "queue resume",
        "queue pause --repo site",
        "queue resume --repo site",
        "queue replay T-3",
        "task cancel T-3",
        "queue discard T-3",
        "repo add third /srv/third --base main",
        "repo room site --room nowhere",
        "token enrolment",
        "token user",
        "login",
        "worker remove w",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        text.push_str(&format!(
            "$ vine {line}\n{}\n\n",
            served.shell(&words).await
        ));
    }
    assert_snapshot!(text.trim_end(), @r#"
    $ vine task new Another one --repo site
    T-7 is queued: Another one
    https://vine.example.org/tasks/T-7

    $ vine task new Another one --repo site --json
    {
      "base": "main",
      "branch": "vine/T-8-another-one",
      "created_at": "2027-01-15T11:00:00.000Z",
      "due_at": "2027-01-15T11:00:00.000Z",
      "epoch": 0,
      "failures": 0,
      "id": "T-8",
      "priority": "default",
      "prompt": "Another one",
      "repo": "site",
      "requester": "root",
      "resumes": false,
      "round": 1,
      "state": "queued",
      "title": "Another one",
      "updated_at": "2027-01-15T11:00:00.000Z",
      "waits_for": null
    }

    $ vine task priority high T-7
    T-7    queued     high     site Another one

    $ vine task cancel T-7
    T-7    cancelled  high     site Another one

    $ vine task retry T-7
    T-7    queued     high     site Another one

    $ vine question answer Q-2 Yew
    Q-2    T-4    clarify    Which plant should the hedge be of? (root: Yew)

    $ vine question answer Q-2 Hornbeam
    vine: you already answered Q-2: “Yew”
    your new message goes to the agent as a correction
    exit code 1

    $ vine question answer Q-3 maybe
    vine: “maybe” neither allows nor denies it, so Q-3 is still open: Allow Bash: npm test -- --watch=false
    1. Allow once
    2. Deny with this reason
    3. A note to the agent
    reply `yes`, `always` (this session) or `no, because …`
    exit code 2

    $ vine session keep 00000000-0000-0000-0000-000000000068
    uuid-1 T-4    claude 2.1.330 (active, kept)

    $ vine session end 00000000-0000-0000-0000-000000000068
    vine: invalid session: its agent is running
    cancel T-4 first, or wait until it ends
    exit code 2

    $ vine worker drain w
    w            OFFLINE  1 running, 1 waiting, 50 slots, draining

    $ vine worker resume w
    w            OFFLINE  1 running, 1 waiting, 50 slots

    $ vine queue pause
    Paused everywhere: no new tasks start; running agents continue.

    $ vine queue status
    high_priority          1
    default                2
    low_priority           0
    worker_requests        1
    controller_responses   1
    dead                   1
    The queue is paused; `vine queue resume` ends the pause.

    $ vine queue resume
    Resumed everywhere: queued tasks start.

    $ vine queue pause --repo site
    Paused in site: no new tasks start; running agents continue.

    $ vine queue resume --repo site
    Resumed in site: queued tasks start.

    $ vine queue replay T-3
    T-3    queued     default  site Work on nothing

    $ vine task cancel T-3
    T-3    cancelled  default  site Work on nothing

    $ vine queue discard T-3
    vine: T-3 is cancelled and cannot be discarded
    see `task explain T-3`
    exit code 1

    $ vine repo add third /srv/third --base main
    third /srv/third (base main)

    $ vine repo room site --room nowhere
    vine: there is no chat platform here
    platforms are set up in the configuration; `vine doctor` checks them
    exit code 3

    $ vine token enrolment
    TOKEN

    $ vine token user
    TOKEN

    $ vine login
    https://vine.example.org/login?code=TOKEN
    The link works once, within 10 minutes.

    $ vine worker remove w
    w was removed; its token no longer works.
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_doctor() {
    let served = Served::begin().await;
    // Versions and paths are the machine's own.
    let of_machine = |text: &str| {
        let lines = text
            .lines()
            .map(|line| match line.split_once("git version ") {
                Some((before, _)) => format!("{before}git version …"),
                None => line.to_owned(),
            });
        lines.collect::<Vec<_>>().join("\n")
    };
    served.write(
        "bare.toml",
        "[agents.claude]\ncommand = [\"no-such-program\"]\n",
    );
    let said = served.shell(&["doctor", "--config", "bare.toml"]).await;
    assert_snapshot!(of_machine(&said), @"
    ok       git          git version …
    problem  claude       Claude Code was not found; install it with `npm install -g @anthropic-ai/claude-code`. Until then, tasks wait in the queue
    ok       state        FOLDER/.local/state/agentvine
    ok       platforms    matrix, slack, discord
    ok       wall         agents run behind bubblewrap
    ok       daemon       http://LOOPBACK: You are root (admin), via shell.
    ok       store        accepts writes
    exit code 1
    ");
    let broken = "[database]\nurl = \"postgres://vine@127.0.0.1:9/vine\"\n\
               [redis]\nurl = \"redis://127.0.0.1:9\"\n\
               [agents.claude]\ncommand = [\"no-such-program\"]\n";
    served.write("broken.toml", broken);
    let said = served.shell(&["doctor", "--config", "broken.toml"]).await;
    assert_snapshot!(of_machine(&said), @"
    ok       git          git version …
    problem  claude       Claude Code was not found; install it with `npm install -g @anthropic-ai/claude-code`. Until then, tasks wait in the queue
    ok       state        FOLDER/.local/state/agentvine
    ok       platforms    matrix, slack, discord
    ok       wall         agents run behind bubblewrap
    problem  database     PostgreSQL does not answer at LOOPBACK (Connection refused (os error 111)); start it, or correct database.url
    problem  redis        Redis cannot be used (Connection refused (os error 111)); start it, or correct redis.url. Until then, PostgreSQL carries wake-ups
    ok       daemon       http://LOOPBACK: You are root (admin), via shell.
    ok       store        accepts writes
    exit code 1
    ");
}

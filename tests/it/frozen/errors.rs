//! Sentences of refusals and failures, each kind once, as chat, shell and API say them.

use insta::assert_snapshot;
use vine_app::{AppError, Missing, texts};
use vine_domain::{
    Denied, Epoch, MessageId, QuestionId, SessionId, Slug, TaskId, Verb,
    attempt::Attempt,
    failure::{Failure, FailureKind},
    lifecycle::Refusal,
    ports::StoreError,
};

use super::served::Served;

#[test]
fn frozen_refusals() {
    let (task, question) = (TaskId(7), QuestionId(17));
    let attempt = Attempt {
        task,
        epoch: Epoch(2),
    };
    let uuid = "00000000-0000-7000-8000-000000000001"
        .parse()
        .expect("a uuid");
    let answered = Refusal::AnsweredBefore {
        question,
        name: "Ann".into(),
        said: "Red".into(),
    };
    let withdrawn = Refusal::Withdrawn {
        question,
        why: "the task was cancelled".into(),
    };
    let over = Refusal::NobodyReads {
        task,
        state: "done",
    };
    let not_now = Refusal::NotNow {
        task,
        state: "running",
        wish: "retried",
    };
    let denied = |verb: Verb| Denied {
        needs: verb.needs(),
        who: "Vic".into(),
        verb,
    };
    let all: Vec<AppError> = vec![
        Missing::Task(task).into(),
        Missing::Question(question).into(),
        Missing::Session(SessionId(uuid)).into(),
        Missing::Worker("w-1".into()).into(),
        Missing::Repo(Slug::from_text("site")).into(),
        Missing::Person("Zoe".into()).into(),
        Missing::Platform("matrix".into()).into(),
        Missing::Message("m-1".into()).into(),
        AppError::Unauthenticated,
        denied(Verb::See).into(),
        denied(Verb::Answer).into(),
        denied(Verb::Approve).into(),
        denied(Verb::Operate).into(),
        denied(Verb::Inspect).into(),
        denied(Verb::Administer).into(),
        Refusal::Stale(attempt).into(),
        answered.into(),
        withdrawn.into(),
        Refusal::NoQuestion(question).into(),
        over.into(),
        not_now.into(),
        AppError::Unreadable("this command takes one line".into()),
        AppError::TooOften(std::time::Duration::from_secs(4)),
        AppError::Early,
        AppError::Stopping,
        StoreError::Taken("w-1".into()).into(),
        StoreError::Conflict.into(),
        StoreError::Unavailable("the disk is full".into()).into(),
        StoreError::Corrupt("a task without a state".into()).into(),
    ];
    let lines = all
        .iter()
        .map(|error| format!("{}: {}", error.code(), error.told()));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n\n"), @"
    not_found: there is no task T-7
    `task list` lists tasks

    not_found: there is no question Q-17
    `question list` lists open questions

    not_found: there is no session 00000000-0000-7000-8000-000000000001
    `session list --all` lists sessions, also ended ones

    not_found: there is no worker w-1
    `worker list` lists workers

    not_found: there is no repository site
    `repo list` lists repositories

    not_found: there is no person Zoe
    people are listed in the configuration, under `[[people]]`

    not_found: there is no chat platform `matrix` here
    platforms are set up in the configuration; `vine doctor` checks them

    not_found: there is no message m-1 that can be changed
    send it again

    unauthenticated: this requires a valid token
    log in with `vine login`, or send `Authorization: Bearer …`

    denied: Vic is not allowed to do this here; `see` requires role `viewer`
    ask for role `viewer` in the configuration, under `[[people]]`

    denied: Vic is not allowed to do this here; `answer` requires role `answerer`
    ask for role `answerer` in the configuration, under `[[people]]`

    denied: Vic is not allowed to do this here; `approve` requires role `operator`
    ask for role `operator` in the configuration, under `[[people]]`

    denied: Vic is not allowed to do this here; `operate` requires role `operator`
    ask for role `operator` in the configuration, under `[[people]]`

    denied: Vic is not allowed to do this here; `inspect` requires role `admin`
    ask for role `admin` in the configuration, under `[[people]]`

    denied: Vic is not allowed to do this here; `administer` requires role `admin`
    ask for role `admin` in the configuration, under `[[people]]`

    stale: attempt 2 of T-7 is no longer running; stop its agent
    claim again; this attempt changed nothing

    answered_before: Ann already answered Q-17: “Red”
    your message is kept in the thread as a note

    withdrawn: Q-17 no longer needs an answer: the task was cancelled
    `task show` shows the task's current state

    not_found: there is no question Q-17
    `question list` lists open questions

    nobody_reads: T-7 is done, so no agent will read this
    `task continue T-7 …` continues it

    not_now: T-7 is running and cannot be retried
    see `task explain T-7`

    invalid: this command takes one line
    type `help` for the commands

    too_often: too many attempts
    try again in 5 s

    early: it is not yet known what this refers to
    try again in a moment

    stopping: the daemon is stopping
    try again in a moment

    taken: `w-1` already exists
    choose another name

    conflict: changed by someone else in the meantime
    reload it and try again

    unavailable: the store cannot serve: the disk is full
    try again; if it keeps failing, check the daemon's log

    corrupt: a stored row cannot be read: a task without a state
    try again; if it keeps failing, check the daemon's log
    ");
}

#[test]
fn frozen_advice_on_failures() {
    use FailureKind as K;
    let kinds = [
        K::AgentCrashed,
        K::StoppedEarly,
        K::AgentHung,
        K::AgentMissing,
        K::DiskFull,
        K::Overloaded,
        K::UsageLimit,
        K::BadCredentials,
        K::ContextTooLong,
        K::ApiRefused,
        K::RepositoryMissing,
        K::RemoteAway,
        K::BaseMissing,
        K::BranchTaken,
        K::Git,
        K::WorkersLost,
        K::MakesIll,
    ];
    let lines = kinds.map(|kind| format!("{kind:?}: {}", Failure::new(kind, "").advice()));
    assert_snapshot!(lines.join("\n"), @"
    AgentCrashed: Check the end of `task log`, then run `task retry`.
    StoppedEarly: Check in `task log` how far it got, make the prompt more precise, then run `task retry`.
    AgentHung: Check its last step in `task log`; the usual cause is a command that waits for input. Then run `task retry`.
    AgentMissing: Install the agent on the worker or set `agents.claude.command`. The worker checks again automatically.
    DiskFull: Free disk space on the worker. It checks again automatically.
    Overloaded: Nothing is wrong with the task. The workers check again automatically.
    UsageLimit: It starts again automatically when the limit resets.
    BadCredentials: Log the agent in on the worker, or set its key in `agents.claude.env`. The worker checks again automatically.
    ContextTooLong: Split the task into smaller ones, or run `task retry` to start it in a new session.
    ApiRefused: Read the service's message, change the prompt or the model, then run `task retry`.
    RepositoryMissing: Restore the repository, or correct its source with `repo add`. The worker checks again automatically.
    RemoteAway: Make sure the worker can reach the remote with its key or token. It checks again automatically.
    BaseMissing: Create the branch, or create a new task with `--base`.
    BranchTaken: Free the branch, or create a new task with another `--branch`.
    Git: Check git's output in `task log`, then run `task retry`.
    WorkersLost: First check the workers' memory and logs: this task may be what stops them. Then run `task retry`.
    MakesIll: Check what the agent did there (`task log`), give it another approach or more room, then run `task retry`.
    ");
}

/// Messages in threads and rooms about deleted or unreadable messages.
#[test]
fn frozen_notices() {
    let id = MessageId(
        "00000000-0000-7000-8000-000000000001"
            .parse()
            .expect("a uuid"),
    );
    let missed = texts::missed(id, &Slug::from_text("site"), "discord").text;
    let used = "the answer to Q-17";
    let all = [
        texts::deleted(Some("Ann"), used),
        texts::deleted(None, used),
        missed,
    ];
    assert_snapshot!(all.join("\n"), @"
    Ann deleted the message with the answer to Q-17. The answer still counts.
    The message with the answer to Q-17 was deleted. The answer still counts.
    discord did not let AgentVine read every message that was posted here while it was disconnected. If you answered a question and see no ✅ on your answer, send it again.
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_errors_of_the_shell() {
    let served = Served::begin().await;
    let mut text = String::new();
    for line in [
        "task show T-99",
        "question show Q-99",
        "question answer Q-99 yes",
        "session show 00000000-0000-7000-8000-000000000001",
        "worker show nobody",
        "repo show nothing",
        "repo add Up /srv/up",
        "repo add up relative/path",
        "task show X-1",
        "task new",
        "task new Title",
        "task new Title --repo nothing",
        "task new Title --repo site --base a..b",
        "task new Title --repo site --priority urgent",
        "task lsit",
        "tsak list",
        "task list --limit 0",
        "task list --state asleep",
        "queue replay T-99",
        "config check --config missing.toml",
        "ask Which?",
        "export",
        "up",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        text.push_str(&format!(
            "$ vine {line}\n{}\n\n",
            served.shell(&words).await
        ));
    }
    assert_snapshot!(text.trim_end(), @"
    $ vine task show T-99
    vine: there is no task T-99
    `task list` lists tasks
    exit code 3

    $ vine question show Q-99
    vine: there is no question Q-99
    `question list` lists open questions
    exit code 3

    $ vine question answer Q-99 yes
    vine: there is no question Q-99
    `question list` lists open questions
    exit code 3

    $ vine session show 00000000-0000-7000-8000-000000000001
    vine: there is no session uuid-1
    `session list --all` lists sessions, also ended ones
    exit code 3

    $ vine worker show nobody
    vine: there is no worker nobody
    `worker list` lists workers
    exit code 3

    $ vine repo show nothing
    vine: there is no repository nothing
    `repo list` lists repositories
    exit code 3

    $ vine repo add Up /srv/up
    error: invalid value 'Up' for '<NAME>': invalid repository name: `Up`; use at most 64 lower-case letters, digits, `-`, `_` and `.`

    For more information, try '--help'.
    exit code 2

    $ vine repo add up relative/path
    vine: invalid repository source: `relative/path` is neither an absolute path nor a supported URL
    use an absolute path, git@host:org/repo.git, or a URL that starts with https://, ssh:// or file://
    exit code 2

    $ vine task show X-1
    error: invalid value 'X-1' for '[TASK]': invalid task id: `X-1`; write it like T-7

    For more information, try '--help'.
    exit code 2

    $ vine task new
    error: the following required arguments were not provided:
      <TITLE>...

    Usage: vine task new <TITLE>...

    For more information, try '--help'.
    exit code 2

    $ vine task new Title
    vine: which repository? There are 2.
    use `--repo` with one of: shop, site
    exit code 2

    $ vine task new Title --repo nothing
    vine: there is no repository nothing
    `repo list` lists repositories
    exit code 3

    $ vine task new Title --repo site --base a..b
    error: invalid value 'a..b' for '--base <BASE>': invalid branch name: `a..b` contains `..` or `@{`, or ends with a dot; use a name like `feature/login`

    For more information, try '--help'.
    exit code 2

    $ vine task new Title --repo site --priority urgent
    error: invalid value 'urgent' for '--priority <LANE>': invalid priority: `urgent`; use high, default or low

    For more information, try '--help'.
    exit code 2

    $ vine task lsit
    error: unrecognized subcommand 'lsit'

      tip: a similar subcommand exists: 'list'

    Usage: vine task <COMMAND>

    For more information, try '--help'.
    exit code 2

    $ vine tsak list
    error: unrecognized subcommand 'tsak'

      tip: some similar subcommands exist: 'ask', 'task'

    Usage: vine <COMMAND>

    For more information, try '--help'.
    exit code 2

    $ vine task list --limit 0
    error: invalid value '0' for '--limit <LIMIT>': 0 is not in 1..=1000

    For more information, try '--help'.
    exit code 2

    $ vine task list --state asleep
    error: invalid value 'asleep' for '--state <STATE>'
      [possible values: queued, running, waiting, done, failed, cancelled]

    For more information, try '--help'.
    exit code 2

    $ vine queue replay T-99
    vine: there is no task T-99
    `task list` lists tasks
    exit code 3

    $ vine config check --config missing.toml
    vine: could not read the configuration missing.toml: No such file or directory (os error 2)
    exit code 1

    $ vine ask Which?
    vine: this only works inside a task
    exit code 1

    $ vine export
    error: the following required arguments were not provided:
      <FILE>

    Usage: vine export <FILE>

    For more information, try '--help'.
    exit code 2

    $ vine up
    vine: FOLDER is not in a git repository; change to one, create one with `git init`, or try `vine up --demo`
    exit code 1
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_errors_of_the_configuration() {
    let served = Served::begin().await;
    let mut text = String::new();
    for config in [
        "[daemon]\nlistn = \"127.0.0.1:1\"\n",
        "[daemon]\nlisten = \"here\"\n",
        "[questions]\nremind = \"soon\"\n",
        "[[people]]\nname = \"Ann\"\nrole = \"boss\"\n",
        "[[people]]\nname = \"Ann\"\nrole = \"operator\"\nslack = \"ann\"\n",
        "[chat.slack]\nbot_token = \"xoxp-1\"\n",
        "[chat.discord]\ntoken = \"t\"\n",
        "[database]\nurl = \"mysql://here\"\n",
        "[agents.claude]\ncommand = []\n",
        "not toml",
    ] {
        served.write("vine.toml", config);
        let said = served
            .shell(&["config", "check", "--config", "vine.toml"])
            .await;
        text.push_str(&format!("{config}=> {said}\n\n"));
    }
    assert_snapshot!(text.trim_end(), @r#"
    [daemon]
    listn = "127.0.0.1:1"
    => vine: the configuration has an unknown key `daemon.listn`; did you mean `listen`?
    exit code 1

    [daemon]
    listen = "here"
    => vine: the configuration is not valid: invalid socket address syntax
    exit code 1

    [questions]
    remind = "soon"
    => vine: the configuration has an unknown key `questions.remind`; known here: digest_from, escalate_after_seconds, escalate_to, expire_after_seconds, expire_permission_after_seconds, quiet_hours, remind_after_seconds, time_zone
    exit code 1

    [[people]]
    name = "Ann"
    role = "boss"
    => vine: the configuration is not valid: unknown variant `boss`, expected one of `viewer`, `answerer`, `operator`, `admin`
    exit code 1

    [[people]]
    name = "Ann"
    role = "operator"
    slack = "ann"
    => vine: people: `ann` of Ann is not a Slack member id; copy it from their profile. It looks like U024BE7LH, or T02ABC3DE:U024BE7LH for people of another workspace
    exit code 1

    [chat.slack]
    bot_token = "xoxp-1"
    => vine: chat.slack has no app_token; set `app_token_file` (or `app_token`) for Socket Mode, or `signing_secret_file` if Slack sends requests to this daemon
    exit code 1

    [chat.discord]
    token = "t"
    => vine: chat.discord has no guild; set it to the server's id ("Copy Server ID" in its menu)
    exit code 1

    [database]
    url = "mysql://here"
    => vine: database.url does not begin with postgres://; remove it to use a file in the state folder (SQLite)
    exit code 1

    [agents.claude]
    command = []
    => vine: agents.claude.command is empty; set it to the program, like ["claude"]
    exit code 1

    not toml=> vine: vine.toml is not valid TOML: TOML parse error at line 1, column 5
      |
    1 | not toml
      |     ^
    key with no value, expected `=`

    exit code 1
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_errors_of_a_shell_without_a_daemon() {
    let served = Served::begin().await;
    let alone = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = std::process::Command::new(crate::harness::VINE);
        command
            .args(arguments)
            .current_dir(served.home(""))
            .env_clear()
            .env("HOME", served.home(""))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied());
        command
    };
    let nobody = served.run(alone(&["status"], &[])).await;
    assert_snapshot!(nobody, @"
    vine: no daemon of this user is running here; start one with `vine up`, or set VINE_DAEMON and VINE_TOKEN
    exit code 5
    ");
    let away = [
        ("VINE_DAEMON", "http://127.0.0.1:9"),
        ("VINE_TOKEN", "vine_user_x"),
    ];
    assert_snapshot!(served.run(alone(&["status"], &away)).await, @"
    vine: the daemon at http://LOOPBACK cannot be reached: Connection refused (os error 111)
    exit code 5
    ");
    let wrong = [
        ("VINE_DAEMON", served.url.as_str()),
        ("VINE_TOKEN", "wrong"),
    ];
    assert_snapshot!(served.run(alone(&["status"], &wrong)).await, @"
    vine: this requires a valid token
    log in with `vine login`, or send `Authorization: Bearer …`
    exit code 4
    ");
    let no_worker = served.run(alone(&["worker"], &[])).await;
    assert_snapshot!(no_worker, @"
    vine: which daemon? Use --daemon URL: no daemon of this user is running here; start one with `vine up`, or set VINE_DAEMON and VINE_TOKEN
    exit code 5
    ");
}

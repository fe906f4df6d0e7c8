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
    `task list` shows what there is

    not_found: there is no question Q-17
    `question list` shows those that wait

    not_found: there is no session 00000000-0000-7000-8000-000000000001
    `session list --all` shows what there is

    not_found: there is no worker w-1
    `worker list` shows what there is

    not_found: there is no repository site
    `repo list` shows what there is

    not_found: there is no person Zoe
    people are named under `[[people]]` in the configuration

    not_found: there is no matrix here
    platforms are named in the configuration; `doctor` says how they do

    not_found: there is no message m-1 that could be changed
    say it anew

    unauthenticated: this needs a valid token
    log in with `vine login`, or send `Authorization: Bearer …`

    denied: Vic may not see here: that needs the role `viewer`
    ask somebody with the role `admin` to give you `viewer`

    denied: Vic may not answer here: that needs the role `answerer`
    ask somebody with the role `admin` to give you `answerer`

    denied: Vic may not approve here: that needs the role `operator`
    ask somebody with the role `admin` to give you `operator`

    denied: Vic may not operate here: that needs the role `operator`
    ask somebody with the role `admin` to give you `operator`

    denied: Vic may not inspect here: that needs the role `admin`
    ask somebody with the role `admin` to give you `admin`

    denied: Vic may not administer here: that needs the role `admin`
    ask somebody with the role `admin` to give you `admin`

    stale: attempt 2 of T-7 is no longer under way; stop its agent
    claim again; nothing of this attempt was changed

    answered_before: Q-17 was answered before: Ann said “Red”
    your words are kept in the thread as a note

    withdrawn: Q-17 needs no answer any more: the task was cancelled
    see `task show` for where the task is now

    not_found: there is no question Q-17 here
    `question list` shows what is open

    nobody_reads: T-7 is done: no agent reads this any more
    `task new` starts a task that builds on it

    not_now: T-7 is running: it cannot be retried
    see `task explain T-7`

    invalid: this command takes one line
    say `help` for how to say things

    too_often: that was tried too often
    try again in 5 s

    early: it is not known yet what this is about
    try again in a moment

    stopping: the daemon is stopping
    try again in a moment

    taken: `w-1` exists already
    choose another name

    conflict: changed by somebody else in the meantime
    look at it again and repeat

    unavailable: the store cannot serve: the disk is full
    try again; if it stays, look at the daemon's log

    unavailable: a stored row cannot be read: a task without a state
    try again; if it stays, look at the daemon's log
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
    AgentCrashed: See `task log` for its last words, then `task retry`.
    StoppedEarly: See `task log` for how far it came; make the prompt more exact, then `task retry`.
    AgentHung: See `task log` for its last step; a command that waits for input is the usual cause. Then `task retry`.
    AgentMissing: Install the agent on the worker or set `agents.claude.command`; the worker looks again by itself.
    DiskFull: Make room on the worker's disk; it looks again by itself.
    Overloaded: Nothing is wrong with the task; the workers look again by themselves.
    UsageLimit: It starts again by itself when the limit is reset.
    BadCredentials: Log the agent in on the worker, or set its key in `agents.claude.env`; the worker looks again by itself.
    ContextTooLong: Split the task into smaller ones, or `task retry` to start it in a fresh session.
    ApiRefused: Read what the service said; change the prompt or the model, then `task retry`.
    RepositoryMissing: Put the repository back, or correct it with `repo add`; the worker looks again by itself.
    RemoteAway: See that the worker reaches the remote with its key or token; it looks again by itself.
    BaseMissing: Create the branch, or make a new task with `--base`.
    BranchTaken: Free the branch, or make a new task with another `--branch`.
    Git: See `task log` for what git said, then `task retry`.
    WorkersLost: Look at the workers' memory and logs first: this task may be what ends them. Then `task retry`.
    MakesIll: Look at what the agent did there (`task log`), give it another way or more room, then `task retry`.
    ");
}

/// What is said in threads and rooms of words that were taken back or could not be read.
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
    Ann deleted the message that was the answer to Q-17. What was done with it stands.
    The message that was the answer to Q-17 was deleted. What was done with it stands.
    discord did not let us read all that was said here while nobody listened. If you answered a question and see no ✅ on your answer, say it again.
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
    `task list` shows what there is
    exit code 3

    $ vine question show Q-99
    vine: there is no question Q-99
    `question list` shows those that wait
    exit code 3

    $ vine question answer Q-99 yes
    vine: there is no question Q-99
    `question list` shows those that wait
    exit code 3

    $ vine session show 00000000-0000-7000-8000-000000000001
    vine: there is no session uuid-1
    `session list --all` shows what there is
    exit code 3

    $ vine worker show nobody
    vine: there is no worker nobody
    `worker list` shows what there is
    exit code 3

    $ vine repo show nothing
    vine: there is no repository nothing
    `repo list` shows what there is
    exit code 3

    $ vine repo add Up /srv/up
    error: invalid value 'Up' for '<NAME>': this repository name cannot be used: `Up`; use lower-case letters, digits, `-`, `_` and `.`, at most 64

    For more information, try '--help'.
    exit code 2

    $ vine repo add up relative/path
    vine: this repository source cannot be used: `relative/path` is neither
    give an absolute path, git@host:org/repo.git, or a URL that starts with https://, ssh:// or file://
    exit code 2

    $ vine task show X-1
    error: invalid value 'X-1' for '[TASK]': this task id cannot be used: `X-1` is not one; write it like T-7

    For more information, try '--help'.
    exit code 2

    $ vine task new
    error: the following required arguments were not provided:
      <TITLE>...

    Usage: vine task new <TITLE>...

    For more information, try '--help'.
    exit code 2

    $ vine task new Title
    vine: this task cannot be used: there are 2 repositories
    name one with --repo: shop, site
    exit code 2

    $ vine task new Title --repo nothing
    vine: there is no repository nothing
    `repo list` shows what there is
    exit code 3

    $ vine task new Title --repo site --base a..b
    error: invalid value 'a..b' for '--base <BASE>': this branch name cannot be used: `a..b`: git refuses `..`, `@{` and a dot at the end; use a name like `feature/login`

    For more information, try '--help'.
    exit code 2

    $ vine task new Title --repo site --priority urgent
    error: invalid value 'urgent' for '--priority <LANE>': this priority cannot be used: `urgent` is no lane; use high, default or low

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
    `task list` shows what there is
    exit code 3

    $ vine config check --config missing.toml
    vine: the configuration missing.toml cannot be read: No such file or directory (os error 2)
    exit code 1

    $ vine ask Which?
    vine: this works only inside a task
    exit code 1

    $ vine export
    error: the following required arguments were not provided:
      <FILE>

    Usage: vine export <FILE>

    For more information, try '--help'.
    exit code 2

    $ vine up
    vine: FOLDER is in no git repository; go into one, make one with `git init`, or try `vine up --demo`
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
    => vine: the configuration is wrong: invalid socket address syntax
    exit code 1

    [questions]
    remind = "soon"
    => vine: the configuration has an unknown key `questions.remind`; known here: digest_from, escalate_after_seconds, escalate_to, expire_after_seconds, expire_permission_after_seconds, quiet_hours, remind_after_seconds, time_zone
    exit code 1

    [[people]]
    name = "Ann"
    role = "boss"
    => vine: the configuration is wrong: unknown variant `boss`, expected one of `viewer`, `answerer`, `operator`, `admin`
    exit code 1

    [[people]]
    name = "Ann"
    role = "operator"
    slack = "ann"
    => vine: people: `ann` of Ann is no member id of Slack; copy it from their profile, it looks like U024BE7LH, and T02ABC3DE:U024BE7LH for somebody of another workspace
    exit code 1

    [chat.slack]
    bot_token = "xoxp-1"
    => vine: chat.slack has no app_token; set `app_token_file` (or `app_token`) for Socket Mode, or `signing_secret_file` if Slack is to send requests to this daemon
    exit code 1

    [chat.discord]
    token = "t"
    => vine: chat.discord has no guild; set it to the server's id ("Copy Server ID" in its menu)
    exit code 1

    [database]
    url = "mysql://here"
    => vine: database.url does not begin with postgres://; leave it out for a file in the state folder (SQLite)
    exit code 1

    [agents.claude]
    command = []
    => vine: agents.claude.command is empty; name the program, like ["claude"]
    exit code 1

    not toml=> vine: vine.toml is no TOML: TOML parse error at line 1, column 5
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
    vine: no daemon of yours runs on this machine; start one with `vine up`, or set VINE_DAEMON and VINE_TOKEN
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
    vine: this needs a valid token
    log in with `vine login`, or send `Authorization: Bearer …`
    exit code 4
    ");
    let no_worker = served.run(alone(&["worker"], &[])).await;
    assert_snapshot!(no_worker, @"
    vine: no daemon is named; use --daemon URL: no daemon of yours runs on this machine; start one with `vine up`, or set VINE_DAEMON and VINE_TOKEN
    exit code 5
    ");
}

//! Help texts: the shell's, noun by noun and verb by verb, and the chat's.

use insta::assert_snapshot;

use super::served::Served;

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = commands.lines().take_while(|line| line.starts_with("  "));
    // Lines that go on an explanation stand further right.
    let names = lines.filter(|line| !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

impl Served {
    /// The help of a command, and of everything under it.
    async fn help(&self, words: &[&str]) -> String {
        let mut text = String::new();
        let mut waiting = vec![words.iter().map(ToString::to_string).collect::<Vec<_>>()];
        while let Some(words) = waiting.pop() {
            let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
            line.push("--help");
            let help = self.shell(&line).await;
            text.push_str(&format!("$ vine {}\n{help}\n\n", line.join(" ")));
            let under = listed(&help)
                .into_iter()
                .rev()
                .filter(|name| name != "help");
            waiting.extend(under.map(|name| [words.clone(), vec![name]].concat()));
        }
        text.trim_end().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_help() {
    let served = Served::begin().await;
    assert_snapshot!(served.help(&[]).await, @r#"
    $ vine --help
    Many headless Claude Code workers; their questions answered where the team already talks

    Usage: vine <COMMAND>

    Commands:
      up           Start everything here, on this git repository: daemon, page and local workers
      daemon       Run the daemon
      worker       Run a worker; with a verb, look at and manage workers
      migrate      Bring the database up to date and stop
      export       Write everything to a file, to be taken in by another database
      import       Take in what `vine export` wrote, into an empty database
      backup       Copy the database while the daemon goes on (SQLite)
      doctor       Check this machine and its configuration
      config       Show or check the configuration
      login        Print a link that opens the page, once
      token        Make, list and revoke secrets: for programs of yours, and for new workers
      audit        Print who decided and answered what, and check that it is as it was written
      ask          Inside a task: ask people, print the answer
      note         Inside a task: say something in its thread
      progress     Inside a task: say what you are at, in its log
      show         Inside a task: show a text file of its folder in the thread
      finish       Inside a task: say what your last words are; the task ends when your program does
      manifest     Print what makes the app of a chat platform: for Slack, the manifest to paste into "Create New App"
      completions  Print completions for a shell
      task         Create, look at and steer tasks
      question     Look at what agents ask, and answer
      session      Look at and end agents' sessions
      queue        Look at and control the queues
      repo         Add and look at repositories
      status       Who waits for whom, in a few lines
      whoami       Who you are here and what you may do
      help         How to say things in chat

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Everywhere: --json prints data instead of text, --config FILE names the configuration.

    Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 no such thing, 4 not allowed, 5 daemon not reached,
        6 nobody answered `vine ask` in time.

    $ vine up --help
    Start everything here, on this git repository: daemon, page and local workers

    Usage: vine up [OPTIONS]

    Options:
          --demo               Work on a scratch repository with three tasks that ask questions
          --workers <WORKERS>  How many local workers [default: 3]
          --state <STATE>      Where state lives (default: a folder for this repository under the user's state folder) [env: VINE_STATE=]
          --listen <LISTEN>    Where to serve (default: LOOPBACK, or any free port)
          --insecure           Serve others without https: for a network that is yours alone
          --agent <AGENT>      claude or script (default: claude when it is found) [possible values: claude, script]
          --wall <WALL>        What stands around agents: bubblewrap, container, user or plain (default: the best that can)
      -h, --help               Print help

    $ vine daemon --help
    Run the daemon

    Usage: vine daemon [OPTIONS]

    Options:
          --state <STATE>    Where state lives [env: VINE_STATE=]
          --listen <LISTEN>  Where to serve
          --insecure         Serve others without https: for a network that is yours alone
      -h, --help             Print help

    $ vine worker --help
    Run a worker; with a verb, look at and manage workers

    Usage: vine worker [OPTIONS]
           vine worker <COMMAND>

    Commands:
      list    List workers
      show    Show one worker
      drain   Let a worker finish what it has, and give it nothing new
      resume  Give a drained worker new work again
      limit   Bound a worker: how many agents at once, of which repositories; without options, lift the bounds
      remove  Forget workers and their tokens

    Options:
          --daemon <DAEMON>  The daemon's address [env: VINE_DAEMON=http://LOOPBACK]
          --enrol <ENROL>    The one-time code of `vine token enrolment`; needed once [env: VINE_ENROL]
          --name <NAME>      What people call it (default: the host's name)
          --slots <SLOTS>    How many agents at once
          --state <STATE>    Where identity and worktrees live [env: VINE_STATE=]
          --agent <AGENT>    claude or script (default: claude when it is found) [possible values: claude, script]
          --wall <WALL>      What stands around agents: bubblewrap, container, user or plain (default: the best that can)
      -h, --help             Print help

    $ vine worker list --help
    List workers

    Usage: vine worker list

    Options:
      -h, --help  Print help

    $ vine worker show --help
    Show one worker

    Usage: vine worker show <WORKER>

    Arguments:
      <WORKER>  Its name

    Options:
      -h, --help  Print help

    $ vine worker drain --help
    Let a worker finish what it has, and give it nothing new

    Usage: vine worker drain <WORKER>

    Arguments:
      <WORKER>  Its name

    Options:
      -h, --help  Print help

    $ vine worker resume --help
    Give a drained worker new work again

    Usage: vine worker resume <WORKER>

    Arguments:
      <WORKER>  Its name

    Options:
      -h, --help  Print help

    $ vine worker limit --help
    Bound a worker: how many agents at once, of which repositories; without options, lift the bounds

    Usage: vine worker limit [OPTIONS] <WORKER>

    Arguments:
      <WORKER>  Its name

    Options:
          --slots <SLOTS>  So many agents at once at most
          --repo <REPO>    Only tasks of this repository; may be said several times
      -h, --help           Print help

    $ vine worker remove --help
    Forget workers and their tokens

    Usage: vine worker remove [OPTIONS] [WORKER]...

    Arguments:
      [WORKER]...  Their names

    Options:
          --offline            All that are gone
          --confirm <CONFIRM>  How many those are; the first call tells, and changes nothing
      -h, --help               Print help

    $ vine migrate --help
    Bring the database up to date and stop

    Usage: vine migrate

    Options:
      -h, --help  Print help

    $ vine export --help
    Write everything to a file, to be taken in by another database

    Usage: vine export <FILE>

    Arguments:
      <FILE>  A new file

    Options:
      -h, --help  Print help

    $ vine import --help
    Take in what `vine export` wrote, into an empty database

    Usage: vine import <FILE>

    Arguments:
      <FILE>  The file

    Options:
      -h, --help  Print help

    $ vine backup --help
    Copy the database while the daemon goes on (SQLite)

    Usage: vine backup <FILE>

    Arguments:
      <FILE>  A new file

    Options:
      -h, --help  Print help

    $ vine doctor --help
    Check this machine and its configuration

    Usage: vine doctor

    Options:
      -h, --help  Print help

    $ vine config --help
    Show or check the configuration

    Usage: vine config <COMMAND>

    Commands:
      example  Print the commented example
      check    Check the configuration and explain what is wrong with it
      show     Print the configuration as it is in force, without secrets

    Options:
      -h, --help  Print help

    $ vine config example --help
    Print the commented example

    Usage: vine config example

    Options:
      -h, --help  Print help

    $ vine config check --help
    Check the configuration and explain what is wrong with it

    Usage: vine config check

    Options:
      -h, --help  Print help

    $ vine config show --help
    Print the configuration as it is in force, without secrets

    Usage: vine config show

    Options:
      -h, --help  Print help

    $ vine login --help
    Print a link that opens the page, once

    Usage: vine login [OPTIONS]

    Options:
          --for <NAME>    For this person of the configuration instead of you
          --new-password  Also forget the password, so that a new one can be set, and log the browsers out; for administrators
      -h, --help          Print help

    $ vine token --help
    Make, list and revoke secrets: for programs of yours, and for new workers

    Usage: vine token <COMMAND>

    Commands:
      user       Make one for a program that acts as you
      enrolment  Make one that turns a machine into a worker, once, within ten minutes
      list       Show those that are valid, with their last use
      revoke     End one or several at once

    Options:
      -h, --help  Print help

    $ vine token user --help
    Make one for a program that acts as you

    Usage: vine token user [OPTIONS]

    Options:
          --for <NAME>   For this person of the configuration instead of you
          --days <DAYS>  How long it is good for (default: 7)
      -h, --help         Print help

    $ vine token enrolment --help
    Make one that turns a machine into a worker, once, within ten minutes

    Usage: vine token enrolment [OPTIONS]

    Options:
          --for <NAME>  For this person of the configuration instead of you
      -h, --help        Print help

    $ vine token list --help
    Show those that are valid, with their last use

    Usage: vine token list [OPTIONS]

    Options:
          --all   Those of everybody; for administrators
      -h, --help  Print help

    $ vine token revoke --help
    End one or several at once

    Usage: vine token revoke <ID>...

    Arguments:
      <ID>...  As `vine token list` names them

    Options:
      -h, --help  Print help

    $ vine audit --help
    Print who decided and answered what, and check that it is as it was written

    Usage: vine audit [OPTIONS]

    Options:
          --since <TIME>  Only since then: 2026-11-28, or 2026-11-28T18:19:00Z
      -h, --help          Print help

    $ vine ask --help
    Inside a task: ask people, print the answer

    Usage: vine ask [OPTIONS] <QUESTION>...

    Arguments:
      <QUESTION>...  The question

    Options:
          --option <OPTION>  A choice; any words may be answered all the same
          --multi            Several choices may be made
      -h, --help             Print help

    $ vine note --help
    Inside a task: say something in its thread

    Usage: vine note <WORDS>...

    Arguments:
      <WORDS>...  The words

    Options:
      -h, --help  Print help

    $ vine progress --help
    Inside a task: say what you are at, in its log

    Usage: vine progress <WORDS>...

    Arguments:
      <WORDS>...  The words

    Options:
      -h, --help  Print help

    $ vine show --help
    Inside a task: show a text file of its folder in the thread

    Usage: vine show <FILE>

    Arguments:
      <FILE>  The file

    Options:
      -h, --help  Print help

    $ vine finish --help
    Inside a task: say what your last words are; the task ends when your program does

    Usage: vine finish <WORDS>...

    Arguments:
      <WORDS>...  The words

    Options:
      -h, --help  Print help

    $ vine manifest --help
    Print what makes the app of a chat platform: for Slack, the manifest to paste into "Create New App"

    Usage: vine manifest <PLATFORM>

    Arguments:
      <PLATFORM>
              Which platform

              Possible values:
              - slack: api.slack.com/apps

    Options:
      -h, --help
              Print help (see a summary with '-h')

    $ vine completions --help
    Print completions for a shell

    Usage: vine completions <SHELL>

    Arguments:
      <SHELL>  Which one [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help

    $ vine task --help
    Create, look at and steer tasks

    Usage: vine task <COMMAND>

    Commands:
      new       Create a task; in chat, further lines are the prompt
      list      List tasks, newest first
      show      Show one task
      cancel    Call a task off
      retry     Run a failed or cancelled task again, or a queued one now
      priority  Move a task to another lane
      log       Show what happened, and the agent's own words
      diff      Show what a task changed
      push      Push what a worker keeps of a task and did not push by itself
      explain   Why a task is where it is, and what happens next

    Options:
      -h, --help  Print help

    $ vine task new --help
    Create a task; in chat, further lines are the prompt

    Usage: vine task new [OPTIONS] <TITLE>...

    Arguments:
      <TITLE>...  What the task is called; also the prompt when none is given

    Options:
          --prompt <PROMPT>  What the agent is asked to do
          --repo <REPO>      The repository; may be left out when there is only one
          --base <BASE>      The branch to start from (default: the repository's)
          --branch <BRANCH>  The branch to commit to (default: `vine/T-<number>-<title>`)
          --priority <LANE>  high, default or low [default: default]
          --key <TEXT>       Creating again with the same key gives the first task
      -h, --help             Print help

    $ vine task list --help
    List tasks, newest first

    Usage: vine task list [OPTIONS]

    Options:
          --state <STATE>  Only this state [possible values: queued, running, waiting, done, failed, cancelled]
          --repo <REPO>    Only this repository
          --limit <LIMIT>  Show at most this many [default: 50]
      -h, --help           Print help

    $ vine task show --help
    Show one task

    Usage: vine task show [TASK]

    Arguments:
      [TASK]  Like T-142; inside a task's thread it may be left out

    Options:
      -h, --help  Print help

    $ vine task cancel --help
    Call a task off

    Usage: vine task cancel [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
      -h, --help  Print help

    $ vine task retry --help
    Run a failed or cancelled task again, or a queued one now

    Usage: vine task retry [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
      -h, --help  Print help

    $ vine task priority --help
    Move a task to another lane

    Usage: vine task priority <LANE> [TASK]

    Arguments:
      <LANE>  high, default or low
      [TASK]  Like T-142

    Options:
      -h, --help  Print help

    $ vine task log --help
    Show what happened, and the agent's own words

    Usage: vine task log [OPTIONS] [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
          --limit <LIMIT>  Show at most this many [default: 50]
      -h, --help           Print help

    $ vine task diff --help
    Show what a task changed

    Usage: vine task diff [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
      -h, --help  Print help

    $ vine task push --help
    Push what a worker keeps of a task and did not push by itself

    Usage: vine task push [OPTIONS] [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
          --leave  Leave it with its worker instead, and ask nobody any more
      -h, --help   Print help

    $ vine task explain --help
    Why a task is where it is, and what happens next

    Usage: vine task explain [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
      -h, --help  Print help

    $ vine question --help
    Look at what agents ask, and answer

    Usage: vine question <COMMAND>

    Commands:
      list    List open questions, oldest first
      show    Show one question whole
      answer  Answer a question

    Options:
      -h, --help  Print help

    $ vine question list --help
    List open questions, oldest first

    Usage: vine question list [OPTIONS]

    Options:
          --limit <LIMIT>  Show at most this many [default: 50]
      -h, --help           Print help

    $ vine question show --help
    Show one question whole

    Usage: vine question show <QUESTION>

    Arguments:
      <QUESTION>  Like Q-17

    Options:
      -h, --help  Print help

    $ vine question answer --help
    Answer a question

    Usage: vine question answer <QUESTION> <TEXT>...

    Arguments:
      <QUESTION>  Like Q-17
      <TEXT>...   A number, a label or your own words (in a shell: `-` or `--file FILE` reads them)

    Options:
      -h, --help  Print help

    $ vine session --help
    Look at and end agents' sessions

    Usage: vine session <COMMAND>

    Commands:
      list  List live sessions
      show  Show one session
      end   End a session; its task starts afresh if it runs again
      keep  Keep a session, whatever the policies say

    Options:
      -h, --help  Print help

    $ vine session list --help
    List live sessions

    Usage: vine session list [OPTIONS]

    Options:
          --all            Ended ones too
          --limit <LIMIT>  Show at most this many [default: 50]
      -h, --help           Print help

    $ vine session show --help
    Show one session

    Usage: vine session show <SESSION>

    Arguments:
      <SESSION>  Its UUID

    Options:
      -h, --help  Print help

    $ vine session end --help
    End a session; its task starts afresh if it runs again

    Usage: vine session end <SESSION>

    Arguments:
      <SESSION>  Its UUID

    Options:
      -h, --help  Print help

    $ vine session keep --help
    Keep a session, whatever the policies say

    Usage: vine session keep <SESSION>

    Arguments:
      <SESSION>  Its UUID

    Options:
      -h, --help  Print help

    $ vine queue --help
    Look at and control the queues

    Usage: vine queue <COMMAND>

    Commands:
      status   How deep each queue is
      pause    Start nothing new, everywhere or in one repository
      resume   Start new work again
      dead     List tasks that were set aside after failing
      replay   Run a dead task again, or many of them
      discard  Take a task off the list of dead ones, or many of them

    Options:
      -h, --help  Print help

    $ vine queue status --help
    How deep each queue is

    Usage: vine queue status

    Options:
      -h, --help  Print help

    $ vine queue pause --help
    Start nothing new, everywhere or in one repository

    Usage: vine queue pause [OPTIONS]

    Options:
          --repo <REPO>  Only this repository
      -h, --help         Print help

    $ vine queue resume --help
    Start new work again

    Usage: vine queue resume [OPTIONS]

    Options:
          --repo <REPO>  Only this repository
      -h, --help         Print help

    $ vine queue dead --help
    List tasks that were set aside after failing

    Usage: vine queue dead [OPTIONS]

    Options:
          --limit <LIMIT>  Show at most this many [default: 50]
      -h, --help           Print help

    $ vine queue replay --help
    Run a dead task again, or many of them

    Usage: vine queue replay [OPTIONS] [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
          --all                All that the other filters leave
          --repo <REPO>        Only those of this repository
          --kind <KIND>        Only those that failed in this way, like git
          --confirm <CONFIRM>  How many there are; the first call tells, and changes nothing
      -h, --help               Print help

    $ vine queue discard --help
    Take a task off the list of dead ones, or many of them

    Usage: vine queue discard [OPTIONS] [TASK]

    Arguments:
      [TASK]  Like T-142

    Options:
          --all                All that the other filters leave
          --repo <REPO>        Only those of this repository
          --kind <KIND>        Only those that failed in this way, like git
          --confirm <CONFIRM>  How many there are; the first call tells, and changes nothing
      -h, --help               Print help

    $ vine repo --help
    Add and look at repositories

    Usage: vine repo <COMMAND>

    Commands:
      add     Add a repository, or correct the one of that name
      room    Show where a repository is talked about, or choose the room
      set     Set what its agents may do unasked, which hosts they reach, and which wall must stand
      remove  Forget a repository that has no open tasks; what was done in it stays
      list    List repositories
      show    Show one repository

    Options:
      -h, --help  Print help

    $ vine repo add --help
    Add a repository, or correct the one of that name

    Usage: vine repo add [OPTIONS] <NAME> <SOURCE>

    Arguments:
      <NAME>    Its short name
      <SOURCE>  An absolute path on the workers' machines, or a URL

    Options:
          --base <BASE>  The branch that tasks start from (default: the one that the repository itself names)
          --trusted      Let the repository's own agent settings, hooks and MCP servers run
          --encrypted    Encrypt the rooms that are made for it, end to end; this cannot be undone
          --push <RULE>  What workers push unasked: all, branches (unfinished work to branches too), done or never (default: all)
      -h, --help         Print help

    $ vine repo room --help
    Show where a repository is talked about, or choose the room

    Usage: vine repo room [OPTIONS] <NAME>

    Arguments:
      <NAME>  Its short name

    Options:
          --room <ROOM>          The room to use from now on, as the platform names it
          --platform <PLATFORM>  The platform of that room; left out, the one this is said on, or the only one
      -h, --help                 Print help

    $ vine repo set --help
    Set what its agents may do unasked, which hosts they reach, and which wall must stand

    Usage: vine repo set [OPTIONS] <NAME>

    Arguments:
      <NAME>  Its short name

    Options:
          --preset <PRESET>  read, edit, test, open, auto (Anthropic's classifier allows), or default
          --egress <RULE>    Hosts that agents reach: off, list (registries and those allowed) or open
          --allow <HOST>     A host that they may reach too, like example.org; may be said several times
          --refuse <HOST>    A host of the list that they may not reach any more
          --wall <WALL>      The least wall: bubblewrap, container, user, plain, or default
      -h, --help             Print help

    $ vine repo remove --help
    Forget a repository that has no open tasks; what was done in it stays

    Usage: vine repo remove <NAME>

    Arguments:
      <NAME>  Its short name

    Options:
      -h, --help  Print help

    $ vine repo list --help
    List repositories

    Usage: vine repo list

    Options:
      -h, --help  Print help

    $ vine repo show --help
    Show one repository

    Usage: vine repo show <NAME>

    Arguments:
      <NAME>  Its short name

    Options:
      -h, --help  Print help

    $ vine status --help
    Who waits for whom, in a few lines

    Usage: vine status

    Options:
      -h, --help  Print help

    $ vine whoami --help
    Who you are here and what you may do

    Usage: vine whoami

    Options:
      -h, --help  Print help
    "#);
    assert_snapshot!(served.shell(&["help"]).await, @"
    Say `/vine …`, `!vine …` or `@vine …` in chat, `vine …` in a shell:

    task new           Create a task; in chat, further lines are the prompt
    task list          List tasks, newest first
    task show          Show one task
    task cancel        Call a task off
    task retry         Run a failed or cancelled task again, or a queued one now
    task priority      Move a task to another lane
    task log           Show what happened, and the agent's own words
    task diff          Show what a task changed
    task push          Push what a worker keeps of a task and did not push by itself
    task explain       Why a task is where it is, and what happens next
    question list      List open questions, oldest first
    question show      Show one question whole
    question answer    Answer a question
    session list       List live sessions
    session show       Show one session
    session end        End a session; its task starts afresh if it runs again
    session keep       Keep a session, whatever the policies say
    worker list        List workers
    worker show        Show one worker
    worker drain       Let a worker finish what it has, and give it nothing new
    worker resume      Give a drained worker new work again
    worker limit       Bound a worker: how many agents at once, of which repositories; without options, lift the bounds
    worker remove      Forget workers and their tokens
    queue status       How deep each queue is
    queue pause        Start nothing new, everywhere or in one repository
    queue resume       Start new work again
    queue dead         List tasks that were set aside after failing
    queue replay       Run a dead task again, or many of them
    queue discard      Take a task off the list of dead ones, or many of them
    repo add           Add a repository, or correct the one of that name
    repo room          Show where a repository is talked about, or choose the room
    repo set           Set what its agents may do unasked, which hosts they reach, and which wall must stand
    repo remove        Forget a repository that has no open tasks; what was done in it stays
    repo list          List repositories
    repo show          Show one repository
    status             Who waits for whom, in a few lines
    whoami             Who you are here and what you may do
    help               How to say things

    Inside a task's thread the task's id may be left out; Slack has no `/vine` there, say `@vine …`. Reply to a question with a number, a label or your own words.
    ");
}

//! Help texts: the shell's, noun by noun and verb by verb, and the chat's.

use insta::assert_snapshot;

use super::served::Served;

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = commands.lines().take_while(|line| line.starts_with("  "));
    // Continued explanations are indented further.
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
    Run many headless Claude Code workers and answer their questions where your team already talks

    Usage: vine <COMMAND>

    Commands:
      up           Start the daemon, the page and local workers for this git repository
      daemon       Run the daemon
      worker       Run a worker, or view and manage workers
      migrate      Migrate the database and exit
      export       Export everything to a file, for import into another database
      import       Import a file from `vine export` into an empty database
      backup       Copy the SQLite database while the daemon keeps running
      doctor       Check this machine and its configuration
      setup        Connect to GitHub, GitLab or Forgejo: what to click, the token, its rights, webhooks
      config       Show or validate the configuration
      login        Print a one-time login link to the page
      token        Create, list and revoke API tokens and worker enrolment codes
      audit        Print all decisions and answers, and verify that they are unchanged
      answer       Answer open questions in the terminal, one after the other
      ask          Inside a task: ask people a question and print the answer
      note         Inside a task: post a message in its thread
      progress     Inside a task: report progress in its log
      show         Inside a task: show a file from its folder in the thread
      finish       Inside a task: set the final message; the task ends when your program does
      manifest     Print the Slack app manifest, to paste into "Create New App"
      completions  Print shell completions
      task         Create, view and manage tasks
      question     View and answer agents' questions
      session      View, keep and end agents' sessions
      queue        View and control the queues
      repo         Add, view and configure repositories
      status       Show what needs you, at a glance
      whoami       Show who you are here and what you are allowed to do
      help         Show this help, or that of a command

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Global options: --json prints JSON instead of text, --config FILE selects the configuration.

    Exit codes: 0 success, 1 failed or refused, 2 usage error, 3 not found, 4 not allowed, 5 daemon not reachable,
        6 no answer to `vine ask` in time.

    $ vine up --help
    Start the daemon, the page and local workers for this git repository

    Usage: vine up [OPTIONS]

    Options:
          --demo               Use a scratch repository with three tasks that ask questions
          --workers <WORKERS>  Number of local workers [default: 3]
          --state <STATE>      State folder (default: one for this repository under the user's state folder) [env: VINE_STATE=]
          --listen <LISTEN>    Address to serve on (default: LOOPBACK, or any free port)
          --insecure           Serve other machines without https, on a network that is yours alone
          --agent <AGENT>      Agent: claude or script (default: claude if it is found) [possible values: claude, script]
          --wall <WALL>        Wall around agents: bubblewrap, container, user or plain (default: the strongest available)
      -h, --help               Print help

    $ vine daemon --help
    Run the daemon

    Usage: vine daemon [OPTIONS]

    Options:
          --state <STATE>    State folder [env: VINE_STATE=]
          --listen <LISTEN>  Address to serve on
          --insecure         Serve other machines without https, on a network that is yours alone
      -h, --help             Print help

    $ vine worker --help
    Run a worker, or view and manage workers

    Usage: vine worker [OPTIONS]
           vine worker <COMMAND>

    Commands:
      list    List workers
      show    Show a worker
      drain   Let a worker finish its tasks, and give it no new ones
      resume  Give a drained worker new tasks again
      limit   Limit a worker's agents or repositories; without options, remove the limits
      remove  Remove workers and their tokens

    Options:
          --daemon <DAEMON>  Address of the daemon [env: VINE_DAEMON=http://LOOPBACK]
          --enrol <ENROL>    One-time code from `vine token enrolment`, for the first start [env: VINE_ENROL]
          --name <NAME>      Name of the worker (default: the host name)
          --slots <SLOTS>    Number of agents to run at once
          --state <STATE>    Folder for identity and worktrees [env: VINE_STATE=]
          --agent <AGENT>    Agent: claude or script (default: claude if it is found) [possible values: claude, script]
          --wall <WALL>      Wall around agents: bubblewrap, container, user or plain (default: the strongest available)
      -h, --help             Print help

    $ vine worker list --help
    List workers

    Usage: vine worker list

    Options:
      -h, --help  Print help

    $ vine worker show --help
    Show a worker

    Usage: vine worker show <WORKER>

    Arguments:
      <WORKER>  The worker's name

    Options:
      -h, --help  Print help

    $ vine worker drain --help
    Let a worker finish its tasks, and give it no new ones

    Usage: vine worker drain <WORKER>

    Arguments:
      <WORKER>  The worker's name

    Options:
      -h, --help  Print help

    $ vine worker resume --help
    Give a drained worker new tasks again

    Usage: vine worker resume <WORKER>

    Arguments:
      <WORKER>  The worker's name

    Options:
      -h, --help  Print help

    $ vine worker limit --help
    Limit a worker's agents or repositories; without options, remove the limits

    Usage: vine worker limit [OPTIONS] <WORKER>

    Arguments:
      <WORKER>  The worker's name

    Options:
          --slots <SLOTS>  Run at most this many agents at once
          --repo <REPO>    Run only tasks of this repository; repeatable
      -h, --help           Print help

    $ vine worker remove --help
    Remove workers and their tokens

    Usage: vine worker remove [OPTIONS] [WORKER]...

    Arguments:
      [WORKER]...  The workers' names

    Options:
          --offline            Remove all workers that are offline
          --confirm <CONFIRM>  The number of workers to remove; without it, they are only counted
      -h, --help               Print help

    $ vine migrate --help
    Migrate the database and exit

    Usage: vine migrate

    Options:
      -h, --help  Print help

    $ vine export --help
    Export everything to a file, for import into another database

    Usage: vine export <FILE>

    Arguments:
      <FILE>  The file to create

    Options:
      -h, --help  Print help

    $ vine import --help
    Import a file from `vine export` into an empty database

    Usage: vine import <FILE>

    Arguments:
      <FILE>  The file to import

    Options:
      -h, --help  Print help

    $ vine backup --help
    Copy the SQLite database while the daemon keeps running

    Usage: vine backup <FILE>

    Arguments:
      <FILE>  The file to create

    Options:
      -h, --help  Print help

    $ vine doctor --help
    Check this machine and its configuration

    Usage: vine doctor

    Options:
      -h, --help  Print help

    $ vine setup --help
    Connect to GitHub, GitLab or Forgejo: what to click, the token, its rights, webhooks

    Usage: vine setup [OPTIONS] <FORGE>

    Arguments:
      <FORGE>  github, gitlab or forgejo

    Options:
          --host <HOST>        The forge's host, as in the addresses of your repositories (default: the well-known one)
          --api-url <URL>      The address of its API, if it is not where the forge usually has it
          --token-file <FILE>  A file that holds the token and stays there (default: asked for, or from standard input)
          --repo <ADDRESS>     The address of a repository to try, repeatable (default: the daemon's repositories)
          --no-webhook         Do not have the forge send webhooks
      -h, --help               Print help

    $ vine config --help
    Show or validate the configuration

    Usage: vine config <COMMAND>

    Commands:
      example  Print the example configuration with comments
      check    Validate the configuration and explain what is wrong with it
      show     Print the configuration in effect, without secrets

    Options:
      -h, --help  Print help

    $ vine config example --help
    Print the example configuration with comments

    Usage: vine config example

    Options:
      -h, --help  Print help

    $ vine config check --help
    Validate the configuration and explain what is wrong with it

    Usage: vine config check

    Options:
      -h, --help  Print help

    $ vine config show --help
    Print the configuration in effect, without secrets

    Usage: vine config show

    Options:
      -h, --help  Print help

    $ vine login --help
    Print a one-time login link to the page

    Usage: vine login [OPTIONS]

    Options:
          --for <NAME>    Person in the configuration (default: you)
          --new-password  Also clear the password, so a new one can be set, and log out all browsers (admins only)
      -h, --help          Print help

    $ vine token --help
    Create, list and revoke API tokens and worker enrolment codes

    Usage: vine token <COMMAND>

    Commands:
      user       Create an API token for a program that acts as you
      enrolment  Create a one-time code to enrol a worker, valid for ten minutes
      list       List valid tokens with their last use
      revoke     Revoke one or more tokens

    Options:
      -h, --help  Print help

    $ vine token user --help
    Create an API token for a program that acts as you

    Usage: vine token user [OPTIONS]

    Options:
          --for <NAME>   Person in the configuration (default: you)
          --days <DAYS>  Days until it expires (default: 7)
      -h, --help         Print help

    $ vine token enrolment --help
    Create a one-time code to enrol a worker, valid for ten minutes

    Usage: vine token enrolment [OPTIONS]

    Options:
          --for <NAME>  Person in the configuration (default: you)
      -h, --help        Print help

    $ vine token list --help
    List valid tokens with their last use

    Usage: vine token list [OPTIONS]

    Options:
          --all   Include everyone's tokens (admins only)
      -h, --help  Print help

    $ vine token revoke --help
    Revoke one or more tokens

    Usage: vine token revoke <ID>...

    Arguments:
      <ID>...  Ids from `vine token list`

    Options:
      -h, --help  Print help

    $ vine audit --help
    Print all decisions and answers, and verify that they are unchanged

    Usage: vine audit [OPTIONS]

    Options:
          --since <TIME>  Start time, like 2026-11-28 or 2026-11-28T18:19:00Z
      -h, --help          Print help

    $ vine answer --help
    Answer open questions in the terminal, one after the other

    Usage: vine answer [QUESTION]

    Arguments:
      [QUESTION]  Only this question

    Options:
      -h, --help  Print help

    $ vine ask --help
    Inside a task: ask people a question and print the answer

    Usage: vine ask [OPTIONS] <QUESTION>...

    Arguments:
      <QUESTION>...  The question

    Options:
          --option <OPTION>  A choice to offer; people may also answer in their own words
          --multi            Allow several choices
      -h, --help             Print help

    $ vine note --help
    Inside a task: post a message in its thread

    Usage: vine note <WORDS>...

    Arguments:
      <WORDS>...  The text

    Options:
      -h, --help  Print help

    $ vine progress --help
    Inside a task: report progress in its log

    Usage: vine progress <WORDS>...

    Arguments:
      <WORDS>...  The text

    Options:
      -h, --help  Print help

    $ vine show --help
    Inside a task: show a file from its folder in the thread

    Usage: vine show <FILE>

    Arguments:
      <FILE>  The file to show

    Options:
      -h, --help  Print help

    $ vine finish --help
    Inside a task: set the final message; the task ends when your program does

    Usage: vine finish <WORDS>...

    Arguments:
      <WORDS>...  The text

    Options:
      -h, --help  Print help

    $ vine manifest --help
    Print the Slack app manifest, to paste into "Create New App"

    Usage: vine manifest <PLATFORM>

    Arguments:
      <PLATFORM>
              The platform

              Possible values:
              - slack: api.slack.com/apps

    Options:
      -h, --help
              Print help (see a summary with '-h')

    $ vine completions --help
    Print shell completions

    Usage: vine completions <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -h, --help  Print help

    $ vine task --help
    Create, view and manage tasks

    Usage: vine task <COMMAND>

    Commands:
      new       Create a task; in chat, the lines that follow are the prompt
      list      List tasks, newest first
      show      Show a task
      cancel    Cancel a task
      retry     Run a failed or cancelled task again, or a queued one now
      continue  Continue a task that is over, on its branch and in its session
      priority  Move a task to another lane
      log       Show a task's log: what happened, and the agent's output
      diff      Show what a task changed
      push      Push work that a worker has kept unpushed
      request   Show a task's pull request, or open, close or update it
      merge     Merge a task's pull request
      fix-up    Let the agent fix what the checks and reviews of its pull request found
      explain   Explain a task's state and what happens next

    Options:
      -h, --help  Print help

    $ vine task new --help
    Create a task; in chat, the lines that follow are the prompt

    Usage: vine task new [OPTIONS] <TITLE>...

    Arguments:
      <TITLE>...  The task's title; also the prompt if none is given

    Options:
          --prompt <PROMPT>  What the agent should do
          --repo <REPO>      The repository; optional if there is only one
          --base <BASE>      The branch to start from (default: the repository's base branch)
          --after <TASK>     Start from the branch of this task once it is done, like T-7
          --branch <BRANCH>  The branch to commit to (default: `vine/T-<number>-<title>`)
          --priority <LANE>  The priority: high, default or low [default: default]
          --model <MODEL>    The model that the agent uses, like opus (default: the repository's, or the agent's own)
          --effort <EFFORT>  How much the agent thinks: low, medium, high, xhigh or max
          --key <TEXT>       Idempotency key: creating again with the same key returns the first task
      -h, --help             Print help

    $ vine task list --help
    List tasks, newest first

    Usage: vine task list [OPTIONS]

    Options:
          --state <STATE>  Show only tasks in this state [possible values: queued, running, waiting, done, failed, cancelled]
          --repo <REPO>    Show only tasks of this repository
          --limit <LIMIT>  Show at most this many entries [default: 50]
      -h, --help           Print help

    $ vine task show --help
    Show a task

    Usage: vine task show [TASK]

    Arguments:
      [TASK]  The task, like T-142; optional inside its thread

    Options:
      -h, --help  Print help

    $ vine task cancel --help
    Cancel a task

    Usage: vine task cancel [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --round <NUMBER>  Only if it is in this round, like 2; one that has not begun is taken back
      -h, --help            Print help

    $ vine task retry --help
    Run a failed or cancelled task again, or a queued one now

    Usage: vine task retry [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
      -h, --help  Print help

    $ vine task continue --help
    Continue a task that is over, on its branch and in its session

    Usage: vine task continue <TEXT>...

    Arguments:
      <TEXT>...  The task, like T-142 (optional inside its thread), and what to do next

    Options:
      -h, --help  Print help

    $ vine task priority --help
    Move a task to another lane

    Usage: vine task priority <LANE> [TASK]

    Arguments:
      <LANE>  The priority: high, default or low
      [TASK]  The task, like T-142

    Options:
      -h, --help  Print help

    $ vine task log --help
    Show a task's log: what happened, and the agent's output

    Usage: vine task log [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --limit <LIMIT>  Show at most this many entries [default: 50]
      -h, --help           Print help

    $ vine task diff --help
    Show what a task changed

    Usage: vine task diff [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --round <NUMBER>  Only this round, like 2 (default: the latest)
      -h, --help            Print help

    $ vine task push --help
    Push work that a worker has kept unpushed

    Usage: vine task push [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --leave  Leave the work on its worker instead, and stop asking about it
      -h, --help   Print help

    $ vine task request --help
    Show a task's pull request, or open, close or update it

    Usage: vine task request [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --open    Open one, if the repository does not do that by itself
          --close   Close it without merging it
          --update  Merge its base into its branch
      -h, --help    Print help

    $ vine task merge --help
    Merge a task's pull request

    Usage: vine task merge [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --method <METHOD>   How: merge, squash or rebase (default: as its repository says)
          --when-checks-pass  As soon as its checks pass, not immediately
          --head <COMMIT>     Only if this is the commit at its head, or how that begins
      -h, --help              Print help

    $ vine task fix-up --help
    Let the agent fix what the checks and reviews of its pull request found

    Usage: vine task fix-up [TASK] [FINDING]

    Arguments:
      [TASK]     The task, like T-142
      [FINDING]  Only this finding, by its number (default: all that are open)

    Options:
      -h, --help  Print help

    $ vine task explain --help
    Explain a task's state and what happens next

    Usage: vine task explain [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
      -h, --help  Print help

    $ vine question --help
    View and answer agents' questions

    Usage: vine question <COMMAND>

    Commands:
      list    List open questions, oldest first
      show    Show a question
      answer  Answer a question

    Options:
      -h, --help  Print help

    $ vine question list --help
    List open questions, oldest first

    Usage: vine question list [OPTIONS]

    Options:
          --limit <LIMIT>  Show at most this many entries [default: 50]
      -h, --help           Print help

    $ vine question show --help
    Show a question

    Usage: vine question show <QUESTION>

    Arguments:
      <QUESTION>  The question, like Q-17

    Options:
      -h, --help  Print help

    $ vine question answer --help
    Answer a question

    Usage: vine question answer <QUESTION> <TEXT>...

    Arguments:
      <QUESTION>  The question, like Q-17
      <TEXT>...   A number, a label or your own words (in a shell, `-` or `--file FILE` reads them)

    Options:
      -h, --help  Print help

    $ vine session --help
    View, keep and end agents' sessions

    Usage: vine session <COMMAND>

    Commands:
      list  List live sessions
      show  Show a session
      end   End a session; if its task runs again, it starts a new one
      keep  Keep a session, regardless of the session policies

    Options:
      -h, --help  Print help

    $ vine session list --help
    List live sessions

    Usage: vine session list [OPTIONS]

    Options:
          --all            Include ended sessions
          --limit <LIMIT>  Show at most this many entries [default: 50]
      -h, --help           Print help

    $ vine session show --help
    Show a session

    Usage: vine session show <SESSION>

    Arguments:
      <SESSION>  The session's UUID

    Options:
      -h, --help  Print help

    $ vine session end --help
    End a session; if its task runs again, it starts a new one

    Usage: vine session end <SESSION>

    Arguments:
      <SESSION>  The session's UUID

    Options:
      -h, --help  Print help

    $ vine session keep --help
    Keep a session, regardless of the session policies

    Usage: vine session keep <SESSION>

    Arguments:
      <SESSION>  The session's UUID

    Options:
      -h, --help  Print help

    $ vine queue --help
    View and control the queues

    Usage: vine queue <COMMAND>

    Commands:
      status   Show the depth of each queue
      pause    Start no new tasks, everywhere or in one repository
      resume   Resume starting tasks, everywhere or in one repository
      dead     List dead letters: tasks that failed for good
      replay   Run a dead letter again, or many of them
      discard  Discard a dead letter, or many of them

    Options:
      -h, --help  Print help

    $ vine queue status --help
    Show the depth of each queue

    Usage: vine queue status

    Options:
      -h, --help  Print help

    $ vine queue pause --help
    Start no new tasks, everywhere or in one repository

    Usage: vine queue pause [OPTIONS]

    Options:
          --repo <REPO>  Only this repository
      -h, --help         Print help

    $ vine queue resume --help
    Resume starting tasks, everywhere or in one repository

    Usage: vine queue resume [OPTIONS]

    Options:
          --repo <REPO>  Only this repository
      -h, --help         Print help

    $ vine queue dead --help
    List dead letters: tasks that failed for good

    Usage: vine queue dead [OPTIONS]

    Options:
          --limit <LIMIT>  Show at most this many entries [default: 50]
      -h, --help           Print help

    $ vine queue replay --help
    Run a dead letter again, or many of them

    Usage: vine queue replay [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --all                Select all dead letters that match the other filters
          --repo <REPO>        Select only those of this repository
          --kind <KIND>        Select only those with this kind of failure, like git
          --confirm <CONFIRM>  The number of tasks to change; without it, they are only counted
      -h, --help               Print help

    $ vine queue discard --help
    Discard a dead letter, or many of them

    Usage: vine queue discard [OPTIONS] [TASK]

    Arguments:
      [TASK]  The task, like T-142

    Options:
          --all                Select all dead letters that match the other filters
          --repo <REPO>        Select only those of this repository
          --kind <KIND>        Select only those with this kind of failure, like git
          --confirm <CONFIRM>  The number of tasks to change; without it, they are only counted
      -h, --help               Print help

    $ vine repo --help
    Add, view and configure repositories

    Usage: vine repo <COMMAND>

    Commands:
      add     Add a repository, or update the one with this name
      room    Show the rooms of a repository, or choose one
      set     Set what agents may do and reach, their wall and model, and pull requests
      remove  Remove a repository that has no open tasks; its history stays
      list    List repositories
      show    Show a repository

    Options:
      -h, --help  Print help

    $ vine repo add --help
    Add a repository, or update the one with this name

    Usage: vine repo add [OPTIONS] <NAME> <SOURCE>

    Arguments:
      <NAME>    The repository's short name
      <SOURCE>  An absolute path on the workers' machines, or a URL

    Options:
          --base <BASE>  The branch that tasks start from (default: the repository's default branch)
          --trusted      Let the repository's own agent settings, hooks and MCP servers run
          --encrypted    Create its rooms with end-to-end encryption; this cannot be undone
          --push <RULE>  Push without asking: all, branches (all; unfinished work to branches), done or never (default: all)
      -h, --help         Print help

    $ vine repo room --help
    Show the rooms of a repository, or choose one

    Usage: vine repo room [OPTIONS] <NAME>

    Arguments:
      <NAME>  The repository's short name

    Options:
          --room <ROOM>          The room to use, as the platform names it
          --platform <PLATFORM>  The room's platform (default: the one this is sent on, or the only one)
          --progress <ON>        Whether its cards show what agents are at [possible values: on, off]
      -h, --help                 Print help

    $ vine repo set --help
    Set what agents may do and reach, their wall and model, and pull requests

    Usage: vine repo set [OPTIONS] <NAME>

    Arguments:
      <NAME>  The repository's short name

    Options:
          --preset <PRESET>     The preset: read, edit, test, open, auto (Anthropic's classifier decides) or default
          --egress <RULE>       Hosts that agents may reach: off, list (registries and allowed hosts) or open
          --allow <HOST>        A host to add to the list, like example.org; repeatable
          --refuse <HOST>       A host to remove from the list; repeatable
          --wall <WALL>         The minimum wall: bubblewrap, container, user, plain or default
          --model <MODEL>       The model that agents use, like opus, or default
          --effort <EFFORT>     How much agents think: low, medium, high, xhigh, max or default
          --followups <RULE>    What continues a task that is over: mention (words to the bot), or words (any request in its thread)
          --requests <RULE>     Open a pull request for finished work: off, draft or ready
          --labels <NAMES>      The labels of its pull requests, with commas between them; empty for none
          --reviewers <NAMES>   Who reviews its pull requests, by their names on the forge; empty for nobody
          --assignees <NAMES>   Whom its pull requests are assigned to, by their names on the forge; empty for nobody
          --merge <METHOD>      How its pull requests are merged: merge, squash or rebase
          --fix-checks <TIMES>  How often failed checks start a round by themselves: 0 to 5
          --branches <PATTERN>  The names of its branches, like agents/{id}-{title}, or default
          --trailers <LINES>    The last lines of its commits, like "Refs: {id}", with ; between them, or default
      -h, --help                Print help

    $ vine repo remove --help
    Remove a repository that has no open tasks; its history stays

    Usage: vine repo remove <NAME>

    Arguments:
      <NAME>  The repository's short name

    Options:
      -h, --help  Print help

    $ vine repo list --help
    List repositories

    Usage: vine repo list

    Options:
      -h, --help  Print help

    $ vine repo show --help
    Show a repository

    Usage: vine repo show <NAME>

    Arguments:
      <NAME>  The repository's short name

    Options:
      -h, --help  Print help

    $ vine status --help
    Show what needs you, at a glance

    Usage: vine status

    Options:
      -h, --help  Print help

    $ vine whoami --help
    Show who you are here and what you are allowed to do

    Usage: vine whoami

    Options:
      -h, --help  Print help
    "#);
    assert_snapshot!(served.shell(&["help"]).await, @r#"
    Run many headless Claude Code workers and answer their questions where your team already talks

    Usage: vine <COMMAND>

    Commands:
      up           Start the daemon, the page and local workers for this git repository
      daemon       Run the daemon
      worker       Run a worker, or view and manage workers
      migrate      Migrate the database and exit
      export       Export everything to a file, for import into another database
      import       Import a file from `vine export` into an empty database
      backup       Copy the SQLite database while the daemon keeps running
      doctor       Check this machine and its configuration
      setup        Connect to GitHub, GitLab or Forgejo: what to click, the token, its rights, webhooks
      config       Show or validate the configuration
      login        Print a one-time login link to the page
      token        Create, list and revoke API tokens and worker enrolment codes
      audit        Print all decisions and answers, and verify that they are unchanged
      answer       Answer open questions in the terminal, one after the other
      ask          Inside a task: ask people a question and print the answer
      note         Inside a task: post a message in its thread
      progress     Inside a task: report progress in its log
      show         Inside a task: show a file from its folder in the thread
      finish       Inside a task: set the final message; the task ends when your program does
      manifest     Print the Slack app manifest, to paste into "Create New App"
      completions  Print shell completions
      task         Create, view and manage tasks
      question     View and answer agents' questions
      session      View, keep and end agents' sessions
      queue        View and control the queues
      repo         Add, view and configure repositories
      status       Show what needs you, at a glance
      whoami       Show who you are here and what you are allowed to do
      help         Show this help, or that of a command

    Options:
      -h, --help
              Print help

      -V, --version
              Print version

    Global options: --json prints JSON instead of text, --config FILE selects the configuration.

    Exit codes: 0 success, 1 failed or refused, 2 usage error, 3 not found, 4 not allowed, 5 daemon not reachable,
        6 no answer to `vine ask` in time.
    "#);
}

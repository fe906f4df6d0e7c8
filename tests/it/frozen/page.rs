//! Each screen of the page as text: words, buttons and fields.

use insta::assert_snapshot;

use super::{
    day,
    served::Served,
    text::{Names, of_html},
};
use crate::harness::visitor::Browser;

/// A screen's words.
async fn screen(browser: &Browser, path: &str) -> String {
    Names::default().redact(&of_html(&browser.page(path).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_screens() {
    let served = Served::begin().await;
    let day = &served.day;
    day.choice_and_done().await;
    day.failures().await;
    day.dead().await;
    day.open("Choose one", day::plants()).await;
    day.open("Answer twice", day::several()).await;
    day.open("Allow it", day::permission()).await;
    day.open("Approve it", day::plan()).await;
    day.task("Wait for a slot").await;
    let browser = served.browser().await;
    assert_snapshot!(screen(&browser, "/").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # 4 waiting for an answer, the oldest for 0 s
    T-4 Choose one · Q-2 · clarify · just now
    Plant: Which plant should the hedge be of?
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    [Yew] [Hornbeam]
    <textarea In your own words>
    [Send]
    T-5 Answer twice · Q-3 · clarify · just now
    Plant: Which plant should the hedge be of?
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    Tools: Which tools may be bought?
    Several may be chosen:
    Spade
    Rake
    Shears
    <textarea One line for each question; Ctrl+Enter sends>
    [Send]
    T-6 Allow it · Q-4 · permission · just now
    May it use Bash?
    npm test -- --watch=false
    Why, as the agent says:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, on whatever files and addresses follow it
    [Allow once] [Allow for this session] [Deny]
    <textarea In your own words>
    [Send]
    T-7 Approve it · Q-5 · plan · just now
    Is this plan good?
    ## Plan
    Dig
    Plant two rows
    make water
    [Approve]
    <textarea In your own words>
    [Send]
    ## Tasks
    Task State Title Branch
    T-8 Queued Wait for a slot vine/T-8-wait-for-a-slot
    T-7 Waits for an answer Approve it vine/T-7-approve-it
    T-6 Waits for an answer Allow it vine/T-6-allow-it
    T-5 Waits for an answer Answer twice vine/T-5-answer-twice
    T-4 Waits for an answer Choose one vine/T-4-choose-one
    T-3 Failed Work on nothing vine/T-3-work-on-nothing
    T-2 Cancelled by Ann Fail again and again vine/T-2-fail-again-and-again
    T-1 Done Plant a hedge vine/T-1-plant-a-hedge
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    [Create]
    ## Workers
    OFFLINE w 4 of 50 T-4 T-5 T-6
    ## Queues
    high_priority 0
    default 1
    low_priority 0
    worker_requests 4
    controller_responses 0
    dead 1
    Dead letters
    ## Sessions
    active T-4 begun just now, 12 % full, while its task goes on
    active T-5 begun just now, 12 % full, while its task goes on
    active T-6 begun just now, 12 % full, while its task goes on
    active T-7 begun just now, 12 % full, while its task goes on
    ## How it goes
    Last 24 hours: 1 finished, 4 failed (80 %); people answered within 0 s, nearly always within 0 s
    Finished, failed on top
    24 hours agonow
    Time to answer, each step is twice as long
    24 hours agonow
    Last 7 days: 1 finished, 4 failed (80 %); people answered within 0 s, nearly always within 0 s
    Finished, failed on top
    7 days agonow
    Time to answer, each step is twice as long
    7 days agonow
    ## Spent in 30 days
    By repository, person and day
    Repository Cost
    site 3 turns, 12345 tokens in, 678 out, about $0.12
    Person Cost
    Ann 3 turns, 12345 tokens in, 678 out, about $0.12
    Day Cost
    2027-01-15 3 turns, 12345 tokens in, 678 out, about $0.12
    ## Command line
    /vine <input help>
    [Run]
    ");
    assert_snapshot!(screen(&browser, "/tasks").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Tasks
    State <select state> | any | queued | running | waiting | done | failed | cancelled | dead
    Repository <select repo> | any | shop | site
    Words <input title, branch or T-…>
    [Show]
    Task State Title Branch
    T-8 Queued Wait for a slot vine/T-8-wait-for-a-slot
    T-7 Waits for an answer Approve it vine/T-7-approve-it
    T-6 Waits for an answer Allow it vine/T-6-allow-it
    T-5 Waits for an answer Answer twice vine/T-5-answer-twice
    T-4 Waits for an answer Choose one vine/T-4-choose-one
    T-3 Failed Work on nothing vine/T-3-work-on-nothing
    T-2 Cancelled by Ann Fail again and again vine/T-2-fail-again-and-again
    T-1 Done Plant a hedge vine/T-1-plant-a-hedge
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    [Create]
    ");
    assert_snapshot!(screen(&browser, "/tasks/T-1").await, @r#"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # T-1 Plant a hedge
    Done site · vine/T-1-plant-a-hedge from main · asked by Ann · default
    Session uuid-1 · attempt 1
    vine 2027-01-15 08:00 UTC
    Q-1 for Ann · Plant a hedge · site · vine/T-1-plant-a-hedge
    The garden has no hedge yet.
    Two plants grow well here.
    Plant: Which plant should the hedge be of?
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    Or reply with a number or label, or in your own words. Role answerer or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-1
    Q-1 Ann answered in matrix at 2027-01-15 08:00 UTC: Hornbeam
    Ann 2027-01-15 08:00 UTC
    2
    vine 2027-01-15 08:00 UTC
    T-1 is done.
    The hedge is planted.
    Commit 0123456789ab on vine/T-1-plant-a-hedge:
    hedge.md | 2 ++
    1 file changed, 2 insertions(+)
    3 turns, 12345 tokens in, 678 out, about $0.12
    <textarea A note to the agent, or /vine task cancel>
    [Send]
    Ways of the questions
    Question Station When After
    Q-1 asked 2027-01-15 08:00 UTC
    answered 2027-01-15 08:00 UTC 0.00 s
    delivered 2027-01-15 08:00 UTC 0.00 s
    Attempts
    Attempt Worker Begun Took Ended Cost
    1 w 2027-01-15 08:00 UTC 0 s done 3 turns, 12345 tokens in, 678 out, about $0.12
    Log, 1 attempt
    2027-01-15T08:00:00.000Z created by Ann
    2027-01-15T08:00:00.000Z attempt 1 claimed by w
    2027-01-15T08:00:00.000Z Looking at the garden
    2027-01-15T08:00:00.000Z asked Q-1: Which plant should the hedge be of?
    2027-01-15T08:00:00.000Z Q-1 answered by Ann: Hornbeam
    2027-01-15T08:00:00.000Z the agent has the answer to Q-1
    2027-01-15T08:00:00.000Z done
    Diff
    diff --git a/hedge.md b/hedge.md
    +Hornbeam
    +Two rows
    As JSON
    {
    "attempt": 1,
    "base": "main",
    "branch": "vine/T-1-plant-a-hedge",
    "created": "2027-01-15T08:00:00.000Z",
    "failures": 0,
    "id": "T-1",
    "priority": "default",
    "prompt": "Plant a hedge",
    "repo": "site",
    "report": {
    "branch": "vine/T-1-plant-a-hedge",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "denied": [],
    "diffstat": " hedge.md | 2 ++\n 1 file changed, 2 insertions(+)\n",
    "summary": "The hedge is planted.",
    "usage": {
    "cost_microdollars": 123456,
    "input_tokens": 12345,
    "output_tokens": 678,
    "turns": 3
    }
    },
    "requester": "Ann",
    "state": "done",
    "title": "Plant a hedge",
    "updated": "2027-01-15T08:00:00.000Z"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-2").await, @r#"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # T-2 Fail again and again
    Cancelled by Ann site · vine/T-2-fail-again-and-again from main · asked by Ann · default
    vine 2027-01-15 08:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 08:00 UTC
    An attempt failed. the agent ended with exit code 1: out of paper
    It is tried again in 30 s.
    vine 2027-01-15 09:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 09:00 UTC
    An attempt failed. the agent ended with exit code 1: out of paper
    It is tried again in 59 s.
    vine 2027-01-15 10:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 10:00 UTC
    T-2 failed. the agent ended with exit code 1: out of paper
    See task log for its last words, then task retry.
    vine 2027-01-15 11:00 UTC
    Ann starts T-2 again.
    vine 2027-01-15 11:00 UTC
    T-2 was cancelled by Ann.
    <textarea A note to the agent, or /vine task cancel>
    [Send]
    Attempts
    Attempt Worker Begun Took Ended Cost
    1 w 2027-01-15 08:00 UTC 0 s failed
    2 w 2027-01-15 09:00 UTC 0 s failed
    3 w 2027-01-15 10:00 UTC 0 s failed
    Log, 3 attempts
    2027-01-15T08:00:00.000Z created by Ann
    2027-01-15T08:00:00.000Z attempt 1 claimed by w
    2027-01-15T08:00:00.000Z The session is gone; starting afresh.
    2027-01-15T08:00:00.000Z failed: the agent ended with exit code 1: out of paper
    2027-01-15T09:00:00.000Z attempt 2 claimed by w
    2027-01-15T09:00:00.000Z The session is gone; starting afresh.
    2027-01-15T09:00:00.000Z failed: the agent ended with exit code 1: out of paper
    2027-01-15T10:00:00.000Z attempt 3 claimed by w
    2027-01-15T10:00:00.000Z The session is gone; starting afresh.
    2027-01-15T10:00:00.000Z failed: the agent ended with exit code 1: out of paper
    2027-01-15T11:00:00.000Z retried by Ann
    2027-01-15T11:00:00.000Z cancelled by Ann
    As JSON
    {
    "attempt": 3,
    "base": "main",
    "branch": "vine/T-2-fail-again-and-again",
    "cancelled_by": "Ann",
    "created": "2027-01-15T08:00:00.000Z",
    "failures": 0,
    "id": "T-2",
    "priority": "default",
    "prompt": "Fail again and again",
    "repo": "site",
    "requester": "Ann",
    "state": "cancelled",
    "title": "Fail again and again",
    "updated": "2027-01-15T11:00:00.000Z"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-4").await, @r#"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # T-4 Choose one
    Waits for an answer site · vine/T-4-choose-one from main · asked by Ann · default
    Session uuid-1 · attempt 1
    vine 2027-01-15 11:00 UTC
    Q-2 for Ann · Choose one · site · vine/T-4-choose-one
    Plant: Which plant should the hedge be of?
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    Or reply with a number or label, or in your own words. Role answerer or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-4
    Answer Q-2 just now
    [Yew] [Hornbeam]
    <textarea In your own words>
    [Send]
    <textarea An answer, or /vine task cancel>
    [Send]
    Ways of the questions
    Question Station When After
    Q-2 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Attempts
    Attempt Worker Begun Took Ended Cost
    1 w 2027-01-15 11:00 UTC at work
    Log, 1 attempt
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-2: Which plant should the hedge be of?
    As JSON
    {
    "attempt": 1,
    "base": "main",
    "branch": "vine/T-4-choose-one",
    "claimed": "2027-01-15T11:00:00.000Z",
    "created": "2027-01-15T11:00:00.000Z",
    "failures": 0,
    "id": "T-4",
    "lease_until": "2027-01-15T11:01:00.000Z",
    "priority": "default",
    "prompt": "Choose one",
    "repo": "site",
    "requester": "Ann",
    "state": "waiting",
    "title": "Choose one",
    "updated": "2027-01-15T11:00:00.000Z",
    "worker": "uuid-2"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-6").await, @r#"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # T-6 Allow it
    Waits for an answer site · vine/T-6-allow-it from main · asked by Ann · default
    Session uuid-1 · attempt 1
    vine 2027-01-15 11:00 UTC
    Q-4 for Ann · Allow it · site · vine/T-6-allow-it
    May it use Bash?
    npm test -- --watch=false
    Why, as the agent says:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, on whatever files and addresses follow it
    Or reply yes, always (this session) or no, because …. Role operator or higher may answer. Reminds after 30 min; after 24 h the agent hears that nobody answered · https://vine.example.org/tasks/T-6
    Answer Q-4 just now
    [Allow once] [Allow for this session] [Deny]
    <textarea In your own words>
    [Send]
    <textarea An answer, or /vine task cancel>
    [Send]
    Ways of the questions
    Question Station When After
    Q-4 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Attempts
    Attempt Worker Begun Took Ended Cost
    1 w 2027-01-15 11:00 UTC at work
    Log, 1 attempt
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-4: May it use Bash: npm test -- --watch=false
    As JSON
    {
    "attempt": 1,
    "base": "main",
    "branch": "vine/T-6-allow-it",
    "claimed": "2027-01-15T11:00:00.000Z",
    "created": "2027-01-15T11:00:00.000Z",
    "failures": 0,
    "id": "T-6",
    "lease_until": "2027-01-15T11:01:00.000Z",
    "priority": "default",
    "prompt": "Allow it",
    "repo": "site",
    "requester": "Ann",
    "state": "waiting",
    "title": "Allow it",
    "updated": "2027-01-15T11:00:00.000Z",
    "worker": "uuid-2"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-7").await, @r#"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # T-7 Approve it
    Waits for an answer site · vine/T-7-approve-it from main · asked by Ann · default
    Session uuid-1 · attempt 1
    vine 2027-01-15 11:00 UTC
    Q-5 for Ann · Approve it · site · vine/T-7-approve-it
    Is this plan good?
    ## Plan
    Dig
    Plant two rows
    make water
    Or reply approve, or say what to change in a sentence (or send back: …). Role answerer or higher may answer. Reminds after 30 min; after 7 days the agent hears that nobody answered · https://vine.example.org/tasks/T-7
    Answer Q-5 just now
    [Approve]
    <textarea In your own words>
    [Send]
    <textarea An answer, or /vine task cancel>
    [Send]
    Ways of the questions
    Question Station When After
    Q-5 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Attempts
    Attempt Worker Begun Took Ended Cost
    1 w 2027-01-15 11:00 UTC at work
    Log, 1 attempt
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-5: Is this plan good: ## Plan
    As JSON
    {
    "attempt": 1,
    "base": "main",
    "branch": "vine/T-7-approve-it",
    "claimed": "2027-01-15T11:00:00.000Z",
    "created": "2027-01-15T11:00:00.000Z",
    "failures": 0,
    "id": "T-7",
    "lease_until": "2027-01-15T11:01:00.000Z",
    "priority": "default",
    "prompt": "Approve it",
    "repo": "site",
    "requester": "Ann",
    "state": "waiting",
    "title": "Approve it",
    "updated": "2027-01-15T11:00:00.000Z",
    "worker": "uuid-2"
    }
    "#);
    assert_snapshot!(screen(&browser, "/workers").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Workers
    Worker State At work Slots Wall Heard of Version Actions
    w OFFLINE
    T-4 Choose one
    T-5 Answer twice
    T-6 Allow it
    T-7 Approve it
    4 of 50 3 h ago test
    [Drain]
    ");
    assert_snapshot!(screen(&browser, "/sessions").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Sessions
    Session Task Worker State Begun Used Context Further tasks Kept Actions
    uuid-1
    claude 2.1.330 T-4 w active just now just now 12 % 0 while its task goes on
    [Keep]
    [End]
    uuid-2
    claude 2.1.330 T-5 w active just now just now 12 % 0 while its task goes on
    [Keep]
    [End]
    uuid-3
    claude 2.1.330 T-6 w active just now just now 12 % 0 while its task goes on
    [Keep]
    [End]
    uuid-4
    claude 2.1.330 T-7 w active just now just now 12 % 0 while its task goes on
    [Keep]
    [End]
    ");
    assert_snapshot!(screen(&browser, "/numbers").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Numbers
    Of the last day; sessions of all time. /metrics has them, and more, for Prometheus.
    ## System
    Workers up
    0 %
    Queue depth
    high_priority 0 · default 1 · low_priority 0 · worker_requests 4 · controller_responses 0 · dead 1
    From claim to done
    0 s
    Failed tasks
    80 %
    ## Sessions
    Active
    4
    Lived, on average
    0 s
    Used again
    0 %
    Ended
    0 idle, 1 with their task, 0 otherwise
    ## Talk
    Questions in an hour
    0.2
    People answer after
    0 s (median), 95 % within 0 s
    Messages for a task
    8.0
    ## Work
    Tasks done in an hour
    0.0
    From created to claimed
    0 s
    Workers at work
    0 %
    ");
    assert_snapshot!(screen(&browser, "/queues").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Queues
    high_priority 0
    default 1
    low_priority 0
    worker_requests 4
    controller_responses 0
    dead 1
    ## Claiming
    Where State Actions
    everywhere open
    [Pause]
    shop open
    [Pause]
    site open
    [Pause]
    ## Dead letters
    Task Failed Why Actions
    T-3 Work on nothing just now the base branch `main` does not exist
    Create the branch, or make a new task with `--base`.
    [Replay]
    [Discard]
    ");
    assert_snapshot!(screen(&browser, "/questions").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Questions
    ## Open, oldest first
    Question Task Asked What State Answer
    Q-2
    clarify T-4 just now Which plant should the hedge be of? open
    for 0 s
    Q-3
    clarify T-5 just now Which plant should the hedge be of? open
    for 0 s
    Q-4
    permission T-6 just now May it use Bash: npm test -- --watch=false open
    for 0 s
    Q-5
    plan T-7 just now Is this plan good: ## Plan open
    for 0 s
    ## Closed, latest first
    Question Task Asked What State Answer
    Q-1
    clarify T-1 3 h ago Which plant should the hedge be of? delivered
    after 0 s Hornbeam Ann, matrix
    ");
    assert_snapshot!(screen(&browser, "/audit").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Audit
    The latest 12 decisions. Looking at things is not among them.
    When Who What To what Decision
    just now root (console) log in with a link allowed: known
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate a new task allowed: operator
    just now Ann (matrix) operate T-2 (Cancel) allowed: operator
    just now Ann (matrix) operate T-2 (Retry) allowed: operator
    3 h ago Ann (matrix) operate a new task allowed: operator
    3 h ago Ann (matrix) answer Q-1: Hornbeam: Which plant should the hedge be of? allowed: operator
    3 h ago Ann (matrix) operate a new task allowed: operator
    ");
    assert_snapshot!(screen(&browser, "/settings").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Settings
    AgentVine 0.1.0, at https://vine.example.org. They stand in vine.toml; vine config check explains what is wrong with it.
    ## Your password
    Set a password, to log in without a link
    The present one, if you have one <input old>
    The new one, 15 characters or more <input new>
    [Set]
    Your other browsers are logged out.
    ## Open questions
    First reminder
    after 30 min, then each time the wait has doubled
    Call for more people
    after 4 h, to operator
    Given up
    after 7 days; permissions after 24 h
    One digest instead of reminders
    from 3 open questions in a room
    ## Sessions
    Used for further tasks
    yes
    Ended
    60 min after it began, or after 30 min without use
    Not used again
    when it fills more than 60 % of its context
    An answered task waits for its worker
    10 min
    ## Repositories
    Name Source Base Rooms Trusted Agents
    shop /srv/shop main
    chat shop
    no
    Preset default, egress list
    Change
    Unasked, its agents may <select preset> | default | read | edit | test | open | auto
    They reach <select egress> | off | list | open
    The least wall <select wall> | default | plain | user | container | bubblewrap
    One more host that they reach <input docs.example.org>
    One host less <input refuse>
    [Set]
    site /srv/site main
    chat site
    no
    Preset default, egress list
    Change
    Unasked, its agents may <select preset> | default | read | edit | test | open | auto
    They reach <select egress> | off | list | open
    The least wall <select wall> | default | plain | user | container | bubblewrap
    One more host that they reach <input docs.example.org>
    One host less <input refuse>
    [Set]
    ## People
    Name Role In repositories Known as
    Ann operator
    matrix @ann:example.org
    Vic viewer
    matrix @vic:example.org
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_screens_of_an_empty_place_and_of_strangers() {
    let served = Served::begin().await;
    let browser = served.browser().await;
    for path in [
        "/",
        "/tasks",
        "/workers",
        "/sessions",
        "/queues",
        "/numbers",
        "/questions",
    ] {
        let text = screen(&browser, path).await;
        assert!(!text.is_empty(), "{path}");
    }
    assert_snapshot!(screen(&browser, "/").await, @"
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    root
    [Log out]
    # Nobody waits for an answer
    ## Tasks
    None yet.
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    [Create]
    ## Workers
    IDLE w 0 of 50
    ## Queues
    high_priority 0
    default 0
    low_priority 0
    worker_requests 0
    controller_responses 0
    dead 0
    ## How it goes
    Last 24 hours: nothing finished; nobody answered a question
    Last 7 days: nothing finished; nobody answered a question
    ## Command line
    /vine <input help>
    [Run]
    ");
    let mut text = String::new();
    for path in ["/login", "/login?code=spent", "/tasks/T-99", "/nowhere"] {
        let (status, html) = served.get(path).await;
        text.push_str(&format!("GET {path} => {status}\n{}\n\n", of_html(&html)));
    }
    assert_snapshot!(text.trim_end(), @"
    GET /login => 200
    AgentVine
    # Log in
    You are not logged in.
    Name <input name>
    Password <input password>
    [Log in]
    No password, or forgotten? On the machine where AgentVine runs, this prints a link that works once; an administrator makes one for others.
    vine login
    vine login --for NAME
    vine login --for NAME --new-password

    GET /login?code=spent => 401
    AgentVine
    # Log in
    This link was used before, or is older than ten minutes.
    Name <input name>
    Password <input password>
    [Log in]
    No password, or forgotten? On the machine where AgentVine runs, this prints a link that works once; an administrator makes one for others.
    vine login
    vine login --for NAME
    vine login --for NAME --new-password

    GET /tasks/T-99 => 303


    GET /nowhere => 404
    ");
}

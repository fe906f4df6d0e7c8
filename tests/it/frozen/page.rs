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
    (4) Overview · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # 4 questions waiting · oldest 0 s
    T-4 Choose one · Q-2 · for Ann · just now
    Plant: Which plant should the hedge be of?
    [Yew] Green in winter, slow
    [Hornbeam] Quick, loses its leaves
    <textarea In your own words>
    [Send]
    T-5 Answer twice · Q-3 · for Ann · just now
    Plant: Which plant should the hedge be of?
    <input pick.0> Yew
    Green in winter, slow
    <input pick.0> Hornbeam
    Quick, loses its leaves
    <textarea Other, or a remark>
    Tools: Which tools may be bought? Choose all that apply
    <input pick.1> Spade
    <input pick.1> Rake
    <input pick.1> Shears
    <textarea Other, or a remark>
    [Send]
    T-6 Allow it · Q-4 · for Ann · just now
    Allow Bash?
    npm test -- --watch=false
    The agent's reason:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, with any files and addresses after it
    [Allow once] [Allow for this session] [Deny]
    <textarea Why not?>
    [Deny with this reason]
    T-7 Approve it · Q-5 · for Ann · just now
    Approve this plan?
    ## Plan
    Dig
    Plant two rows
    make water
    As it was written, by line
    Click the number of a line to quote it in your reply.
    ## Plan
    1. Dig
    2. Plant **two** rows
    ```sh
    make water
    ```
    [Approve]
    <textarea What should change?>
    [Send back]
    ## Tasks
    Task State Title Branch
    T-8 Queued Wait for a slot vine/T-8-wait-for-a-slot
    T-7 Waiting for an answer Approve it vine/T-7-approve-it
    T-6 Waiting for an answer Allow it vine/T-6-allow-it
    T-5 Waiting for an answer Answer twice vine/T-5-answer-twice
    T-4 Waiting for an answer Choose one vine/T-4-choose-one
    T-3 Failed Work on nothing vine/T-3-work-on-nothing
    T-2 Cancelled by Ann Fail again and again vine/T-2-fail-again-and-again
    T-1 Done Plant a hedge vine/T-1-plant-a-hedge
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    Model <input the repository's>
    Effort <select effort> | the repository's | low | medium | high | xhigh | max
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
    active T-4 started just now, 12 % full, kept while its task is open
    active T-5 started just now, 12 % full, kept while its task is open
    active T-6 started just now, 12 % full, kept while its task is open
    active T-7 started just now, 12 % full, kept while its task is open
    ## Activity
    Last 24 hours: 1 finished, 4 failed (80 %); questions answered within 0 s (median), 0 s (95th percentile)
    Finished tasks, failed ones on top
    24 hours agonow
    Time to answer (each step doubles)
    24 hours agonow
    Last 7 days: 1 finished, 4 failed (80 %); questions answered within 0 s (median), 0 s (95th percentile)
    Finished tasks, failed ones on top
    7 days agonow
    Time to answer (each step doubles)
    7 days agonow
    ## Cost in the last 30 days
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
    (4) Tasks · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Tasks
    State <select state> | any | queued | running | waiting | done | failed | cancelled | dead
    Repository <select repo> | any | shop | site
    Search <input title, branch or T-…>
    [Show]
    Task State Title Branch
    T-8 Queued Wait for a slot vine/T-8-wait-for-a-slot
    T-7 Waiting for an answer Approve it vine/T-7-approve-it
    T-6 Waiting for an answer Allow it vine/T-6-allow-it
    T-5 Waiting for an answer Answer twice vine/T-5-answer-twice
    T-4 Waiting for an answer Choose one vine/T-4-choose-one
    T-3 Failed Work on nothing vine/T-3-work-on-nothing
    T-2 Cancelled by Ann Fail again and again vine/T-2-fail-again-and-again
    T-1 Done Plant a hedge vine/T-1-plant-a-hedge
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    Model <input the repository's>
    Effort <select effort> | the repository's | low | medium | high | xhigh | max
    [Create]
    ");
    assert_snapshot!(screen(&browser, "/tasks/T-1").await, @r#"
    (4) T-1 · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # T-1 Plant a hedge
    Done site · vine/T-1-plant-a-hedge from main · requested by Ann · default
    Prompt
    Plant a hedge
    1 attempt: 3 turns, 12345 tokens in, 678 out, about $0.12
    Attempt Worker Started Took Outcome Cost
    1 w 2027-01-15 08:00 UTC 0 s done 3 turns, 12345 tokens in, 678 out, about $0.12
    Session uuid-1
    vine 2027-01-15 08:00 UTC
    Question: “Plant: Which plant should the hedge be of?” (Q-1)
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    The garden has no hedge yet.
    Two plants grow well here.
    Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
    💬 Hornbeam — Ann, 2027-01-15 08:00 UTC (Q-1)
    Ann 2027-01-15 08:00 UTC
    2
    vine 2027-01-15 08:00 UTC
    T-1 is done.
    The hedge is planted.
    Commit 0123456789ab on vine/T-1-plant-a-hedge:
    hedge.md | 2 ++
    1 file changed, 2 insertions(+)
    Merge it with git merge vine/T-1-plant-a-hedge, or with vine task merge T-1 in your clone.
    3 turns, 12345 tokens in, 678 out, about $0.12
    <textarea T-1 is over. Write what to do next.>
    [Continue]
    Question timelines
    Question Step When After
    Q-1 asked 2027-01-15 08:00 UTC
    answered 2027-01-15 08:00 UTC 0.00 s
    delivered 2027-01-15 08:00 UTC 0.00 s
    Log
    The latest 7 lines. The whole log, to search and follow
    2027-01-15T08:00:00.000Z created by Ann
    2027-01-15T08:00:00.000Z attempt 1 claimed by w
    2027-01-15T08:00:00.000Z Looking at the garden
    2027-01-15T08:00:00.000Z asked Q-1: Which plant should the hedge be of?
    2027-01-15T08:00:00.000Z Q-1 answered by Ann: Hornbeam
    2027-01-15T08:00:00.000Z the agent received the answer to Q-1
    2027-01-15T08:00:00.000Z done
    Diff
    hedge.md +0 −0
    +Hornbeam
    +Two rows
    Raw data
    {
    "id": "T-1",
    "state": "done",
    "title": "Plant a hedge",
    "prompt": "Plant a hedge",
    "repo": "site",
    "waits_for": null,
    "base": "main",
    "branch": "vine/T-1-plant-a-hedge",
    "priority": "default",
    "requester": "Ann",
    "created_at": "2027-01-15T08:00:00.000Z",
    "updated_at": "2027-01-15T08:00:00.000Z",
    "epoch": 1,
    "round": 1,
    "failures": 0,
    "report": {
    "summary": "The hedge is planted.",
    "denied": [],
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "branch": "vine/T-1-plant-a-hedge",
    "diffstat": " hedge.md | 2 ++\n 1 file changed, 2 insertions(+)\n",
    "usage": {
    "turns": 3,
    "input_tokens": 12345,
    "output_tokens": 678,
    "cost_microdollars": 123456
    }
    }
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-2").await, @r#"
    (4) T-2 · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # T-2 Fail again and again
    Cancelled by Ann site · vine/T-2-fail-again-and-again from main · requested by Ann · default
    [Retry]
    Prompt
    Fail again and again
    3 attempts
    Attempt Worker Started Took Outcome Cost
    1 w 2027-01-15 08:00 UTC 0 s failed
    2 w 2027-01-15 09:00 UTC 0 s failed
    3 w 2027-01-15 10:00 UTC 0 s failed
    vine 2027-01-15 08:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 08:00 UTC
    An attempt failed. the agent ended with exit code 1: out of paper
    Retrying in 30 s.
    vine 2027-01-15 09:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 09:00 UTC
    An attempt failed. the agent ended with exit code 1: out of paper
    Retrying in 59 s.
    vine 2027-01-15 10:00 UTC
    The session is gone; starting afresh.
    vine 2027-01-15 10:00 UTC
    T-2 failed. the agent ended with exit code 1: out of paper
    Check the end of task log, then run task retry.
    vine 2027-01-15 11:00 UTC
    Ann retried T-2.
    vine 2027-01-15 11:00 UTC
    T-2 was cancelled by Ann.
    <textarea T-2 is over. Write what to do next.>
    [Continue]
    Log
    The latest 12 lines. The whole log, to search and follow
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
    Raw data
    {
    "id": "T-2",
    "state": "cancelled",
    "title": "Fail again and again",
    "prompt": "Fail again and again",
    "repo": "site",
    "waits_for": null,
    "base": "main",
    "branch": "vine/T-2-fail-again-and-again",
    "priority": "default",
    "requester": "Ann",
    "created_at": "2027-01-15T08:00:00.000Z",
    "updated_at": "2027-01-15T11:00:00.000Z",
    "epoch": 3,
    "round": 1,
    "failures": 0,
    "cancelled_by": "Ann"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-4").await, @r#"
    (4) T-4 · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # T-4 Choose one
    Waiting for an answer site · vine/T-4-choose-one from main · requested by Ann · default
    [Cancel]
    Prompt
    Choose one
    1 attempt
    Attempt Worker Started Took Outcome Cost
    1 w 2027-01-15 11:00 UTC running
    Session uuid-1
    vine 2027-01-15 11:00 UTC
    Question: “Plant: Which plant should the hedge be of?” (Q-2)
    Yew — Green in winter, slow
    Hornbeam — Quick, loses its leaves
    Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-4
    Answer Q-2 just now
    Plant: Which plant should the hedge be of?
    [Yew] Green in winter, slow
    [Hornbeam] Quick, loses its leaves
    <textarea In your own words>
    [Send]
    <textarea Your answer, or /vine task cancel>
    [Send]
    Question timelines
    Question Step When After
    Q-2 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Log
    The latest 3 lines. The whole log, to search and follow
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-2: Which plant should the hedge be of?
    Raw data
    {
    "id": "T-4",
    "state": "waiting",
    "title": "Choose one",
    "prompt": "Choose one",
    "repo": "site",
    "waits_for": null,
    "base": "main",
    "branch": "vine/T-4-choose-one",
    "priority": "default",
    "requester": "Ann",
    "created_at": "2027-01-15T11:00:00.000Z",
    "updated_at": "2027-01-15T11:00:00.000Z",
    "epoch": 1,
    "round": 1,
    "failures": 0,
    "worker": "uuid-2",
    "claimed_at": "2027-01-15T11:00:00.000Z",
    "lease_expires_at": "2027-01-15T11:01:00.000Z"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-6").await, @r#"
    (4) T-6 · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # T-6 Allow it
    Waiting for an answer site · vine/T-6-allow-it from main · requested by Ann · default
    [Cancel]
    Prompt
    Allow it
    1 attempt
    Attempt Worker Started Took Outcome Cost
    1 w 2027-01-15 11:00 UTC running
    Session uuid-1
    vine 2027-01-15 11:00 UTC
    Allow Bash? “npm test -- --watch=false” (Q-4)
    npm test -- --watch=false
    The agent's reason:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, with any files and addresses after it
    Or reply yes, always (this session) or no, because …. https://vine.example.org/tasks/T-6
    Answer Q-4 just now
    Allow Bash?
    npm test -- --watch=false
    The agent's reason:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, with any files and addresses after it
    [Allow once] [Allow for this session] [Deny]
    <textarea Why not?>
    [Deny with this reason]
    <textarea Your answer, or /vine task cancel>
    [Send]
    Question timelines
    Question Step When After
    Q-4 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Log
    The latest 3 lines. The whole log, to search and follow
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-4: Allow Bash: npm test -- --watch=false
    Raw data
    {
    "id": "T-6",
    "state": "waiting",
    "title": "Allow it",
    "prompt": "Allow it",
    "repo": "site",
    "waits_for": null,
    "base": "main",
    "branch": "vine/T-6-allow-it",
    "priority": "default",
    "requester": "Ann",
    "created_at": "2027-01-15T11:00:00.000Z",
    "updated_at": "2027-01-15T11:00:00.000Z",
    "epoch": 1,
    "round": 1,
    "failures": 0,
    "worker": "uuid-2",
    "claimed_at": "2027-01-15T11:00:00.000Z",
    "lease_expires_at": "2027-01-15T11:01:00.000Z"
    }
    "#);
    assert_snapshot!(screen(&browser, "/tasks/T-7").await, @r#"
    (4) T-7 · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # T-7 Approve it
    Waiting for an answer site · vine/T-7-approve-it from main · requested by Ann · default
    [Cancel]
    Prompt
    Approve it
    1 attempt
    Attempt Worker Started Took Outcome Cost
    1 w 2027-01-15 11:00 UTC running
    Session uuid-1
    vine 2027-01-15 11:00 UTC
    Approve? “1. Dig” (Q-5)
    ## Plan
    Dig
    Plant two rows
    make water
    Or reply approve, or describe what to change in a sentence (or send back: …). https://vine.example.org/tasks/T-7
    Answer Q-5 just now
    Approve this plan?
    ## Plan
    Dig
    Plant two rows
    make water
    As it was written, by line
    Click the number of a line to quote it in your reply.
    ## Plan
    1. Dig
    2. Plant **two** rows
    ```sh
    make water
    ```
    [Approve]
    <textarea What should change?>
    [Send back]
    <textarea Your answer, or /vine task cancel>
    [Send]
    Question timelines
    Question Step When After
    Q-5 asked 2027-01-15 11:00 UTC
    seen 2027-01-15 11:00 UTC 0.00 s
    Log
    The latest 3 lines. The whole log, to search and follow
    2027-01-15T11:00:00.000Z created by Ann
    2027-01-15T11:00:00.000Z attempt 1 claimed by w
    2027-01-15T11:00:00.000Z asked Q-5: Approve this plan: ## Plan
    Raw data
    {
    "id": "T-7",
    "state": "waiting",
    "title": "Approve it",
    "prompt": "Approve it",
    "repo": "site",
    "waits_for": null,
    "base": "main",
    "branch": "vine/T-7-approve-it",
    "priority": "default",
    "requester": "Ann",
    "created_at": "2027-01-15T11:00:00.000Z",
    "updated_at": "2027-01-15T11:00:00.000Z",
    "epoch": 1,
    "round": 1,
    "failures": 0,
    "worker": "uuid-2",
    "claimed_at": "2027-01-15T11:00:00.000Z",
    "lease_expires_at": "2027-01-15T11:01:00.000Z"
    }
    "#);
    assert_snapshot!(screen(&browser, "/workers").await, @"
    (4) Workers · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Workers
    Worker State Tasks Slots Wall Last seen Version Actions
    w OFFLINE
    T-4 Choose one
    T-5 Answer twice
    T-6 Allow it
    T-7 Approve it
    4 of 50 3 h ago test
    [Drain]
    ");
    assert_snapshot!(screen(&browser, "/sessions").await, @"
    (4) Sessions · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Sessions
    Session Task Worker State Started Last used Context Reused Expires Actions
    uuid-1
    claude 2.1.330 T-4 w active just now just now 12 % 0 kept while its task is open
    [Keep]
    [End]
    uuid-2
    claude 2.1.330 T-5 w active just now just now 12 % 0 kept while its task is open
    [Keep]
    [End]
    uuid-3
    claude 2.1.330 T-6 w active just now just now 12 % 0 kept while its task is open
    [Keep]
    [End]
    uuid-4
    claude 2.1.330 T-7 w active just now just now 12 % 0 kept while its task is open
    [Keep]
    [End]
    ");
    assert_snapshot!(screen(&browser, "/numbers").await, @"
    (4) Numbers · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Numbers
    Last 24 hours; sessions since the beginning. /metrics serves these and more for Prometheus.
    ## System
    Workers up
    0 %
    Queue depth
    high_priority 0 · default 1 · low_priority 0 · worker_requests 4 · controller_responses 0 · dead 1
    Run time
    0 s
    Failed tasks
    80 %
    ## Sessions
    Active
    4
    Average lifetime
    0 s
    Reused
    0 %
    Ended
    0 idle, 1 with their task, 0 other
    ## Chat
    Questions per hour
    0.2
    Response time
    0 s (median), 95 % within 0 s
    Messages per task
    8.0
    ## Work
    Tasks done per hour
    0.0
    Queue time
    0 s
    Workers busy
    0 %
    ");
    assert_snapshot!(screen(&browser, "/queues").await, @"
    (4) Queues · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Queues
    high_priority 0
    default 1
    low_priority 0
    worker_requests 4
    controller_responses 0
    dead 1
    ## Starting tasks
    Where State Actions
    everywhere open
    [Pause]
    shop open
    [Pause]
    site open
    [Pause]
    ## Dead letters
    Task Failed Reason Actions
    T-3 Work on nothing just now the base branch `main` does not exist
    Create the branch, or create a new task with `--base`.
    [Replay]
    [Discard]
    ");
    assert_snapshot!(screen(&browser, "/questions").await, @"
    (4) Questions · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Questions
    Repository <select repo> | any | shop | site
    <input mine> Only my tasks
    [Show]
    ## Open
    T-4 Choose one · Q-2 · for Ann · just now
    Plant: Which plant should the hedge be of?
    [Yew] Green in winter, slow
    [Hornbeam] Quick, loses its leaves
    <textarea In your own words>
    [Send]
    T-5 Answer twice · Q-3 · for Ann · just now
    Plant: Which plant should the hedge be of?
    <input pick.0> Yew
    Green in winter, slow
    <input pick.0> Hornbeam
    Quick, loses its leaves
    <textarea Other, or a remark>
    Tools: Which tools may be bought? Choose all that apply
    <input pick.1> Spade
    <input pick.1> Rake
    <input pick.1> Shears
    <textarea Other, or a remark>
    [Send]
    T-6 Allow it · Q-4 · for Ann · just now
    Allow Bash?
    npm test -- --watch=false
    The agent's reason:
    To see whether the beds are dry.
    “Allow for this session” also allows, until this task is over:
    every command that begins with “npm test”, with any files and addresses after it
    [Allow once] [Allow for this session] [Deny]
    <textarea Why not?>
    [Deny with this reason]
    T-7 Approve it · Q-5 · for Ann · just now
    Approve this plan?
    ## Plan
    Dig
    Plant two rows
    make water
    As it was written, by line
    Click the number of a line to quote it in your reply.
    ## Plan
    1. Dig
    2. Plant **two** rows
    ```sh
    make water
    ```
    [Approve]
    <textarea What should change?>
    [Send back]
    ## Answered
    Question Task Asked Summary State Answer
    Q-1
    clarify T-1 3 h ago Which plant should the hedge be of? delivered
    after 0 s Hornbeam Ann, matrix
    ");
    assert_snapshot!(screen(&browser, "/audit").await, @"
    (4) Audit · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Audit
    The latest 12 decisions. Allowed views are not recorded.
    When Who Action Subject Decision
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
    (4) Settings · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Settings
    AgentVine 0.1.0, at https://vine.example.org. Settings are read from vine.toml; vine config check explains errors in it.
    ## Your password
    Set a password, to log in without a link
    Current password, if you have one <input old>
    New password, at least 15 characters <input new>
    [Set password]
    This logs out your other browsers.
    ## Open questions
    First reminder
    after 30 min, then each time the wait has doubled
    Escalation
    after 4 h, to operator
    Expiry
    after 7 days; permissions after 24 h
    Digest instead of reminders
    from 3 open questions in a room
    ## Sessions
    Reused for other tasks
    yes
    Ended
    60 min after the start, or after 30 min without use
    Not reused
    if more than 60 % of the context is full
    Longest wait of an answered task for its worker
    10 min
    ## Repositories
    Name Source Base Rooms Trusted Agents
    shop /srv/shop main
    chat shop
    no
    Preset default, egress list
    Change
    Allowed without asking (preset) <select preset> | default | read | edit | test | open | auto
    Hosts that agents may reach (egress) <select egress> | off | list | open
    Minimum wall <select wall> | default | plain | user | container | bubblewrap
    Model <input the agent's own>
    Effort <select effort> | the agent's own | low | medium | high | xhigh | max
    Allow a host <input docs.example.org>
    Remove a host <input refuse>
    [Save]
    site /srv/site main
    chat site
    no
    Preset default, egress list
    Change
    Allowed without asking (preset) <select preset> | default | read | edit | test | open | auto
    Hosts that agents may reach (egress) <select egress> | off | list | open
    Minimum wall <select wall> | default | plain | user | container | bubblewrap
    Model <input the agent's own>
    Effort <select effort> | the agent's own | low | medium | high | xhigh | max
    Allow a host <input docs.example.org>
    Remove a host <input refuse>
    [Save]
    ## People
    Name Role Roles in repositories Identities
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
    Overview · AgentVine
    Skip to the content
    AgentVine
    OverviewTasksQuestionsWorkersSessionsQueuesNumbersAuditSettings
    [Notify me] root [?]
    [Log out]
    # Nothing needs an answer
    ## Tasks
    No tasks.
    New task
    Title <input title>
    What should the agent do? <textarea prompt>
    Repository <select repo> | shop | site
    Priority <select priority> | default | high | low
    Model <input the repository's>
    Effort <select effort> | the repository's | low | medium | high | xhigh | max
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
    ## Activity
    Last 24 hours: nothing finished; no questions answered
    Last 7 days: nothing finished; no questions answered
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
    Skip to the content
    AgentVine
    # Log in
    You are not logged in.
    Name <input name>
    Password <input password>
    [Log in]
    No password, or forgot it? On the machine where AgentVine runs, this prints a one-time link; administrators can also print one for somebody else.
    vine login
    vine login --for NAME
    vine login --for NAME --new-password

    GET /login?code=spent => 401
    Skip to the content
    AgentVine
    # Log in
    This link has already been used, or it is older than ten minutes.
    Name <input name>
    Password <input password>
    [Log in]
    No password, or forgot it? On the machine where AgentVine runs, this prints a one-time link; administrators can also print one for somebody else.
    vine login
    vine login --for NAME
    vine login --for NAME --new-password

    GET /tasks/T-99 => 303


    GET /nowhere => 404
    ");
}

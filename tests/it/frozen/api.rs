//! Each answer of the API, and its errors. A new endpoint fails here until its answer is frozen.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};
use vine_domain::{
    chat::file::FileHash,
    clock::{Ids, System},
};

use super::served::Served;

const SESSION: &str = "00000000-0000-7000-8000-000000000001";
const NOTE: &str = "00000000-0000-7000-8000-000000000002";
const NONE: Value = Value::Null;

#[tokio::test(flavor = "multi_thread")]
async fn frozen_answers_of_the_api() {
    let served = Served::begin().await;
    let admin = async |line: &str, body: Value| served.admin(line, body).await;
    let (id, token) = served.worker().await;
    let worker =
        async |line: &str, body: Value| served.call(Some(token.reveal()), line, body).await;

    // Tasks.
    let wish = json!({ "title": "Plant a hedge", "prompt": "Of yew", "repo": "site" });
    assert_snapshot!(admin("POST /tasks", wish).await, @"
    201
    base: main
    branch: vine/T-1-plant-a-hedge
    created_at: 2027-01-15T08:00:00.000Z
    due_at: 2027-01-15T08:00:00.000Z
    epoch: 0
    failures: 0
    id: T-1
    priority: default
    prompt: Of yew
    repo: site
    requester: root
    resumes: false
    round: 1
    state: queued
    title: Plant a hedge
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    ");
    let wishes = json!({ "tasks": [{ "title": "Water it", "repo": "site" }, { "title": "Cut it", "repo": "site" }] });
    assert_snapshot!(admin("POST /tasks/bulk", wishes).await, @"
    201
    { ids: [T-2, T-3] }
    ");
    assert_snapshot!(admin("PATCH /tasks/T-3", json!({ "priority": "low" })).await, @"
    200
    base: main
    branch: vine/T-3-cut-it
    created_at: 2027-01-15T08:00:00.000Z
    due_at: 2027-01-15T08:00:00.000Z
    epoch: 0
    failures: 0
    id: T-3
    priority: low
    prompt: Cut it
    repo: site
    requester: root
    resumes: false
    round: 1
    state: queued
    title: Cut it
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    ");
    assert_snapshot!(admin("GET /queue/status", NONE).await, @"
    200
    paused: false
    queues:
      controller_responses: 0
      dead: 0
      default: 2
      high_priority: 0
      low_priority: 1
      worker_requests: 0
    ");

    // A worker.
    let (_, code) = served
        .answer(
            Some(served.admin.reveal()),
            "POST /tokens",
            json!({ "kind": "enrolment" }),
        )
        .await;
    let machine =
        json!({ "code": code["token"], "name": "w-2", "slots": 2, "version": "vine 0.1.0" });
    assert_snapshot!(served.call(None, "POST /workers", machine).await, @"
    201
    id: uuid-1
    token: TOKEN
    ");
    assert_snapshot!(admin("POST /tokens", json!({ "kind": "user" })).await, @"
    201
    { expires_in: 604800, token: TOKEN }
    ");
    assert_snapshot!(worker("POST /queue/claim", json!({ "slots": 1, "wait": 0.0 })).await, @r"
    200
    assignments:
      - answered: []
        attempt: { epoch: 1, task: T-1 }
        base: main
        branch: vine/T-1-plant-a-hedge
        created_at: 2027-01-15T08:00:00.000Z
        fork: false
        lease_secs: 60
        model: {  }
        prompt: Of yew
        repo:
          base: main
          conventions: { branches: null, trailers: null }
          encrypted: false
          followups: mention
          guard: { egress: list }
          model: {  }
          name: site
          paused: false
          push: all
          requests: { assignees: [], fix_checks: 0, labels: [], merge: merge, open: off, reviewers: [] }
          source: /srv/site
          trusted: false
        requester: root
        resume: null
        rounds: []
        title: Plant a hedge
        unfinished_work: null
        unheard: false
    ");
    let attempt = json!({ "task": "T-1", "epoch": 1 });
    let map = json!({ "id": SESSION, "attempt": attempt, "worktree": "/srv/w/T-1", "agent": "claude 2.1.330" });
    assert_snapshot!(worker("POST /sessions", map).await, @r#"
    201
    ""
    "#);
    let beat = json!({ "attempt": attempt, "context": 12 });
    assert_snapshot!(worker(&format!("POST /sessions/{SESSION}/heartbeat"), beat).await, @r#"
    204
    ""
    "#);
    let lines = json!({ "attempt": attempt, "lines": ["Digging"], "tell": true });
    assert_snapshot!(worker("POST /queue/log", lines).await, @r#"
    204
    ""
    "#);

    let file = json!({ "attempt": attempt, "name": "hedge.txt", "content": "eWV3" });
    assert_snapshot!(worker("POST /queue/show", file).await, @r#"
    204
    ""
    "#);
    let hash = FileHash::of(b"yew");
    assert_snapshot!(worker(&format!("GET /queue/files/{hash}"), NONE).await, @r#"
    200
    { content: eWV3 }
    "#);

    // Questions.
    let asks = |call: &str, question: &str| {
        json!({ "attempt": attempt, "key": System.uuid(), "session": SESSION, "call": call, "context": "",
            "ask": { "kind": "clarify", "items": [{ "question": question, "header": "", "multi": false,
                "options": [{ "label": "Yew", "description": "slow" }] }] } })
    };
    assert_snapshot!(worker("POST /questions", asks("toolu_1", "Which plant?")).await, @"
    201
    { id: Q-1 }
    ");
    worker("POST /questions", asks("toolu_2", "How many?")).await;
    assert_snapshot!(admin("GET /questions", NONE).await, @r#"
    200
    items:
      - ask:
          items:
            - header: ""
              multi: false
              options: [{ description: slow, label: Yew, preview: "" }]
              question: Which plant?
          kind: clarify
        asked_at: 2027-01-15T08:00:00.000Z
        call: toolu_1
        context: ""
        epoch: 1
        expired_at: null
        headline: Which plant?
        id: Q-1
        kind: clarify
        next_check_at: 2027-01-15T08:30:00.000Z
        reminders: 0
        session: uuid-2
        state: open
        task: T-1
      - ask:
          items:
            - header: ""
              multi: false
              options: [{ description: slow, label: Yew, preview: "" }]
              question: How many?
          kind: clarify
        asked_at: 2027-01-15T08:00:00.000Z
        call: toolu_2
        context: ""
        epoch: 1
        expired_at: null
        headline: How many?
        id: Q-2
        kind: clarify
        next_check_at: 2027-01-15T08:30:00.000Z
        reminders: 0
        session: uuid-2
        state: open
        task: T-1
    "#);
    assert_snapshot!(admin("GET /questions/Q-1", NONE).await, @r#"
    200
    ask:
      items:
        - header: ""
          multi: false
          options: [{ description: slow, label: Yew, preview: "" }]
          question: Which plant?
      kind: clarify
    asked_at: 2027-01-15T08:00:00.000Z
    call: toolu_1
    context: ""
    epoch: 1
    expired_at: null
    headline: Which plant?
    id: Q-1
    kind: clarify
    next_check_at: 2027-01-15T08:30:00.000Z
    reminders: 0
    session: uuid-2
    state: open
    task: T-1
    timeline:
      - { after_seconds: 0.0, at: 2027-01-15T08:00:00.000Z, milestone: asked }
      - { after_seconds: 0.0, at: 2027-01-15T08:00:00.000Z, milestone: seen }
    "#);
    assert_snapshot!(admin("POST /questions/Q-1/answer", json!({ "text": "1" })).await, @r#"
    200
    answer:
      at: 2027-01-15T08:00:00.000Z
      by: uuid-3
      decision: { decision: chosen, labels: [[Yew]] }
      key: uuid-4
      name: root
      via: api
    ask:
      items:
        - header: ""
          multi: false
          options: [{ description: slow, label: Yew, preview: "" }]
          question: Which plant?
      kind: clarify
    asked_at: 2027-01-15T08:00:00.000Z
    call: toolu_1
    context: ""
    epoch: 1
    expired_at: null
    headline: Which plant?
    id: Q-1
    kind: clarify
    session: uuid-2
    state: answered
    task: T-1
    "#);
    let alive = json!({ "boot": System.uuid(), "slots": 1, "leases": [attempt], "wait": 0.0 });
    assert_snapshot!(worker(&format!("POST /workers/{id}/heartbeat"), alive).await, @"
    422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: |
      Failed to deserialize the JSON body into the target type: missing field `handling` at line 1 column 104
    ");
    let (_, answered) = served
        .answer(Some(served.admin.reveal()), "GET /questions/Q-1", NONE)
        .await;
    let told = json!({ "attempt": attempt, "answer": answered["answer"]["key"] });
    assert_snapshot!(worker("POST /questions/Q-1/delivered", told).await, @r#"
    204
    ""
    "#);
    let closed = json!({ "attempt": attempt, "why": "the agent withdrew it" });
    assert_snapshot!(worker("POST /questions/Q-2/withdraw", closed).await, @r#"
    204
    ""
    "#);

    // Words.
    let words = json!({ "task": "T-1", "text": "Mind the cat", "key": NOTE });
    assert_snapshot!(admin("POST /chat/messages", words).await, @r#"
    200
    { text: "" }
    "#);
    assert_snapshot!(admin("GET /chat/messages?task=T-1", NONE).await, @r#"
    200
    items:
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - confirm: Cancel T-1, Plant a hedge?
            dangerous: true
            kind: command
            label: Cancel
            says: /vine task cancel T-1
          - { dangerous: false, kind: absent, label: Retry, says: /vine task retry T-1 }
          - { dangerous: false, kind: absent, label: Log, says: /vine task log T-1 --limit 20 }
          - { dangerous: false, kind: absent, label: Diff, says: /vine task diff T-1 }
          - { dangerous: false, kind: absent, label: Continue…, says: "" }
        id: uuid-5
        kind: card
        note: null
        question: null
        seq: 1
        task: T-1
        text: |
          **T-1** Plant a hedge
          ⏳ Queued · requested by root
          `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons: []
        id: uuid-6
        kind: notice
        note: null
        question: null
        seq: 5
        task: T-1
        text: Digging
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons: []
        file:
          hash: 6d12f211cccc24fb97ae3e07f19bee9332aef9fa3dafe9cbbb7f3bbc7b60d3ce
          kind: text/plain
          name: hedge.txt
          size: 3
        id: uuid-7
        kind: notice
        note: null
        question: null
        seq: 6
        task: T-1
        text: The agent shows `hedge.txt` (file, 3 bytes).
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - { dangerous: false, kind: choice, label: Yew, says: Yew }
          - { dangerous: false, kind: form, label: Answer…, says: "" }
        id: uuid-8
        kind: question
        note: null
        question: Q-1
        seq: 7
        task: T-1
        text: |
          **Claude asks:** “Which plant?” (Q-1)

          1. **Yew** — slow

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - confirm: Cancel T-1, Plant a hedge?
            dangerous: true
            kind: command
            label: Cancel
            says: /vine task cancel T-1
          - { dangerous: false, kind: absent, label: Retry, says: /vine task retry T-1 }
          - { dangerous: false, kind: command, label: Log, says: /vine task log T-1 --limit 20 }
          - { dangerous: false, kind: absent, label: Diff, says: /vine task diff T-1 }
          - { dangerous: false, kind: absent, label: Continue…, says: "" }
        id: uuid-9
        kind: card
        note: null
        question: null
        seq: 8
        task: T-1
        text: |
          **T-1** Plant a hedge
          ✋ Waiting for an answer · requested by root
          `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - { dangerous: false, kind: choice, label: Yew, says: Yew }
          - { dangerous: false, kind: form, label: Answer…, says: "" }
        id: uuid-10
        kind: question
        note: null
        question: Q-2
        seq: 9
        task: T-1
        text: |
          **Claude asks:** “How many?” (Q-2)

          1. **Yew** — slow

          Or reply with a number or label, or in your own words. https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - confirm: Cancel T-1, Plant a hedge?
            dangerous: true
            kind: command
            label: Cancel
            says: /vine task cancel T-1
          - { dangerous: false, kind: absent, label: Retry, says: /vine task retry T-1 }
          - { dangerous: false, kind: command, label: Log, says: /vine task log T-1 --limit 20 }
          - { dangerous: false, kind: absent, label: Diff, says: /vine task diff T-1 }
          - { dangerous: false, kind: absent, label: Continue…, says: "" }
        id: uuid-11
        kind: card
        note: null
        question: null
        seq: 10
        task: T-1
        text: |
          **T-1** Plant a hedge
          ✋ Waiting for an answer · requested by root
          `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: root
        buttons: []
        id: uuid-12
        kind: reply
        note: null
        question: null
        seq: 11
        task: T-1
        text: 1
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons: []
        id: uuid-13
        kind: settled
        note: null
        question: Q-1
        seq: 12
        task: T-1
        text: |
          💬 **Yew** — root, 2027-01-15 08:00 UTC (Q-1)

          > Which plant?

          1. **Yew** — slow
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons: []
        id: uuid-14
        kind: settled
        note: null
        question: Q-2
        seq: 13
        task: T-1
        text: |
          **Q-2** no longer needs an answer: the agent withdrew it.

          > How many?

          1. **Yew** — slow
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons:
          - confirm: Cancel T-1, Plant a hedge?
            dangerous: true
            kind: command
            label: Cancel
            says: /vine task cancel T-1
          - { dangerous: false, kind: absent, label: Retry, says: /vine task retry T-1 }
          - { dangerous: false, kind: command, label: Log, says: /vine task log T-1 --limit 20 }
          - { dangerous: false, kind: absent, label: Diff, says: /vine task diff T-1 }
          - { dangerous: false, kind: absent, label: Continue…, says: "" }
        id: uuid-15
        kind: card
        note: null
        question: null
        seq: 14
        task: T-1
        text: |
          **T-1** Plant a hedge
          🔵 Running · requested by root
          `site` · from `main` to `vine/T-1-plant-a-hedge` · https://vine.example.org/tasks/T-1
      - at: 2027-01-15T08:00:00.000Z
        author: root
        buttons: []
        id: uuid-16
        kind: reply
        note: null
        question: null
        seq: 15
        task: T-1
        text: Mind the cat
      - at: 2027-01-15T08:00:00.000Z
        author: vine
        buttons: []
        id: uuid-17
        kind: note
        note: uuid-18
        question: null
        seq: 16
        task: T-1
        text: The note from root reaches the agent at its next step.
    next: 16
    "#);
    assert_snapshot!(admin(&format!("PATCH /chat/messages/{NOTE}"), json!({ "text": "Mind the dog" })).await, @r#"
    200
    { text: "" }
    "#);
    assert_snapshot!(admin(&format!("DELETE /chat/messages/{NOTE}"), NONE).await, @r#"
    200
    { text: "" }
    "#);
    let told = json!({ "attempt": attempt });
    assert_snapshot!(worker(&format!("POST /notes/{NOTE}/delivered"), told).await, @r#"
    204
    ""
    "#);

    // The end of attempts.
    let usage =
        json!({ "turns": 2, "input_tokens": 10, "output_tokens": 5, "cost_microdollars": 42 });
    let report = json!({ "summary": "Planted.", "commit": null, "diffstat": "", "usage": usage });
    let done = json!({ "attempt": attempt, "report": report, "next": 1 });
    assert_snapshot!(worker("POST /queue/complete", done).await, @r"
    200
    assignments:
      - answered: []
        attempt: { epoch: 1, task: T-2 }
        base: main
        branch: vine/T-2-water-it
        created_at: 2027-01-15T08:00:00.000Z
        fork: true
        lease_secs: 60
        model: {  }
        prompt: Water it
        repo:
          base: main
          conventions: { branches: null, trailers: null }
          encrypted: false
          followups: mention
          guard: { egress: list }
          model: {  }
          name: site
          paused: false
          push: all
          requests: { assignees: [], fix_checks: 0, labels: [], merge: merge, open: off, reviewers: [] }
          source: /srv/site
          trusted: false
        requester: root
        resume: uuid-2
        rounds: []
        title: Water it
        unfinished_work: null
        unheard: true
    ");
    let second = json!({ "task": "T-2", "epoch": 1 });
    let many = json!({ "completed": [{ "attempt": second, "report": report }, { "attempt": attempt, "report": report }], "next": 1 });
    assert_snapshot!(worker("POST /queue/completions", many).await, @r"
    200
    assignments:
      - answered: []
        attempt: { epoch: 1, task: T-3 }
        base: main
        branch: vine/T-3-cut-it
        created_at: 2027-01-15T08:00:00.000Z
        fork: false
        lease_secs: 60
        model: {  }
        prompt: Cut it
        repo:
          base: main
          conventions: { branches: null, trailers: null }
          encrypted: false
          followups: mention
          guard: { egress: list }
          model: {  }
          name: site
          paused: false
          push: all
          requests: { assignees: [], fix_checks: 0, labels: [], merge: merge, open: off, reviewers: [] }
          source: /srv/site
          trusted: false
        requester: root
        resume: null
        rounds: []
        title: Cut it
        unfinished_work: null
        unheard: false
    refused: [null, null]
    ");
    let third = json!({ "task": "T-3", "epoch": 1 });
    let failed = json!({ "attempt": third, "how": { "how": "failed", "kind": "api_refused", "what": "no" } });
    assert_snapshot!(worker("POST /queue/fail", failed).await, @"
    200
    { over: true }
    ");
    assert_snapshot!(admin("POST /queue/enqueue", json!({ "task": "T-3" })).await, @"
    200
    base: main
    branch: vine/T-3-cut-it
    created_at: 2027-01-15T08:00:00.000Z
    due_at: 2027-01-15T08:00:00.000Z
    epoch: 1
    failures: 0
    id: T-3
    priority: low
    prompt: Cut it
    repo: site
    requester: root
    resumes: false
    round: 1
    state: queued
    title: Cut it
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    ");
    assert_snapshot!(admin("PATCH /tasks/T-3", json!({ "state": "cancelled" })).await, @"
    200
    base: main
    branch: vine/T-3-cut-it
    cancelled_by: root
    created_at: 2027-01-15T08:00:00.000Z
    epoch: 1
    failures: 0
    id: T-3
    priority: low
    prompt: Cut it
    repo: site
    requester: root
    round: 1
    state: cancelled
    title: Cut it
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    ");
    let left = json!({ "tasks": [["T-1", "2026-11-28T00:00:00Z"]] });
    assert_snapshot!(worker(&format!("POST /workers/{id}/orphans"), left).await, @"
    200
    { tasks: [] }
    ");
    let kept = json!({ "task": "T-1", "created": "2026-11-28T00:00:00Z", "epoch": 1, "commit": "0123456789012345678901234567890123456789", "name": "refs/vine/T-1", "notes": [] });
    let usage =
        json!({ "turns": 1, "input_tokens": 10, "output_tokens": 2, "cost_microdollars": 3 });
    let spent = json!({ "attempt": { "task": "T-99", "epoch": 1 }, "usage": usage });
    assert_snapshot!(worker(&format!("POST /workers/{id}/spent"), spent).await, @"
    409
    code: stale
    hint: claim again; this attempt changed nothing
    message: attempt 1 of T-99 is no longer running; stop its agent
    ");
    let homes =
        json!({ "tasks": [], "sessions": [SESSION, "00000000-0000-7000-8000-000000000009"] });
    assert_snapshot!(worker(&format!("POST /workers/{id}/orphans"), homes).await, @"
    200
    { sessions: [uuid-19], tasks: [] }
    ");
    let gone = json!({ "task": "T-99", "epoch": 1 });
    assert_snapshot!(worker(&format!("POST /workers/{id}/guard"), gone.clone()).await, @"
    404
    { code: not_found, hint: `task list` lists tasks, message: there is no task T-99 }
    ");
    let refused = json!({ "attempt": gone, "hosts": ["evil.example"] });
    assert_snapshot!(worker(&format!("POST /workers/{id}/refused"), refused).await, @"
    404
    { code: not_found, hint: `task list` lists tasks, message: there is no task T-99 }
    ");
    let lend = worker(&format!("POST /workers/{id}/git-token"), gone.clone()).await;
    assert_snapshot!(lend, @"
    404
    { code: not_found, hint: `task list` lists tasks, message: there is no task T-99 }
    ");
    assert_snapshot!(admin("DELETE /tokens/000000000000", NONE).await, @"
    404
    code: not_found
    hint: `vine token list` shows the valid tokens
    message: there is no token 000000000000
    ");
    assert_snapshot!(admin("GET /tokens?all=maybe", NONE).await, @"
    400
    code: invalid
    hint: check the parameters after `?`
    message: Failed to deserialize query string: all: provided string was not `true` or `false`
    ");
    assert_snapshot!(admin("GET /audit?limit=2", NONE).await, @r#"
    200
    before: ""
    items:
      - actor: root (api)
        allowed: true
        at: 2027-01-15T08:00:00.000Z
        chain: 45788eb7d2ed0b93018f6d94f994ffc09035f6ed6263967fa83d38a2be5c8dfc
        kind: decision
        link: 1
        reason: admin
        subject: a new task
        verb: operate
      - actor: root (api)
        allowed: true
        at: 2027-01-15T08:00:00.000Z
        chain: 473a83bf86cd26c377fba7b5f17c2353b9173e0a40637de0fd69f869b7c13044
        kind: decision
        link: 2
        reason: admin
        subject: new tasks
        verb: operate
    "#);
    assert_snapshot!(worker(&format!("POST /workers/{id}/token"), NONE).await, @"
    201
    { expires_in: 7776000, token: TOKEN }
    ");
    assert_snapshot!(worker(&format!("POST /workers/{id}/kept"), kept).await, @"
    422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: |
      Failed to deserialize the JSON body into the target type: created: unknown field `created`, expected one of `task`, `created_at`, `epoch`, `commit`, `name`, `held`, `notes` at line 1 column 62
    ");

    // What there is.
    assert_snapshot!(admin("GET /tasks", NONE).await, @r#"
    200
    items:
      - base: main
        branch: vine/T-3-cut-it
        cancelled_by: root
        created_at: 2027-01-15T08:00:00.000Z
        epoch: 1
        failures: 0
        id: T-3
        priority: low
        repo: site
        requester: root
        round: 1
        state: cancelled
        title: Cut it
        updated_at: 2027-01-15T08:00:00.000Z
        waits_for: null
      - base: main
        branch: vine/T-2-water-it
        created_at: 2027-01-15T08:00:00.000Z
        epoch: 1
        failures: 0
        id: T-2
        priority: default
        repo: site
        report:
          commit: null
          denied: []
          diffstat: ""
          summary: Planted.
          usage: { cost_microdollars: 42, input_tokens: 10, output_tokens: 5, turns: 2 }
        requester: root
        round: 1
        state: done
        title: Water it
        updated_at: 2027-01-15T08:00:00.000Z
        waits_for: null
      - base: main
        branch: vine/T-1-plant-a-hedge
        created_at: 2027-01-15T08:00:00.000Z
        epoch: 1
        failures: 0
        id: T-1
        priority: default
        repo: site
        report:
          commit: null
          denied: []
          diffstat: ""
          summary: Planted.
          usage: { cost_microdollars: 42, input_tokens: 10, output_tokens: 5, turns: 2 }
        requester: root
        round: 1
        state: done
        title: Plant a hedge
        updated_at: 2027-01-15T08:00:00.000Z
        waits_for: null
    next: null
    "#);
    assert_snapshot!(admin("GET /tasks/T-1", NONE).await, @r#"
    200
    attempts:
      - ended_at: 2027-01-15T08:00:00.000Z
        epoch: 1
        outcome: done
        round: 1
        session: uuid-2
        started_at: 2027-01-15T08:00:00.000Z
        usage: { cost_microdollars: 42, input_tokens: 10, output_tokens: 5, turns: 2 }
        worker_name: w
    base: main
    branch: vine/T-1-plant-a-hedge
    created_at: 2027-01-15T08:00:00.000Z
    epoch: 1
    failures: 0
    id: T-1
    notes:
      - at: 2027-01-15T08:00:00.000Z
        author: root
        key: uuid-18
        state: { state: missed }
        task: T-1
        text: Mind the cat
      - at: 2027-01-15T08:00:00.000Z
        author: root
        key: uuid-20
        state: { state: missed }
        task: T-1
        text: Correction of a note to the agent: Mind the dog
    priority: default
    prompt: Of yew
    questions:
      - answer:
          at: 2027-01-15T08:00:00.000Z
          by: uuid-3
          decision: { decision: chosen, labels: [[Yew]] }
          key: uuid-4
          name: root
          via: api
        ask:
          items:
            - header: ""
              multi: false
              options: [{ description: slow, label: Yew, preview: "" }]
              question: Which plant?
          kind: clarify
        asked_at: 2027-01-15T08:00:00.000Z
        call: toolu_1
        context: ""
        delivered_at: 2027-01-15T08:00:00.000Z
        epoch: 1
        expired_at: null
        headline: Which plant?
        id: Q-1
        kind: clarify
        session: uuid-2
        state: delivered
        task: T-1
      - ask:
          items:
            - header: ""
              multi: false
              options: [{ description: slow, label: Yew, preview: "" }]
              question: How many?
          kind: clarify
        asked_at: 2027-01-15T08:00:00.000Z
        call: toolu_2
        context: ""
        epoch: 1
        expired_at: null
        headline: How many?
        id: Q-2
        kind: clarify
        session: uuid-2
        state: withdrawn
        task: T-1
        why: the agent withdrew it
    repo: site
    report:
      commit: null
      denied: []
      diffstat: ""
      summary: Planted.
      usage: { cost_microdollars: 42, input_tokens: 10, output_tokens: 5, turns: 2 }
    requester: root
    round: 1
    rounds: []
    session: uuid-2
    state: done
    title: Plant a hedge
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    "#);
    assert_snapshot!(admin("GET /tasks/T-1/log", NONE).await, @"
    200
    items:
      - { at: 2027-01-15T08:00:00.000Z, epoch: 0, seq: 1, text: created by root }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 5, text: attempt 1 claimed by w }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 6, text: Digging }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 7, text: shows hedge.txt (file, 3 bytes) }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 8, text: asked Q-1: Which plant? }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 9, text: asked Q-2: How many? }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 10, text: Q-1 answered by root: Yew }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 11, text: the agent received the answer to Q-1 }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 12, text: Q-2 withdrawn: the agent withdrew it }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 13, text: note from root: Mind the cat }
      - at: 2027-01-15T08:00:00.000Z
        epoch: 1
        seq: 14
        text: note from root: Correction of a note to the agent: Mind the dog
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 15, text: no agent has read the note from root }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 16, text: no agent has read the note from root }
      - { at: 2027-01-15T08:00:00.000Z, epoch: 1, seq: 17, text: done }
    ");
    assert_snapshot!(admin("GET /sessions", NONE).await, @"
    200
    { items: [] }
    ");
    assert_snapshot!(admin(&format!("GET /sessions/{SESSION}"), NONE).await, @"
    200
    age_seconds: 0
    agent: claude 2.1.330
    context_percent: 12
    ended_at: 2027-01-15T08:00:00.000Z
    id: uuid-2
    idle_seconds: 0
    last_active_at: 2027-01-15T08:00:00.000Z
    pinned: false
    reason: completed
    reused: 1
    started_at: 2027-01-15T08:00:00.000Z
    state: ended
    task: T-1
    worker: uuid-21
    worktree: /srv/w/T-1
    ");
    assert_snapshot!(admin(&format!("DELETE /sessions/{SESSION}"), NONE).await, @"
    200
    age_seconds: 0
    agent: claude 2.1.330
    context_percent: 12
    ended_at: 2027-01-15T08:00:00.000Z
    id: uuid-2
    idle_seconds: 0
    last_active_at: 2027-01-15T08:00:00.000Z
    pinned: false
    reason: completed
    reused: 1
    started_at: 2027-01-15T08:00:00.000Z
    state: ended
    task: T-1
    worker: uuid-21
    worktree: /srv/w/T-1
    ");
    assert_snapshot!(admin("GET /workers", NONE).await, @"
    200
    items:
      - draining: false
        gone_at: null
        id: uuid-21
        last_seen_at: 2027-01-15T08:00:00.000Z
        login_readable: false
        max_slots: null
        name: w
        only_repos: null
        paused_repos: []
        running: 0
        slots: 50
        state: IDLE
        trouble: null
        version: test
        waiting: 0
        wall: null
        wall_reason: null
      - draining: false
        gone_at: null
        id: uuid-1
        last_seen_at: 2027-01-15T08:00:00.000Z
        login_readable: false
        max_slots: null
        name: w-2
        only_repos: null
        paused_repos: []
        running: 0
        slots: 2
        state: IDLE
        trouble: null
        version: vine 0.1.0
        waiting: 0
        wall: null
        wall_reason: null
    ");
    assert_snapshot!(admin(&format!("GET /workers/{id}"), NONE).await, @"
    200
    draining: false
    gone_at: null
    id: uuid-21
    last_seen_at: 2027-01-15T08:00:00.000Z
    login_readable: false
    max_slots: null
    name: w
    only_repos: null
    paused_repos: []
    running: 0
    slots: 50
    state: IDLE
    trouble: null
    version: test
    waiting: 0
    wall: null
    wall_reason: null
    ");
    assert_snapshot!(admin("POST /commands", json!({ "words": ["status"] })).await, @"
    200
    data:
      adapters: []
      hints: null
      id: status
      questions: []
      queues:
        - { depth: 0, id: high_priority }
        - { depth: 0, id: default }
        - { depth: 0, id: low_priority }
        - { depth: 0, id: worker_requests }
        - { depth: 0, id: controller_responses }
        - { depth: 0, id: dead }
      refused_settings: null
      running: []
      state: open
      too_large: null
      workers:
        - draining: false
          gone_at: null
          id: uuid-21
          last_seen_at: 2027-01-15T08:00:00.000Z
          login_readable: false
          max_slots: null
          name: w
          only_repos: null
          paused_repos: []
          running: 0
          slots: 50
          state: IDLE
          trouble: null
          version: test
          waiting: 0
          wall: null
          wall_reason: null
        - draining: false
          gone_at: null
          id: uuid-1
          last_seen_at: 2027-01-15T08:00:00.000Z
          login_readable: false
          max_slots: null
          name: w-2
          only_repos: null
          paused_repos: []
          running: 0
          slots: 2
          state: IDLE
          trouble: null
          version: vine 0.1.0
          waiting: 0
          wall: null
          wall_reason: null
    fixed: true
    text: |
      0 open questions, 0 tasks running, 2 workers online
      high_priority 0 · default 0 · low_priority 0 · worker_requests 0 · controller_responses 0 · dead 0
    ");
    assert_snapshot!(worker(&format!("POST /workers/{id}/goodbye"), NONE).await, @r#"
    204
    ""
    "#);
    assert_snapshot!(worker(&format!("DELETE /workers/{id}"), NONE).await, @r#"
    204
    ""
    "#);

    let next = json!({ "text": "Water it daily" });
    assert_snapshot!(admin("POST /tasks/T-1/rounds", next).await, @"
    201
    base: main
    branch: vine/T-1-plant-a-hedge
    created_at: 2027-01-15T08:00:00.000Z
    due_at: 2027-01-15T08:00:00.000Z
    epoch: 1
    failures: 0
    id: T-1
    priority: default
    prompt: Of yew
    repo: site
    requester: root
    resumes: true
    round: 2
    state: queued
    title: Plant a hedge
    updated_at: 2027-01-15T08:00:00.000Z
    waits_for: null
    ");

    let (_, document) = served.answer(None, "GET /openapi.json", NONE).await;
    let called = served.called.lock().expect("whole").clone();
    let left: BTreeSet<String> = operations(&document)
        .into_iter()
        .filter(|one| !called.iter().any(|call| is_call_of(call, one)))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert!(left.is_empty(), "nothing is frozen of {left:?}");
}

/// Methods and paths of the document.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().expect("methods").keys().cloned();
        let path = path.trim_start_matches("/api/v1").to_owned();
        methods
            .map(move |method| (method, path.clone()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

fn is_call_of((method, path): &(String, String), (of, form): &(String, String)) -> bool {
    let (path, form): (Vec<_>, Vec<_>) = (path.split('/').collect(), form.split('/').collect());
    method == of
        && path.len() == form.len()
        && path
            .iter()
            .zip(&form)
            .all(|(part, form)| part == form || form.starts_with('{'))
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_errors_of_the_api() {
    let served = Served::begin().await;
    let (id, token) = served.worker().await;
    let admin = Some(served.admin.reveal());
    let attempt = json!({ "task": "T-1", "epoch": 1 });
    let mut text = String::new();
    for (who, line, body) in [
        (None, "GET /tasks".to_owned(), NONE),
        (Some("wrong"), "GET /tasks".into(), NONE),
        (Some(token.reveal()), "GET /tasks".into(), NONE),
        (
            admin,
            "POST /queue/claim".into(),
            json!({ "slots": 1, "wait": 0.0 }),
        ),
        (admin, "GET /nowhere".into(), NONE),
        (admin, "DELETE /tasks".into(), NONE),
        (admin, "GET /tasks/T-99".into(), NONE),
        (admin, "GET /tasks/99x".into(), NONE),
        (admin, "GET /tasks?limit=0".into(), NONE),
        (admin, "GET /tasks?lmit=1".into(), NONE),
        (admin, "POST /tasks".into(), json!({})),
        (
            admin,
            "POST /tasks".into(),
            json!({ "title": "", "repo": "site" }),
        ),
        (
            admin,
            "POST /tasks".into(),
            json!({ "title": "x", "repo": "nothing" }),
        ),
        (
            admin,
            "POST /tasks".into(),
            json!({ "title": "x", "colour": "red" }),
        ),
        (admin, "POST /tasks/bulk".into(), json!({ "tasks": [] })),
        (
            admin,
            "PATCH /tasks/T-99".into(),
            json!({ "priority": "low" }),
        ),
        (
            admin,
            "POST /questions/Q-99/answer".into(),
            json!({ "text": "yes" }),
        ),
        (admin, "POST /tokens".into(), json!({ "kind": "worker" })),
        (
            admin,
            "POST /commands".into(),
            json!({ "words": ["task", "lsit"] }),
        ),
        (
            admin,
            "PATCH /chat/messages/00000000-0000-7000-8000-000000000009".into(),
            json!({ "text": "x" }),
        ),
        (
            Some(token.reveal()),
            "POST /queue/log".into(),
            json!({ "attempt": attempt, "lines": [] }),
        ),
        (
            Some(token.reveal()),
            "POST /workers/00000000-0000-7000-8000-000000000009/heartbeat".into(),
            json!({ "boot": id, "slots": 1, "leases": [], "wait": 0.0 }),
        ),
        (
            None,
            "POST /workers".into(),
            json!({ "code": "spent", "name": "w-9", "slots": 1, "version": "0" }),
        ),
    ] {
        let said = served.call(who, &line, body.clone()).await;
        let body = if body.is_null() {
            String::new()
        } else {
            format!(" {body}")
        };
        text.push_str(&format!("{line}{body} => {said}\n\n"));
    }
    let text = served.names.lock().expect("whole").redact(&text);
    assert_snapshot!(text.trim_end(), @r#"
    GET /tasks => 401
    code: unauthenticated
    hint: log in with `vine login`, or send `Authorization: Bearer …`
    message: this requires a valid token

    GET /tasks => 401
    code: unauthenticated
    hint: log in with `vine login`, or send `Authorization: Bearer …`
    message: this requires a valid token

    GET /tasks => 401
    code: unauthenticated
    hint: log in with `vine login`, or send `Authorization: Bearer …`
    message: this requires a valid token

    POST /queue/claim {"slots":1,"wait":0.0} => 401
    code: unauthenticated
    hint: log in with `vine login`, or send `Authorization: Bearer …`
    message: this requires a valid token

    GET /nowhere => 404
    code: not_found
    hint: the API is under /api/v1, the page at /
    message: there is nothing at this address

    DELETE /tasks => 405
    code: wrong_method
    hint: the `Allow` header lists the supported methods; /api/v1/docs describes them
    message: this address does not support that method

    GET /tasks/T-99 => 404
    { code: not_found, hint: `task list` lists tasks, message: there is no task T-99 }

    GET /tasks/99x => 422
    { code: invalid, hint: write it like T-7, message: invalid task id: `99x` }

    GET /tasks?limit=0 => 422
    { code: invalid, hint: use 1 to 1000, message: invalid limit: 0 }

    GET /tasks?lmit=1 => 400
    code: invalid
    hint: check the parameters after `?`
    message: |
      Failed to deserialize query string: lmit: unknown field `lmit`, expected one of `state`, `repo`, `text`, `before`, `limit`

    POST /tasks {} => 422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: Failed to deserialize the JSON body into the target type: missing field `title` at line 1 column 2

    POST /tasks {"repo":"site","title":""} => 422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: |
      Failed to deserialize the JSON body into the target type: title: invalid title: it is empty; use one short line; put details into the prompt at line 1 column 26

    POST /tasks {"repo":"nothing","title":"x"} => 404
    { code: not_found, hint: `repo list` lists repositories, message: there is no repository nothing }

    POST /tasks {"colour":"red","title":"x"} => 422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: |
      Failed to deserialize the JSON body into the target type: colour: unknown field `colour`, expected one of `title`, `prompt`, `repo`, `base`, `after`, `branch`, `priority`, `model`, `effort` at line 1 column 9

    POST /tasks/bulk {"tasks":[]} => 422
    { code: invalid, hint: send 1 to 1000 at once, message: invalid list of tasks: it has 0 }

    PATCH /tasks/T-99 {"priority":"low"} => 404
    { code: not_found, hint: `task list` lists tasks, message: there is no task T-99 }

    POST /questions/Q-99/answer {"text":"yes"} => 404
    { code: not_found, hint: `question list` lists open questions, message: there is no question Q-99 }

    POST /tokens {"kind":"worker"} => 422
    { code: invalid, hint: use user, enrolment or login, message: invalid kind of token: worker }

    POST /commands {"words":["task","lsit"]} => 422
    code: invalid
    hint: type `help` for the commands
    message: There is no command `task lsit`. Did you mean `task list`?

    PATCH /chat/messages/uuid-1 {"text":"x"} => 404
    code: not_found
    hint: send it again
    message: there is no message uuid-1 that can be changed

    POST /queue/log {"attempt":{"epoch":1,"task":"T-1"},"lines":[]} => 409
    code: stale
    hint: claim again; this attempt changed nothing
    message: attempt 1 of T-1 is no longer running; stop its agent

    POST /workers/uuid-1/heartbeat {"boot":"uuid-2","leases":[],"slots":1,"wait":0.0} => 422
    code: invalid
    hint: send a JSON object as documented, with `Content-Type: application/json`
    message: |
      Failed to deserialize the JSON body into the target type: missing field `handling` at line 1 column 80

    POST /workers {"code":"spent","name":"w-9","slots":1,"version":"0"} => 401
    code: unauthenticated
    hint: log in with `vine login`, or send `Authorization: Bearer …`
    message: this requires a valid token
    "#);
}

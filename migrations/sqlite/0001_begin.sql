-- The tables of AgentVine. Times are milliseconds since 1970 UTC; shapes that only the program reads are JSON.

CREATE TABLE users (
    id    TEXT PRIMARY KEY,
    name  TEXT NOT NULL,
    role  TEXT CHECK (role IN ('viewer', 'answerer', 'operator', 'admin')),
    repos TEXT NOT NULL DEFAULT '{}',           -- JSON: repository -> role
    configured INTEGER NOT NULL DEFAULT 0       -- named by the configuration, which alone changes it
) STRICT;

CREATE TABLE identities (                       -- how platforms know a user; `vine` is ourselves
    platform TEXT NOT NULL,
    subject  TEXT NOT NULL,
    user_id  TEXT NOT NULL REFERENCES users (id),
    PRIMARY KEY (platform, subject)
) STRICT;

CREATE TABLE tokens (
    hash    TEXT PRIMARY KEY,                   -- SHA-256; the secret itself is never stored
    kind    TEXT NOT NULL CHECK (kind IN ('enrolment', 'worker', 'user', 'login', 'browser')),
    owner   TEXT NOT NULL,
    expires INTEGER NOT NULL,
    spent   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_by_owner ON tokens (owner);

CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    verb    TEXT NOT NULL,
    subject TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    reason  TEXT NOT NULL
) STRICT;

CREATE TABLE settings (                         -- one row: what holds for the whole place
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    paused INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO settings (one) VALUES (1);

CREATE TABLE repos (
    name    TEXT PRIMARY KEY,
    source  TEXT NOT NULL,
    base    TEXT NOT NULL,
    paused  INTEGER NOT NULL DEFAULT 0,
    trusted INTEGER NOT NULL DEFAULT 0,
    encrypted INTEGER NOT NULL DEFAULT 0        -- rooms that are made for it
) STRICT;

CREATE TABLE rooms (
    platform TEXT NOT NULL,
    room     TEXT NOT NULL,
    repo     TEXT NOT NULL REFERENCES repos (name),
    PRIMARY KEY (platform, repo),
    UNIQUE (platform, room)
) STRICT;

CREATE TABLE workers (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    slots    INTEGER NOT NULL,
    version  TEXT NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0,
    trouble  TEXT,
    boot     TEXT,                              -- made at each start of its process
    seen     INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY,
    key          TEXT UNIQUE,                   -- idempotency key of its creation
    title        TEXT NOT NULL,
    prompt       TEXT NOT NULL,
    repo         TEXT NOT NULL REFERENCES repos (name),
    base         TEXT NOT NULL,
    branch       TEXT NOT NULL,
    lane         INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 2),
    requester    TEXT NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    epoch        INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,
    losses       TEXT NOT NULL DEFAULT '[]',    -- JSON: times of lost attempts
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'done', 'failed', 'cancelled')),
    detail       TEXT,                          -- JSON: what only this state owns
    dead         INTEGER NOT NULL DEFAULT 0,    -- failed and not discarded
    lease_worker TEXT,                          -- set exactly while an attempt is under way
    lease_until  INTEGER,
    version      INTEGER NOT NULL DEFAULT 1,
    CHECK ((lease_worker IS NULL) = (lease_until IS NULL)),
    CHECK (lease_worker IS NULL OR state IN ('running', 'waiting')),
    CHECK (state <> 'running' OR lease_worker IS NOT NULL)
) STRICT;
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX tasks_by_worker ON tasks (lease_worker) WHERE lease_worker IS NOT NULL;
CREATE INDEX tasks_dead ON tasks (id) WHERE dead;
CREATE INDEX tasks_by_state ON tasks (state, id);

CREATE TABLE work_orders (                      -- a row exactly while its task is queued
    task    INTEGER PRIMARY KEY REFERENCES tasks (id),
    lane    INTEGER NOT NULL,
    repo    TEXT NOT NULL,
    due     INTEGER NOT NULL,
    resumes INTEGER NOT NULL,
    worker  TEXT,                               -- only this worker may claim it, unless it is gone for
    affinity INTEGER                            -- longer than this
) STRICT;
CREATE INDEX work_orders_head ON work_orders (resumes, lane, due, task);
CREATE INDEX work_orders_due ON work_orders (due);
CREATE INDEX work_orders_kept ON work_orders (worker) WHERE worker IS NOT NULL;

CREATE TABLE executions (
    task    INTEGER NOT NULL REFERENCES tasks (id),
    epoch   INTEGER NOT NULL,
    worker  TEXT NOT NULL,
    session TEXT,
    started INTEGER NOT NULL,
    ended   INTEGER,
    outcome TEXT CHECK (outcome IN ('done', 'failed', 'lost', 'cancelled', 'released', 'parked')),
    usage   TEXT NOT NULL DEFAULT '{"turns":0,"input_tokens":0,"output_tokens":0,"cost_microdollars":0}',
    patch   TEXT,
    PRIMARY KEY (task, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_log (
    seq   INTEGER PRIMARY KEY,
    task  INTEGER NOT NULL REFERENCES tasks (id),
    epoch INTEGER NOT NULL,
    at    INTEGER NOT NULL,
    line  TEXT NOT NULL
) STRICT;
CREATE INDEX task_log_by_task ON task_log (task, seq);

CREATE TABLE sessions (
    id       TEXT PRIMARY KEY,
    task     INTEGER NOT NULL REFERENCES tasks (id),
    worker   TEXT NOT NULL,
    worktree TEXT NOT NULL,
    agent    TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('active', 'warm', 'ended')),
    started  INTEGER NOT NULL,
    active   INTEGER NOT NULL,
    ended    INTEGER,
    reason   TEXT,
    context  INTEGER,
    kept     INTEGER NOT NULL DEFAULT 0,
    reused   INTEGER NOT NULL DEFAULT 0,        -- tasks that were begun in it after its first one
    heard    INTEGER NOT NULL DEFAULT 0,        -- its agent has answered to what its present task is
    CHECK ((state = 'ended') = (ended IS NOT NULL))
) STRICT;
CREATE INDEX sessions_by_task ON sessions (task);
CREATE INDEX sessions_warm ON sessions (worker) WHERE state = 'warm';

CREATE TABLE questions (
    id       INTEGER PRIMARY KEY,
    key      TEXT NOT NULL UNIQUE,              -- made by the worker: asking twice is asking once
    task     INTEGER NOT NULL REFERENCES tasks (id),
    epoch    INTEGER NOT NULL,
    session  TEXT,
    call     TEXT NOT NULL,
    ask      TEXT NOT NULL,                     -- JSON
    context  TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('open', 'expired', 'answered', 'delivered', 'withdrawn')),
    why      TEXT,                              -- of a withdrawal
    delivered_at INTEGER,
    reminders INTEGER NOT NULL DEFAULT 0,       -- how often it pinged again
    escalated INTEGER NOT NULL DEFAULT 0,
    alarm    INTEGER,                           -- when to look at it again, while it is open
    expired  INTEGER,                           -- when waiting for it was given up
    told     INTEGER NOT NULL DEFAULT 0,        -- the agent knows that
    seen     INTEGER                            -- when somebody who may answer first looked at it
) STRICT;
CREATE INDEX questions_by_task ON questions (task);
CREATE INDEX questions_open ON questions (id) WHERE state = 'open';
CREATE INDEX questions_answered ON questions (task) WHERE state = 'answered';
CREATE INDEX questions_alarm ON questions (alarm) WHERE state = 'open';

CREATE TABLE answers (
    question INTEGER PRIMARY KEY REFERENCES questions (id),   -- one answer, ever
    key      TEXT NOT NULL,
    decision TEXT NOT NULL,                     -- JSON
    user_id  TEXT NOT NULL,
    name     TEXT NOT NULL,
    via      TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

CREATE TABLE notes (                            -- words for an agent that answer nothing
    seq       INTEGER PRIMARY KEY,
    key       TEXT NOT NULL UNIQUE,
    task      INTEGER NOT NULL REFERENCES tasks (id),
    author    TEXT NOT NULL,
    text      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'missed')),
    delivered INTEGER
) STRICT;
CREATE INDEX notes_waiting ON notes (task, seq) WHERE state = 'waiting';
CREATE INDEX notes_by_task ON notes (task, seq);

CREATE TABLE chat_messages (                    -- all that was said in a thread, both ways
    seq      INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    task     INTEGER REFERENCES tasks (id),     -- the thread, or else
    repo     TEXT REFERENCES repos (name),      -- the rooms of this repository, outside of threads, or else
    aside    TEXT,                              -- JSON: one person, where they said something
    question INTEGER,
    note     TEXT,                              -- the note that it tells of
    author   TEXT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('card', 'question', 'settled', 'note', 'notice', 'reply')),
    text     TEXT NOT NULL,
    buttons  TEXT NOT NULL DEFAULT '[]',        -- JSON
    calls    TEXT NOT NULL DEFAULT '[]',        -- JSON: names of the people it calls
    at       INTEGER NOT NULL,
    CHECK ((task IS NOT NULL) + (repo IS NOT NULL) + (aside IS NOT NULL) = 1)
) STRICT;
CREATE INDEX chat_messages_by_task ON chat_messages (task, seq);

CREATE TABLE outbox (                           -- one row for each room a message goes to
    message  TEXT NOT NULL REFERENCES chat_messages (id),
    platform TEXT NOT NULL,
    room     TEXT NOT NULL,
    seq      INTEGER NOT NULL,                  -- of the message: the order within a thread
    task     INTEGER,                           -- NULL outside of threads
    edit     INTEGER NOT NULL,                  -- it changes what was posted before: others need not wait for it
    rank     INTEGER NOT NULL,                  -- 0 what people wait for, 1 news, 2 where notes are, 3 states
    due      INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    posted   INTEGER,                           -- when; NULL while it waits
    thread   TEXT,                              -- where the platform put it
    ref      TEXT,
    PRIMARY KEY (message, platform)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_waiting ON outbox (platform, rank, due, seq) WHERE posted IS NULL;
CREATE INDEX outbox_by_task ON outbox (task, platform, seq);

CREATE TABLE posts (                            -- what platforms call our messages
    platform TEXT NOT NULL,
    ref      TEXT NOT NULL,
    message  TEXT NOT NULL REFERENCES chat_messages (id),
    part     INTEGER NOT NULL,                  -- long messages are split
    last     INTEGER NOT NULL,
    PRIMARY KEY (platform, ref)
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_by_message ON posts (message, platform, part);

CREATE TABLE inbox (                            -- stored before the platform hears that we have it
    seq      INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    event    TEXT NOT NULL,
    key      TEXT NOT NULL,                     -- under which its words are used
    about    TEXT NOT NULL,                     -- the event whose words these are; for an edit, the one that was edited
    awaited  INTEGER NOT NULL,                  -- its words are still being fetched
    body     TEXT NOT NULL,                     -- JSON
    at       INTEGER NOT NULL,
    read     INTEGER,                           -- when it was dealt with
    UNIQUE (platform, event)
) STRICT;
CREATE INDEX inbox_unread ON inbox (seq) WHERE read IS NULL;
CREATE INDEX inbox_by_key ON inbox (key);

CREATE TABLE cursors (                          -- how far platforms' streams were read
    platform TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT;

CREATE TABLE leases (                           -- one holder for each thing that must exist once
    name    TEXT PRIMARY KEY,
    holder  TEXT NOT NULL,
    note    TEXT NOT NULL,                      -- what others may know of it: JSON
    expires INTEGER NOT NULL
) STRICT;

-- A task can continue after its end: each round has what a person asked for, and what the round before ended with.
ALTER TABLE tasks ADD COLUMN round BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN round_key TEXT;
-- Until that task is done: the new one starts from its branch.
ALTER TABLE tasks ADD COLUMN waits_for BIGINT;
CREATE INDEX tasks_waiting_for ON tasks (waits_for) WHERE waits_for IS NOT NULL;
ALTER TABLE repos ADD COLUMN followups TEXT NOT NULL DEFAULT 'mention';
ALTER TABLE executions ADD COLUMN round BIGINT NOT NULL DEFAULT 1;
CREATE TABLE rounds (
    task      BIGINT NOT NULL REFERENCES tasks (id),
    round     BIGINT NOT NULL,
    key       TEXT NOT NULL UNIQUE,
    author    TEXT NOT NULL,
    text      TEXT NOT NULL,
    before    TEXT NOT NULL,                            -- what the round before ended with
    tip       TEXT,                                     -- the commit at which the rounds before left the branch
    clean     BOOLEAN NOT NULL,                         -- the round before was cancelled
    former    TEXT NOT NULL,                            -- the state of the task before, with its detail
    epoch     BIGINT NOT NULL,                          -- the latest attempt when it began
    withdrawn BOOLEAN NOT NULL DEFAULT false,           -- it was taken back before a worker began it
    at        BIGINT NOT NULL,
    PRIMARY KEY (task, round)
);

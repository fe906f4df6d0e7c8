-- Numbers up to these were handed out, even if their rows are not here: a copy of a database goes on well behind them.
ALTER TABLE settings ADD COLUMN last_task INTEGER NOT NULL DEFAULT 0;
ALTER TABLE settings ADD COLUMN last_question INTEGER NOT NULL DEFAULT 0;

-- The clock that leases are measured with was set so often: several daemons follow one clock.
ALTER TABLE settings ADD COLUMN era INTEGER NOT NULL DEFAULT 0;

-- What tells a person's tokens apart, so that each can be taken back.
ALTER TABLE tokens ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN used INTEGER;                     -- when it last was, to the minute

-- What an administrator lets a worker do: so many slots at most, in these repositories alone (a list of names, as JSON).
ALTER TABLE workers ADD COLUMN most INTEGER;
ALTER TABLE workers ADD COLUMN only_repos TEXT;
ALTER TABLE workers ADD COLUMN gone INTEGER;                    -- when it said goodbye, or its last lease was taken from it

-- How much of an attempt's log is kept.
ALTER TABLE executions ADD COLUMN log_lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;

-- A task whose history was removed since it is old.
ALTER TABLE tasks ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tasks_to_prune ON tasks (updated) WHERE state IN ('done', 'failed', 'cancelled') AND NOT pruned;
CREATE INDEX chat_messages_outside ON chat_messages (seq) WHERE task IS NULL;

-- Decisions and answers in the order in which they were sealed. Each link holds the one before it and what it seals, so that no
-- line can be changed or left out unseen.
CREATE TABLE ledger (
    link  INTEGER PRIMARY KEY,
    kind  TEXT NOT NULL CHECK (kind IN ('audit', 'answer')),
    ref   INTEGER NOT NULL,                     -- audit.seq or answers.question
    at    INTEGER NOT NULL,                     -- of what it seals
    chain TEXT NOT NULL                         -- SHA-256
) STRICT;
ALTER TABLE audit ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audit_unsealed ON audit (seq) WHERE NOT sealed;
ALTER TABLE answers ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX answers_unsealed ON answers (question) WHERE NOT sealed;

-- A repository that nobody works in any more: its tasks stay, and it is shown no more.
ALTER TABLE repos ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;

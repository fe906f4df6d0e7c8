-- What happened lately, for the charts of the page.
CREATE INDEX executions_ended ON executions (ended) WHERE ended IS NOT NULL;
CREATE INDEX answers_at ON answers (at);

-- What its worktrees take on a worker's disk, as it last said.
ALTER TABLE workers ADD COLUMN worktree_bytes BIGINT NOT NULL DEFAULT 0;

CREATE TABLE passwords (                        -- of people who log in to the page with one
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash    TEXT NOT NULL,                      -- Argon2id, with its salt and costs
    changed BIGINT NOT NULL
);

-- Repositories that are ill on one worker: a list of names and reasons, as JSON.
ALTER TABLE workers ADD COLUMN ill_repos TEXT NOT NULL DEFAULT '[]';

-- What the worker keeps of an attempt that did not finish: a commit, and the ref at the source that it was pushed to, if it was.
ALTER TABLE executions ADD COLUMN kept TEXT;
ALTER TABLE executions ADD COLUMN pushed TEXT;
-- What looks like a secret in it, for which it is held back; and who wants it pushed as it is.
ALTER TABLE executions ADD COLUMN held TEXT;
ALTER TABLE executions ADD COLUMN wanted TEXT;
CREATE INDEX executions_held ON executions (task) WHERE held IS NOT NULL;
CREATE INDEX executions_wanted ON executions (worker) WHERE wanted IS NOT NULL;

-- What of tasks' work is pushed unasked: all, branches, done or never.
ALTER TABLE repos ADD COLUMN push TEXT NOT NULL DEFAULT 'all';

-- Written now and then, to see whether that can be done.
CREATE TABLE pulse (id INTEGER PRIMARY KEY, at BIGINT NOT NULL);

-- Repositories that are ill on one worker: a list of names and reasons, as JSON.
ALTER TABLE workers ADD COLUMN ill_repos TEXT NOT NULL DEFAULT '[]';

-- What the worker keeps of an attempt that did not finish: a commit, and the ref at the source that it was pushed to, if it was.
ALTER TABLE executions ADD COLUMN kept TEXT;
ALTER TABLE executions ADD COLUMN pushed TEXT;

-- Repositories that are ill on one worker: a list of names and reasons, as JSON.
ALTER TABLE workers ADD COLUMN ill_repos TEXT NOT NULL DEFAULT '[]';

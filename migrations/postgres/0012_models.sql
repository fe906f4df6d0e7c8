-- The model and the effort of agents, as JSON: what a task leaves out is its repository's.
ALTER TABLE tasks ADD COLUMN model TEXT NOT NULL DEFAULT '{}';
ALTER TABLE repos ADD COLUMN model TEXT NOT NULL DEFAULT '{}';

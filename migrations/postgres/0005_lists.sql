-- What lists of the page and of shells begin from.
CREATE INDEX tasks_by_repo ON tasks (repo, id);
CREATE INDEX sessions_live ON sessions (id) WHERE state <> 'ended';

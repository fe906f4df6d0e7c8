-- Pull requests of tasks: what is known of each, and what is to be done with it.
CREATE TABLE change_requests (
    task    BIGINT PRIMARY KEY REFERENCES tasks (id),
    host    TEXT,                                       -- the forge, once it is known
    path    TEXT,                                       -- the project there
    detail  TEXT NOT NULL,                              -- JSON
    due     BIGINT,                                    -- when to look at it next; NULL until its task changes
    version BIGINT NOT NULL
);
CREATE INDEX change_requests_due ON change_requests (due) WHERE due IS NOT NULL;
-- A pull request in the shortest form, for the card: JSON.
ALTER TABLE tasks ADD COLUMN request TEXT;
-- What a repository wants of its pull requests: JSON.
ALTER TABLE repos ADD COLUMN requests TEXT NOT NULL DEFAULT '{}';

-- What agents of a repository may do unasked, which hosts they reach and which wall must stand around them, as JSON.
ALTER TABLE repos ADD COLUMN guard TEXT NOT NULL DEFAULT '{}';

-- What stands around a worker's agents, as it last said, as JSON.
ALTER TABLE workers ADD COLUMN standing TEXT;

-- How a repository names branches and ends commit messages: JSON.
ALTER TABLE repos ADD COLUMN conventions TEXT NOT NULL DEFAULT '{}';

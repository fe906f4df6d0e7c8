-- Files that people sent and agents showed, by the SHA-256 of their content.
CREATE TABLE files (
    hash    TEXT PRIMARY KEY,
    size    INTEGER NOT NULL,                            -- in bytes
    content TEXT NOT NULL,                              -- in base64, since exports are lines of text
    at      INTEGER NOT NULL                             -- when it was last stored
) STRICT;
CREATE INDEX files_by_age ON files (at);
-- The file that a message shows: JSON.
ALTER TABLE chat_messages ADD COLUMN file TEXT;

-- Files that people sent and agents showed, by the SHA-256 of their content.
CREATE TABLE files (
    hash    TEXT PRIMARY KEY,
    size    BIGINT NOT NULL,                            -- in bytes
    content TEXT NOT NULL,                              -- in base64, since exports are lines of text
    at      BIGINT NOT NULL                             -- when it was last stored
);
CREATE INDEX files_by_age ON files (at);
-- The file that a message shows: JSON.
ALTER TABLE chat_messages ADD COLUMN file TEXT;

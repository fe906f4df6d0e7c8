-- What the agent of an attempt is at, as it last said.
ALTER TABLE executions ADD COLUMN progress TEXT;
-- Whether the cards in a room show that.
ALTER TABLE rooms ADD COLUMN progress BOOLEAN NOT NULL DEFAULT true;

-- The oldest version of the tables that a program must know to use them. A migration that only adds leaves it alone, so that the
-- program before it goes on beside the new one; one that takes something away raises it, a version later.
ALTER TABLE settings ADD COLUMN needs INTEGER NOT NULL DEFAULT 1;

-- Tells this place from others, for what several share. One file is one place.
ALTER TABLE settings ADD COLUMN place TEXT NOT NULL DEFAULT '';

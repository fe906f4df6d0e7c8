-- A digest is a notice with the key of its list in `note`; later ones edit the first one that was posted.
CREATE INDEX chat_messages_by_list ON chat_messages (note) WHERE kind = 'notice' AND note IS NOT NULL;
-- Cards have buttons now, by their places. Those of the first card count, which is the one that was posted.
UPDATE chat_messages SET buttons = '[{"label":"Cancel","says":"/vine task cancel T-' || task || '","dangerous":true,"kind":"command"},'
    || '{"label":"Retry","says":"/vine task retry T-' || task || '","dangerous":false,"kind":"command"},'
    || '{"label":"Log","says":"/vine task log T-' || task || ' --limit 20","dangerous":false,"kind":"command"},'
    || '{"label":"Diff","says":"/vine task diff T-' || task || '","dangerous":false,"kind":"command"}]'
WHERE kind = 'card' AND task IS NOT NULL;

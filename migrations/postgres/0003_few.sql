-- A list is a few rows. The function is written out where it is used, so PostgreSQL never saw its ROWS and took every list for a
-- hundred rows: enough to read a whole table in place of a few lines of its index. A bound on both sides is how it is told that few
-- are meant; it is never reached.
CREATE OR REPLACE FUNCTION json_each(list TEXT) RETURNS TABLE (key BIGINT, value JSONB, atom TEXT)
LANGUAGE SQL IMMUTABLE PARALLEL SAFE ROWS 20
AS $$
    SELECT place - 1, element, element #>> '{}' FROM jsonb_array_elements(list::JSONB) WITH ORDINALITY AS e (element, place)
    WHERE place BETWEEN 1 AND 1000000000
$$;

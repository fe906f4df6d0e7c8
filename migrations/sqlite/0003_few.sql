-- What PostgreSQL is told here about the length of lists, SQLite needs not be told.
SELECT 1;

-- The questions of a task that are not settled: those that most decisions are about.
CREATE INDEX questions_live ON questions (task) WHERE state IN ('open', 'answered', 'expired');
CREATE INDEX answers_by_key ON answers (key);

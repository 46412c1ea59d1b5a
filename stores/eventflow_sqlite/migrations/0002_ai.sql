-- What the calls of models came to, as JSON; null for a run that called none.
ALTER TABLE runs ADD COLUMN ai TEXT;
CREATE INDEX runs_ai ON runs (run) WHERE ai IS NOT NULL;

-- What the calls of models came to, as JSON; null for a run that called none.
ALTER TABLE runs ADD COLUMN ai TEXT;

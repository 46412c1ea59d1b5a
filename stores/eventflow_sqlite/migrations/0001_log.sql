-- The log. Positions and versions have no gaps, and a row is never changed or deleted.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    schema INTEGER NOT NULL,
    data BLOB NOT NULL,
    recorded_at INTEGER NOT NULL, -- microseconds since 1970, UTC, as all times
    actor TEXT,
    op_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (run_id, version)
) STRICT;

-- INSERT OR REPLACE deletes without firing a delete trigger, so a row that would replace another
-- is refused before it is inserted: it cannot have both the next position and the next version.
CREATE TRIGGER events_follow BEFORE INSERT ON events
WHEN new.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM events)
    OR new.version IS NOT (
        SELECT coalesce(max(version), 0) + 1 FROM events WHERE run_id = new.run_id
    )
BEGIN
    SELECT RAISE(ABORT, 'an event takes the next position of the store and the next version of its run');
END;

CREATE TRIGGER events_keep_values BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER events_keep_rows BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;

-- An idempotency key belongs to one operation of the whole store.
CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    op_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The rows below are derived from the log. In them, `run` is the position of a run's first event.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    metadata TEXT NOT NULL
) STRICT;
CREATE INDEX runs_status ON runs (status);
CREATE INDEX runs_workflow ON runs (workflow_id, status);

-- One row for each top-level key of a run's metadata: a digest of the key and its value.
CREATE TABLE labels (
    label BLOB NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (label, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE stages (
    run INTEGER NOT NULL,
    stage TEXT NOT NULL,
    stage_group INTEGER NOT NULL,
    status TEXT NOT NULL,
    generation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    PRIMARY KEY (run, stage)
) STRICT, WITHOUT ROWID;

-- A job is `ready` once its time was found to have come; until then it is among those that wait.
CREATE TABLE jobs (
    run INTEGER NOT NULL,
    stage TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    priority INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    scheduled INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    token INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    held_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, stage)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_ready ON jobs (workflow_id, stage, priority DESC, position) WHERE ready = 1;
CREATE INDEX jobs_waiting ON jobs (due_at) WHERE ready = 0;

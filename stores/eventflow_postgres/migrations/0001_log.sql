-- The log, the rows derived from it, and the functions that write and search them.
--
-- {schema} stands for the quoted name of the schema. Who writes takes the row of `counter` first,
-- so that positions follow the order of commits, without gaps, and no two writers can deadlock.
-- Text is compared byte by byte (COLLATE "C"): it is identifiers, and it is cheaper.

CREATE TABLE {schema}.counter (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO {schema}.counter (position) VALUES (0);

-- The truth. `data` is bytes: jsonb would reorder keys and normalise numbers.
-- The index on the position is not unique: its numbers come from `counter`, and a unique index
-- would have to hold the run as well before the table could be distributed by run.
CREATE TABLE {schema}.events (
    position bigint NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    type text COLLATE "C" NOT NULL,
    schema integer NOT NULL,
    data bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor text COLLATE "C",
    op_id text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (run_id, version)
);

CREATE INDEX events_position ON {schema}.events (position);

-- What is unique in the whole store cannot hold the run in its key: the one table besides
-- `counter` that stays in one place when the others are distributed.
CREATE TABLE {schema}.keys (
    key text COLLATE "C" PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL
);

-- What never changes about a run, with the indexes; `position` is that of its first event.
CREATE TABLE {schema}.runs (
    run_id text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    workflow_id text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    created_at timestamptz NOT NULL,
    metadata json NOT NULL
);

CREATE INDEX runs_position ON {schema}.runs (position);
CREATE INDEX runs_workflow ON {schema}.runs (workflow_id, position);
CREATE INDEX runs_created ON {schema}.runs (created_at);

-- One row for each key of a run's metadata: a digest of the key and its value.
CREATE TABLE {schema}.labels (
    run_id text COLLATE "C" NOT NULL,
    label bytea NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (run_id, label)
);

CREATE INDEX labels_label ON {schema}.labels (label, position);

-- What changes with every append: narrow, with room on the page for the next version of the row.
CREATE TABLE {schema}.heads (
    run_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    position bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
) WITH (fillfactor = 60);

CREATE INDEX heads_status ON {schema}.heads (status, position);

CREATE TABLE {schema}.stages (
    run_id text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    stage_group bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    generation bigint NOT NULL,
    attempt bigint NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (run_id, stage)
) WITH (fillfactor = 70);

-- `ready` says only which of the two indexes a row is in; what counts is `due_at`.
CREATE TABLE {schema}.jobs (
    run_id text COLLATE "C" NOT NULL,
    stage text COLLATE "C" NOT NULL,
    workflow_id text COLLATE "C" NOT NULL,
    priority bigint NOT NULL,
    position bigint NOT NULL,
    scheduled bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    token bigint NOT NULL,
    leased boolean NOT NULL,
    ready boolean NOT NULL,
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (run_id, stage)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Workflow and stage come first, so that a backlog of jobs that a worker does not know is skipped.
CREATE INDEX jobs_ready ON {schema}.jobs (workflow_id, stage, priority DESC, position) WHERE ready;
CREATE INDEX jobs_waiting ON {schema}.jobs (due_at) WHERE NOT ready;

CREATE FUNCTION {schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed or deleted: % on %.% was refused',
        tg_op, tg_table_schema, tg_table_name
        USING ERRCODE = 'restrict_violation';
END
$$;

-- A row trigger does not see TRUNCATE, and ENABLE ALWAYS holds for the replication role as well.
CREATE TRIGGER events_keep_rows BEFORE UPDATE OR DELETE ON {schema}.events
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse_change();
CREATE TRIGGER events_keep_all BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
ALTER TABLE {schema}.events ENABLE ALWAYS TRIGGER events_keep_rows;
ALTER TABLE {schema}.events ENABLE ALWAYS TRIGGER events_keep_all;

-- Appends operations in order, one verdict each: 0 appended, 1 conflict, 2 duplicate key.
-- Each statement takes a snapshot of its own, after the lock; that is what READ COMMITTED is for.
-- Plans are made for large tables, whatever the size of the tables when a session first plans,
-- and are never compiled: that takes longer than all the rest.
CREATE FUNCTION {schema}.append(
    op_ids text[], op_runs text[], op_expected bigint[], op_counts bigint[], op_keys text[],
    op_workflows text[], op_statuses text[], op_priorities bigint[], op_generations bigint[],
    op_fingerprints text[], op_metadata text[],
    op_created timestamptz[], op_started timestamptz[], op_ended timestamptz[],
    label_ops integer[], label_runs text[], label_digests bytea[],
    event_ops integer[], event_runs text[], event_versions bigint[], event_types text[],
    event_schemas integer[], event_data bytea[], event_times timestamptz[], event_actors text[],
    event_op_ids text[], event_hashes bytea[],
    stage_ops integer[], stage_runs text[], stage_ids text[], stage_gone boolean[],
    stage_groups bigint[], stage_statuses text[], stage_generations bigint[],
    stage_attempts bigint[], stage_started timestamptz[], stage_ended timestamptz[],
    job_ops integer[], job_runs text[], job_stages text[], job_gone boolean[],
    job_workflows text[], job_priorities bigint[], job_kinds text[], job_scheduled bigint[],
    job_due timestamptz[], job_tokens bigint[], job_leased boolean[], job_ready boolean[],
    OUT latest bigint, OUT kinds integer[], OUT reached bigint[], OUT places bigint[],
    OUT owners text[]
)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET jit = off
SET lock_timeout = '5s'
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    base bigint;
    begun bigint := 0;
    refused bigint := 0;
    shifts bigint[] := ARRAY[]::bigint[];
    op record;
    kind integer;
    last bigint;
    place bigint;
    owner text;
    earlier integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED, not %',
            current_setting('transaction_isolation');
    END IF;
    -- Also a batch that was appended before writes here, so that its second answer as well comes
    -- only when everything up to it is on the disk and on a synchronous standby.
    UPDATE {schema}.counter SET position = position + cardinality(event_ops) WHERE single
        RETURNING position - cardinality(event_ops) INTO base;
    FOR op IN
        SELECT * FROM unnest(
            op_ids, op_runs, op_expected, op_counts, op_keys, op_workflows, op_statuses,
            op_priorities, op_generations, op_fingerprints, op_metadata, op_created, op_started,
            op_ended
        ) WITH ORDINALITY AS o (
            op_id, run_id, expected, events, key, workflow_id, status,
            priority, generation, fingerprint, metadata, created_at, started_at,
            ended_at, number
        )
    LOOP
        owner := NULL;
        IF op.key IS NOT NULL THEN
            SELECT k.run_id INTO owner FROM {schema}.keys AS k WHERE k.key = op.key;
        END IF;
        kind := 1;
        place := base + begun - refused;
        last := op.expected + op.events;
        IF owner IS NOT NULL THEN
            kind := 2;
        ELSIF op.expected > 0 THEN
            UPDATE {schema}.heads AS h
                SET version = last, status = op.status, generation = op.generation,
                    fingerprint = op.fingerprint, started_at = op.started_at,
                    ended_at = op.ended_at
                WHERE h.run_id = op.run_id AND h.version = op.expected;
            IF FOUND THEN
                kind := 0;
            END IF;
        ELSE
            INSERT INTO {schema}.heads (
                run_id, version, position, status, generation, fingerprint, started_at, ended_at
            ) VALUES (
                op.run_id, last, place + 1, op.status, op.generation, op.fingerprint,
                op.started_at, op.ended_at
            ) ON CONFLICT DO NOTHING;
            IF FOUND THEN
                kind := 0;
                INSERT INTO {schema}.runs (
                    run_id, position, workflow_id, priority, created_at, metadata
                ) VALUES (
                    op.run_id, place + 1, op.workflow_id, op.priority, op.created_at,
                    op.metadata::json
                );
            END IF;
        END IF;
        begun := begun + op.events;
        IF kind = 0 THEN
            shifts := array_append(shifts, refused);
            place := place + op.events;
            IF op.key IS NOT NULL THEN
                INSERT INTO {schema}.keys (key, run_id) VALUES (op.key, op.run_id);
            END IF;
        ELSE
            shifts := array_append(shifts, NULL);
            refused := refused + op.events;
            SELECT min(n) INTO earlier FROM unnest(array_positions(op_ids, op.op_id)) AS n
                WHERE n < op.number AND kinds[n] = 0;
            IF earlier IS NOT NULL THEN
                kind := 0;
                last := reached[earlier];
                place := places[earlier];
            ELSE
                SELECT max(e.version), max(e.position) INTO last, place
                    FROM {schema}.events AS e
                    WHERE e.run_id = op.run_id AND e.version > op.expected
                        AND e.version <= op.expected + op.events AND e.op_id = op.op_id;
                IF last IS NOT NULL THEN
                    kind := 0;
                ELSIF kind = 1 THEN
                    SELECT coalesce(max(h.version), 0) INTO last
                        FROM {schema}.heads AS h WHERE h.run_id = op.run_id;
                END IF;
            END IF;
        END IF;
        kinds := array_append(kinds, kind);
        reached := array_append(reached, last);
        places := array_append(places, place);
        owners := array_append(owners, owner);
    END LOOP;
    latest := base + begun - refused;
    IF refused > 0 THEN
        UPDATE {schema}.counter SET position = latest WHERE single;
        IF refused = begun THEN
            RETURN;
        END IF;
    END IF;

    INSERT INTO {schema}.events (
        position, run_id, version, type, schema, data, recorded_at, actor, op_id, hash
    )
    SELECT base + e.number - shifts[e.op], e.run_id, e.version, e.type, e.schema, e.data,
        e.recorded_at, e.actor, e.op_id, e.hash
    FROM unnest(
        event_ops, event_runs, event_versions, event_types, event_schemas, event_data,
        event_times, event_actors, event_op_ids, event_hashes
    ) WITH ORDINALITY AS e (
        op, run_id, version, type, schema, data, recorded_at, actor, op_id, hash, number
    )
    WHERE shifts[e.op] IS NOT NULL;

    IF cardinality(label_ops) > 0 THEN
        INSERT INTO {schema}.labels (run_id, label, position)
        SELECT l.run_id, l.label, places[l.op] - op_counts[l.op] + 1
        FROM unnest(label_ops, label_runs, label_digests) AS l (op, run_id, label)
        WHERE shifts[l.op] IS NOT NULL;
    END IF;

    IF true = ANY (stage_gone) THEN
        DELETE FROM {schema}.stages AS s
        USING unnest(stage_ops, stage_runs, stage_ids, stage_gone) AS t (op, run_id, stage, gone)
        WHERE t.gone AND shifts[t.op] IS NOT NULL
            AND s.run_id = t.run_id AND s.stage = t.stage;
    END IF;
    IF cardinality(stage_ops) > 0 THEN
        INSERT INTO {schema}.stages (
            run_id, stage, stage_group, status, generation, attempt, started_at, ended_at
        )
        SELECT t.run_id, t.stage, t.stage_group, t.status, t.generation, t.attempt,
            t.started_at, t.ended_at
        FROM (
            SELECT DISTINCT ON (u.run_id COLLATE "C", u.stage COLLATE "C") u.*
            FROM unnest(
                stage_ops, stage_runs, stage_ids, stage_gone, stage_groups, stage_statuses,
                stage_generations, stage_attempts, stage_started, stage_ended
            ) WITH ORDINALITY AS u (
                op, run_id, stage, gone, stage_group, status,
                generation, attempt, started_at, ended_at, line
            )
            WHERE shifts[u.op] IS NOT NULL
            ORDER BY u.run_id COLLATE "C", u.stage COLLATE "C", u.line DESC
        ) AS t
        WHERE NOT t.gone
        ON CONFLICT (run_id, stage) DO UPDATE SET
            stage_group = excluded.stage_group, status = excluded.status,
            generation = excluded.generation, attempt = excluded.attempt,
            started_at = excluded.started_at, ended_at = excluded.ended_at;
    END IF;

    IF true = ANY (job_gone) THEN
        DELETE FROM {schema}.jobs AS j
        USING unnest(job_ops, job_runs, job_stages, job_gone) AS t (op, run_id, stage, gone)
        WHERE t.gone AND shifts[t.op] IS NOT NULL
            AND j.run_id = t.run_id AND j.stage = t.stage;
    END IF;
    IF cardinality(job_ops) > 0 THEN
        INSERT INTO {schema}.jobs (
            run_id, stage, workflow_id, priority, position, scheduled, kind, due_at, token,
            leased, ready
        )
        SELECT t.run_id, t.stage, t.workflow_id, t.priority, coalesce(e.position, 0), t.scheduled,
            t.kind, t.due_at, t.token, t.leased, t.ready
        FROM (
            SELECT DISTINCT ON (u.run_id COLLATE "C", u.stage COLLATE "C") u.*
            FROM unnest(
                job_ops, job_runs, job_stages, job_gone, job_workflows, job_priorities, job_kinds,
                job_scheduled, job_due, job_tokens, job_leased, job_ready
            ) WITH ORDINALITY AS u (
                op, run_id, stage, gone, workflow_id, priority, kind,
                scheduled, due_at, token, leased, ready, line
            )
            WHERE shifts[u.op] IS NOT NULL
            ORDER BY u.run_id COLLATE "C", u.stage COLLATE "C", u.line DESC
        ) AS t
        LEFT JOIN {schema}.events AS e ON e.run_id = t.run_id AND e.version = t.scheduled
        WHERE NOT t.gone
        ON CONFLICT (run_id, stage) DO UPDATE SET
            position = excluded.position, scheduled = excluded.scheduled, kind = excluded.kind,
            due_at = excluded.due_at, token = excluded.token, leased = excluded.leased,
            ready = excluded.ready, held_until = '-infinity';
    END IF;
END
$$;

-- Lists jobs whose time has come. What became due since the last call moves to the index of what
-- is ready first; rows that another worker is just moving are left to it. With a hold, what is
-- listed is kept from others that give one; since only an append decides, losing a hold is harmless,
-- and it need not be flushed.
CREATE FUNCTION {schema}.due(
    moment timestamptz, workflow_ids text[], stage_ids text[], most bigint, hold interval
)
RETURNS TABLE (run_id text, stage text, version bigint, token bigint, leased boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET jit = off
SET lock_timeout = '5s'
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM {schema}.jobs AS j WHERE NOT j.ready AND j.due_at <= moment) THEN
        UPDATE {schema}.jobs AS j SET ready = true
        FROM (
            SELECT w.run_id, w.stage FROM {schema}.jobs AS w
            WHERE NOT w.ready AND w.due_at <= moment
            ORDER BY w.due_at LIMIT 10000
            FOR UPDATE SKIP LOCKED
        ) AS w
        WHERE j.run_id = w.run_id AND j.stage = w.stage;
    END IF;
    IF workflow_ids IS NULL THEN
        WITH RECURSIVE pairs AS (
            (
                SELECT j.workflow_id, j.stage FROM {schema}.jobs AS j
                WHERE j.ready ORDER BY j.workflow_id, j.stage LIMIT 1
            )
            UNION ALL
            SELECT n.workflow_id, n.stage
            FROM pairs AS p CROSS JOIN LATERAL (
                SELECT j.workflow_id, j.stage FROM {schema}.jobs AS j
                WHERE j.ready AND (j.workflow_id, j.stage) > (p.workflow_id, p.stage)
                ORDER BY j.workflow_id, j.stage LIMIT 1
            ) AS n
        )
        SELECT array_agg(p.workflow_id), array_agg(p.stage) INTO workflow_ids, stage_ids
        FROM pairs AS p;
    END IF;
    IF hold > interval '0' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
        RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT j.*
            FROM unnest(workflow_ids, stage_ids) AS w (workflow_id, stage)
            CROSS JOIN LATERAL (
                SELECT r.run_id, r.stage, r.priority, r.position, r.token, r.leased
                FROM {schema}.jobs AS r
                WHERE r.ready AND r.workflow_id = w.workflow_id AND r.stage = w.stage
                    AND r.due_at <= moment AND r.held_until <= moment
                ORDER BY r.priority DESC, r.position LIMIT most
                FOR UPDATE SKIP LOCKED
            ) AS j
            ORDER BY j.priority DESC, j.position, j.run_id, j.stage LIMIT most
        ), held AS (
            UPDATE {schema}.jobs AS j SET held_until = moment + hold
            FROM found AS f WHERE j.run_id = f.run_id AND j.stage = f.stage
        )
        SELECT f.run_id, f.stage, h.version, f.token, f.leased
        FROM found AS f JOIN {schema}.heads AS h ON h.run_id = f.run_id
        ORDER BY f.priority DESC, f.position, f.run_id, f.stage;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT f.run_id, f.stage, h.version, f.token, f.leased
    FROM (
        SELECT j.*
        FROM unnest(workflow_ids, stage_ids) AS w (workflow_id, stage)
        CROSS JOIN LATERAL (
            SELECT r.run_id, r.stage, r.priority, r.position, r.token, r.leased
            FROM {schema}.jobs AS r
            WHERE r.ready AND r.workflow_id = w.workflow_id AND r.stage = w.stage
                AND r.due_at <= moment
            ORDER BY r.priority DESC, r.position LIMIT most
        ) AS j
        ORDER BY j.priority DESC, j.position, j.run_id, j.stage LIMIT most
    ) AS f
    JOIN {schema}.heads AS h ON h.run_id = f.run_id
    ORDER BY f.priority DESC, f.position, f.run_id, f.stage;
END
$$;

-- Moves due times by compare-and-set on the token, in order; returns the numbers of those lost.
CREATE FUNCTION {schema}.renew(
    run_ids text[], stage_ids text[], tokens bigint[], due timestamptz[], held boolean[]
)
RETURNS SETOF bigint
LANGUAGE plpgsql
SET search_path = pg_catalog
SET jit = off
SET lock_timeout = '5s'
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    r record;
BEGIN
    PERFORM FROM {schema}.counter WHERE single FOR NO KEY UPDATE;
    FOR r IN
        SELECT * FROM unnest(run_ids, stage_ids, tokens, due, held)
            WITH ORDINALITY AS o (run_id, stage, token, due_at, leased, number)
    LOOP
        UPDATE {schema}.jobs AS j SET due_at = r.due_at, leased = r.leased, ready = false
            WHERE j.run_id = r.run_id AND j.stage = r.stage AND j.token = r.token AND j.leased;
        IF NOT FOUND THEN
            RETURN NEXT r.number;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION {schema}.read_runs(run_ids text[], beyond bigint)
RETURNS SETOF {schema}.events
LANGUAGE sql STABLE
SET search_path = pg_catalog
SET jit = off
SET enable_seqscan = off
AS $$
    SELECT * FROM {schema}.events AS e
    WHERE e.run_id = ANY (run_ids) AND e.version > beyond
    ORDER BY e.run_id, e.version
$$;

CREATE FUNCTION {schema}.read_all(beyond bigint, most bigint)
RETURNS SETOF {schema}.events
LANGUAGE sql STABLE
SET search_path = pg_catalog
SET jit = off
SET enable_seqscan = off
AS $$
    SELECT * FROM {schema}.events AS e
    WHERE e.position > beyond ORDER BY e.position LIMIT most
$$;

-- What the calls of models came to, with the rest of what changes with every append. Narrow: it is
-- null for a run that called none, and holds sums only.
ALTER TABLE {schema}.heads ADD COLUMN ai json;
CREATE INDEX heads_ai ON {schema}.heads (position) WHERE ai IS NOT NULL;

-- Appends operations in order, one verdict each: 0 appended, 1 conflict, 2 duplicate key.
-- Each statement takes a snapshot of its own, after the lock; that is what READ COMMITTED is for.
-- Plans are made for large tables, whatever the size of the tables when a session first plans,
-- and are never compiled: that takes longer than all the rest.
--
-- The function with one array less stays for processes that were running before the upgrade.
CREATE FUNCTION {schema}.append(
    op_ids text[], op_runs text[], op_expected bigint[], op_counts bigint[], op_keys text[],
    op_workflows text[], op_statuses text[], op_priorities bigint[], op_generations bigint[],
    op_fingerprints text[], op_metadata text[],
    op_created timestamptz[], op_started timestamptz[], op_ended timestamptz[], op_ai text[],
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
            op_ended, op_ai
        ) WITH ORDINALITY AS o (
            op_id, run_id, expected, events, key, workflow_id, status,
            priority, generation, fingerprint, metadata, created_at, started_at,
            ended_at, ai, number
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
                    ended_at = op.ended_at, ai = op.ai::json
                WHERE h.run_id = op.run_id AND h.version = op.expected;
            IF FOUND THEN
                kind := 0;
            END IF;
        ELSE
            INSERT INTO {schema}.heads (
                run_id, version, position, status, generation, fingerprint, started_at, ended_at,
                ai
            ) VALUES (
                op.run_id, last, place + 1, op.status, op.generation, op.fingerprint,
                op.started_at, op.ended_at, op.ai::json
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
